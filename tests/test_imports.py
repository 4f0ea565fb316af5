"""The shape of the package: imports point one way, and every public name is documented.

Most rules are read off the source with `ast`, so they hold for modules whose optional
dependencies are absent, and for imports inside functions.
"""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# A module may import from its own layer and from the layers above it in this list.
LAYERS = (
    {"numerics", "compilation_cache", "extras", "files", "geometry", "images"}
    | {"opencv"},
    {"alignment", "cohorts", "face_quality", "landmarks", "masks", "masked_views"}
    | {"losses"},
    {"data", "models", "convert", "evaluation"},
    {"train", "inference", "mask_detection", "scoring", "recognizer", "gallery"}
    | {"embeddings_file"},
    {"ablation", "doctor"},
    {"cli"},
)
HOST = {
    "extras",
    "files",
    "opencv",
    "face_quality",
    "geometry",
    "images",
    "alignment",
    "landmarks",
    "masks",
    "cohorts",
    "masked_views",
    "evaluation",
    "gallery",
}
LOSSES = {"losses", "numerics"}
DEVICE_PACKAGES = {"jax", "jaxlib", "flax", "optax", "orbax", "grain"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}


def sources(*folders):
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module):
    """The name below `maskarc`, "" for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def is_module(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def imports_of(path):
    """(line, module) of every import, as absolute names."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            for alias in node.names:
                name = f"{module}.{alias.name}"
                inside = module.startswith("maskarc") and is_module(name)
                yield node.lineno, name if inside else module


def faults(paths, is_allowed):
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in paths
        for line, name in imports_of(path)
        if not is_allowed(module_name(path), name)
    ]


def parts(names):
    return [p for p in sources("maskarc") if part_of(module_name(p)) in names]


def test_every_part_has_a_layer():
    known = set().union(*LAYERS) | {""}
    assert {part_of(module_name(p)) for p in sources("maskarc")} <= known


def test_imports_point_down_the_layers():
    layer_of = {name: i for i, names in enumerate(LAYERS) for name in names}

    def is_allowed(module, imported):
        if imported.split(".")[0] != "maskarc" or not part_of(imported):
            return True
        return layer_of[part_of(imported)] <= layer_of.get(part_of(module), -1)

    assert faults(sources("maskarc"), is_allowed) == []


def test_the_library_never_imports_its_users():
    users = {"experiments", "benchmarks", "tests", "setup"}

    def is_allowed(_, imported):
        return imported.split(".")[0] not in users

    assert faults(sources("maskarc"), is_allowed) == []


def test_host_modules_import_no_device_code():
    def is_allowed(_, imported):
        return imported.split(".")[0] not in DEVICE_PACKAGES

    assert faults(parts(HOST), is_allowed) == []


def test_one_file_imports_opencv():
    """It says what to do where OpenCV cannot be loaded."""

    def is_allowed(module, imported):
        return imported.split(".")[0] != "cv2" or module == "maskarc.opencv"

    assert faults(sources("maskarc"), is_allowed) == []


def test_losses_import_only_jax():
    allowed = {"jax", "numpy"} | sys.stdlib_module_names

    def is_allowed(_, imported):
        if imported.split(".")[0] == "maskarc":
            return part_of(imported) in LOSSES | {""}
        return imported.split(".")[0] in allowed

    assert faults(parts(LOSSES), is_allowed) == []


def loaded_by(modules, unwanted):
    """Which of the unwanted packages a new interpreter has after importing these."""
    code = (
        f"import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*sorted(set({sorted(unwanted)!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_losses_load_without_the_rest():
    if not parts(LOSSES):
        pytest.skip("maskarc.losses is not there yet")
    unwanted = {"flax", "grain", "cv2", "orbax", "tensorflow", "optax", "PIL"}
    assert loaded_by(["maskarc.losses"], unwanted) == []


def test_host_modules_load_without_jax():
    """Catches what the source does not show: a package that imports its neighbour."""
    modules = sorted({module_name(p) for p in parts(HOST)})
    assert loaded_by(modules, DEVICE_PACKAGES | {"tensorflow", "torch"}) == []


def undocumented(path):
    """Public classes, functions and methods of public classes without a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not ast.get_docstring(tree):
        yield f"{path.relative_to(ROOT)}:1 the module"
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = [n for n in tree.body if isinstance(n, documented)]
    for node in nodes:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            nodes.extend(n for n in node.body if isinstance(n, documented))
        if not node.name.startswith("_") and not ast.get_docstring(node):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"


def test_every_public_name_is_documented():
    assert [name for p in sources("maskarc") for name in undocumented(p)] == []


def test_no_file_has_a_vague_name():
    paths = sources("maskarc", "experiments", "benchmarks", "tests")
    vague = [p for p in paths if {p.stem, p.parent.name} & VAGUE_NAMES]
    assert vague == []
