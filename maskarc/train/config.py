"""The hyper-parameters of a training run."""

import dataclasses
import json
import pathlib
import typing
from collections.abc import Iterable, Iterator
from typing import Any

import jax

from maskarc import files, models
from maskarc.masks import mixture
from maskarc.train import head, ranges

# Fields that may change when a run is taken up again: they do not change the result.
# But for rounding, where devices are others.
FREE_ON_RESUME = frozenset(
    {
        "worker_count",
        "read_threads",
        "log_every",
        "checkpoint_every",
        "keep",
        "devices",
        "class_shards",
        "remat",
        "verify_pairs",
        "verify_images",
        "verify_landmarks",
        "verify_masked",
    }
)

# Weights of the loss's parts.
PARTS = ("classification", "consistency", "distillation", "similarity_distillation")


@dataclasses.dataclass(kw_only=True)
class TrainConfig:
    """One training run. Defaults are the ArcFace paper's where it gives them."""

    # Data: where the photos come from, a key of `maskarc.train.inputs.SOURCES`.
    source: str = "folder"
    # Folder: root of an identity/photo layout. recordio: the .rec file or its folder.
    # Shards: folder made by `maskarc pack`. tfds: "name:split" or "name:split@dir".
    data_dir: str = ""
    # Folder: landmark table (.npz); found once and kept in the run folder when empty.
    landmarks: str = ""
    # Folder: landmark back end, when there is no table; empty picks an installed one.
    detector: str = ""
    # Synthetic: people, and photos of each.
    num_identities: int = 200
    photos_per_identity: int = 30
    # Folder of more photos, of whoever they show, with their landmark table: for
    # distillation alone.
    unlabelled_dir: str = ""
    unlabelled_landmarks: str = ""
    # Identities with fewer usable photos are left out.
    min_photos: int = 1
    # Photos of each identity in a batch, a divisor of batch_size: identities then come
    # equally often; 0 for all photos equally often.
    batch_photos_per_identity: int = 0
    # Root of all randomness: initial weights, order, augmentation, dropout.
    seed: int = 0

    # Augmentation: masks to draw from, in the language of `maskarc.masks.mixture`
    # ("builtin", a masks.json, "surgical:3, cloth[floral]@nose_out=0.1"), the share of
    # faces masked, and the jitter of size (relative) and place (in face units).
    masks: str = "builtin"
    mask_probability: float = 0.5
    mask_size_jitter: float = 0.0
    mask_shift_jitter: float = 0.0
    # Chance of a left-right flip.
    flip_probability: float = 0.5
    # Largest relative change of brightness, contrast and saturation.
    color_jitter: float = 0.2
    # Standard deviations of the crop's jitter: shift (share of the crop's side), scale
    # (relative) and rotation (radians).
    shift_jitter: float = 0.0
    scale_jitter: float = 0.0
    rotation_jitter: float = 0.0
    # Share of the crops that lose detail, as if from small or compressed photos.
    quality_jitter: float = 0.0
    # Each photo of a batch twice, bare and then masked (if mask_probability has it so).
    pairs: bool = False

    # Model: a key of `maskarc.models.MODELS`.
    model: str = "resnet18"
    # Which crop the network sees, a key of `maskarc.alignment.CROPS`, and its side in
    # pixels.
    crop: str = "arcface"
    image_size: int = 112
    # Size of the embedding.
    embed_dim: int = 512
    # Features of the first stage; 64 is the published network.
    width: int = 64
    # "imagenet" or, for crops of 32 to 64 pixels, "small".
    stem: str = "imagenet"
    # Dropout rate in the embedding head.
    dropout: float = 0.4
    # What the backbone computes in: "float32", "bfloat16" or, with a loss that is
    # scaled so that gradients do not vanish, "float16". Parameters, statistics,
    # embeddings and head stay float32.
    precision: str = "float32"
    # Parts of a batch with BatchNorm statistics of their own: 1 for those of the whole
    # batch, on however many devices ("synchronised"); 0 for as many as devices.
    batch_norm_groups: int = 1

    # Transfer: weights to begin with: a name in `maskarc.models.PRETRAINED`, a run
    # folder, or a file (.pth, .pt, .safetensors); and whether the head is theirs too,
    # where they have one, or fresh.
    init_from: str = ""
    init_head: bool = True
    # Parameters that do not learn: a regular expression searched for in paths such as
    # "backbone/blocks/0/conv1/kernel", "prototypes". Statistics still follow the data.
    freeze: str = ""
    # (regular expression, factor on the learning rate): the first found counts.
    learning_rates: tuple[tuple[str, float], ...] = ()
    # Steps at the beginning in which the prototypes learn alone.
    head_warmup_steps: int = 0
    # Frozen network that saw each photo bare, as it is, with its mirror image: a name
    # in `maskarc.models.PRETRAINED`, a run folder, a weights file; or an .npz of
    # `maskarc embed`, by any network. And whether prototypes begin as the means of what
    # it gave for each person.
    teacher: str = ""
    prototypes_from_teacher: bool = False

    # Loss: a key of `maskarc.train.head.LOSSES`; its margin, by default in radians, and
    # the radius of the hypersphere; prototypes a class.
    loss: str = "arcface"
    margin: float = 0.5
    scale: float = 64.0
    sub_centers: int = 1
    # "dense" holds logits [batch, classes], "blockwise" a few blocks of them; a share
    # of the classes below 1 compares with a random sample, in blocks (Partial FC).
    head_form: str = "dense"
    class_sample: float = 1.0
    # What the loss is the sum of, each with its weight: classification by prototypes;
    # of pairs the cosine distance of the two (`losses.mask_consistency_loss`); with a
    # teacher the cosine distance to what it gave for the bare photo
    # (`losses.distillation_loss`), and the difference in similarities within the part
    # of a batch that is computed at once (`losses.similarity_distillation_loss`).
    classification: float = 1.0
    consistency: float = 0.0
    distillation: float = 0.0
    similarity_distillation: float = 0.0

    # Devices: how many of those there are, 0 for all. "jit" splits batch and prototypes
    # by sharding, "pmap" the batch alone. Prototypes lie split over class_shards
    # devices, a divisor of their number.
    devices: int = 0
    parallel: str = "jit"
    class_shards: int = 1
    # Parts of a batch that go through the network one after another; their gradients
    # are averaged. Memory for activations falls, BatchNorm sees the parts.
    accumulate: int = 1
    # Keep only what lies between blocks, and compute what is inside them again.
    remat: bool = False

    # Optimisation: "sgd" or "lars", with momentum, "adamw" or "lamb"; a gradient longer
    # than this norm is scaled down to it, 0 for never.
    optimizer: str = "sgd"
    clip_norm: float = 0.0
    # Photos a step (twice as many images with `pairs`); steps, of which 0 leaves the
    # initial network.
    batch_size: int = 512
    steps: int = 180_000
    learning_rate: float = 0.1
    momentum: float = 0.9
    # Of weights of rank ≥ 2: added to the gradient, times the weight, by "sgd" and
    # "lars"; added to what Adam makes of it by "adamw" and "lamb".
    weight_decay: float = 5e-4
    # (regular expression, factor on the weight decay): the first found counts.
    weight_decays: tuple[tuple[str, float], ...] = ()
    # Running mean of the weights, which is what inference then gets: the share kept a
    # step, such as 0.999; 0 for none.
    ema_decay: float = 0.0
    # Steps of linear warm-up from 0.
    warmup_steps: int = 0
    # "steps": a tenth at each share of the run in `decay_at`; "cosine" to 0;
    # "polynomial": (1 − done) to this power; "constant".
    schedule: str = "steps"
    decay_at: tuple[float, ...] = (100 / 180, 160 / 180)
    decay_power: float = 2.0

    # Verification while training: a list of pairs and the folder of their photos, with
    # a landmark table; which photos of a pair are masked, a key of
    # `maskarc.evaluation.protocol.MASKED_SIDES`. It is done for each checkpoint; that
    # of the highest accuracy is kept.
    verify_pairs: str = ""
    verify_images: str = ""
    verify_landmarks: str = ""
    verify_masked: str = "none"

    # Running: steps between log lines and between checkpoints; latest checkpoints kept.
    log_every: int = 20
    checkpoint_every: int = 1000
    keep: int = 2
    # Reading: threads, or processes where decoding is slow and cores are many.
    read_threads: int = 2
    worker_count: int = 0

    @property
    def images_a_step(self) -> int:
        """How many images go through the network a step."""
        return self.batch_size * (2 if self.pairs else 1)

    def model_options(self) -> dict[str, Any]:
        """The keyword arguments of the model, of those that it takes."""
        wanted = {
            "image_size": self.image_size,
            "embed_dim": self.embed_dim,
            "width": self.width,
            "stem": self.stem,
            "dropout": self.dropout,
            "dtype": self.precision,
        }
        known = models.options_of(self.model)
        return {name: value for name, value in wanted.items() if name in known}

    def validate(self, *, here: bool = True) -> None:
        """Refuses values that cannot be trained with, before any work is done.

        Args:
          here: whether it is to be trained on this machine, with its devices.

        Raises:
          ValueError: values of another type or out of range (`ranges`), or that do not
            go together; says the field, what is expected and what came.
          FileNotFoundError: a mask database that does not exist.
        """
        hints = typing.get_type_hints(type(self))
        fields = {name: getattr(self, name) for name in hints}
        _raise_any(ranges.faults(fields, hints))
        if here and self.devices > jax.device_count():
            raise ValueError(
                f"devices: expected at most the {jax.device_count()} that there are, "
                f"got {self.devices}"
            )
        devices = self.devices or (jax.device_count() if here else 1)
        _raise_any(self._conflicts(devices, is_known=here or self.devices > 0))
        try:
            mixture.parse(self.masks)
        except ValueError as error:
            raise ValueError(f"masks: {error}") from error
        try:
            _, stats = models.create(self.model, **self.model_options()).shapes()
        except ValueError as error:
            raise ValueError(f"model {self.model}: {error}") from error
        if stats:
            _raise_any(self._norm_conflicts(devices))

    def _conflicts(self, devices: int, *, is_known: bool) -> Iterator[str]:
        """What does not go together, a sentence each."""
        margins = head.LOSSES[self.loss].margins
        weights = {name: getattr(self, name) for name in PARTS}
        needs_teacher = (
            self.distillation
            or self.similarity_distillation
            or self.prototypes_from_teacher
        )
        is_pmap = self.parallel == "pmap"
        share = self.accumulate * (devices if is_pmap else 1)
        at_once, least = self.images_a_step // share, head.LOSSES[self.loss].least
        each = self.batch_photos_per_identity
        rules = (
            (
                not ranges.contains(margins, self.margin),
                f"margin: expected a number in {margins} with loss {self.loss}, got "
                f"{self.margin}",
            ),
            (
                list(self.decay_at) != sorted(set(self.decay_at)),
                f"decay_at: expected ascending shares, got {self.decay_at}",
            ),
            (
                each and self.batch_size % each,
                f"batch_photos_per_identity: expected a divisor of batch_size, "
                f"{self.batch_size}, got {each}",
            ),
            (
                is_known and devices % self.class_shards,
                f"class_shards: expected a divisor of the number of devices, "
                f"{devices}, got {self.class_shards}",
            ),
            (
                self.batch_size % (self.accumulate * devices),
                f"batch_size: expected a multiple of accumulate × devices = "
                f"{self.accumulate} × {devices}, got {self.batch_size}",
            ),
            (
                is_pmap and self.class_shards > 1,
                "pmap splits no classes: use parallel='jit'",
            ),
            (
                is_pmap and self.batch_norm_groups not in (0, 1, devices),
                f"batch_norm_groups: expected 1 (shared) or 0 (each device's own) "
                f"under pmap, got {self.batch_norm_groups}",
            ),
            (
                not any(weights.values()),
                f"expected a weight > 0 among {', '.join(PARTS)}",
            ),
            (
                self.consistency and not self.pairs,
                "consistency is of pairs: set pairs=True",
            ),
            (
                needs_teacher and not self.teacher,
                "distillation, similarity_distillation and prototypes_from_teacher "
                "need a teacher",
            ),
            (
                self.prototypes_from_teacher and self.sub_centers > 1,
                "prototypes_from_teacher gives one a class: sub_centers=1",
            ),
            (
                self.classification and at_once < least,
                f"loss {self.loss} takes a statistic of the images that are computed "
                f"at once: expected {least} or more, got {at_once}; raise batch_size "
                "or lower accumulate",
            ),
            (
                self.similarity_distillation and self.batch_size // share < 2,
                "similarity_distillation compares photos that are computed at once: "
                f"expected 2 or more, got {self.batch_size // share}; raise "
                "batch_size or lower accumulate",
            ),
            (
                self.verify_pairs and not self.verify_images,
                "verify_pairs needs verify_images, the folder of photos",
            ),
        )
        return (message for is_wrong, message in rules if is_wrong)

    def _norm_conflicts(self, devices: int) -> Iterator[str]:
        """Of BatchNorm, which sees a part of what is computed at once."""
        images = self.images_a_step // self.accumulate
        groups = self.batch_norm_groups or devices
        if images % groups or images // groups < 2:
            yield (
                "BatchNorm takes statistics of 2 images or more: expected "
                f"{groups} groups (batch_norm_groups) to share {images} images (of "
                f"batch_size {self.batch_size} and accumulate {self.accumulate}) "
                "equally, and 2 or more in each"
            )

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "TrainConfig":
        """Inverts `to_json`; unknown fields are a ValueError that lists them."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := set(fields) - known:
            raise ValueError(f"unknown configuration fields: {sorted(unknown)}")
        return cls(**{name: _hashable(value) for name, value in fields.items()})


def _raise_any(faults: Iterable[str]) -> None:
    if told := "; ".join(faults):
        raise ValueError(told)


def _hashable(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


def check_same_run(config: TrainConfig, path: pathlib.Path) -> None:
    """Writes the configuration to path, or compares it with what is there.

    Raises:
      ValueError: the folder holds a run with other settings; names each difference.
    """
    fields = config.to_json()
    if not path.exists():
        files.write_bytes(path, f"{json.dumps(fields, indent=2)}\n".encode())
        return
    # Fields that have come since: as they were by default.
    defaults = TrainConfig().to_json()
    before = defaults | json.loads(path.read_text(encoding="utf-8"))
    changed = {
        name: (before[name], value)
        for name, value in fields.items()
        if name not in FREE_ON_RESUME and before[name] != value
    }
    if changed:
        raise ValueError(
            f"{path.parent} holds a run with other settings: "
            + ", ".join(f"{n} was {a!r}, now {b!r}" for n, (a, b) in changed.items())
            + ". Use another --workdir, or the old settings to go on."
        )
