"""Lists the backbones with their parameters and multiply-adds."""

import argparse

HELP = "list the backbones and what they cost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""
    del parser


def run(arguments: argparse.Namespace) -> None:
    """Prints the table."""
    del arguments
    from maskarc import models
    from maskarc.models import cost

    print(f"{'model':14}   input  embedding  parameters   mult-adds")
    for name in models.MODELS:
        backbone = models.create(name)
        size = backbone.image_size
        count, operations = cost.measure(backbone)
        print(
            f"{name:14} {size:4}×{size} {backbone.embed_dim:10} {count / 1e6:9.2f} M "
            f"{operations / 1e9:9.2f} G"
        )
