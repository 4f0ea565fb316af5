"""Tables of thresholds, and of what one costs elsewhere (`calibration`)."""

from typing import Any

from maskarc.evaluation import calibration
from maskarc.evaluation.report.tables import Column, Table

_RULES = {"accuracy": "best accuracy", "eer": "equal error rates"}
_KEYS = ("threshold", "far", "frr", "accuracy")
_AT_THRESHOLD = (
    Column(key="threshold", title="Threshold", form="similarity"),
    Column(key="far", title="False accepts, %", form="percent"),
    Column(key="frr", title="False rejects, %", form="percent"),
    Column(key="accuracy", title="Accuracy, %", form="percent"),
)


def of_result(result: dict[str, Any]) -> list[Table]:
    """All of them, in the order of the page."""
    return [one_threshold(result), thresholds(result), cross_thresholds(result)]


def one_threshold(result: dict[str, Any]) -> Table:
    """What the threshold of one condition costs on another."""
    table = result["cross_thresholds"].get("accuracy", {})
    names = list(dict.fromkeys(n for there in table.values() for n in there))
    rows = []
    for chosen_on, there in table.items():
        threshold = next(iter(there.values()))["threshold"]
        costs = [-there[n]["cost"] + 0.0 for n in names]
        rows.append((chosen_on, threshold, *costs, min(costs)))
    return Table(
        name="one_threshold",
        caption="Accuracy lost by a threshold from elsewhere, in percent points",
        columns=(
            Column(key="chosen_on", title="Threshold chosen on"),
            Column(key="threshold", title="Threshold", form="similarity"),
            *(Column(key=n, title=f"on {n}", form="points") for n in names),
            Column(key="worst", title="At worst", form="points"),
        ),
        rows=tuple(rows),
        notes=(
            "Against the best threshold of the condition it is applied to. "
            f"“{calibration.POOLED}” is chosen on all pairs at once.",
        ),
    )


def thresholds(result: dict[str, Any]) -> Table:
    """The thresholds that each condition would choose for itself."""
    return Table(
        name="thresholds",
        caption="Thresholds that each condition would choose",
        columns=(
            Column(key="condition", title="Condition"),
            Column(key="rule", title="Chosen for"),
            *_AT_THRESHOLD,
        ),
        rows=tuple(
            (name, _rule(rule), *(None if told is None else told[k] for k in _KEYS))
            for name, rules in result["thresholds"].items()
            for rule, told in rules.items()
        ),
    )


def cross_thresholds(result: dict[str, Any]) -> Table:
    """Every rule's thresholds, applied to every condition."""
    return Table(
        name="cross_thresholds",
        caption="Thresholds of each condition, applied to each",
        columns=(
            Column(key="rule", title="Chosen for"),
            Column(key="chosen_on", title="Chosen on"),
            Column(key="applied_to", title="Applied to"),
            *_AT_THRESHOLD,
            Column(key="cost", title="Accuracy lost, points", form="percent"),
        ),
        rows=tuple(
            (_rule(rule), chosen_on, applied_to, *(at[k] for k in (*_KEYS, "cost")))
            for rule, table in result["cross_thresholds"].items()
            for chosen_on, there in table.items()
            for applied_to, at in there.items()
        ),
    )


def _rule(rule: str) -> str:
    far = rule.removeprefix("far=")
    return _RULES.get(rule) or f"false accepts ≤ {100 * float(far):g} %"
