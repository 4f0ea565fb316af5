"""Images a second of a whole training step: maskarc beside PyTorch, in turns.

    python -m benchmarks.train_step [--batches=32,100] [--classes=1000,10000]

ResNet-18 at 112×112 with ArcFace's head and SGD: forward, loss, gradients, update. Each
way is a process of its own; they take turns of a few steps, so that a machine that is
slow for a minute is slow for all. Each turn is bracketed by a matrix product, whose rate
says what the machine gives at that time: the floor is the step's operations at that rate.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from absl import app, flags

_BATCHES = flags.DEFINE_list("batches", ["32", "100"], "Images a step.")
_CLASSES = flags.DEFINE_list("classes", ["1000", "10000"], "Identities.")
_WAYS = flags.DEFINE_list(
    "ways", ["maskarc", "torch", "maskarc_bf16", "torch_bf16", "torch_nchw"], "Which."
)
_MODEL = flags.DEFINE_string("model", "resnet18", "PyTorch's is ResNet-18 always.")
_WIDTH = flags.DEFINE_integer("width", 64, "Features of the first stage.")
_SIZE = flags.DEFINE_integer("size", 112, "Side of the crops.")
_TURNS = flags.DEFINE_integer("turns", 5, "Turns of each way.")
_SECONDS = flags.DEFINE_float("seconds", 4.0, "Least time of a turn.")
_WORKER = flags.DEFINE_string("worker", "", "For the benchmark's own use.")

Step = Callable[[], None]


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
    setting = f"batch {batch}, {classes} classes"
    workers = {}
    for way in _WAYS.value:
        workers[way] = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "benchmarks.train_step",
                f"--worker={way}",
                f"--batches={batch}",
                f"--classes={classes}",
                f"--model={_MODEL.value}",
                f"--width={_WIDTH.value}",
                f"--size={_SIZE.value}",
                f"--seconds={_SECONDS.value}",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    first = {way: ask(worker) for way, worker in workers.items()}
    turns: dict[str, list[float]] = {way: [] for way in workers}
    probes = []
    for _ in range(_TURNS.value):
        for way, worker in workers.items():
            probes.append(matmul_rate())
            turns[way].append(ask(worker)["seconds"])
    for worker in workers.values():
        worker.communicate("stop\n")
    reference = np.median(turns[_WAYS.value[0]])
    floor = 3 * operations() * batch / np.median(probes)
    print(f"\n{setting}; matrix product {np.median(probes) / 1e9:.0f} GFLOP/s")
    for way, seconds in turns.items():
        median = np.median(seconds)
        print(
            f"{way:13} {batch / median:7.1f} images/s  "
            f"{median * 1e3:7.0f} ms [{min(seconds) * 1e3:.0f}–{max(seconds) * 1e3:.0f}]"
            f"  {reference / median:5.2f}× {_WAYS.value[0]}  "
            f"{floor / median:4.0%} of the floor  "
            f"first call {first[way]['seconds']:.1f} s"
        )


def ask(worker: subprocess.Popen[str]) -> dict[str, float]:
    """Lets a worker take its turn."""
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def serve(way: str) -> None:
    """A worker: a line in, a turn, the seconds of a step out."""
    framework, _, variant = way.partition("_")
    step = {"maskarc": maskarc_step, "torch": torch_step}[framework](variant)
    is_first = True
    for line in sys.stdin:
        if line.strip() != "go":
            return
        count, start = 0, time.perf_counter()
        while count == 0 or (
            not is_first and time.perf_counter() - start < _SECONDS.value
        ):
            step()
            count += 1
        is_first = False
        seconds = (time.perf_counter() - start) / count
        print(json.dumps({"seconds": seconds}), flush=True)


def matmul_rate(side: int = 1536) -> float:
    """Operations a second of a float32 matrix product in NumPy."""
    a = np.ones((side, side), np.float32)
    start = time.perf_counter()
    for _ in range(4):
        a @ a
    return 4 * 2 * side**3 / (time.perf_counter() - start)


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


def data() -> tuple[np.ndarray, np.ndarray]:
    """Random crops and labels."""
    rng = np.random.default_rng(0)
    batch, classes = int(_BATCHES.value[0]), int(_CLASSES.value[0])
    crops = rng.integers(0, 256, (batch, _SIZE.value, _SIZE.value, 3), np.uint8)
    return crops, rng.integers(0, classes, batch)


def maskarc_step(variant: str) -> Step:
    """The library's own step."""
    import jax

    from maskarc import models
    from maskarc.train import config, optim
    from maskarc.train import step as step_lib

    backbone = _backbone(models, "bfloat16" if variant == "bf16" else "float32")
    trainer = step_lib.Trainer(
        backbone=backbone,
        optimizer=optim.create(config.TrainConfig()),
        num_classes=int(_CLASSES.value[0]),
        embed_dim=backbone.embed_dim,
        margin=0.5,
        scale=64.0,
    )
    crops, labels = data()
    batch = {"image": jax.numpy.array(crops), "label": jax.numpy.array(labels)}
    compiled = jax.jit(trainer.step, donate_argnums=0)
    state = trainer.init(0)

    def step() -> None:
        nonlocal state
        state, metrics = compiled(state, batch)
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
        [*network.parameters(), prototypes], lr=0.1, momentum=0.9, weight_decay=5e-4
    )
    crops, labels = data()
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
