"""Reports of runs: one page that holds all it shows, and its tables as CSV and JSON."""

from maskarc.evaluation.report.files import write, write_comparison
from maskarc.evaluation.report.runs import Run, load

__all__ = ["Run", "load", "write", "write_comparison"]
