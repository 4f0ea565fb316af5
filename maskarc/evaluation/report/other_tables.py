"""Tables of identification, comparisons, worst pairs, and how a run was made."""

from typing import Any

from maskarc.evaluation import gallery_tables
from maskarc.evaluation.report import runs, tables
from maskarc.evaluation.report.tables import Column, Table

_STATISTICS = {"accuracy": "accuracy", "auc": "AUC", "eer": "EER"}
_PROBES = Column(key="probes", title="Probes")


def identification(told: dict[str, Any] | None) -> list[Table]:
    """Ranks, the open set, and the nearest neighbour."""
    if not told:
        return []
    kinds = [kind for kind in gallery_tables.PROBES if kind in told]
    found = [_ranks(told, kinds), _open_set(told, kinds), _nearest(told)]
    return [table for table in found if table.rows]


def _ranks(told: dict[str, Any], kinds: list[str]) -> Table:
    more = [str(k) for k in gallery_tables.RANKS[1:]]
    notes = [
        f"{told['gallery']:,} people are enrolled with bare faces. Percent of the "
        "probes of enrolled people whose person is among the first k."
    ]
    if drop := told.get("drop"):
        lost = tables.points(-drop["estimate"])
        notes.append(f"Masks change rank 1 by {lost} points, paired.")
    return Table(
        name="ranks",
        caption="Identification of bare and masked probes in a gallery of bare faces",
        columns=(
            _PROBES,
            Column(key="count", title="Count", form="count"),
            Column(key="rank_1", title="Rank 1, %", form="interval"),
            *(
                Column(key=f"rank_{k}", title=f"Rank {k}, %", form="percent")
                for k in more
            ),
        ),
        rows=tuple(
            (
                kind,
                told[kind]["probes"],
                told[kind]["rank_1"],
                *(told[kind]["rank"][k] for k in more),
            )
            for kind in kinds
        ),
        notes=tuple(notes),
    )


def _open_set(told: dict[str, Any], kinds: list[str]) -> Table:
    points = [(kind, point) for kind in kinds for point in told[kind]["open_set"]]
    return Table(
        name="open_set",
        caption="Open set: found at rank 1, above a threshold strangers rarely pass",
        columns=(
            _PROBES,
            Column(key="fpir", title="Strangers reported, %", form="percent"),
            Column(key="tpir", title="Enrolled found, %", form="percent"),
            Column(key="threshold", title="Threshold", form="similarity"),
            Column(key="strangers", title="Strangers", form="count"),
        ),
        rows=tuple(
            (kind, p["fpir"], p["tpir"], p["threshold"], p["strangers"])
            for kind, p in points
        ),
        notes=tuple(
            f"{kind} at {100 * p['fpir']:g} % is refused: it takes "
            f"{p['strangers_needed']:,} strangers, and there are {p['strangers']:,}."
            for kind, p in points
            if p["tpir"] is None
        ),
    )


def _nearest(told: dict[str, Any]) -> Table:
    found = {k: v for k, v in told.get("nearest_neighbour", {}).items() if v}
    return Table(
        name="nearest_neighbour",
        caption="Nearest other photo of the folder, all bare or all masked",
        columns=(
            Column(key="photos", title="Photos"),
            Column(key="probes", title="Probes", form="count"),
            Column(key="rate", title="Same person, %", form="percent"),
            Column(key="chance", title="By chance, %", form="percent"),
        ),
        rows=tuple(
            (kind, v["probes"], v["rate"], v["chance"]) for kind, v in found.items()
        ),
        notes=("It depends on the folder: compare models on one folder only.",),
    )


def comparison(told: dict[str, Any], names: tuple[str, str]) -> list[Table]:
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
        notes=(
            "Intervals from draws of people that both runs see alike. An interval "
            "without zero is a difference that chance does not explain.",
        ),
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
            "pairs for independent, which those of one person are not, and p is not "
            "corrected for several conditions: believe the interval.",
        ),
    )


def worst_pairs(run: runs.Run) -> Table:
    """The pairs that are shown as pictures."""
    return Table(
        name="worst_pairs",
        caption="The pairs shown",
        columns=(
            Column(key="condition", title="Condition"),
            Column(key="kind", title="Shows"),
            Column(key="first", title="First photo"),
            Column(key="second", title="Second photo"),
            Column(key="similarity", title="Similarity", form="similarity"),
            Column(key="decided", title="Decided"),
        ),
        rows=tuple(
            (
                p.pair.condition,
                "one person" if p.pair.is_same else "two people",
                p.pair.images[0][0],
                p.pair.images[1][0],
                p.pair.similarity,
                "wrongly" if p.pair.is_wrong else "rightly",
            )
            for p in run.pictures
        ),
    )


def about(run: runs.Run) -> Table:
    """Settings, versions and times, one a row."""
    told = dict(run.about)
    seconds = told.get("embedding_seconds")
    waiting = told.get("waiting_for_crops_seconds")
    if seconds and waiting is not None:
        told["share of it spent waiting for photos"] = tables.share(waiting / seconds)
    return Table(
        name="about",
        caption="How it was made",
        columns=(
            Column(key="setting", title="Setting"),
            Column(key="value", title="Value"),
        ),
        rows=tuple(
            (key.replace("_", " "), _flat(value)) for key, value in told.items()
        ),
    )


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
