"""The files of a report: index.html, report.json, and one CSV a table."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

from maskarc import files as file_lib
from maskarc.evaluation import provenance
from maskarc.evaluation.report import (
    charts,
    comparison_tables,
    condition_tables,
    identification_tables,
    page,
    run_tables,
    runs,
    tables,
    threshold_tables,
    words,
)

PAGE = "index.html"


def write(
    output: str | os.PathLike[str], told: Sequence[runs.Run], *, title: str = ""
) -> pathlib.Path:
    """Writes the report of one run or of several below each other.

    Args:
      output: folder for index.html, which needs no other file; report.json with all
        tables; and tables/*.csv. Made if missing.
      told: the runs.
      title: of the page; the runs' names by default.

    Returns:
      Path of the page.

    Raises:
      ValueError: no run.
    """
    if not told:
        raise ValueError("expected at least one run to report, got none")
    title = title or ", ".join(run.name for run in told)
    return _write(pathlib.Path(output), title, told, ())


def write_comparison(
    output: str | os.PathLike[str],
    first: runs.Run,
    second: runs.Run,
    compared: dict[str, Any],
) -> pathlib.Path:
    """Writes the report of two runs, what they differ in above both.

    Args:
      output: as in `write`; comparison.json, `compared` itself, is written too.
      first: a run.
      second: the other.
      compared: `comparison.compare` of their scores.

    Returns:
      Path of the page.
    """
    names = first.name, second.name
    section = page.Section(
        anchor="comparison",
        title="Side by side",
        findings=words.differences(compared, names),
        charts=[c for c in [charts.of_differences(compared, names)] if c],
        tables=comparison_tables.of_result(compared, names),
    )
    title = f"{names[0]} and {names[1]}"
    written = _write(pathlib.Path(output), title, (first, second), (section,))
    file_lib.write_json(
        pathlib.Path(output) / "comparison.json", compared, allow_nan=False
    )
    return written


def _write(
    output: pathlib.Path,
    title: str,
    told: Sequence[runs.Run],
    before: tuple[page.Section, ...],
) -> pathlib.Path:
    sections = [*before]
    for number, run in enumerate(told, start=1):
        sections.append(section(run, f"run{number}-" if len(told) > 1 else ""))
    kept: dict[str, Any] = {"title": title, "tables": {}, "runs": []}
    for part in sections:
        for table in part.all_tables():
            name = f"{part.prefix}{table.name}"
            _write_csv(output / "tables" / f"{name}.csv", table)
            kept["tables"][name] = table.to_json()
    for run in told:
        kept["runs"].append(
            {
                "name": run.name,
                "about": run.about,
                "result": run.result,
                "identification": run.identification,
            }
        )
    file_lib.write_json(output / "report.json", kept, allow_nan=False)
    path = output / PAGE
    text = page.render(title, sections, provenance.provenance())
    file_lib.write_text(path, text)
    return path


def section(run: runs.Run, prefix: str = "") -> page.Section:
    """All that the page shows of a run."""
    drawn = []
    if run.scores is not None:
        drawn = charts.of_pairs(run.scores, run.result, prefix)
    if run.identification:
        kinds = [k for k in ("bare", "masked") if k in run.identification]
        drawn.append(charts.of_ranks(run.identification, kinds, prefix))
    return page.Section(
        anchor=f"{prefix}run",
        prefix=prefix,
        title=run.name,
        headlines=words.headlines(run),
        findings=words.findings(run),
        charts=drawn,
        tables=_tables(run),
        pictures=run.pictures,
        picture_table=run_tables.worst_pairs(run) if run.pictures else None,
        about=run_tables.about(run),
    )


def _tables(run: runs.Run) -> list[tables.Table]:
    """Those that have anything to tell, in the order of the page."""
    found: list[tables.Table] = []
    if run.result:
        found += condition_tables.of_result(run.result)
        found += threshold_tables.of_result(run.result)
        found.append(run_tables.audit(run.result))
    found.append(run_tables.failures(run))
    if run.identification:
        found += identification_tables.of_result(run.identification)
    return [table for table in found if table.rows]


def _write_csv(path: pathlib.Path, table: tables.Table) -> None:
    head, rows = table.plain()
    file_lib.write_csv(path, [head, *rows])
