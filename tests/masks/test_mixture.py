import collections

import numpy as np
import PIL.Image
import pytest

from maskarc import geometry
from maskarc.masks import database, mixture, textures, types, wear

FRONTAL = geometry.Pose(yaw=0.0, pitch=0.0, roll=0.0)


def draw(text, count, seed=0, **options):
    rng, parsed = np.random.default_rng(seed), mixture.parse(text, **options)
    return [parsed.choose(FRONTAL, rng) for _ in range(count)]


def test_weights_are_shares():
    kinds = collections.Counter(m.kind for m in draw("surgical:3, n95:1, gas:0", 2000))
    assert set(kinds) == {"surgical", "n95"}
    assert abs(kinds["surgical"] / 2000 - 0.75) < 0.04


def test_wear_comes_in_its_shares():
    masks = draw("n95@nose_out=0.2@loose=0.3", 2000)
    worn = collections.Counter(m.variation.worn for m in masks)
    for name, share in (("nose_out", 0.2), ("loose", 0.3), ("correct", 0.5)):
        assert abs(worn[wear.WEARS[name]] / 2000 - share) < 0.04
    assert {m.variation.worn for m in draw("n95@high", 5)} == {wear.WEARS["high"]}


def test_colours():
    [mask] = draw("surgical_blue[#aa2233~0.5]", 1)
    assert mask.variation.dye.colour == (0xAA, 0x22, 0x33)
    assert mask.variation.dye.weight == 0.5
    assert mask.name == "surgical_blue[#aa2233~0.5]"
    [mask] = draw("surgical_blue[Navy]", 1)
    assert mask.variation.dye.colour == (0, 0, 128)  # CSS
    colours = {m.variation.dye.colour for m in draw("cloth[random]", 20)}
    assert len(colours) == 20


def test_alternatives_are_equally_likely():
    masks = draw("cloth_black[floral|navy|own]", 1500)
    names = collections.Counter(m.name for m in masks)
    assert set(names) == {"cloth_black[floral]", "cloth_black[navy]", "cloth_black"}
    assert min(names.values()) > 420


def test_layers_lie_over_each_other():
    [mask] = draw("cloth_red + surgical_blue[red|red]@low", 1)
    assert (mask.kind, mask.under.kind) == ("cloth", "surgical")
    assert mask.name == "cloth_red@low+surgical_blue[red]@low"
    assert mask.under.under is None


def test_jitter():
    assert {m.variation.scale for m in draw("gas", 3)} == {1.0}
    masks = draw("gas", 400, size_jitter=0.05, shift_jitter=0.1)
    assert abs(np.std(np.log([m.variation.scale for m in masks])) - 0.05) < 0.01
    shifts = np.array([m.variation.shift for m in masks])
    np.testing.assert_allclose(shifts.std(axis=0), 0.1, atol=0.02)


def test_the_rng_decides():
    first, second = (draw("any[random|pattern]", 30, seed=4) for _ in range(2))
    assert [m.name for m in first] == [m.name for m in second]
    assert len({m.kind for m in first}) > 3


def test_codes_of_mask_the_face(tmp_path):
    path = tmp_path / "check_4.jpg"
    PIL.Image.new("RGB", (40, 30), (10, 200, 30)).save(path)
    code = f"cloth-{path}, cloth-#e54294, surgical-green, N95"
    items = mixture.parse(code).items
    assert [item.layers[0].masks[0].kind for item in items] == [
        "cloth", "cloth", "surgical", "n95",
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    dyes = [item.layers[0].dyes[0].draw(rng)[0] for item in items]
    assert abs(int(dyes[0].pattern.pixels[5, 5, 1]) - 200) < 4
    assert [dye and dye.colour for dye in dyes[1:]] == [
        (0xE5, 0x42, 0x94), (0, 128, 0), None,
    ]  # fmt: skip


def test_cut_outs_of_a_database(tmp_path, make_mask):
    database.save(tmp_path / "one.json", [make_mask(name="one")])
    [mask] = draw(str(tmp_path / "one.json"), 1)
    assert (mask.name, mask.kind) == ("one", types.PHOTO)


def test_what_a_mixture_holds(tmp_path, make_mask):
    database.save(tmp_path / "one.json", [make_mask(name="one")])
    mixed = mixture.parse(f"builtin, {tmp_path}/one.json:2, cloth+n95")
    assert len(mixed.masks) == len(database.load("builtin")) + 1
    assert mixed.kinds == sorted({mask.kind for mask in mixed.masks})
    assert mixture.parse("gas, cloth+n95").kinds == ["cloth", "gas"]


def test_the_digest_tells_pictures_apart(tmp_path):
    path = tmp_path / "cloth.png"
    digests = []
    for colour in ((10, 20, 30), (10, 20, 31), (10, 20, 30)):
        PIL.Image.new("RGB", (8, 8), colour).save(path)
        textures.picture.cache_clear()
        digests.append(mixture.parse(f"cloth[{path}]").digest())
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got nothing"),
        ("balaclava", "surgical_blue"),
        ("cloth[paisley]", "unknown colour 'paisley'"),
        ("cloth@sideways", "under_chin"),
        ("cloth:many", "expected a number"),
        ("cloth:-1", "expected a number"),
        ("cloth:0", "add up to nothing"),
        ("cloth[navy~2]", "from 0 to 1"),
        ("cloth@low=0.6@high=0.6", "more than 1"),
        ("cloth[navy", "cannot read"),
    ],
)
def test_mistakes_are_explained(text, message):
    with pytest.raises(ValueError, match=message):
        mixture.parse(text)


def test_missing_files_are_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        mixture.parse("nowhere.json")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        mixture.parse("cloth[nowhere.png]")


def test_items_by_names_for_folders(tmp_path):
    assert mixture.split("n95_grey:3, cloth[#aa2233~0.5]+surgical@low=0.5") == {
        "n95_grey": "n95_grey:3",
        "cloth_aa2233_0_5_surgical_low_0_5": "cloth[#aa2233~0.5]+surgical@low=0.5",
    }
    assert list(mixture.split("builtin")) == [
        "surgical", "n95", "kn95", "cloth", "duckbill", "gas",
    ]  # fmt: skip
    with pytest.raises(ValueError, match=r"two items .* 'n95'"):
        mixture.split("n95, n95:2")
    with pytest.raises(ValueError, match="unknown mask"):
        mixture.split("n96")
    with pytest.raises(ValueError, match="expected a mixture"):
        mixture.split(" , ")
