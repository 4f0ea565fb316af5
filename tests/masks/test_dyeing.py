import numpy as np
import PIL.Image
import pytest

from maskarc.masks import colours, drawing, dyeing, textures, types, variation

_OPAQUE_BLACK = np.zeros((40, 60, 4), np.uint8)
_OPAQUE_BLACK[..., 3] = 255
SHEET = types.Sheet(
    form="sheet",
    knobs=None,
    fixed=_OPAQUE_BLACK,
    fabric=np.full((40, 60), round(types.FULL), np.uint8),
    dye=variation.Dye(colour=(100, 150, 200)),
)


@pytest.mark.parametrize("level", [0, 3])
def test_colours_are_mixed_by_weight(level):
    own = dyeing.dyed(SHEET, None, level, 20.0)
    assert (own[..., :3] == (100, 150, 200)).all()
    dye = variation.Dye(colour=(200, 50, 0), weight=0.25)
    mixed = dyeing.dyed(SHEET, dye, level, 20.0)
    # 0.75 · own + 0.25 · dye
    assert np.abs(mixed[..., :3].astype(int) - (125, 125, 150)).max() <= 1
    assert (mixed[..., 3] == 255).all()


def test_patterns_are_mixed_by_intensity():
    pixels = np.full((8, 8, 3), (0, 250, 100), np.uint8)
    tile = textures.Pattern(pixels=pixels, spread=0.4, name="plain")
    for intensity, expected in ((1.0, (0, 250, 100)), (0.5, (50, 200, 150))):
        dye = variation.Dye(pattern=tile, intensity=intensity)
        mixed = dyeing.dyed(SHEET, dye, 0, 20.0)
        assert np.abs(mixed[..., :3].astype(int) - expected).max() <= 1


def test_bands_and_straps_keep_their_colour():
    [mask] = [m for m in drawing.builtin_masks() if m.name == "n95_white"]
    dye = variation.Dye(colour=(0, 0, 255))
    before = dyeing.dyed(mask.sheet, None, 0, drawing.SCALE).astype(int)
    after = dyeing.dyed(mask.sheet, dye, 0, drawing.SCALE).astype(int)
    is_fabric = mask.sheet.fabric > 100
    assert (after[is_fabric][:, 2] > after[is_fabric][:, 0] + 100).all()
    is_fixed = mask.sheet.fabric == 0
    np.testing.assert_array_equal(after[is_fixed], before[is_fixed])


@pytest.mark.parametrize("name", textures.PATTERNS)
def test_patterns_repeat_without_a_seam(name):
    if name in ("flag", "smile"):  # one picture across the mask
        return
    for variant in range(3):
        tile = textures.pattern(name, variant).pixels.astype(int)
        across = np.abs(np.diff(tile, axis=1)).mean(axis=(0, 2))
        seam = np.abs(tile[:, 0] - tile[:, -1]).mean()
        assert seam <= across.max() + 1


def test_variants_differ_and_repeat():
    first, second = (textures.pattern("floral", n).pixels for n in (1, 2))
    assert (first != second).any()
    textures._generated.cache_clear()
    np.testing.assert_array_equal(textures.pattern("floral", 1).pixels, first)


def test_a_picture_is_shrunk_and_centred(tmp_path):
    picture = np.zeros((900, 1200, 3), np.uint8)
    picture[300:600, 400:800] = 255
    PIL.Image.fromarray(picture).save(tmp_path / "a.png")
    tile = textures.picture(str(tmp_path / "a.png"))
    assert max(tile.pixels.shape) == 512
    canvas = textures.tiled(tile, 40.0, (100, 160))
    assert canvas[50, 80].min() > 250 and canvas[50, 30].max() < 5


def test_unknown_patterns_are_answered_with_the_known():
    with pytest.raises(ValueError, match="camouflage"):
        textures.pattern("houndstooth")


@pytest.mark.parametrize("text", ["#12", "blurple", "", "rgb(1,2"])
def test_unknown_colours_are_explained(text):
    with pytest.raises(ValueError, match="#rrggbb"):
        colours.parse(text)


def test_random_colours_spread_over_lightness():
    rng = np.random.default_rng(0)
    drawn = np.array([colours.random(rng) for _ in range(300)])
    assert drawn.min() >= 0 and drawn.max() <= 255
    luma = drawn @ [0.299, 0.587, 0.114]
    assert np.percentile(luma, 10) < 70 and np.percentile(luma, 90) > 180
