"""Puts two evaluation runs side by side, on the same pairs.

A run is a scores.npz or the output folder of experiments.evaluate --conditions. Printed
are the differences with intervals over people, and McNemar's exact test.
"""

import argparse
import json
import pathlib

from maskarc.cli import report as report_command

HELP = "compare two saved evaluation runs"
KEPT = "the files that it wrote are whole, the others are as they were; repeat it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument("runs", nargs=2, metavar="RUN", help="only read")
    parser.add_argument(
        "--common",
        action="store_true",
        help="compare the pairs that both runs have, where their lists differ",
    )
    report_command.add_draws(parser)
    parser.add_argument(
        "--output",
        default="",
        metavar="DIR",
        help="folder for comparison.json and a page of both runs",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Prints the tables."""
    from maskarc import files
    from maskarc.evaluation import comparison, report
    from maskarc.evaluation.report import comparison_tables, words

    if arguments.output:
        files.check_place(pathlib.Path(arguments.output, report.PAGE))
    scores = [report.read_scores(path) for path in arguments.runs]
    first, second = report.distinct_names(arguments.runs)
    compared = comparison.compare(
        *scores, common=arguments.common, draws=arguments.draws
    )
    if arguments.json:
        print(json.dumps(compared))
    else:
        for table in comparison_tables.of_result(compared, (first, second)):
            print(table.as_text(), end="\n\n")
        print(*words.differences(compared, (first, second)), sep="\n")
    if arguments.output:
        one, other = (
            report.load(path, name=name, draws=arguments.draws)
            for path, name in zip(arguments.runs, (first, second), strict=True)
        )
        page = report.write_comparison(arguments.output, one, other, compared)
        if not arguments.json:
            print(f"\n{page}")
