"""Writes a page of evaluation runs from what they saved; no model is needed.

A run is a scores.npz, or the output folder of experiments.evaluate --conditions or
experiments.identify --gallery. The page needs no other file and no network.
"""

import argparse
import pathlib

HELP = "write a page of saved evaluation runs"
KEPT = "the files that it wrote are whole, the others are as they were; repeat it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="only read")
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="folder for index.html, report.json and tables/*.csv",
    )
    parser.add_argument("--title", default="", help="of the page")
    add_draws(parser)
    parser.add_argument(
        "--images",
        default="",
        metavar="DIR",
        help="folder of the photos, to show the pairs that are judged worst",
    )
    parser.add_argument(
        "--landmarks",
        default="",
        metavar="FILE",
        help="their landmarks; default: the run folder's, else they are found",
    )


def add_draws(parser: argparse.ArgumentParser) -> None:
    """Adds the argument of the intervals."""
    parser.add_argument(
        "--draws",
        type=int,
        default=1000,
        metavar="N",
        help="draws of people for the intervals (default: 1000)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Writes the page and prints its path."""
    from maskarc import files
    from maskarc.data import crops
    from maskarc.evaluation import report

    files.check_place(pathlib.Path(arguments.output, report.PAGE))
    names = report.distinct_names(arguments.runs)
    loaded = []
    for path, name in zip(arguments.runs, names, strict=True):
        one = report.load(path, name=name, draws=arguments.draws)
        if arguments.images:
            kept = pathlib.Path(path) / "landmarks.npz"
            found = arguments.landmarks or (str(kept) if kept.is_file() else "")
            photos = crops.Photos(root=arguments.images, landmarks=found)
            one = report.with_pictures(one, photos, keep_in=arguments.output)
            if one.scores is not None and not one.pictures:
                raise ValueError(
                    f"none of the worst pairs can be read in {arguments.images}, such "
                    f"as {one.scores.first[0]}; is it the folder they were read from?"
                )
        loaded.append(one)
    print(report.write(arguments.output, loaded, title=arguments.title))
