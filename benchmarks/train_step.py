"""Images a second of a whole training step: maskarc beside PyTorch, in turns.

    python -m benchmarks.train_step [--batches=32,100] [--classes=1000,10000]

ResNet-18 at 112×112 with ArcFace's head and SGD: forward, loss, gradients, update. Each
way is a process of its own and sleeps while others have their turn; turns are short, so
that a machine that is slow for a minute is slow for all. `xla` is maskarc without its
own forms of convolutions. Beside wall time stands the processor's (of all cores), which
other programs disturb less. A matrix product (XLA's) before each round says what the
machine gives at that time: the floor is the step's operations at that rate.

The last line is arithmetic, not a measurement: the operations and bytes of the program
with XLA's own convolutions, as compiled here, over what an A100's data sheet promises.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from absl import app, flags

_BATCHES = flags.DEFINE_list("batches", ["32", "100"], "Images a step.")
_CLASSES = flags.DEFINE_list("classes", ["1000", "10000"], "Identities.")
_WAYS = flags.DEFINE_list(
    "ways",
    ["maskarc", "xla", "torch", "maskarc_bf16", "torch_bf16", "torch_nchw"],
    "Which.",
)
_MODEL = flags.DEFINE_string("model", "resnet18", "PyTorch's is ResNet-18 always.")
_WIDTH = flags.DEFINE_integer("width", 64, "Features of the first stage.")
_SIZE = flags.DEFINE_integer("size", 112, "Side of the crops.")
_TURNS = flags.DEFINE_integer("turns", 5, "Turns of each way.")
_SECONDS = flags.DEFINE_float("seconds", 1.0, "Least time of a turn.")
_KEEP = flags.DEFINE_bool("keep_memory", True, "Every way keeps what it freed.")
_WORKER = flags.DEFINE_string("worker", "", "For the benchmark's own use.")

Step = Callable[[], None]

# So small that the same images stay new: once they are learnt, gradients fall below
# 1e-38, where processors are slow, and the figures say something about that instead.
_RATE = 1e-6
# Of the matrix product.
_SIDE = 1536
# glibc then gives no memory back: no step meets fresh pages (docs/performance.md).
_KEEPING = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
}
# NVIDIA's data sheet of the A100 80GB SXM: float32 operations and bytes a second.
_A100 = (19.5e12, 2.039e12)


def main(_) -> None:
    """Starts the ways, lets them take turns, and prints medians."""
    if _WORKER.value:
        serve(_WORKER.value)
        return
    for batch in _BATCHES.value:
        for classes in _CLASSES.value:
            compare(int(batch), int(classes))


def compare(batch: int, classes: int) -> None:
    """Prints one table: a row a way."""
    given = {
        "batches": batch,
        "classes": classes,
        **{f.name: f.value for f in (_MODEL, _WIDTH, _SIZE, _SECONDS)},
    }
    workers = {way: start(way, given) for way in ("probe", *_WAYS.value)}
    first = {way: ask(worker) for way, worker in workers.items()}
    turns: dict[str, list[dict[str, float]]] = {way: [] for way in workers}
    for _ in range(_TURNS.value):
        for way, worker in workers.items():
            turns[way].append(ask(worker))
    for worker in workers.values():
        worker.communicate("stop\n")
    rate = 2 * _SIDE**3 / np.median([turn["seconds"] for turn in turns.pop("probe")])
    floor = 3 * operations() * batch / rate
    print(f"\n{batch=}, {classes=}; matrix product {rate / 1e9:.0f} GFLOP/s")
    for way, taken in turns.items():
        wall = [turn["seconds"] for turn in taken]
        cpu = np.median([turn["cpu"] for turn in taken])
        median = np.median(wall)
        # Turn by turn: both ways had the same weather.
        ratios = [
            turn["seconds"] / own
            for turn, own in zip(turns[_WAYS.value[0]], wall, strict=True)
        ]
        print(
            f"{way:13} {batch / median:6.1f} images/s {median * 1e3:6.0f} ms "
            f"[{min(wall) * 1e3:.0f}–{max(wall) * 1e3:.0f}], CPU {cpu * 1e3:6.0f} ms; "
            f"{np.median(ratios):5.2f}× {_WAYS.value[0]}, {floor / median:4.0%} of the "
            f"floor; first call {first[way]['seconds']:.1f} s, "
            f"peak {taken[-1]['megabytes']:.0f} MB"
        )
    print(arithmetic(batch, classes))


def start(way: str, given: dict[str, object]) -> subprocess.Popen[str]:
    """A worker, which sleeps until it is asked."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    if _KEEP.value:
        environment |= _KEEPING
    arguments = [f"--{name}={value}" for name, value in given.items()]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.train_step", f"--worker={way}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def ask(worker: subprocess.Popen[str]) -> dict[str, float]:
    """Lets a worker take its turn."""
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def serve(way: str) -> None:
    """A worker: a line in, a turn, the seconds of a step out."""
    framework, _, variant = way.partition("_")
    steps = {
        "maskarc": maskarc_step,
        "xla": maskarc_step,
        "torch": torch_step,
        "probe": probe_step,
    }
    with _forms(framework):
        step = steps[framework](variant)
        serve_step(step)


def serve_step(step: Step) -> None:
    """A line in, a turn, its figures out; the first turn is one call."""
    is_first = True
    for line in sys.stdin:
        if line.strip() != "go":
            return
        count, start, cpu = 0, time.perf_counter(), time.process_time()
        while count == 0 or (
            not is_first and time.perf_counter() - start < _SECONDS.value
        ):
            step()
            count += 1
        is_first = False
        seconds = (time.perf_counter() - start) / count
        figures = {
            "seconds": seconds,
            "cpu": (time.process_time() - cpu) / count,
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(figures), flush=True)


def _forms(framework: str) -> contextlib.AbstractContextManager[None]:
    if framework != "xla":
        return contextlib.nullcontext()
    from maskarc.models import platform

    return platform.portable()


def probe_step(variant: str) -> Step:
    """A float32 matrix product by XLA."""
    del variant
    import jax

    square = jax.numpy.ones((_SIDE, _SIDE))
    product = jax.jit(jax.numpy.matmul)
    return lambda: product(square, square).block_until_ready()


def arithmetic(batch: int, classes: int) -> str:
    """What an A100 would need at the least, from the program's operations and bytes."""
    from maskarc.models import platform

    with platform.portable():
        compiled, state, images = lowered_step("float32", batch, classes)
        cost = compiled.lower(state, images).compile().cost_analysis()
    flops, moved = cost["flops"], cost["bytes accessed"]
    least = max(flops / _A100[0], moved / _A100[1])
    return (
        f"arithmetic: {flops / 1e9:.0f} G operations, {moved / 1e9:.1f} GB moved; an "
        f"A100 needs {1e3 * flops / _A100[0]:.1f} ms for the first and "
        f"{1e3 * moved / _A100[1]:.1f} ms for the second: at most "
        f"{batch / least:.0f} images/s"
    )


def operations() -> float:
    """Of the forward pass of one image; the gradients take twice as many."""
    from maskarc import models
    from maskarc.models import cost

    return 2.0 * cost.measure(_backbone(models, "float32"))[1]


def _backbone(models, dtype: str):
    options = {"dtype": dtype, "width": _WIDTH.value, "image_size": _SIZE.value}
    known = models.options_of(_MODEL.value)
    return models.create(
        _MODEL.value, **{k: v for k, v in options.items() if k in known}
    )


def data(batch: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Random crops and labels."""
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (batch, _SIZE.value, _SIZE.value, 3), np.uint8)
    return crops, rng.integers(0, classes, batch)


def lowered_step(dtype: str, batch: int, classes: int):
    """The library's own step, jitted, and what it takes."""
    import jax

    from maskarc import models
    from maskarc.train import config, head, optim
    from maskarc.train import step as step_lib

    backbone = _backbone(models, dtype)
    trainer = step_lib.Trainer(
        backbone=backbone,
        optimizer=optim.create(config.TrainConfig(learning_rate=_RATE)),
        head=head.Head(num_classes=classes, embed_dim=backbone.embed_dim),
    )
    crops, labels = data(batch, classes)
    images = {"image": jax.numpy.array(crops), "label": jax.numpy.array(labels)}
    return jax.jit(trainer.step, donate_argnums=0), trainer.init(0), images


def maskarc_step(variant: str) -> Step:
    """The library's own step."""
    import jax

    dtype = "bfloat16" if variant == "bf16" else "float32"
    batch, classes = int(_BATCHES.value[0]), int(_CLASSES.value[0])
    compiled, state, images = lowered_step(dtype, batch, classes)

    def step() -> None:
        nonlocal state
        state, metrics = compiled(state, images)
        jax.block_until_ready(metrics)

    return step


def torch_step(variant: str) -> Step:
    """The same in PyTorch: channels last, unless the variant says otherwise."""
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self, features, width, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(features, width, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(width)
            self.shortcut = nn.Identity()
            if stride > 1 or features != width:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(features, width, 1, stride, bias=False),
                    nn.BatchNorm2d(width),
                )

        def forward(self, x):
            y = functional.relu(self.bn1(self.conv1(x)))
            return functional.relu(self.bn2(self.conv2(y)) + self.shortcut(x))

    width, classes = _WIDTH.value, int(_CLASSES.value[0])
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    features = width
    for stage in range(4):
        for index in range(2):
            stride = 2 if stage and not index else 1
            layers.append(Block(features, width << stage, stride))
            features = width << stage
    side = -(-_SIZE.value // 32)
    layers += [
        nn.BatchNorm2d(features),
        nn.Dropout(0.4),
        nn.Flatten(),
        nn.Linear(features * side**2, 512),
        nn.BatchNorm1d(512),
    ]
    layout = torch.contiguous_format if variant == "nchw" else torch.channels_last
    network = nn.Sequential(*layers).to(memory_format=layout)
    prototypes = nn.Parameter(0.01 * torch.randn(classes, 512))
    optimizer = torch.optim.SGD(
        [*network.parameters(), prototypes], lr=_RATE, momentum=0.9, weight_decay=5e-4
    )
    crops, labels = data(int(_BATCHES.value[0]), classes)
    crops = torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    labels = torch.from_numpy(labels)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        x = (crops.float() - 127.5) / 127.5
        with torch.autocast("cpu", torch.bfloat16, enabled=variant == "bf16"):
            embeddings = network(x)
        unit = functional.normalize(embeddings.float())
        cosines = unit @ functional.normalize(prototypes).T
        own = cosines.gather(1, labels[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        sines = torch.sqrt(1 - own**2)
        own = own * np.cos(0.5) - sines * np.sin(0.5)
        logits = 64 * cosines.scatter(1, labels[:, None], own)
        functional.cross_entropy(logits, labels).backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    app.run(main)
