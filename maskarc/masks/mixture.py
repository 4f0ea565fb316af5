"""A small language for masks drawn at random.

    surgical:3, cloth[floral|#aa2233~0.5]:1, n95:2@nose_out=0.1

A mixture is a list of items with commas between. An item is

    type [dyes] +type [dyes] … :weight @wear=share …

of which only the type is needed:

- type: a mask (`cloth_navy`), a kind (`cloth`: any of its masks), `builtin` (any
  drawing), a masks.json, of whose masks one of near pose is taken, or no mask but a
  hole in its place: `empty` (black) or `inpaint` (skin grown over). After `+` follows
  what is worn beneath.
- dyes: one of them, in equal shares, dyes a drawing: a colour (`#aa2233`, `navy`,
  `random`), a pattern (`floral`, `camouflage`, …; `pattern` for any) or an image file;
  `own` leaves it as it is. After `~` its weight against the mask's own colour, 0 to 1.
- weight: how often, against the other items; 1 if not given.
- wear: `nose_out`, `mouth_out`, `under_chin`, `high`, `low`, `loose`, with the share of
  faces that wear it so; 1 if not given. The rest wear it correctly.

MaskTheFace's codes are understood as well: `surgical-#aabbcc`, `cloth-green`,
`cloth-textures/check_4.jpg`, `N95`.
"""

import dataclasses
import functools
import hashlib
import pathlib
import re

import numpy as np

from maskarc import geometry, images
from maskarc.masks import (
    colours,
    creases,
    database,
    drawing,
    holes,
    sampling,
    textures,
    types,
    variation,
    wear,
)

# Names for all drawings; the last is MaskTheFace's.
_ALL = (database.BUILTIN, "any", "random")
# Variants of a generated pattern that are drawn from.
_VARIANTS = 12
_ITEM = re.compile(
    r"(?P<layers>(?:[^\[\]@]|\[[^\]]*\])+?)(?::(?P<weight>[^@:/\\\]]*))?(?P<wear>(?:@[^@]*)*)"
)
_LAYER = re.compile(r"(?P<type>[^\[\]]+)(?:\[(?P<dyes>[^\]]*)\])?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dyeing:
    """One of the ways in which a layer may be dyed.

    Attributes:
      text: as it was written, without the weight.
      weight: of the colour, or intensity of the pattern, in [0, 1].
    """

    text: str
    weight: float = 1.0

    def draw(self, rng: np.random.Generator) -> tuple[variation.Dye | None, str]:
        """A dye, None for the mask's own colours, and its name."""
        suffix = "" if self.weight == 1 else f"~{self.weight:g}"
        if self.text == "own":
            return None, ""
        if self.text == "random":
            colour = colours.random(rng)
            name = "#{:02x}{:02x}{:02x}".format(*colour) + suffix
            return variation.Dye(colour=colour, weight=self.weight), name
        if self.text == "pattern" or self.text in textures.PATTERNS:
            known = list(textures.PATTERNS)
            name = self.text
            if name == "pattern":
                name = known[rng.integers(len(known))]
            tile = textures.pattern(name, int(rng.integers(_VARIANTS)))
        elif _is_image(self.text):
            name, tile = self.text, textures.picture(self.text)
        else:
            colour = colours.parse(self.text)
            return variation.Dye(colour=colour, weight=self.weight), self.text + suffix
        return variation.Dye(pattern=tile, intensity=self.weight), name + suffix


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """Masks of which one is worn, and how it may be dyed."""

    masks: tuple[types.Mask, ...]
    dyes: tuple[Dyeing, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """What one part of a mixture puts on a face.

    Attributes:
      layers: the outermost first.
      weight: how often, against the other items.
      wears: ways of wearing and their shares, which add up to 1 at most.
    """

    layers: tuple[Layer, ...]
    weight: float
    wears: tuple[tuple[str, float], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixture:
    """Masks to draw from at random.

    Attributes:
      items: what there is.
      size_jitter: standard deviation of the relative size of drawings.
      shift_jitter: standard deviation of their place, in face units (1 is the
        distance between the eyes).

    Example:
      >>> mixture = parse("surgical_blue[navy]@nose_out")
      >>> mask = mixture.choose(geometry.Pose(yaw=0, pitch=0, roll=0),
      ...                       np.random.default_rng(0))
      >>> mask.name, mask.kind
      ('surgical_blue[navy]@nose_out', 'surgical')
    """

    items: tuple[Item, ...]
    size_jitter: float = 0.0
    shift_jitter: float = 0.0

    @functools.cached_property
    def masks(self) -> tuple[types.Mask, ...]:
        """All that may be drawn, undyed, each once."""
        layers = (layer for item in self.items for layer in item.layers)
        return tuple(dict.fromkeys(mask for layer in layers for mask in layer.masks))

    @property
    def kinds(self) -> list[str]:
        """The types of mask, sorted: the classes of the labels of a masked set."""
        outermost = (item.layers[0] for item in self.items)
        return sorted({mask.kind for layer in outermost for mask in layer.masks})

    def digest(self) -> str:
        """Tells it from a mixture of other pictures, wherever they are stored."""
        digest = hashlib.sha256()
        for mask in self.masks:
            digest.update(mask.name.encode())
            digest.update(mask.rgba.tobytes())
            digest.update(mask.landmarks.tobytes())
        layers = (layer for item in self.items for layer in item.layers)
        for dye in (dye for layer in layers for dye in layer.dyes):
            if _is_image(dye.text):
                digest.update(textures.picture(dye.text).pixels.tobytes())
        return digest.hexdigest()[:16]

    @functools.cached_property
    def _cumulated(self) -> np.ndarray:
        return np.cumsum([item.weight for item in self.items])

    def choose(self, pose: geometry.Pose, rng: np.random.Generator) -> types.Mask:
        """Draws a mask for a face, with what is worn beneath it.

        Args:
          pose: of the face; cut-outs of a near pose are taken.
          rng: the source of randomness.
        """
        total = self._cumulated[-1]
        drawn = np.searchsorted(self._cumulated, rng.random() * total, side="right")
        item = self.items[min(int(drawn), len(self.items) - 1)]
        worn = _draw_wear(item.wears, rng)
        scale = float(np.exp(self.size_jitter * rng.standard_normal()))
        right, down = (float(v) for v in self.shift_jitter * rng.standard_normal(2))
        mask: types.Mask | None = None
        for layer in reversed(item.layers):
            own = sampling.choose(layer.masks, pose, rng)
            crease = int(rng.integers(creases.COUNT))
            dye, dyed = layer.dyes[rng.integers(len(layer.dyes))].draw(rng)
            name = own.name + (f"[{dyed}]" if dyed else "")
            if own.sheet is not None:
                varied = variation.Variation(
                    worn=wear.WEARS[worn],
                    dye=dye,
                    scale=scale,
                    shift=(right, down),
                    creases=crease,
                )
                own = dataclasses.replace(own, variation=varied)
                name += f"@{worn}" * (worn != "correct")
            if mask is not None:
                name = f"{name}+{mask.name}"
            mask = dataclasses.replace(own, name=name, under=mask)
        if mask is None:
            raise ValueError("the item has no layers")
        return mask


def parse(text: str, *, size_jitter: float = 0.0, shift_jitter: float = 0.0) -> Mixture:
    """Reads a mixture; see the module.

    Raises:
      ValueError: it cannot be read, or a name is unknown; the message says which are
        valid.
      FileNotFoundError: a masks.json or an image file does not exist.
    """
    items = tuple(_item(part) for part in _parts(text))
    if not items:
        raise ValueError("expected a mixture such as 'surgical:3, cloth', got nothing")
    if not sum(item.weight for item in items):
        raise ValueError(f"the weights of {text!r} add up to nothing")
    return Mixture(items=items, size_jitter=size_jitter, shift_jitter=shift_jitter)


def split(text: str) -> dict[str, str]:
    """The items of a mixture as mixtures of their own, by names that suit folders.

    All drawings together count as one item a kind.

    Raises:
      ValueError: the mixture cannot be read, or two items would have one name.

    Example:
      >>> split("n95:3, cloth[floral|#aa2233]@nose_out")
      {'n95': 'n95:3', 'cloth_floral_aa2233_nose_out': 'cloth[floral|#aa2233]@nose_out'}
    """
    kinds = dict.fromkeys(mask.kind for mask in drawing.builtin_masks())
    named: dict[str, str] = {}
    for part in _parts(text):
        for item in kinds if part.lower() in _ALL else (part,):
            parse(item)
            match = _ITEM.fullmatch(item)
            shown = match["layers"] + match["wear"] if match else item
            name = re.sub(r"[^\w]+", "_", shown).strip("_")
            if name in named:
                raise ValueError(f"two items of {text!r} would be called {name!r}")
            named[name] = item
    if not named:
        raise ValueError(f"expected a mixture such as 'surgical, cloth', got {text!r}")
    return named


def _parts(text: str) -> list[str]:
    return [p.strip() for p in re.split(r",(?![^\[]*\])", text) if p.strip()]


def _item(text: str) -> Item:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise ValueError(
            f"cannot read {text!r}; expected type[dyes]:weight@wear=share, as in "
            "'cloth[floral|navy~0.5]:2@nose_out=0.1'"
        )
    layers = re.split(r"\+(?![^\[]*\])", match["layers"])
    wears = []
    for one in match["wear"].split("@")[1:]:
        name, _, share = (piece.strip() for piece in one.partition("="))
        wear.find(name)
        wears.append((name, _number(share or "1", text, most=1.0)))
    if sum(share for _, share in wears) > 1 + 1e-9:
        raise ValueError(f"the shares of wear in {text!r} add up to more than 1")
    return Item(
        layers=tuple(_layer(layer.strip()) for layer in layers),
        weight=_number((match["weight"] or "1").strip(), text, most=np.inf),
        wears=tuple(wears),
    )


def _layer(text: str) -> Layer:
    match = _LAYER.fullmatch(text)
    if match is None:
        raise ValueError(f"cannot read {text!r}; expected a type or type[dyes]")
    name, dyes = match["type"].strip(), match["dyes"]
    if not name.endswith(".json") and "-" in name and dyes is None:
        name, dyes = name.split("-", 1)  # MaskTheFace's
    masks = _masks(name)
    parsed = [_dyeing(dye.strip()) for dye in (dyes or "own").split("|")]
    return Layer(masks=masks, dyes=tuple(parsed))


def _masks(name: str) -> tuple[types.Mask, ...]:
    if name.endswith(".json"):
        return database.load(name)
    wanted = name.lower()
    known = drawing.builtin_masks()
    kinds = list(dict.fromkeys(mask.kind for mask in known))
    found = tuple(mask for mask in known if wanted in (mask.name, mask.kind))
    if wanted in holes.FILLS:
        found = tuple(mask for mask in drawing.holes() if mask.kind == wanted)
    if wanted in _ALL:
        found = known
    if not found:
        raise ValueError(
            f"unknown mask {name!r}; expected {database.BUILTIN}, a masks.json, a kind "
            f"({', '.join(kinds)}) or one of {', '.join(mask.name for mask in known)}"
        )
    return found


def _dyeing(text: str) -> Dyeing:
    name, _, weight = (piece.strip() for piece in text.rpartition("~"))
    if not name:
        name, weight = text, "1"
    parsed = Dyeing(text=name, weight=_number(weight, text, most=1.0))
    parsed.draw(np.random.default_rng(0))  # whether the name is known
    return parsed


def _is_image(text: str) -> bool:
    return pathlib.PurePath(text).suffix.lower() in images.SUFFIXES


def _draw_wear(wears: tuple[tuple[str, float], ...], rng: np.random.Generator) -> str:
    rest = rng.random()
    for name, share in wears:
        if rest < share:
            return name
        rest -= share
    return "correct"


def _number(text: str, item: str, *, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 <= value <= most or not np.isfinite(value):
        bound = f"from 0 to {most:g}" if np.isfinite(most) else "of 0 or more"
        raise ValueError(f"expected a number {bound}, got {text!r} in {item!r}")
    return value
