"""Each layer's convolution, form by form, beside PyTorch's: what chose the forms.

    python -m benchmarks.convolution [--batch=32] [--layers=resnet18] [--dtype=float32]

For each layer three times: the value, the gradient with respect to the input, and with
respect to the kernel. Times are of the processor (both cores together), the least of a
few calls, so that what else the machine does counts little. maskarc's forms and PyTorch
are two processes that take turns; a matrix product of XLA's says what the floor is.
"""

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

from absl import app, flags

# Network → (name, side, features, out, kernel's side, stride, padding, groups).
LAYERS = {
    "resnet18": (
        ("stem 7×7/2", 112, 3, 64, 7, 2, 3, 1),
        ("3×3 64 at 28", 28, 64, 64, 3, 1, 1, 1),
        ("3×3/2 64–128", 28, 64, 128, 3, 2, 1, 1),
        ("1×1/2 64–128", 28, 64, 128, 1, 2, 0, 1),
        ("3×3 128 at 14", 14, 128, 128, 3, 1, 1, 1),
        ("3×3/2 128–256", 14, 128, 256, 3, 2, 1, 1),
        ("3×3 256 at 7", 7, 256, 256, 3, 1, 1, 1),
        ("3×3/2 256–512", 7, 256, 512, 3, 2, 1, 1),
        ("3×3 512 at 4", 4, 512, 512, 3, 1, 1, 1),
        ("3×3 512 at 2", 2, 512, 512, 3, 1, 1, 1),
    ),
    "mbf": (
        ("stem 3×3/2", 112, 3, 128, 3, 2, 1, 1),
        ("grouped 3×3 128", 56, 128, 128, 3, 1, 1, 64),
        ("1×1 128 at 56", 56, 128, 128, 1, 1, 0, 1),
        ("depthwise/2 128", 56, 128, 128, 3, 2, 1, 128),
        ("depthwise 128 at 28", 28, 128, 128, 3, 1, 1, 128),
        ("depthwise 256 at 14", 14, 256, 256, 3, 1, 1, 256),
        ("pool 7×7 512", 7, 512, 512, 7, 1, 0, 512),
    ),
}
# Seconds after which no further call of a form is timed.
_PATIENCE = 2.0
PASSES = ("value", "to input", "to kernel")

_BATCH = flags.DEFINE_integer("batch", 32, "Images.")
_LAYERS = flags.DEFINE_list("layers", list(LAYERS), "Of which networks.")
_DTYPE = flags.DEFINE_string("dtype", "float32", "Or bfloat16.")
_CALLS = flags.DEFINE_integer("calls", 7, "Timed calls.")
_WORKER = flags.DEFINE_string("worker", "", "For the benchmark's own use.")

Times = dict[str, list[float]]


def main(_) -> None:
    """Prints one table a network."""
    if _WORKER.value:
        serve()
        return
    workers = [start(way) for way in ("maskarc", "torch")]
    for network in _LAYERS.value:
        print(f"\n{network}, batch {_BATCH.value}, {_DTYPE.value}; ms of CPU time")
        for index, layer in enumerate(LAYERS[network]):
            times: Times = {}
            for worker in workers:
                times |= ask(worker, [network, index])
            print_layer(layer, times)
    for worker in workers:
        worker.communicate("")


def start(way: str) -> subprocess.Popen[str]:
    """A worker, which sleeps while it has no turn."""
    given = [f"--{f.name}={f.value}" for f in (_BATCH, _DTYPE, _CALLS)]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.convolution", f"--worker={way}", *given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},
    )


def ask(worker: subprocess.Popen[str], which: list) -> Times:
    """Form → seconds of each pass."""
    worker.stdin.write(json.dumps(which) + "\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def print_layer(layer: tuple, times: Times) -> None:
    """A line a pass, the chosen form marked; then the sum of the three."""
    _, side, features, out, size, stride, padding, groups = layer
    after = (side + 2 * padding - size) // stride + 1
    operations = 2 * _BATCH.value * after**2 * size**2 * features * out / groups
    [rate] = times.pop("rate")
    floor = operations / rate
    chosen = next(name for name in times if name.endswith("*"))
    print(f"{layer[0]:20} floor {1e3 * floor:6.1f}")
    for index, name in enumerate((*PASSES, "all")):
        figures = [
            f"{form} {1e3 * (sum(t) if name == 'all' else t[index]):.1f}"
            for form, t in times.items()
        ]
        print(f"  {name:10} {', '.join(figures)}")
    ratio = sum(times["torch"]) / sum(times[chosen])
    print(f"  {chosen[:-1]}: {ratio:.2f}× PyTorch's speed")


def serve() -> None:
    """A worker: a layer in, its times out."""
    measure = {"maskarc": measure_forms, "torch": measure_torch}[_WORKER.value]
    for line in sys.stdin:
        network, index = json.loads(line)
        print(json.dumps(measure(*LAYERS[network][index][1:])), flush=True)


def least(call: Callable[[], object]) -> float:
    """The least processor time of a few calls, in seconds."""
    call()  # compiles
    times: list[float] = []
    while len(times) < _CALLS.value and sum(times) < _PATIENCE:
        before = time.process_time()
        call()
        times.append(time.process_time() - before)
    return min(times)


def measure_forms(side, features, out, size, stride, padding, groups) -> Times:
    """Every form that knows the geometry; the one that is chosen ends in a star."""
    import jax
    import jax.numpy as jnp

    from maskarc.models import convolution

    geometry = convolution.Geometry(stride, ((padding, padding),) * 2, groups)
    keys = jax.random.split(jax.random.key(0), 3)
    dtype = jnp.dtype(_DTYPE.value)
    x = jax.random.normal(keys[0], (_BATCH.value, side, side, features), dtype)
    kernel = jax.random.normal(keys[1], (size, size, features // groups, out), dtype)
    chosen = convolution.form(geometry, x.shape, kernel.shape)
    names = {"xla", chosen}
    if groups == 1:
        names |= {"product", "patches"}
        names |= {"winograd"} if (size, stride) == (3, 1) else set()
    times: Times = {}
    for name in sorted(names):
        function = functools.partial(convolution.in_form, name, geometry)
        shape = jax.eval_shape(function, x, kernel).shape
        cotangent = jax.random.normal(keys[2], shape, dtype)

        def gradient(which, x, kernel, cotangent, function=function):
            return jax.vjp(function, x, kernel)[1](cotangent)[which]

        calls = [
            (jax.jit(function), (x, kernel)),
            (jax.jit(functools.partial(gradient, 0)), (x, kernel, cotangent)),
            (jax.jit(functools.partial(gradient, 1)), (x, kernel, cotangent)),
        ]
        times[name + "*" * (name == chosen)] = [
            least(lambda call=call, given=given: call(*given).block_until_ready())
            for call, given in calls
        ]
    square = jnp.ones((1536, 1536))
    product = jax.jit(jnp.matmul)
    seconds = least(lambda: product(square, square).block_until_ready())
    return times | {"rate": [2 * 1536**3 / seconds]}


def measure_torch(side, features, out, size, stride, padding, groups) -> Times:
    """PyTorch's, channels last."""
    import torch

    dtype = getattr(torch, _DTYPE.value)
    layout = {"memory_format": torch.channels_last}
    x = torch.randn(_BATCH.value, features, side, side, dtype=dtype).to(**layout)
    kernel = torch.randn(out, features // groups, size, size, dtype=dtype).to(**layout)

    def value():
        return torch.nn.functional.conv2d(
            x, kernel, stride=stride, padding=padding, groups=groups
        )

    cotangent = torch.randn_like(value())

    def gradient(mask):
        return torch.ops.aten.convolution_backward(
            cotangent,
            x,
            kernel,
            None,
            [stride] * 2,
            [padding] * 2,
            [1, 1],
            False,
            [0, 0],
            groups,
            mask,
        )

    masks = ([True, False, False], [False, True, False])
    backward = [least(lambda mask=mask: gradient(mask)) for mask in masks]
    return {"torch": [least(value), *backward]}


if __name__ == "__main__":
    app.run(main)
