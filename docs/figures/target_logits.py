"""Draws target_logits.png: the logit of the labelled class against its angle.

python docs/figures/target_logits.py
"""

import pathlib

import jax.numpy as jnp
import matplotlib
import numpy as np

from maskarc import losses

matplotlib.use("Agg")

from matplotlib import pyplot as plt

FIXED = {
    "norm-softmax": losses.norm_softmax_logits,
    "SphereFace (m = 1.35)": lambda c, y, scale: losses.sphereface_logits(
        c, y, margin=1.35, scale=scale
    ),
    "CosFace (m = 0.35)": losses.cosface_logits,
    "ArcFace (m = 0.5)": losses.arcface_logits,
    "combined (1, 0.3, 0.2)": losses.combined_logits,
    "Li-ArcFace (m = 0.45)": losses.li_arcface_logits,
}


def adaptive(length: float) -> dict[str, object]:
    """AdaFace and MagFace for embeddings of one length."""
    statistics = losses.NormStatistics(jnp.float32(60), jnp.float32(15))

    def adaface(c, y, scale):
        norms = jnp.full(y.shape, length)
        return losses.adaface_logits(c, y, norms, statistics, scale=scale)

    def magface(c, y, scale):
        norms = jnp.full(y.shape, length)
        return losses.magface_logits(c, y, norms, scale=scale)

    return {
        f"AdaFace, ‖x‖ = {length:g}": adaface,
        f"MagFace, ‖x‖ = {length:g}": magface,
    }


def draw(axes, curves) -> None:
    """One line a margin, the angle in degrees."""
    degrees = np.linspace(0.5, 179.5, 400)
    cosines = jnp.array(np.cos(np.radians(degrees)), jnp.float32)[:, None]
    labels = jnp.zeros(len(degrees), jnp.int32)
    for name, function in curves.items():
        logits = function(cosines, labels, scale=1.0)[:, 0]
        style = "--" if name.startswith("MagFace") else "-"
        axes.plot(degrees, logits, style, label=name)
    axes.set_xlabel("angle between embedding and prototype θ, degrees")
    axes.set_ylim(-1.8, 1.1)
    axes.set_xlim(0, 180)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def main() -> None:
    """Writes the picture beside this script."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    draw(left, FIXED)
    left.set_ylabel("target logit / s")
    left.set_title("Fixed margins")
    draw(
        right, {k: f for norm in (20.0, 60.0, 100.0) for k, f in adaptive(norm).items()}
    )
    right.set_title("Margins by the embedding's length")
    figure.tight_layout()
    figure.savefig(pathlib.Path(__file__).with_suffix(".png"), dpi=110)


if __name__ == "__main__":
    main()
