"""Tables of identification (`scoring.identify_gallery`)."""

from typing import Any

from maskarc.evaluation import gallery_tables
from maskarc.evaluation.report import tables
from maskarc.evaluation.report.tables import Column, Table

_PROBES = Column(key="probes", title="Probes")


def of_result(told: dict[str, Any]) -> list[Table]:
    """Ranks, the open set, and the nearest neighbour."""
    kinds = [kind for kind in gallery_tables.PROBES if kind in told]
    return [_ranks(told, kinds), _open_set(told, kinds), _nearest(told)]


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
