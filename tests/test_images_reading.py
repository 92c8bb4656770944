"""What comes out of strangers' picture files, and what is refused."""

import io
import random
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.images import PictureError, digest, from_png, normalise, read_picture

ROOT = Path(__file__).parents[1]
HALVES = np.zeros((32, 48, 3), np.uint8)
HALVES[:16] = (200, 30, 40)
HALVES[16:, :24] = (20, 180, 60)
HALVES[16:, 24:] = (10, 50, 220)


def saved(picture, file_format, **options) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def png_header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing: the simplest bomb."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
    ],
)
def test_lossless_formats_give_the_exact_pixels(file_format, options):
    picture = read_picture(saved(HALVES, file_format, **options))
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    np.testing.assert_array_equal(picture, HALVES)


def test_jpeg_gives_nearly_the_pixels():
    picture = read_picture(saved(HALVES, "JPEG", quality=95, subsampling=0))
    assert np.abs(picture.astype(int) - HALVES).mean() < 3


def test_palette_picture_gives_its_colours():
    image = Image.fromarray(HALVES).convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    for file_format in ("PNG", "GIF"):
        np.testing.assert_array_equal(read_picture(saved(image, file_format)), HALVES)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_bilevel_pictures_become_three_equal_channels(mode):
    ramp = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None], 20, axis=0)
    image = Image.fromarray(ramp).convert(mode, dither=Image.Dither.NONE)
    expected = ramp if mode == "L" else np.where(ramp >= 128, 255, 0)
    picture = read_picture(saved(image, "PNG"))
    for channel in range(3):
        np.testing.assert_array_equal(picture[..., channel], expected)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(file_format):
    ramp = np.linspace(0, 65535, 32 * 40).round().astype(np.uint16).reshape(32, 40)
    picture = read_picture(saved(Image.fromarray(ramp), file_format))
    expected = np.array([[round(int(v) / 257) for v in row] for row in ramp])
    np.testing.assert_array_equal(picture[..., 0], expected)
    assert picture.max() == 255


def test_transparency_is_laid_over_white():
    rgba = np.dstack([HALVES, np.full(HALVES.shape[:2], 51, np.uint8)])  # a fifth opaque
    expected = 255 * 0.8 + HALVES * 0.2
    np.testing.assert_allclose(read_picture(saved(rgba, "PNG")), expected, atol=1)


def test_colours_hidden_under_transparency_do_not_leak_when_reduced():
    rgba = np.zeros((2000, 2000, 4), np.uint8)
    rgba[::2, ::2] = (0, 255, 0, 255)
    rgba[1::2, 1::2] = (255, 0, 0, 0)  # invisible red
    picture = read_picture(saved(rgba, "PNG", compress_level=1))
    assert (picture[10:-10, 10:-10, 0].astype(int) <= picture[10:-10, 10:-10, 2] + 2).all()


def test_cmyk_is_converted_by_ink():
    cmyk = np.zeros((32, 32, 4), np.uint8)
    cmyk[:16] = (255, 0, 0, 0)  # cyan
    cmyk[16:] = (0, 0, 0, 255)  # black
    image = Image.fromarray(cmyk, "CMYK")
    for options in ({"file_format": "TIFF"}, {"file_format": "JPEG", "quality": 100}):
        picture = read_picture(saved(image, **options))
        np.testing.assert_allclose(picture[4, 4], (0, 255, 255), atol=4)
        np.testing.assert_allclose(picture[28, 28], (0, 0, 0), atol=4)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation_is_taken(file_format):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = saved(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(read_picture(data)[5, 5], (255, 0, 0))


UPRIGHT = np.arange(32 * 48).reshape(32, 48) % 251
STORED = {  # how a camera that held the picture so would have stored it (EXIF 2.3, table 4)
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: UPRIGHT.T[::-1],
    7: UPRIGHT.T[::-1, ::-1],
    8: UPRIGHT.T[:, ::-1],
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_exif_rotation_is_honoured(file_format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.repeat(STORED[orientation].astype(np.uint8)[..., None], 3, axis=2)
    options = {"lossless": True} if file_format == "WEBP" else {}
    picture = read_picture(saved(stored, file_format, exif=exif, **options))
    np.testing.assert_array_equal(picture[..., 0], UPRIGHT)


def test_exif_rotation_of_a_large_jpeg_is_honoured_after_the_reduction():
    exif = Image.Exif()
    exif[0x0112] = 6  # the picture is to be turned clockwise
    stored = np.zeros((1500, 3000, 3), np.uint8)
    stored[:, :1500] = 255
    picture = read_picture(saved(stored, "JPEG", exif=exif))
    assert picture.shape == (1024, 512, 3)
    assert picture[:500].mean() > 250
    assert picture[-500:].mean() < 5


def test_normalised_picture_has_no_metadata_and_the_same_name_as_its_source():
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    plain, tagged = saved(HALVES, "PNG"), saved(HALVES, "PNG", exif=exif, dpi=(300, 300))
    clean = normalise(tagged)
    assert plain != tagged
    assert clean == normalise(plain)
    assert set(re.findall(rb"IHDR|IDAT|IEND|eXIf|pHYs|tEXt", clean)) == {b"IHDR", b"IDAT", b"IEND"}
    np.testing.assert_array_equal(from_png(clean), HALVES)
    assert digest(plain) == digest(tagged) == digest(clean)
    assert re.fullmatch(r"[0-9a-f]{64}", digest(plain))
    assert digest(saved(255 - HALVES, "PNG")) != digest(plain)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"hello, this is no picture at all", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "send PNG, JPEG"),
        (saved(Image.new("RGB", (32, 32)), "PPM"), "not a picture"),
        (saved(Image.new("RGB", (1, 1)), "PNG"), "at least 16 px"),
        (saved(Image.new("L", (3000, 20)), "PNG"), "64 times"),
        (saved(Image.new("F", (32, 32)), "TIFF"), "32-bit floating-point numbers"),
        (png_header_only(20_000, 20_000), "40 megapixels"),
        (png_header_only(8_000, 8_000), "8000×8000 px, 64 megapixels; at most 40"),
        (png_header_only(2**31 - 1, 2**31 - 1), "megapixels"),
        (png_header_only(500, 500), "damaged or cut off"),
        (bytes(26 * 2**20), "at most 25 MB"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_cannot_be_used_is_refused_in_one_sentence(data, said):
    with pytest.raises(PictureError, match=said) as caught:
        read_picture(data)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_file_cut_in_half_is_refused(file_format):
    noise = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = saved(noise, file_format)
    with pytest.raises(PictureError):
        read_picture(data[: len(data) // 2])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_garbled_file_gives_a_picture_or_a_refusal_and_nothing_else(file_format):
    rng = random.Random(file_format)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if file_format not in ("GIF", "BMP") else {}
    if file_format == "TIFF":
        options["compression"] = "tiff_lzw"
    whole = saved(HALVES, file_format, **options)
    for _ in range(250):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        try:
            picture = read_picture(bytes(data))
        except PictureError:
            continue
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert min(picture.shape[:2]) >= 16
        assert max(picture.shape[:2]) <= 1024


PEAK_OF_READING = """
import sys
from explorer.images import PictureError, read_picture
try:
    read_picture(open(sys.argv[1], "rb").read())
except PictureError as error:
    print("refused:", error)
status = open("/proc/self/status").read()
print("peak", int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("which", ["bomb", "largest allowed"])
def test_reading_stays_below_512_megabytes(which, tmp_path):
    file = tmp_path / "picture.png"
    if which == "bomb":
        file.write_bytes(png_header_only(20_000, 20_000))
    else:
        Image.new("RGBA", (6400, 6250), (9, 8, 7, 90)).save(file, compress_level=1)
    done = subprocess.run(
        [sys.executable, "-c", PEAK_OF_READING, file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("refused: the picture") == (which == "bomb")
    assert int(done.stdout.split("peak")[1]) < (100 if which == "bomb" else 512)
