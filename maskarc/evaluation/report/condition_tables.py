"""Tables of each condition and of its groups (`summary.summarise`)."""

from typing import Any

from maskarc.evaluation import rates, summary
from maskarc.evaluation.report.tables import Column, Table

_CONDITION = Column(key="condition", title="Condition")
_GROUP_TITLES = {
    "kind": ("Mask type", "By type of mask"),
    "wear": ("Worn", "By how the mask is worn"),
    "yaw": ("Yaw", "By yaw of the more turned photo"),
}
_DROPS = {"accuracy": "Accuracy", "auc": "AUC", "eer": "EER"}


def of_result(result: dict[str, Any]) -> list[Table]:
    """All of them, in the order of the page."""
    return [
        conditions(result),
        operating_points(result),
        drops(result),
        *groups(result),
    ]


def conditions(result: dict[str, Any]) -> Table:
    """Accuracy, EER and AUC of each condition."""
    rows, notes = [], []
    for name, told in result["conditions"].items():
        if "reason" in told:
            rows.append((name, told["pairs"], *[None] * 7))
            notes.append(f"{name} is not scored: {told['reason']}.")
            continue
        known = told["intervals"]
        rows.append(
            (
                name,
                told["pairs"],
                told["genuine"],
                told["impostors"],
                known["accuracy"],
                max(told["genuine"], told["impostors"]) / told["pairs"],
                known["eer"],
                known["auc"],
                told["failed_pairs"],
            )
        )
    level = result["bootstrap"]["level"]
    notes.append(
        f"In brackets {100 * level:g} % intervals from "
        f"{result['bootstrap']['draws']:,} draws of people. Without brackets, no draw "
        "differs: how rare errors are is not known. A constant answer takes all pairs "
        "for the kind there is more of."
    )
    return Table(
        name="conditions",
        caption="Verification by condition",
        columns=(
            _CONDITION,
            Column(key="pairs", title="Pairs", form="count"),
            Column(key="genuine", title="Genuine", form="count"),
            Column(key="impostors", title="Impostors", form="count"),
            Column(key="accuracy", title="Accuracy, %", form="interval"),
            Column(key="constant", title="Constant answer, %", form="percent"),
            Column(key="eer", title="EER, %", form="interval"),
            Column(key="auc", title="AUC, %", form="interval"),
            Column(key="failed_pairs", title="Failed pairs", form="count"),
        ),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def operating_points(result: dict[str, Any]) -> Table:
    """True-accept rates at false-accept rates, and in words why some are missing."""
    told = {n: c for n, c in result["conditions"].items() if "reason" not in c}
    fars = [point["far"] for point in next(iter(told.values()))["operating_points"]]
    rows, soft = [], []
    refused: dict[tuple[float, int], list[str]] = {}
    for name, condition in told.items():
        rows.append((name, *(condition["intervals"].get(f"tar@{f:g}") for f in fars)))
        for point in condition["operating_points"]:
            if point["tar"] is None:
                why = point["far"], point["impostors_needed"]
                there = f"{name} has {point['impostors']:,}"
                refused.setdefault(why, []).append(there)
            elif not point["is_firm"]:
                at = f"{name} at {100 * point['far']:g} %"
                soft.append(f"{at} ({point['false_accepts']})")
    notes = [
        f"Refused at FAR {100 * far:g} %, for one false accept in {needed:,} takes as "
        f"many impostor pairs: {'; '.join(names)}."
        for (far, needed), names in refused.items()
    ]
    if soft:
        notes.append(
            f"Not firm, for fewer than {rates.RULE_OF_30} false accepts are allowed "
            f"(in brackets how many there are): {', '.join(soft)}."
        )
    return Table(
        name="operating_points",
        caption="True-accept rate at fixed false-accept rates (FAR), %",
        columns=(
            _CONDITION,
            *(
                Column(
                    key=f"tar@{f:g}",
                    title=f"FAR {100 * f:g} %",
                    form="interval",
                    nothing="refused",
                )
                for f in fars
            ),
        ),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def drops(result: dict[str, Any]) -> Table:
    """What each condition has less than bare-bare."""
    names = [k for told in result["drop"].values() for k in told if k != "same_pairs"]
    statistics = list(dict.fromkeys(names))
    others = [n for n, told in result["drop"].items() if not told["same_pairs"]]
    notes = [
        "Under the same draws of people, so known better than either score. "
        "The error rate grows: its drop is negative."
    ]
    if others:
        notes.append(
            f"{', '.join(others)}: other photos than {summary.BASE}, so the "
            "difference is not one of masks alone."
        )
    return Table(
        name="drop",
        caption=f"Lost against {summary.BASE}, in percent points",
        columns=(
            _CONDITION,
            *(
                Column(
                    key=name,
                    title=_DROPS.get(name) or f"TAR at FAR {_percent_of(name)}",
                    form="difference",
                )
                for name in statistics
            ),
        ),
        rows=tuple(
            (name, *(told.get(statistic) for statistic in statistics))
            for name, told in result["drop"].items()
        ),
        notes=tuple(notes),
    )


def _percent_of(statistic: str) -> str:
    return f"{100 * float(statistic.partition('@')[2]):g} %"


def groups(result: dict[str, Any]) -> list[Table]:
    """One table a label: types of masks, how they are worn, yaw."""
    labels = {k for told in result["groups"].values() for k in told}
    return [_group(result, label) for label in summary.GROUPS if label in labels]


def _group(result: dict[str, Any], label: str) -> Table:
    title, caption = _GROUP_TITLES[label]
    rows = []
    for condition, tables in result["groups"].items():
        for value, told in tables.get(label, {}).items():
            own, base = told["at_threshold"], told.get("at_base_threshold", {})
            rows.append(
                (
                    condition,
                    value,
                    told["genuine"],
                    told["impostors"],
                    own["frr"],
                    own["far"],
                    base.get("frr"),
                    base.get("far"),
                    told["auc"],
                    told.get("auc_drop"),
                )
            )
    return Table(
        name=f"by_{label}",
        caption=caption,
        columns=(
            _CONDITION,
            Column(key=label, title=title),
            Column(key="genuine", title="Genuine", form="count"),
            Column(key="impostors", title="Impostors", form="count"),
            Column(key="frr", title="False rejects, %", form="percent"),
            Column(key="far", title="False accepts, %", form="percent"),
            Column(key="frr_bare", title="Rejects at bare threshold", form="percent"),
            Column(key="far_bare", title="Accepts at bare threshold", form="percent"),
            Column(key="auc", title="AUC, %", form="percent"),
            Column(key="auc_drop", title="AUC lost, points", form="difference"),
        ),
        rows=tuple(rows),
        notes=(
            "Rates at the condition's own best threshold, and at that of "
            f"{summary.BASE}. A loss is told from 20 pairs of each kind on.",
        ),
    )
