import numpy as np

from maskarc.masks import mixture, wearing


def test_the_generator_depends_on_seed_and_name_alone():
    def first(seed, name):
        return wearing.photo_rng(seed, name).integers(2**32)

    assert first(3, "a/b.jpg") == first(3, "a/b.jpg")
    assert len({first(s, n) for s in (0, 1, 2) for n in ("a", "b", "ä/ö.jpg")}) == 9


def test_the_chosen_mask_is_the_one_put_on(noise, project, make_mask):
    masks = (make_mask((250, 0, 0), name="red"), make_mask((0, 0, 250), name="blue"))
    seen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        result, mask = wearing.put_on(noise, project(), masks, rng)
        red, _, blue = result[120, 100].astype(int)
        assert ("red" if red > blue else "blue") == mask.name
        seen.add(mask.name)
    assert seen == {"red", "blue"}


def test_a_mixture_is_drawn_from(project):
    photo = np.full((240, 200, 3), (200, 150, 120), np.uint8)
    drawn = mixture.parse("cloth_black[red], cloth_black[blue]")
    seen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        result, mask = wearing.put_on(photo, project(), drawn, rng)
        red, _, blue = result[145, 70].astype(int)
        assert ("[red]" if red > blue else "[blue]") in mask.name
        seen.add(mask.name)
    assert len(seen) == 2
