"""Lists the backbones with their parameters and multiply-adds."""

import argparse

HELP = "list the backbones and what they cost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommand's arguments."""
    parser.add_argument(
        "--embed-dim", type=int, default=512, metavar="D", help="default: 512"
    )


def run(arguments: argparse.Namespace) -> None:
    """Prints the table."""
    from maskarc import models
    from maskarc.models import cost

    print(
        f"{'model':14} {'input':>7} {'embedding':>9} {'parameters':>11} {'mult-adds':>10}"
    )
    for name in models.MODELS:
        backbone = models.create(name, **_options(name, arguments.embed_dim))
        size, dim = backbone.image_size, backbone.embed_dim
        count = cost.parameters(backbone) / 1e6
        operations = cost.multiply_adds(backbone) / 1e9
        print(f"{name:14} {size:4}²    {dim:7} {count:9.2f} M {operations:8.2f} G")
