"""The built-in drawn masks: a declarative record each.

Outlines and everything else that lies on a mask are given in sheet coordinates (u, v)
of its right half (see `surface`); colours are RGB in full light.
"""

import dataclasses

from maskarc.masks import holes

Points = tuple[tuple[float, float], ...]
Colour = tuple[int, int, int]

# From the top of the nose bridge round the side to below the chin.
_PAPER = (
    (0.00, 0.12), (0.13, 0.15), (0.27, 0.26), (0.45, 0.32), (0.75, 0.36), (1.05, 0.38),
    (1.30, 0.42), (1.38, 0.72), (1.38, 1.00), (1.36, 1.25), (1.30, 1.50), (1.02, 1.68),
    (0.65, 1.84), (0.30, 1.89), (0.00, 1.90),
)  # fmt: skip
_CUP = (
    (0.00, 0.05), (0.15, 0.10), (0.30, 0.26), (0.50, 0.38), (0.75, 0.50), (1.00, 0.64),
    (1.16, 0.84), (1.20, 1.08), (1.16, 1.32), (1.04, 1.54), (0.75, 1.75), (0.38, 1.87),
    (0.00, 1.89),
)  # fmt: skip
_KEEL = (
    (0.00, 0.06), (0.14, 0.12), (0.30, 0.27), (0.52, 0.37), (0.85, 0.48), (1.18, 0.62),
    (1.34, 0.78), (1.36, 1.00), (1.34, 1.22), (1.20, 1.46), (0.85, 1.70), (0.42, 1.86),
    (0.00, 1.91),
)  # fmt: skip
_CLOTH = (
    (0.00, 0.13), (0.14, 0.17), (0.29, 0.28), (0.52, 0.35), (0.85, 0.43), (1.15, 0.53),
    (1.40, 0.66), (1.43, 0.92), (1.42, 1.18), (1.32, 1.44), (1.02, 1.67), (0.62, 1.84),
    (0.30, 1.90), (0.00, 1.91),
)  # fmt: skip
_BILL = (
    (0.00, 0.07), (0.14, 0.12), (0.30, 0.27), (0.55, 0.38), (0.85, 0.52), (1.10, 0.70),
    (1.26, 0.92), (1.26, 1.14), (1.10, 1.40), (0.80, 1.67), (0.40, 1.86), (0.00, 1.90),
)  # fmt: skip
_RUBBER = (
    (0.00, 0.02), (0.16, 0.10), (0.32, 0.28), (0.52, 0.41), (0.78, 0.52), (1.00, 0.70),
    (1.14, 0.96), (1.15, 1.26), (1.06, 1.50), (0.80, 1.74), (0.42, 1.88), (0.00, 1.92),
)  # fmt: skip

_EAR_LOOPS = (((1.28, 0.52), (1.60, 0.34), (1.95, 0.16)),
              ((1.26, 1.46), (1.62, 1.02), (1.95, 0.66)))  # fmt: skip
_HEADBANDS = (((1.02, 0.72), (1.50, 0.36), (2.00, -0.04)),
              ((1.12, 1.36), (1.55, 1.40), (2.00, 1.34)))  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
    """How a mask looks.

    Attributes:
      kind: what it is.
      form: how it stands off the face, a name in `forms.FORMS`.
      outline: right half of the outline, (u, v), top to bottom.
      colour: RGB of the fabric.
      pattern: a name in `textures.PATTERNS` that the fabric shows, or none.
      band: width of the edge band in face units; 0 for none.
      band_colour: RGB of the band.
      pleats: v of the horizontal folds in the middle of the face.
      seams: lines (u, v) on the right half where fabric is joined.
      stitched: whether small stitches run beside band and seams.
      wire: whether a nose wire shows through below the upper edge.
      straps: lines (u, v) that the straps follow on the right half, from the sheet.
      strap_width: in face units.
      strap_colour: RGB of straps.
      valve: (u, v, radius) of a breathing valve on one side, or none.
      filters: (u, v, radius) of a filter on either side, or none.
      bumps: depth of a moulded or woven relief of the fabric, 0 for smooth.
      gloss: strength of highlights, 0 for cloth.
      creases: depth of the creases of a wearing, as brightness; 0 for a stiff mask.
      fill: see `types.Sheet`.
    """

    kind: str
    form: str
    outline: Points
    colour: Colour
    pattern: str = ""
    band: float = 0.0
    band_colour: Colour = (245, 245, 245)
    pleats: tuple[float, ...] = ()
    seams: tuple[Points, ...] = ()
    stitched: bool = False
    wire: bool = False
    straps: tuple[Points, ...] = ()
    strap_width: float = 0.03
    strap_colour: Colour = (240, 240, 240)
    valve: tuple[float, float, float] | None = None
    filters: tuple[float, float, float] | None = None
    bumps: float = 0.0
    gloss: float = 0.0
    creases: float = 0.0
    fill: str = ""


def _surgical(colour: Colour, band_colour: Colour) -> Style:
    return Style(
        kind="surgical", form="sheet", outline=_PAPER, colour=colour,
        band=0.055, band_colour=band_colour, pleats=(0.70, 0.98, 1.26), stitched=True,
        wire=True, straps=_EAR_LOOPS, bumps=0.5, creases=0.11,
    )  # fmt: skip


def _n95(colour: Colour, *, valve: bool = False) -> Style:
    darker = (colour[0] - 10, colour[1] - 10, colour[2] - 10)
    return Style(
        kind="n95", form="cup", outline=_CUP, colour=colour, band=0.07,
        band_colour=darker, straps=_HEADBANDS, strap_width=0.05,
        strap_colour=(226, 196, 110), wire=True, bumps=0.5, creases=0.02,
        seams=(((0.0, 0.60), (0.55, 0.74), (0.95, 1.02)),),
        valve=(0.30, 1.02, 0.17) if valve else None,
    )  # fmt: skip


def _kn95(colour: Colour) -> Style:
    return Style(
        kind="kn95", form="fold", outline=_KEEL, colour=colour, band=0.06,
        band_colour=colour, seams=(((0.0, 0.0), (0.0, 2.0)),), stitched=True,
        straps=_EAR_LOOPS, wire=True, bumps=0.4, creases=0.06,
    )  # fmt: skip


def _cloth(colour: Colour, pattern: str = "") -> Style:
    band = (int(colour[0] * 0.86), int(colour[1] * 0.86), int(colour[2] * 0.86))
    return Style(
        kind="cloth", form="sheet", outline=_CLOTH, colour=colour, pattern=pattern,
        band=0.045, band_colour=band, seams=(((0.0, 0.0), (0.0, 2.0)),), stitched=True,
        straps=(((1.36, 0.74), (1.65, 0.42), (1.95, 0.18)),
                ((1.32, 1.36), (1.65, 0.98), (1.95, 0.66))),
        strap_colour=band, strap_width=0.035, bumps=0.6, creases=0.11,
    )  # fmt: skip


def _duckbill(colour: Colour) -> Style:
    return Style(
        kind="duckbill", form="bill", outline=_BILL, colour=colour, band=0.05,
        band_colour=colour, seams=(((0.0, 1.0), (0.60, 1.0), (1.26, 1.03)),),
        stitched=True, straps=_HEADBANDS, strap_width=0.045, wire=True, bumps=0.3,
        creases=0.06,
    )  # fmt: skip


def _gas(colour: Colour) -> Style:
    return Style(
        kind="gas", form="respirator", outline=_RUBBER, colour=colour, band=0.09,
        band_colour=(int(colour[0] * 0.8), int(colour[1] * 0.8), int(colour[2] * 0.8)),
        straps=(((0.96, 0.78), (1.45, 0.42), (2.00, -0.02)),
                ((1.04, 1.30), (1.50, 1.34), (2.00, 1.30))),
        strap_width=0.075, strap_colour=(42, 42, 46), filters=(0.60, 1.14, 0.29),
        valve=(0.0, 0.98, 0.19), gloss=0.22,
    )  # fmt: skip


STYLES: dict[str, Style] = {
    "surgical_blue": _surgical((140, 196, 226), (192, 220, 236)),
    "surgical_white": _surgical((228, 232, 233), (240, 242, 242)),
    "surgical_green": _surgical((112, 206, 184), (176, 226, 214)),
    "surgical_black": _surgical((44, 45, 50), (54, 55, 60)),
    "surgical_pink": _surgical((232, 184, 196), (240, 208, 216)),
    "n95_white": _n95((236, 235, 230)),
    "n95_valve": _n95((232, 231, 227), valve=True),
    "n95_grey": _n95((150, 154, 160), valve=True),
    "kn95_white": _kn95((238, 239, 238)),
    "kn95_black": _kn95((46, 46, 50)),
    "kn95_grey": _kn95((142, 145, 150)),
    "cloth_black": _cloth((38, 38, 42)),
    "cloth_navy": _cloth((44, 56, 92)),
    "cloth_red": _cloth((158, 44, 48)),
    "cloth_checked": _cloth((206, 197, 188), "check"),
    "cloth_floral": _cloth((224, 214, 206), "floral"),
    "duckbill_white": _duckbill((238, 238, 235)),
    "duckbill_blue": _duckbill((150, 188, 214)),
    "gas_black": _gas((52, 53, 57)),
    "gas_grey": _gas((120, 124, 130)),
}

# Holes in the shape of a mask, which are no masks: never drawn from by chance.
HOLES: dict[str, Style] = {
    fill: Style(kind=fill, form="sheet", outline=_PAPER, colour=(0, 0, 0), fill=fill)
    for fill in holes.FILLS
}
