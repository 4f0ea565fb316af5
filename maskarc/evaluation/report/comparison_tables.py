"""Tables of two runs side by side (`comparison.compare`)."""

from typing import Any

from maskarc.evaluation.report.tables import Column, Table

_STATISTICS = {"accuracy": "accuracy", "auc": "AUC", "eer": "EER"}


def of_result(told: dict[str, Any], names: tuple[str, str]) -> list[Table]:
    """Differences of two runs with intervals, and McNemar's test."""
    scored = {n: t for n, t in told["conditions"].items() if "reason" not in t}
    differences = Table(
        name="difference",
        caption=f"{names[1]} less {names[0]}, in percent points",
        columns=(
            Column(key="condition", title="Condition"),
            Column(key="statistic", title="Figure"),
            Column(key="first", title=f"{names[0]}, %", form="percent"),
            Column(key="second", title=f"{names[1]}, %", form="percent"),
            Column(key="difference", title="Difference", form="difference"),
        ),
        rows=tuple(
            (
                name,
                _STATISTICS.get(statistic)
                or f"TAR at FAR {100 * float(statistic.partition('@')[2]):g} %",
                t["first"][statistic],
                t["second"][statistic],
                difference,
            )
            for name, t in scored.items()
            for statistic, difference in t["difference"].items()
        ),
        notes=("Intervals from draws of people that both runs see alike.",),
    )
    return [t for t in (differences, _mcnemar(scored, names)) if t.rows]


def _mcnemar(scored: dict[str, Any], names: tuple[str, str]) -> Table:
    keys = ("both_right", "only_first_right", "only_second_right", "both_wrong")
    titles = ("Both right", f"Only {names[0]}", f"Only {names[1]}", "Both wrong")
    return Table(
        name="mcnemar",
        caption="Pairs decided rightly, and McNemar's exact test",
        columns=(
            Column(key="condition", title="Condition"),
            *(
                Column(key=key, title=title, form="count")
                for key, title in zip(keys, titles, strict=True)
            ),
            Column(key="p_value", title="p", form="p_value"),
        ),
        rows=tuple(
            (name, *(t["mcnemar"][key] for key in (*keys, "p_value")))
            for name, t in scored.items()
        ),
        notes=(
            "Each run at the thresholds that its own folds choose. The test takes "
            "pairs for independent, which those of one person are not; intervals are "
            "too narrow where people are few. A difference is called more than chance "
            "only where both say so. Nothing is corrected for several conditions.",
        ),
    )
