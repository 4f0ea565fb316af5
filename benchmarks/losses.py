"""Time and memory of the loss heads: forward and backward pass, side by side.

    python -m benchmarks.losses                      # all sizes, about half an hour
    python -m benchmarks.losses --sizes=64x100000 --rounds=5

Every measurement runs in a fresh process, and the forms take turns, so that a busy
machine is busy for all of them. Times are medians; what counts is their ratio. `torch`
needs PyTorch and is left out without it.

Each form takes embeddings [B, 512] and prototypes [C, 512] in float32 and gives the
mean ArcFace loss and both gradients:

- dense       cosines, margin and softmax over [B, C]
- blockwise   `blockwise_cross_entropy`
- bfloat16    the same with bfloat16 prototypes
- sampled     `sample_classes`, a tenth of the classes, gradient of the rows drawn
- torch       PyTorch, ArcFace by the addition formula on the label column alone
- dense_sgd   dense, then optax's SGD with momentum and weight decay
- fused_sgd   `blockwise_sgd`, prototypes and velocity donated
"""

import functools
import importlib.util
import json
import math
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import tqdm
from absl import app, flags

EMBED_DIM = 512
FORMS = (
    "dense",
    "blockwise",
    "bfloat16",
    "sampled",
    "torch",
    "dense_sgd",
    "fused_sgd",
)
SIZES = ("64x10000", "64x100000", "64x1000000", "512x100000", "512x300000")

_SIZES = flags.DEFINE_list("sizes", list(SIZES), "Batch x classes.")
_FORMS = flags.DEFINE_list("forms", list(FORMS), "What to compare.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Processes a form and size.")
_STEPS = flags.DEFINE_integer("steps", 5, "Timed calls a process.")
_OUTPUT = flags.DEFINE_string("output", "", "JSON file for the raw figures.")
_CASE = flags.DEFINE_string("case", "", "Internal: measure FORM:SIZE and print it.")


def inputs(batch: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random embeddings [B, D], prototypes [C, D] and labels [B]."""
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((batch, EMBED_DIM), np.float32)
    prototypes = rng.standard_normal((classes, EMBED_DIM), np.float32) * 0.01
    return embeddings, prototypes, rng.integers(0, classes, batch)


def jax_call(form: str, embeddings, prototypes, labels):
    """A function of nothing that runs the form once, and its scratch memory in MB."""
    import jax
    import jax.numpy as jnp
    import optax

    from maskarc import losses

    def dense(x, w):
        logits = losses.arcface_logits(losses.cosine_logits(x, w), labels)
        return losses.softmax_cross_entropy(logits, labels).mean()

    def blockwise(x, w):
        return losses.blockwise_cross_entropy(x, w, labels).mean()

    def sampled(key, x, w):
        classes, positions = losses.sample_classes(
            key, labels, num_classes=len(w), num_samples=len(w) // 10
        )

        def loss(x, rows):
            return losses.blockwise_cross_entropy(x, rows, positions).mean()

        return classes, jax.value_and_grad(loss, argnums=(0, 1))(x, w[classes])

    optimizer = optax.chain(
        optax.add_decayed_weights(5e-4), optax.sgd(0.1, momentum=0.9)
    )

    def dense_sgd(x, w, state):
        loss, (to_x, to_w) = jax.value_and_grad(dense, argnums=(0, 1))(x, w)
        updates, state = optimizer.update(to_w, state, w)
        return loss, to_x, optax.apply_updates(w, updates), state

    def fused_sgd(x, w, v):
        update = losses.blockwise_sgd(x, w, v, labels, learning_rate=0.1)
        return update.loss.mean(), update.embeddings, update.prototypes, update.velocity

    labels = jnp.asarray(labels)
    x, w = jnp.asarray(embeddings), jnp.asarray(prototypes)
    del prototypes
    if form == "bfloat16":
        w = w.astype(jnp.bfloat16)
    if form in ("dense", "blockwise", "bfloat16"):
        loss = dense if form == "dense" else blockwise
        arguments = (x, w)
        step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    elif form == "sampled":
        arguments = (jax.random.key(0), x, w)
        step = jax.jit(sampled)
    else:
        state = optimizer.init(w) if form == "dense_sgd" else jnp.zeros_like(w)
        arguments = (x, w, state)
        step = jax.jit(
            dense_sgd if form == "dense_sgd" else fused_sgd, donate_argnums=(1, 2)
        )
    del w
    compiled = step.lower(*arguments).compile()
    scratch = compiled.memory_analysis().temp_size_in_bytes / 1e6
    holder = [arguments]
    del arguments

    def call():
        arguments = holder.pop()
        result = jax.block_until_ready(compiled(*arguments))
        holder.append((arguments[0], *result[2:]) if "sgd" in form else arguments)

    return call, scratch


def torch_call(embeddings, prototypes, labels):
    """The same for PyTorch, whose scratch memory is not known."""
    import torch
    from torch.nn import functional

    x = torch.tensor(embeddings, requires_grad=True)
    w = torch.tensor(prototypes, requires_grad=True)
    y = torch.tensor(labels)
    rows = torch.arange(len(y))

    def call():
        x.grad = w.grad = None
        cosines = functional.normalize(x) @ functional.normalize(w).T
        own = cosines[rows, y]
        sine = (1 - own * own).clamp(min=1e-6).sqrt()
        turned = own * math.cos(0.5) - sine * math.sin(0.5)
        turned = torch.where(own >= -math.cos(0.5), turned, own - 0.5 * math.sin(0.5))
        logits = 64 * cosines.index_put((rows, y), turned)
        functional.cross_entropy(logits, y).backward()

    return call, math.nan


def measure(form: str, size: str) -> dict[str, float]:
    """Runs one form in this process."""
    batch, classes = map(int, size.split("x"))
    arrays = inputs(batch, classes)
    if form == "torch":
        call, scratch = torch_call(*arrays)
    else:
        call, scratch = jax_call(form, *arrays)
    del arrays
    before = resident()
    call()  # compiled or not, the first call pays for memory that is new
    times = []
    for _ in range(_STEPS.value):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return {
        "ms": 1e3 * statistics.median(times),
        "scratch_mb": scratch,
        "peak_mb": peak,
        "before_mb": before,
    }


def resident() -> float:
    """Memory of this process in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def probe() -> tuple[float, float]:
    """What the machine gives now: GFLOP/s of a matrix product, GB/s of a copy."""
    side = 1536
    a = np.ones((side, side), np.float32)
    big = np.ones(64 * 2**20, np.float32)
    target = np.empty_like(big)
    rates = []
    for work, run in (
        (2 * side**3, functools.partial(np.matmul, a, a)),
        (2 * big.nbytes, functools.partial(np.copyto, target, big)),
    ):
        run()
        start = time.perf_counter()
        for _ in range(5):
            run()
        rates.append(5 * work / (time.perf_counter() - start) / 1e9)
    return rates[0], rates[1]


def floor(size: str) -> tuple[float, float]:
    """(GFLOP, GB) that no implementation with both gradients can avoid.

    Three products of 2·B·C·D operations; prototypes read for the forward and for the
    backward pass, which needs the sum over all classes, and their gradient written.
    """
    batch, classes = map(int, size.split("x"))
    return 6 * batch * classes * EMBED_DIM / 1e9, 3 * 4 * classes * EMBED_DIM / 1e9


def run_in_new_process(form: str, size: str) -> dict[str, float]:
    """`measure` in a fresh interpreter."""
    command = [sys.executable, "-m", "benchmarks.losses", f"--case={form}:{size}"]
    done = subprocess.run(
        [*command, f"--steps={_STEPS.value}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(_):
    if _CASE.value:
        form, size = _CASE.value.split(":")
        print(json.dumps(measure(form, size)))
        return
    forms = [f for f in _FORMS.value if f != "torch" or importlib.util.find_spec(f)]
    cases = [(s, f) for s in _SIZES.value for _ in range(_ROUNDS.value) for f in forms]
    rows: dict[tuple[str, str], list[dict[str, float]]] = {}
    probes: dict[str, list[tuple[float, float]]] = {}
    for size, form in tqdm.tqdm(cases, "measuring", unit="process"):
        probes.setdefault(size, []).append(probe())
        rows.setdefault((size, form), []).append(run_in_new_process(form, size))
    print(
        "| batch x classes | form | ms | / dense | scratch MB | peak MB above inputs |"
    )
    print("|---|---|---|---|---|---|")
    for (size, form), runs in rows.items():
        ms, scratch, peak, before = (
            statistics.median(run[key] for run in runs)
            for key in ("ms", "scratch_mb", "peak_mb", "before_mb")
        )
        dense = [run["ms"] for run in rows.get((size, "dense"), [])]
        ratio = f"{ms / statistics.median(dense):.2f}" if dense else ""
        print(
            f"| {size} | {form} | {ms:.0f} | {ratio} | {scratch:.0f} "
            f"| {peak - before:.0f} |"
        )
    for size, rates in probes.items():
        gflops, gbytes = (statistics.median(r) for r in zip(*rates, strict=True))
        operations, traffic = floor(size)
        print(
            f"{size}: no less than {operations:.1f} GFLOP and {traffic:.2f} GB; at the "
            f"{gflops:.0f} GFLOP/s and {gbytes:.1f} GB/s seen between the runs, "
            f"{1e3 * operations / gflops:.0f} ms and {1e3 * traffic / gbytes:.0f} ms"
        )
    if _OUTPUT.value:
        with open(_OUTPUT.value, "w") as file:
            json.dump({f"{s}:{f}": runs for (s, f), runs in rows.items()}, file)


if __name__ == "__main__":
    app.run(main)
