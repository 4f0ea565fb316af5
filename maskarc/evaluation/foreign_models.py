"""Models of others, met as functions: ONNX files and Python functions.

Both embed aligned crops as `inference.Embedder` does, so that they are scored alike.
"""

import dataclasses
import functools
import importlib
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, Self

import numpy as np

from maskarc import alignment, extras

# What a command names a Python function by.
CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class Model(Protocol):
    """What can be scored."""

    @property
    def image_size(self) -> int:
        """Side of the crops in pixels."""

    @property
    def crop(self) -> str:
        """Which crop it expects, a key of `alignment.CROPS`."""

    def embed(self, crops: Iterable[np.ndarray]) -> np.ndarray:
        """Crops uint8[S, S, 3] each → float32[N, D], not normalised."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What a model of others wants, where its file does not say.

    Attributes:
      image_size: side of the crops in pixels; 0 takes the file's, else 112.
      crop: a key of `alignment.CROPS`; empty takes the file's, else "arcface".
      mean: subtracted from pixels of 0 to 255, None for InsightFace's rule: 127.5, or
        0 where the graph begins with its own subtraction.
      std: what they are divided by then; None likewise for 127.5 or 1.
      bgr: whether channels are in the order blue, green, red.
    """

    image_size: int = 0
    crop: str = ""
    mean: float | None = None
    std: float | None = None
    bgr: bool = False

    def __post_init__(self):
        if self.crop and self.crop not in alignment.CROPS:
            raise ValueError(
                f"unknown crop {self.crop!r}; expected one of "
                f"{', '.join(alignment.CROPS)}"
            )
        if self.std is not None and not self.std > 0:
            raise ValueError(f"expected a std above 0, got {self.std}")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FunctionModel:
    """A function from a batch of crops to embeddings.

    Attributes:
      function: uint8[N, S, S, 3], RGB → [N, D].
      image_size: side of the crops in pixels.
      crop: a key of `alignment.CROPS`.
      batch_size: crops a call, at most.
      fixed_batch: whether every call gets as many; the last is padded with black.
      flip: add the embedding of the mirrored crop.
    """

    function: Callable[[np.ndarray], np.ndarray]
    image_size: int = alignment.CROP_SIZE
    crop: str = "arcface"
    batch_size: int = 64
    fixed_batch: bool = False
    flip: bool = False

    @classmethod
    def load(
        cls, name: str, preprocessing: Preprocessing, *, flip: bool = False
    ) -> Self:
        """Imports "package.module:function".

        The function may say its `image_size` and `crop` as attributes.

        Raises:
          ValueError: another form of name.
          ImportError: no such module or function, or an error in it.
        """
        if not CALLABLE.fullmatch(name):
            raise ValueError(f"expected package.module:function, got {name!r}")
        module, _, path = name.partition(":")
        try:
            function: Any = importlib.import_module(module)
            for part in path.split("."):
                function = getattr(function, part)
        except AttributeError as error:
            raise ImportError(f"{module} has no function {path}") from error
        size = getattr(function, "image_size", alignment.CROP_SIZE)
        return cls(
            function=function,
            image_size=preprocessing.image_size or int(size),
            crop=preprocessing.crop or getattr(function, "crop", "arcface"),
            flip=flip,
        )

    def embed(self, crops: Iterable[np.ndarray]) -> np.ndarray:
        """Embeds crops one batch at a time.

        Args:
          crops: uint8[S, S, 3] each, RGB, aligned; an iterator is read lazily.

        Returns:
          float32[N, D], not normalised.

        Raises:
          ValueError: a crop of another size, or embeddings of another shape.
        """
        done = []
        for batch, count in self._batches(crops):
            embeddings = self._call(batch)[:count]
            if self.flip:
                mirrored = np.ascontiguousarray(batch[:, :, ::-1])
                embeddings = embeddings + self._call(mirrored)[:count]
            done.append(embeddings)
        if not done:
            return np.zeros((0, 1), np.float32)
        return np.concatenate(done)

    def _call(self, batch: np.ndarray) -> np.ndarray:
        embeddings = np.asarray(self.function(batch), np.float32)
        if embeddings.ndim != 2 or len(embeddings) != len(batch):
            raise ValueError(
                f"expected embeddings [{len(batch)}, D] of the model, got "
                f"{list(embeddings.shape)}"
            )
        return embeddings

    def _batches(self, crops: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, int]]:
        shape = (self.image_size, self.image_size, 3)
        kept: list[np.ndarray] = []
        for crop in crops:
            if crop.shape != shape or crop.dtype != np.uint8:
                raise ValueError(
                    f"expected crops uint8{list(shape)}, got "
                    f"{crop.dtype}{list(crop.shape)}"
                )
            kept.append(crop)
            if len(kept) == self.batch_size:
                yield np.stack(kept), len(kept)
                kept = []
        if kept:
            count = len(kept)
            if self.fixed_batch:
                kept += [np.zeros(shape, np.uint8)] * (self.batch_size - count)
            yield np.stack(kept), count


def load_onnx(
    path: str | os.PathLike[str],
    preprocessing: Preprocessing,
    *,
    flip: bool = False,
    batch_size: int = 64,
) -> FunctionModel:
    """Opens an ONNX file as a model, run by onnxruntime on the CPU.

    Layout (NCHW or NHWC), side and batch are read from the graph's input. Inputs of
    uint8 get the pixels as they are, which is how maskarc exports; others are scaled.

    Raises:
      FileNotFoundError: no such file.
      ValueError: not a graph from pictures to embeddings.
      ImportError: onnx or onnxruntime is missing.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no ONNX file at {path}")
    with extras.needed("onnx"):
        import onnxruntime
    try:
        session = onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors have no common base
        raise ValueError(f"{path.name}: onnxruntime cannot open it: {error}") from error
    is_nchw, size, batch, kind = _input(session, path.name, preprocessing.image_size)
    metadata = session.get_modelmeta().custom_metadata_map
    mean, std = preprocessing.mean, preprocessing.std
    if mean is None or std is None:
        scales_itself = kind != "tensor(uint8)" and _scales_itself(path)
        mean = (0.0 if scales_itself else 127.5) if mean is None else mean
        std = (1.0 if scales_itself else 127.5) if std is None else std
    dtype = _DTYPES[kind]
    run = functools.partial(
        _run,
        session,
        is_nchw=is_nchw,
        dtype=dtype,
        mean=mean,
        std=std,
        bgr=preprocessing.bgr,
    )
    return FunctionModel(
        function=run,
        image_size=size,
        crop=preprocessing.crop or metadata.get("crop", "arcface"),
        batch_size=batch or batch_size,
        fixed_batch=batch > 0,
        flip=flip,
    )


_DTYPES: dict[str, type] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


def _input(session: Any, name: str, wanted: int) -> tuple[bool, int, int, str]:
    """Whether NCHW, the side, the batch (0 for any) and the type of the input."""
    [first, *others] = session.get_inputs()
    shape = list(first.shape)
    fixed = [n if isinstance(n, int) and n > 0 else 0 for n in shape]
    if others or len(shape) != 4 or 3 not in (fixed[1], fixed[3]):
        raise ValueError(
            f"{name}: expected one input [N, 3, S, S] or [N, S, S, 3], got "
            f"{[i.shape for i in session.get_inputs()]}"
        )
    is_nchw = fixed[1] == 3
    height, width = fixed[2:] if is_nchw else fixed[1:3]
    size = height or wanted or alignment.CROP_SIZE
    if height != width or (wanted and wanted != size):
        raise ValueError(
            f"{name}: expected a square input of side {wanted or 'S'}, the graph has "
            f"{height}×{width}"
        )
    if first.type not in _DTYPES:
        raise ValueError(f"{name}: expected input of {[*_DTYPES]}, got {first.type}")
    return is_nchw, size, fixed[0], first.type


def _scales_itself(path: pathlib.Path) -> bool:
    """Whether the graph begins with subtraction and scaling, as MXNet exports do."""
    with extras.needed("onnx"):
        import onnx
    nodes = onnx.load(path, load_external_data=False).graph.node[:8]
    return {"Sub", "Mul"} <= {node.op_type for node in nodes}


def _run(
    session: Any,
    batch: np.ndarray,
    *,
    is_nchw: bool,
    dtype: type,
    mean: float,
    std: float,
    bgr: bool,
) -> np.ndarray:
    if bgr:
        batch = batch[..., ::-1]
    if dtype != np.uint8:
        batch = ((batch.astype(np.float32) - mean) / std).astype(dtype)
    if is_nchw:
        batch = batch.transpose(0, 3, 1, 2)
    [output] = session.get_outputs()[:1]
    fed = {session.get_inputs()[0].name: np.ascontiguousarray(batch)}
    return session.run([output.name], fed)[0]
