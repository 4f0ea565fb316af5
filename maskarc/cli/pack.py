"""Packs a folder identity/photo into few large files, to train from.

Repeating the command goes on with an interrupted run. The output's manifest.jsonl says
what became of each file.
"""

import argparse
import os

from maskarc.cli import console

HELP = "pack photos into shards or InsightFace's .rec"
KEPT = "the landmarks and parts made so far are kept; repeat the command to go on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument("input", help="folder identity/photo.jpg; only read")
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="folder for the set"
    )
    parser.add_argument(
        "--format",
        default="shards",
        choices=("shards", "recordio"),
        help="ArrayRecord shards (default), or train.rec and train.idx",
    )
    content = parser.add_mutually_exclusive_group()
    content.add_argument(
        "--crop",
        type=int,
        default=0,
        metavar="SIZE",
        help="pack aligned crops of this side; default: the photos as they are, with "
        "their landmarks",
    )
    content.add_argument(
        "--aligned",
        action="store_true",
        help="the photos are aligned crops already; pack them as they are",
    )
    parser.add_argument(
        "--landmarks",
        default="",
        metavar="FILE",
        help="landmark table of the photos instead of a detector",
    )
    parser.add_argument(
        "--detector",
        default="",
        help="mesh, fast, fan, dlib or canonical (default: mesh)",
    )
    parser.add_argument(
        "--encoding",
        default="jpg",
        choices=("jpg", "png"),
        help="of the crops: JPEG of quality 95 (default), or PNG",
    )
    parser.add_argument(
        "--min-photos",
        type=int,
        default=1,
        metavar="N",
        help="leave out people with fewer usable photos (default: 1)",
    )
    parser.add_argument(
        "--part-photos",
        type=int,
        default=20_000,
        metavar="N",
        help="photos of a shard, and between points to go on from (default: 20000)",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="the result does not depend on it (default: all cores)",
    )
    parser.add_argument(
        "--check", action="store_true", help="read everything again at the end"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(arguments: argparse.Namespace) -> None:
    """Packs, and prints how many files had which outcome."""
    from maskarc.data import pack_check, packing

    counts = packing.pack_folder(
        arguments.input,
        arguments.output,
        threads=arguments.threads,
        progress=not arguments.quiet,
        file_format=arguments.format,
        crop=arguments.crop,
        aligned=arguments.aligned,
        landmark_file=arguments.landmarks,
        detector=arguments.detector,
        encoding=arguments.encoding,
        min_photos=arguments.min_photos,
        part_photos=arguments.part_photos,
    )
    print(f"{console.tally(counts)} → {arguments.output}")
    if arguments.check:
        count = pack_check.check(
            arguments.output,
            threads=arguments.threads,
            progress=not arguments.quiet,
        )
        print(f"checked: all {count} photos can be read")
