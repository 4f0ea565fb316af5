"""Says whether two photos show one person, masked or bare."""

import argparse
import dataclasses
import json

HELP = "compare the faces of two photos"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument("photos", nargs=2, metavar="PHOTO", help="only read")
    add_model_arguments(parser)
    parser.add_argument(
        "--far",
        type=float,
        default=1e-2,
        metavar="RATE",
        help="share of different people that may be taken for one (default: 0.01)",
    )
    parser.add_argument(
        "--wearing",
        default="",
        metavar="WHAT",
        help="what the photos are known to wear: bare-bare, bare-masked (in either "
        "order) or masked-masked; the threshold is of such pairs (default: look)",
    )
    parser.add_argument(
        "--any-quality",
        action="store_true",
        help="give a verdict about faces that are too small, blurred, dark, bright or "
        "noisy too; of those, far more different people than RATE are taken for one",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that say which model and detector to use."""
    parser.add_argument(
        "--model",
        default="masked_r29",
        help="published weights by name, or the run folder of a training "
        "(default: masked_r29)",
    )
    parser.add_argument(
        "--detector", default="", help="mesh, fan or dlib (default: the first there is)"
    )
    parser.add_argument(
        "--no-flip",
        action="store_true",
        help="leave out the mirror images: twice as fast, but less sure, and without "
        "a verdict: thresholds are of both",
    )


def run(arguments: argparse.Namespace) -> None:
    """Prints the answer."""
    from maskarc import masked_views, recognizer

    loaded = recognizer.Recognizer.load(
        arguments.model,
        detector=arguments.detector,
        flip=not arguments.no_flip,
        batch_size=1,
    )
    result = loaded.verify(
        *arguments.photos,
        far=arguments.far,
        wearing=arguments.wearing,
        any_quality=arguments.any_quality,
    )
    if arguments.json:
        print(json.dumps(dataclasses.asdict(result)))
        return
    for photo, count in zip(arguments.photos, result.face_counts, strict=True):
        if count > 1:
            print(f"{photo}: {count} faces; the main one is compared")
    for photo, masked in zip(arguments.photos, result.masked, strict=True):
        print(f"{photo}: {'masked' if masked >= masked_views.LEAST else 'bare'}")
    similarity = f"similarity {result.similarity:.3f}"
    if result.is_same is None:
        print(f"cannot tell: {result.reason}; {similarity}")
        return
    answer = "same person" if result.is_same else "different people"
    print(
        f"{answer}: {similarity}, threshold {result.threshold:.3f} "
        f"(takes {result.far:.1%} of different people for one, {result.wearing})"
    )
