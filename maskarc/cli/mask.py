"""Puts masks on the faces of a photo, or of all photos of a folder, into another one.

Repeating the command goes on with an interrupted run. The output's manifest.jsonl says
what became of each file.
"""

import argparse
import os

from maskarc.cli import console

HELP = "put masks on the faces of photos"
KEPT = "the photos masked so far are kept; repeat the command to go on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument("input", help="a photo, or a folder of photos; only read")
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="folder for the results"
    )
    parser.add_argument(
        "--masks",
        default="builtin",
        metavar="MIXTURE",
        help="what to draw from: builtin, a masks.json, a kind or a mixture such as "
        "'surgical:3, cloth[floral|#aa2233~0.5]@nose_out=0.1'; MaskTheFace's codes are "
        "understood too (default: builtin)",
    )
    parser.add_argument(
        "--each",
        action="store_true",
        help="one masked copy for each item of the mixture, in folders of their own",
    )
    parser.add_argument(
        "--size-jitter",
        type=float,
        default=0.0,
        metavar="S",
        help="standard deviation of the masks' relative size (default: 0)",
    )
    parser.add_argument(
        "--shift-jitter",
        type=float,
        default=0.0,
        metavar="S",
        help="the same of their place, in eye distances (default: 0)",
    )
    parser.add_argument(
        "--faces",
        default="main",
        choices=("main", "all"),
        help="mask the main face of a photo (default) or all faces",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="which mask goes on which face (default: 0)"
    )
    parser.add_argument(
        "--detector",
        default="",
        help="mesh, fast, fan, dlib, or canonical for aligned crops (default: mesh)",
    )
    parser.add_argument(
        "--landmarks",
        default="",
        metavar="FILE",
        help="your landmarks (.npz, .csv, .json, .npy) instead of a detector",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes; the result does not depend on it (default: all cores)",
    )
    parser.add_argument(
        "--labels",
        default="",
        metavar="FORMATS",
        help="coco, yolo, or both with a comma: box and type of each mask",
    )
    parser.add_argument(
        "--save-mask", action="store_true", help="write binary masks as PNG too"
    )
    parser.add_argument(
        "--overlay", action="store_true", help="write pictures to check the fit by"
    )
    parser.add_argument(
        "--side-by-side", action="store_true", help="write original and result as one"
    )
    parser.add_argument(
        "--max-pixels", type=int, default=0, metavar="N", help="refuse larger photos"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(arguments: argparse.Namespace) -> None:
    """Masks the photos and prints how many had which outcome."""
    from maskarc import images
    from maskarc.masks import bulk

    options = dict(
        worker_count=arguments.workers,
        progress=not arguments.quiet,
        masks=arguments.masks,
        size_jitter=arguments.size_jitter,
        shift_jitter=arguments.shift_jitter,
        seed=arguments.seed,
        faces=arguments.faces,
        detector=arguments.detector,
        landmark_file=arguments.landmarks,
        save_mask=arguments.save_mask,
        overlay=arguments.overlay,
        side_by_side=arguments.side_by_side,
        labels=tuple(filter(None, arguments.labels.split(","))),
        max_pixels=arguments.max_pixels or images.MAX_PIXELS,
    )
    if not arguments.each:
        counts = bulk.mask_folder(arguments.input, arguments.output, **options)
        _report(counts, arguments.output)
        return
    each = bulk.mask_folder_each(arguments.input, arguments.output, **options)
    for name, counts in each.items():
        _report(counts, os.path.join(arguments.output, name))


def _report(counts: dict[str, int], output: str) -> None:
    print(f"{console.tally(counts)} → {output}")
