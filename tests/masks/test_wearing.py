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
        worn = wearing.put_on(noise, project(), masks, rng)
        red, _, blue = worn.image[120, 100].astype(int)
        assert ("red" if red > blue else "blue") == worn.mask.name
        assert worn.alpha[120, 100] == 255 and worn.alpha[0, 0] == 0
        seen.add(worn.mask.name)
    assert seen == {"red", "blue"}


def test_every_face_has_its_own_generator_and_the_smallest_is_last(make_mask, project):
    photo = np.full((300, 300, 3), 128, np.uint8)
    masks = tuple(
        make_mask((level, 255 - level, 80), name=str(level))
        for level in range(0, 250, 5)
    )
    small = project(scale=30, centre=(150.0, 130.0))
    large = project(scale=90, centre=(150.0, 100.0))
    degenerate = np.full((68, 2), np.nan)
    faces = [large, degenerate, small]
    image, worn = wearing.put_on_all(photo, faces, masks, seed=1, name="x")
    assert isinstance(worn[1], ValueError)
    for number in (0, 2):
        rng = wearing.photo_rng(1, "x", number)
        alone = wearing.put_on(photo, faces[number], masks, rng)
        assert worn[number].mask is alone.mask
        np.testing.assert_array_equal(worn[number].alpha, alone.alpha)
        assert worn[number].image is image
    # Both cover this pixel; the small face's mask is the one that shows.
    x, y = np.rint(small[33]).astype(int)
    assert worn[0].alpha[y, x] == worn[2].alpha[y, x] == 255
    again, _ = wearing.put_on_all(photo, faces[::-1], masks, seed=1, name="x")
    second = wearing.put_on(
        wearing.put_on(photo, large, masks, wearing.photo_rng(1, "x", 0)).image,
        small,
        masks,
        wearing.photo_rng(1, "x", 2),
    )
    np.testing.assert_array_equal(image, second.image)
    assert again.shape == photo.shape and (photo == 128).all()


def test_a_mixture_is_drawn_from(project):
    photo = np.full((240, 200, 3), (200, 150, 120), np.uint8)
    drawn = mixture.parse("cloth_black[red], cloth_black[blue]")
    seen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        worn = wearing.put_on(photo, project(), drawn, rng)
        red, _, blue = worn.image[145, 70].astype(int)
        assert ("[red]" if red > blue else "[blue]") in worn.mask.name
        seen.add(worn.mask.name)
    assert len(seen) == 2
