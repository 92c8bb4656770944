"""The gallery, fitting to a network's input, 8-bit encoding and seeds."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import explorer.images
from explorer.images import (
    PictureError,
    fit,
    from_8bit,
    from_png,
    gallery,
    make_seed,
    seeds,
    to_8bit,
    to_png,
)

ROOT = Path(__file__).parents[1]
FOLDER = Path(explorer.images.__file__).parent / "gallery"


def test_importing_the_package_loads_neither_torch_nor_another_package_above_it():
    code = """
import sys, explorer
before = set(sys.modules)
import explorer.images, explorer.images.gallery
print(*set(sys.modules) - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "explorer.images.gallery" in loaded
    assert "torch" not in loaded
    ours = [name for name in loaded if name.startswith("explorer.")]
    below = ("explorer.images", "explorer.errors", "explorer.registry")
    assert all(name.startswith(below) for name in ours)


# Gallery


def test_gallery_holds_forty_or_more_different_photos_that_anyone_may_use():
    pictures = [gallery.describe(name) for name in gallery.names()]
    assert len({gallery.digest(name) for name in gallery.names()}) == len(pictures) >= 40
    assert "astronaut" in gallery.names()
    assert len({picture.kind for picture in pictures}) >= 8
    for picture in pictures:
        assert picture.licence.startswith(("Public domain", "CC0 1.0"))
        assert picture.source.startswith("https://")
        assert picture.credit
        assert re.fullmatch(r"[A-Z].{30,160}\.", picture.alt)
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", picture.name)


@pytest.mark.parametrize("name", gallery.names())
def test_every_gallery_picture_loads_small_and_keeps_no_metadata(name):
    picture = gallery.load(name)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert min(picture.shape[:2]) >= 300
    assert max(picture.shape[:2]) <= 512
    with Image.open(FOLDER / gallery.describe(name).file) as image:
        image.load()
        assert not image.getexif()
        assert not {"icc_profile", "xmp", "comment", "exif"} & set(image.info)


def test_gallery_files_and_credits_agree_and_stay_small():
    listed = {row["file"] for row in json.loads((FOLDER / "credits.json").read_text("utf-8"))}
    present = {path.name for path in FOLDER.iterdir() if path.suffix in (".png", ".jpg")}
    assert listed == present
    assert sum((FOLDER / name).stat().st_size for name in present) <= 5e6
    readable = (FOLDER / "CREDITS.md").read_text("utf-8")
    for name in gallery.names():
        picture = gallery.describe(name)
        facts = (picture.file, picture.alt, picture.credit, picture.licence, picture.source)
        for fact in (*facts, picture.taken_from, picture.changes):
            assert fact in readable


def test_unknown_gallery_name_lists_the_nearest_names():
    with pytest.raises(PictureError, match=r"'astronut'; did you mean 'astronaut'\?"):
        gallery.load("astronut")
    with pytest.raises(PictureError, match="choose one of astronaut"):
        gallery.describe("../credits.json")


# Fitting


def test_fit_halves_a_picture_of_blocks_to_the_blocks_themselves():
    blocks = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    large = blocks.repeat(16, axis=0).repeat(16, axis=1)
    reduced = fit(large, (64, 64))
    assert reduced.shape == (3, 64, 64)
    assert reduced.dtype == np.float32
    # Every block is 8×8 px in the result; away from its edge it keeps its colour exactly.
    np.testing.assert_array_equal(reduced[:, 4::8, 4::8] * 255, blocks.transpose(2, 0, 1))


def test_fit_antialiases_as_a_triangle_filter_computed_by_hand_does():
    columns = np.random.default_rng(1).integers(0, 256, 60, dtype=np.uint8)
    picture = np.repeat(columns[None, :, None], 60, axis=0).repeat(3, axis=2)
    expected = []
    for i in range(20):  # three times smaller: the triangle is ±3 px wide around each centre
        weights = np.maximum(0, 1 - np.abs((np.arange(60) + 0.5 - (i + 0.5) * 3) / 3))
        expected.append((weights * columns).sum() / weights.sum())
    result = fit(picture, (20, 20))[0, 10] * 255
    np.testing.assert_allclose(result, expected, atol=1)


def test_fit_keeps_the_centre_of_a_long_picture():
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, 100:200] = 255
    np.testing.assert_array_equal(fit(picture, (100, 100)), np.ones((3, 100, 100)))
    upright = np.ascontiguousarray(picture.transpose(1, 0, 2))
    np.testing.assert_array_equal(fit(upright, (100, 100)), np.ones((3, 100, 100)))


def test_fit_with_crop_pct_cuts_the_border_away():
    picture = np.zeros((256, 256, 3), np.uint8)
    picture[16:240, 16:240] = 255
    np.testing.assert_array_equal(fit(picture, (224, 224), crop_pct=0.875), np.ones((3, 224, 224)))


@pytest.mark.parametrize("size", [(64, 64), (224, 224), (96, 160), (160, 96), (7, 300)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_fit_gives_the_asked_size_on_8_bit_levels(size, interpolation):
    for shape in ((33, 517, 3), (517, 33, 3), (16, 16, 3)):
        picture = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
        image = fit(picture, size, crop_pct=0.9, interpolation=interpolation)
        assert image.shape == (3, *size)
        np.testing.assert_array_equal(image, from_8bit(from_png(to_png(to_8bit(image)))))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"crop_pct": 0}, "above 0 and at most 1"),
        ({"crop_pct": math.nan}, "above 0 and at most 1"),
        ({"input_size": (0, 64)}, "1 to 4096 px"),
        ({"interpolation": "bicubc"}, "did you mean 'bicubic'"),
        ({"picture": np.zeros((3, 64, 64), np.float32)}, "uint8 H×W×3"),
    ],
)
def test_fit_refuses_what_it_cannot_do(arguments, said):
    usual = {"picture": np.zeros((32, 32, 3), np.uint8), "input_size": (64, 64)}
    with pytest.raises(PictureError, match=said):
        fit(**(usual | arguments))


# Encoding


def test_all_8_bit_levels_survive_the_way_to_float_and_back():
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    image = from_8bit(levels)
    assert image.dtype == np.float32
    assert image[0, 0, 1] == np.float32(1) / np.float32(255)
    np.testing.assert_array_equal(to_8bit(image), levels)
    np.testing.assert_array_equal(from_png(to_png(levels)), levels)


def test_rounding_goes_to_the_nearest_level_and_clips():
    values = np.array([-0.5, 0.4 / 255, 0.6 / 255, 253.6 / 255, 1.0, 3.0])
    image = np.broadcast_to(values, (3, 1, 6)).astype(np.float32)
    np.testing.assert_array_equal(to_8bit(image)[0, :, 0], [0, 0, 1, 254, 255, 255])


def test_an_image_with_nan_or_a_wrong_shape_is_refused():
    with pytest.raises(PictureError, match="NaN"):
        to_8bit(np.full((3, 4, 4), np.nan, np.float32))
    with pytest.raises(PictureError, match="3×H×W"):
        to_8bit(np.zeros((4, 4, 3), np.float32))


def test_a_png_is_the_same_each_time_and_holds_nothing_but_the_picture():
    picture = np.random.default_rng(4).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    data = to_png(picture)
    assert data == to_png(picture.copy())
    assert not re.search(rb"tEXt|iTXt|zTXt|tIME|pHYs|gAMA|iCCP|eXIf", data)


# Seeds


def test_seed_kinds_are_those_of_the_command_line_and_explain_themselves():
    assert set(seeds.kinds()) == {
        *("noise", "light-noise", "grey-noise", "feather-noise", "fourier-noise"),
        *("uniform", "white", "black"),
    }
    for name in seeds.kinds():
        kind = seeds.describe(name)
        assert kind.name == name
        assert kind.title
        assert kind.help.endswith(".")


def test_no_seed_kind_has_the_name_of_a_gallery_picture():
    assert not set(seeds.kinds()) & set(gallery.names())


@pytest.mark.parametrize("kind", seeds.kinds())
def test_a_seed_is_an_image_in_range_and_reproducible(kind):
    seed = make_seed(kind, (24, 40), 7)
    assert seed.shape == (3, 24, 40)
    assert seed.dtype == np.float32
    assert seed.min() >= 0
    assert seed.max() <= 1
    np.testing.assert_array_equal(seed, make_seed(kind, (24, 40), 7))
    other = make_seed(kind, (24, 40), 8)
    assert np.array_equal(seed, other) == (kind in ("white", "black"))


def test_seeds_have_the_statistics_that_their_formulae_promise():
    normal_above_1 = 0.5 * math.erfc(1 / math.sqrt(2))
    noise = make_seed("noise", (200, 200), 0)
    assert np.mean(noise == 0) == pytest.approx(0.5, abs=0.01)
    assert np.mean(noise == 1) == pytest.approx(normal_above_1, abs=0.01)
    light = make_seed("light-noise", (200, 200), 0)
    assert np.sqrt(np.mean(light**2)) == pytest.approx(0.01 / math.sqrt(2), rel=0.02)
    for kind, deviation in (("grey-noise", 0.1), ("feather-noise", 0.05)):
        grey = make_seed(kind, (200, 200), 0)
        assert grey.mean() == pytest.approx(0.5, abs=0.002)
        assert grey.std() == pytest.approx(deviation, rel=0.02)
    uniform = make_seed("uniform", (200, 200), 0)
    assert uniform.std() == pytest.approx(1 / math.sqrt(12), rel=0.02)
    assert (make_seed("white", (9, 9), 0) == 1).all()
    assert (make_seed("black", (9, 9), 0) == 0).all()


@pytest.mark.parametrize("size", [(12, 10), (9, 15)])
def test_fourier_noise_is_lucids_image_of_normal_numbers(size):
    """By a sum over the frequencies of the half-plane, whose mirror images are added."""
    height, width = size
    root = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    mixing = root / np.sqrt((root**2).sum(0).max())
    rng = np.random.Generator(np.random.PCG64(5))
    drawn = rng.standard_normal((3, height, width // 2 + 1, 2))
    planes = np.zeros((3, height, width))
    y, x = np.indices(size)
    for row, column in np.ndindex(height, width // 2 + 1):
        down = (row if row <= height // 2 else row - height) / height
        across = column / width
        factor = 1 / max(math.sqrt(down**2 + across**2), 1 / max(size))
        alone = column == 0 or 2 * column == width
        angle = 2 * np.pi * (down * y + across * x)
        for plane, (real, imaginary) in zip(planes, drawn[:, row, column], strict=True):
            wave = factor * (real * np.cos(angle) - imaginary * np.sin(angle))
            plane += wave if alone else 2 * wave
    planes /= 4 * math.sqrt(height * width)
    expected = 1 / (1 + np.exp(-np.einsum("cd,dhw->chw", mixing, planes)))
    np.testing.assert_allclose(make_seed("fourier-noise", size, 5), expected, rtol=0, atol=1e-6)


def test_fourier_noise_has_the_published_deviation_and_no_channel_at_its_bounds():
    for side in (32, 64, 224):
        seed = make_seed("fourier-noise", (side, side), 0)
        assert seed.std() == pytest.approx(0.22, abs=0.04)
        assert seed.min() > 0.5 / 255
        assert seed.max() < 1 - 0.5 / 255


def test_a_seed_is_the_one_that_numpy_s_pcg64_stream_gives():
    # The first draws of PCG64 with seed 0, as numpy's documentation prints them.
    first = make_seed("grey-noise", (1, 2), 0)[0, 0]
    np.testing.assert_allclose(first, 0.5 + 0.1 * np.array([0.12573022, -0.13210486]), rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "rng_seed", "said"),
    [
        ("nois", 0, "did you mean 'noise'"),
        ("astronaut", 0, "unknown seed kind 'astronaut'"),
        ("noise", -1, "at least 0, not -1"),
        ("noise", 1.5, "whole number"),
    ],
)
def test_unknown_seed_or_rng_seed_is_refused(kind, rng_seed, said):
    with pytest.raises(PictureError, match=said):
        make_seed(kind, (8, 8), rng_seed)
