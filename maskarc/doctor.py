"""Whether this installation works: versions, devices, weights and a try at the job."""

import dataclasses
import importlib.metadata
import platform
import time
from collections.abc import Callable, Iterator

import maskarc
from maskarc import extras

# Told with their versions, where they are installed.
PACKAGES = ("jax", "jaxlib", "flax", "numpy", "scipy", "pillow", "safetensors")
# Either provides cv2; both share its folder.
OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
      name: what.
      is_fine: None for what is only told.
      found: what was found, or what is wrong.
      remedy: the command or the step that mends it; empty where nothing needs to be.
    """

    name: str
    is_fine: bool | None
    found: str
    remedy: str = ""


def examine() -> Iterator[Check]:
    """Looks at the installation, one thing after another; nothing is changed.

    A check that fails is a `Check`, never an error.
    """
    yield Check(name="python", is_fine=True, found=_python())
    yield _tried("packages", _packages, "pip install --upgrade maskarc")
    yield _tried("opencv", _opencv, "see the command in the line above")
    yield _tried("devices", _devices, "pip install --upgrade jax jaxlib")
    yield _tried("weights", _weights, "pip install --force-reinstall --no-deps maskarc")
    yield _tried("self-test", _self_test, "report it with the lines above")
    for name, (purpose, _) in extras.EXTRAS.items():
        missing = extras.missing(name)
        yield Check(
            name=f"extra {name}",
            is_fine=None,
            found=f"{purpose}: {'needs ' + ', '.join(missing) if missing else 'there'}",
            remedy=f"pip install 'maskarc[{name}]'" if missing else "",
        )


def _tried(name: str, look: Callable[[], str], remedy: str) -> Check:
    try:
        return Check(name=name, is_fine=True, found=look())
    except Exception as error:  # whatever is broken is what is to be told
        found = f"{type(error).__name__}: {error}"
        return Check(name=name, is_fine=False, found=found, remedy=remedy)


def _python() -> str:
    return (
        f"{platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"maskarc {maskarc.__version__}"
    )


def _packages() -> str:
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)


def _opencv() -> str:
    from maskarc.opencv import cv2

    found = []
    for name in OPENCV:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    told = f"cv2 {cv2.__version__} of {' and '.join(found) or 'another package'}"
    if len(found) > 1:
        told += "; they share one folder, and the last one installed is used: keep one"
    return told


def _devices() -> str:
    import jax

    return ", ".join(f"{d.platform} {d.id} ({d.device_kind})" for d in jax.devices())


def _weights() -> str:
    from maskarc import models
    from maskarc.landmarks import networks

    known = models.PRETRAINED.items()
    shipped = [name for name, record in known if record.package == "maskarc"]
    for name in shipped:
        models.checked_file(name)
    for name in networks.NETWORKS:
        networks.checked_file(name)
    names = ", ".join([*shipped, *networks.NETWORKS])
    return f"as they were published (SHA-256): {names}"


def _self_test() -> str:
    """Finds, masks and compares generated faces."""
    import numpy as np

    from maskarc import landmarks, recognizer
    from maskarc.data import synthetic
    from maskarc.masks import mixture, wearing

    start = time.perf_counter()
    faces = synthetic.SyntheticFaces(2, 2, size=256)
    person, again, other = (faces[index] for index in (0, 1, 2))
    loaded = recognizer.Recognizer.load(batch_size=1)
    face = landmarks.main_face(loaded.detector(person["image"]), person["image"].shape)
    if face is None:
        raise RuntimeError("no face was found in a picture of one")
    error = np.linalg.norm(face.points - person["landmarks"], axis=1).mean()
    width = float(np.ptp(person["landmarks"][:, 0]))
    if error > 0.1 * width:
        raise RuntimeError(f"landmarks are {error:.1f} pixels off, of {width:.0f}")
    masks, rng = mixture.parse("surgical_blue"), np.random.default_rng(0)
    masked = wearing.put_on(again["image"], again["landmarks"], masks, rng).image
    same = loaded.verify(person["image"], masked)
    different = loaded.verify(other["image"], masked)
    if same.wearing != "bare-masked":
        raise RuntimeError(f"a bare and a masked face were taken for {same.wearing}")
    if not same.similarity > different.similarity:
        raise RuntimeError(
            f"two photos of one person have similarity {same.similarity:.3f}, of two "
            f"people {different.similarity:.3f}"
        )
    seconds = time.perf_counter() - start
    return f"generated faces found, masked and compared in {seconds:.1f} s"
