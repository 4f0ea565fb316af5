"""The model that a command names, whoever made it."""

import dataclasses
import pathlib

from maskarc import inference
from maskarc.evaluation import foreign_models


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """A model, as a command names it.

    Attributes:
      source: the run folder of a training, a name in `models.PRETRAINED`, a weights
        file, an ONNX file, or a Python function as "package.module:function".
      flip: sum the embeddings of crop and mirror image.
      masked_views: look for masks, and compare masked faces with bare ones in rendered
        masks (`maskarc.masked_views`), as `Recognizer` does.
      architecture: of a weights file of others, a key of `models.MODELS`; an ONNX file
        with it runs in JAX, without it in onnxruntime.
      preprocessing: of ONNX files and functions.
    """

    source: str
    flip: bool = False
    masked_views: bool = False
    architecture: str = ""
    preprocessing: foreign_models.Preprocessing = dataclasses.field(
        default_factory=foreign_models.Preprocessing
    )

    def open(self) -> foreign_models.Model:
        """Loads it.

        Raises:
          FileNotFoundError, ValueError, ImportError: as the readers raise them.
        """
        source = str(self.source)
        if source.endswith(".npz"):
            raise ValueError(
                f"{source} holds embeddings, no model; they are scored by "
                "--conditions or --gallery"
            )
        if source.endswith(".onnx") and not self.architecture:
            return foreign_models.load_onnx(source, self.preprocessing, flip=self.flip)
        is_name = foreign_models.CALLABLE.fullmatch(source)
        if is_name and not pathlib.Path(source).exists():
            return foreign_models.FunctionModel.load(
                source, self.preprocessing, flip=self.flip
            )
        weights = inference.load_weights(source, model=self.architecture)
        return inference.Embedder(weights, flip=self.flip)
