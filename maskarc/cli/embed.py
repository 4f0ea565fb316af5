"""Embeds the main face of a photo, or of each photo of a folder, into an .npz file.

The file holds names, outcomes ("ok", "no_face", "unreadable"), embeddings [N, D] of
length 1, boxes [N, 4], masked [N], the probability of a mask, in_masks [N, D], what to
compare with masked faces, commonness [N], what to take off then, and doubts, why a face
cannot be compared; photos without a face have NaN.
"""

import argparse
import collections
import pathlib

from maskarc.cli import verify

HELP = "turn photos into embeddings"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument("input", help="a photo, or a folder of photos; only read")
    parser.add_argument("--output", required=True, metavar="NPZ", help="file to write")
    verify.add_model_arguments(parser)
    parser.add_argument(
        "--against-masked",
        action="store_true",
        help="also put bare faces into masks, so that in_masks serves to compare them "
        "with masked ones; takes three times as long",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(arguments: argparse.Namespace) -> None:
    """Embeds and prints how many photos had which outcome."""
    from maskarc import images, recognizer
    from maskarc.evaluation import scored

    scored.archive_path(arguments.output)  # before the work, not after it
    source = pathlib.Path(arguments.input)
    if source.is_file():
        root, names = source.parent, [source.name]
    else:
        root, names = source, images.list_images(source)
    if not names:
        raise ValueError(f"there are no photos in {source}")
    loaded = recognizer.Recognizer.load(
        arguments.model, detector=arguments.detector, flip=not arguments.no_flip
    )
    embedded = loaded.embed(
        [root / name for name in names],
        against_masked=arguments.against_masked,
        progress=not arguments.quiet,
    )
    recognizer.save_embeddings(arguments.output, names, embedded)
    counts = collections.Counter(one.outcome for one in embedded)
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    print(f"{len(names)} photos: {outcomes} → {arguments.output}")
    for name, one in zip(names, embedded, strict=True):
        if one.outcome != recognizer.OK:
            print(f"  {name}: {one.outcome}, {one.reason}")
        elif one.doubt:
            print(f"  {name}: ok, but {one.doubt}")
