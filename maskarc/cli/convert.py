"""Writes a model as a weights file of maskarc, an ONNX graph or a StableHLO program.

The model is the run folder of a training, published weights by name, a weights file of
maskarc, dlib's .dat, or, with --architecture, a file of PyTorch's or an ONNX file of
InsightFace's (.pth, .pt, .ckpt, .safetensors, .onnx).
"""

import argparse
import pathlib

from maskarc.cli import verify

HELP = "write a model's weights in another format"
KEPT = "an output of before is as it was; repeat the command"
_SUFFIXES = (".safetensors", ".onnx", ".stablehlo")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument("source", help="the model; only read")
    parser.add_argument("output", help=f"a name that ends in {' or '.join(_SUFFIXES)}")
    verify.add_architecture(parser, "--model")
    parser.add_argument(
        "--half", action="store_true", help="float16 in .safetensors: half the size"
    )


def run(arguments: argparse.Namespace) -> None:
    """Converts, and says what was written."""
    from maskarc import files, inference
    from maskarc.convert import onnx_graph, own_file, stablehlo

    output = pathlib.Path(arguments.output)
    if output.suffix not in _SUFFIXES:
        raise ValueError(
            f"expected an output that ends in {' or '.join(_SUFFIXES)}, got "
            f"{output.name!r}"
        )
    files.check_place(output, arguments.source)
    weights = inference.load_weights(arguments.source, model=arguments.architecture)
    if output.suffix == ".stablehlo":
        stablehlo.save(output, weights)
    elif output.suffix == ".onnx":
        onnx_graph.save(output, weights)
    else:
        own_file.save(output, weights, half=arguments.half)
    print(
        f"{weights.backbone.name}, crop {weights.crop!r}, "
        f"{output.stat().st_size / 1e6:.1f} MB → {output}"
    )
