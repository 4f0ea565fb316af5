"""Embeds the main face of a photo, or of each photo of a folder, into an .npz file.

The file holds names, outcomes ("ok", "no_face", "unreadable") and reasons, embeddings
[N, D] of length 1, boxes [N, 4], face_counts [N], masked [N], the probability of a
mask, in_masks [N, D], what to compare with masked faces, commonness [N], what to take
off then, and doubts, why a face cannot be compared; photos without a face have NaN.
about says which model made it. Repeating the command goes on with an interrupted run,
and does only what is new or has changed.
"""

import argparse
import collections
import pathlib

from maskarc.cli import console, verify

# Photos between two looks at the clock, for saving.
_AT_ONCE = 128

HELP = "turn photos into embeddings"
KEPT = (
    "the embeddings made so far are kept beside the output, give or take the last "
    "minute; repeat the command to go on"
)


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
    """Embeds and prints how many files had which outcome."""
    import tqdm

    from maskarc import embeddings_file, files, images, recognizer
    from maskarc.landmarks import registry

    source, output = files.given(arguments.input), pathlib.Path(arguments.output)
    files.check_npz(output)
    if source.is_file():
        root, listing = source.parent, images.list_photo(source)
    else:
        root, listing = source, images.list_photos(source)
    listing.check_any(source)
    files.check_place(output, source)  # before the work, not after it
    loaded = verify.load(arguments)
    kept = embeddings_file.EmbeddingsFile(
        root,
        output,
        {
            "input": str(source.resolve()),
            "model": arguments.model,
            "weights": loaded.embedder.weights.digest(),
            "crop": loaded.embedder.crop,
            "flip": loaded.embedder.flip,
            "detector": arguments.detector or registry.DEFAULT,
            "against_masked": arguments.against_masked,
        },
    )
    todo = [name for name in listing.names if name not in kept]
    done = len(listing.names) - len(todo)
    bar = tqdm.tqdm(
        None,
        "embedding",
        len(listing.names),
        initial=done,
        unit="img",
        disable=arguments.quiet,
    )
    with bar:
        try:
            for first in range(0, len(todo), _AT_ONCE):
                names = todo[first : first + _AT_ONCE]
                kept.embed(loaded, names)
                bar.update(len(names))
        except BaseException:
            kept.keep()
            raise
    embedded = kept.finish(listing.names)
    counts = collections.Counter(one.outcome for one in embedded)
    counts["ignored"] += len(listing.ignored)
    counts[recognizer.UNREADABLE] += len(listing.unreadable)
    print(f"{console.tally(counts)} → {output}")
    for line in listing.lines():
        print(f"  {line}")
    for name, one in zip(listing.names, embedded, strict=True):
        if one.outcome != recognizer.OK:
            print(f"  {files.shown(name)}: {one.outcome}, {files.shown(one.reason)}")
        elif one.doubt:
            print(f"  {files.shown(name)}: ok, but {one.doubt}")
