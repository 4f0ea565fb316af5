"""Tables of a run: its list, its failures, its worst pairs, and how it was made."""

from collections.abc import Iterable
from typing import Any

from maskarc.evaluation.report import runs, tables
from maskarc.evaluation.report.tables import Column, Table


def audit(result: dict[str, Any]) -> Table:
    """What is wrong with the list of pairs."""
    return Table(
        name="audit",
        caption="Faults of the list of pairs",
        columns=(
            Column(key="fault", title="Fault"),
            Column(key="count", title="How often", form="count"),
            Column(key="examples", title="Such as"),
        ),
        rows=tuple(
            (name.replace("_", " "), found["count"], "; ".join(found["examples"]))
            for name, found in result.get("audit", {}).get("findings", {}).items()
        ),
        notes=("Reported, not repaired: the scores above are of the list as it is.",),
    )


def failures(run: runs.Run) -> Table:
    """The images that could not be embedded, or the pairs that failed for it."""
    rows: Iterable[tuple[str, ...]] = run.failures
    if not run.failures and run.images is None and run.scores is not None:
        failed = run.scores.rows(run.scores.failed)
        rows = zip(
            (f"{a} – {b}" for a, b in zip(failed.first, failed.second, strict=True)),
            failed.labels["condition"].tolist(),
            ["one of the two"] * len(failed),
            strict=True,
        )
    return Table(
        name="failures",
        caption="Photos without a usable face",
        columns=(
            Column(key="photo", title="Photo"),
            Column(key="image", title="Image"),
            Column(key="outcome", title="Outcome"),
        ),
        rows=tuple(tuple(row) for row in rows),
        notes=("Their pairs count as “different people”; none is left out.",),
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
