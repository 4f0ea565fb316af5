"""Says whether two photos show one person, masked or bare."""

import argparse
import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskarc import recognizer

HELP = "compare the faces of two photos"
KEPT = "there is no answer"


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
        help="published weights by name, the run folder of a training, or a weights "
        "file (default: masked_r29)",
    )
    add_architecture(parser)
    parser.add_argument(
        "--detector", default="", help="mesh, fast, fan or dlib (default: mesh)"
    )
    parser.add_argument(
        "--no-flip",
        action="store_true",
        help="leave out the mirror images: twice as fast, but less sure, and without "
        "a verdict: thresholds are of both",
    )


def add_architecture(parser: argparse.ArgumentParser, *names: str) -> None:
    """Adds the argument that names the network of others' files."""
    parser.add_argument(
        "--architecture",
        *names,
        default="",
        metavar="NAME",
        help="of a weights file of others (.pth, .pt, .ckpt, .onnx, …), as iresnet50",
    )


def load(arguments: argparse.Namespace, **options: Any) -> "recognizer.Recognizer":
    """The model and detector that the arguments name."""
    from maskarc import compilation_cache, recognizer

    compilation_cache.enable()
    return recognizer.Recognizer.load(
        arguments.model,
        architecture=arguments.architecture,
        detector=arguments.detector,
        flip=not arguments.no_flip,
        **options,
    )


def run(arguments: argparse.Namespace) -> None:
    """Prints the answer."""
    from maskarc import files, masked_views

    loaded = load(arguments, batch_size=1)
    result = loaded.verify(
        *arguments.photos,
        far=arguments.far,
        wearing=arguments.wearing,
        any_quality=arguments.any_quality,
    )
    if arguments.json:
        print(files.to_json(dataclasses.asdict(result)).decode(), end="")
        return
    for photo, count in zip(arguments.photos, result.face_counts, strict=True):
        if count > 1:
            print(f"{files.shown(photo)}: {count} faces; the main one is compared")
    for photo, masked in zip(arguments.photos, result.masked, strict=True):
        seen = "masked" if masked >= masked_views.LEAST else "bare"
        print(f"{files.shown(photo)}: {seen}")
    similarity = f"similarity {result.similarity:.3f}"
    if result.is_same is None:
        print(f"cannot tell: {files.shown(result.reason)}; {similarity}")
        return
    answer = "same person" if result.is_same else "different people"
    print(
        f"{answer}: {similarity}, threshold {result.threshold:.3f} "
        f"(takes {result.far:.1%} of different people for one, {result.wearing})"
    )
