"""Reports of runs: one page that holds all it shows, and its tables as CSV and JSON."""

from maskarc.evaluation.report.files import PAGE, write, write_comparison
from maskarc.evaluation.report.runs import (
    Run,
    distinct_names,
    failures_of,
    load,
    read_scores,
    with_pictures,
)

__all__ = [
    "PAGE",
    "Run",
    "distinct_names",
    "failures_of",
    "load",
    "read_scores",
    "with_pictures",
    "write",
    "write_comparison",
]
