"""Values and gradients against PyTorch autograd and pytorch-metric-learning."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from maskarc import losses

torch = pytest.importorskip("torch", reason="extra 'torch' is not installed")
pytestmark = pytest.mark.reference
functional = torch.nn.functional

BATCH, CLASSES, SIZE = 12, 7, 16
RNG = np.random.default_rng(0)
X = RNG.normal(size=(BATCH, SIZE)).astype(np.float32)
W = RNG.normal(size=(CLASSES, SIZE)).astype(np.float32)
Y = RNG.integers(0, CLASSES, BATCH)
# One example near its prototype, one near its opposite.
X[0], X[1] = W[Y[0]] + 0.1 * X[0], -W[Y[1]] + 0.1 * X[1]


def cosines_of(x, w):
    return functional.normalize(x) @ functional.normalize(w).T


def replaced(cosines, y, target):
    own = torch.nn.functional.one_hot(y, cosines.shape[1]).bool()
    return torch.where(own, target[:, None], cosines)


def theta_of(cosines, y):
    return torch.arccos(cosines.gather(1, y[:, None])[:, 0])


def arcface(cosines, y):
    theta = theta_of(cosines, y)
    target = torch.where(
        theta + 0.5 <= math.pi,
        torch.cos(theta + 0.5),
        torch.cos(theta) - 0.5 * math.sin(0.5),
    )
    return 64 * replaced(cosines, y, target)


def insightface(cosines, y):
    """The margin under no_grad, as arcface_torch applies it."""
    logits = cosines.clone()
    with torch.no_grad():
        logits.copy_(arcface(cosines, y) / 64)
    return 64 * logits


def curricularface(cosines, y):
    theta = theta_of(cosines, y)
    hard = cosines > torch.cos(theta + 0.5)[:, None]
    others = torch.where(hard, cosines * (0.3 + cosines), cosines)
    return replaced(64 * others, y, arcface(cosines, y).gather(1, y[:, None])[:, 0])


def cosface(cosines, y):
    return 64 * (cosines - 0.35 * functional.one_hot(y, cosines.shape[1]))


def combined(cosines, y):
    return 64 * replaced(cosines, y, torch.cos(0.9 * theta_of(cosines, y) + 0.1) - 0.2)


def li_arcface(cosines, y):
    margin = 0.45 * functional.one_hot(y, cosines.shape[1])
    return 64 * (math.pi - 2 * (torch.arccos(cosines) + margin)) / math.pi


PAIRS = {
    "arcface": (arcface, losses.arcface_logits),
    "insightface": (
        insightface,
        lambda c, y: losses.arcface_logits(c, y, straight_through=True),
    ),
    "curricularface": (
        curricularface,
        lambda c, y: losses.curricularface_logits(c, y, 0.3),
    ),
    "cosface": (cosface, losses.cosface_logits),
    "combined": (
        combined,
        lambda c, y: losses.combined_logits(c, y, m1=0.9, m2=0.1, m3=0.2),
    ),
    "li_arcface": (li_arcface, losses.li_arcface_logits),
}


def assert_same(ours, theirs):
    """A jax loss of (x, w) and a torch loss of the same: values and gradients."""
    x, w = torch.tensor(X, requires_grad=True), torch.tensor(W, requires_grad=True)
    expected = theirs(x, w)
    expected.backward()
    value, (to_x, to_w) = jax.value_and_grad(ours, argnums=(0, 1))(
        jnp.array(X), jnp.array(W)
    )
    np.testing.assert_allclose(value, expected.item(), rtol=1e-5)
    for got, tensor in ((to_x, x), (to_w, w)):
        scale = tensor.grad.abs().max().item()
        np.testing.assert_allclose(got, tensor.grad, rtol=0, atol=2e-4 * scale)


@pytest.mark.parametrize("name", PAIRS)
def test_dense_loss_equals_autograd(name):
    theirs, ours = PAIRS[name]
    assert_same(
        lambda x, w: losses.softmax_cross_entropy(
            ours(losses.cosine_logits(x, w), Y), Y
        ).mean(),
        lambda x, w: functional.cross_entropy(
            theirs(cosines_of(x, w), torch.tensor(Y)), torch.tensor(Y)
        ),
    )


def test_blockwise_loss_equals_autograd():
    assert_same(
        lambda x, w: losses.blockwise_cross_entropy(x, w, Y, block_size=3).mean(),
        lambda x, w: functional.cross_entropy(
            arcface(cosines_of(x, w), torch.tensor(Y)), torch.tensor(Y)
        ),
    )


def metric_learning_loss(name, **constants):
    module = pytest.importorskip("pytorch_metric_learning.losses")
    loss = getattr(module, name)(num_classes=CLASSES, embedding_size=SIZE, **constants)

    def call(x, w):
        loss.W = w.T
        return loss(x, torch.tensor(Y))

    # Its W is a Parameter; a plain tensor keeps the graph to ours.
    del loss.W
    return call


@pytest.mark.parametrize(
    ("name", "constants", "ours"),
    [
        ("ArcFaceLoss", {"margin": math.degrees(0.5)}, losses.arcface_logits),
        ("CosFaceLoss", {"margin": 0.35, "scale": 64}, losses.cosface_logits),
        ("NormalizedSoftmaxLoss", {"temperature": 1 / 64}, losses.norm_softmax_logits),
    ],
)
def test_equals_pytorch_metric_learning(name, constants, ours):
    assert_same(
        lambda x, w: losses.softmax_cross_entropy(
            ours(losses.cosine_logits(x, w), Y), Y
        ).mean(),
        metric_learning_loss(name, **constants),
    )


@pytest.mark.filterwarnings("ignore:__array_wrap__")  # raised within the package
def test_sphereface_equals_pytorch_metric_learning():
    def ours(x, w):
        lengths = jnp.linalg.norm(x, axis=1)
        logits = losses.sphereface_logits(losses.cosine_logits(x, w), Y, scale=lengths)
        return losses.softmax_cross_entropy(logits, Y).mean()

    assert_same(ours, metric_learning_loss("SphereFaceLoss"))


def test_sub_centres_equal_pytorch_metric_learning():
    module = pytest.importorskip("pytorch_metric_learning.losses")
    w = RNG.normal(size=(CLASSES, 3, SIZE)).astype(np.float32)
    theirs = module.SubCenterArcFaceLoss(
        num_classes=CLASSES,
        embedding_size=SIZE,
        sub_centers=3,
        margin=math.degrees(0.5),
    )
    with torch.no_grad():
        theirs.W.copy_(torch.tensor(w.reshape(-1, SIZE).T))
    expected = theirs(torch.tensor(X), torch.tensor(Y)).item()
    logits = losses.arcface_logits(losses.cosine_logits(X, w), Y)
    got = losses.softmax_cross_entropy(logits, Y).mean()
    np.testing.assert_allclose(got, expected, rtol=1e-5)
