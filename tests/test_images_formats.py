"""The table of picture formats: what follows from it, and phones' formats read by it."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from explorer.app.panels.image_picker import FILE_TYPES
from explorer.images import PictureError, folder, formats, read_picture
from explorer.research.training import photo_sources

ROOT = Path(__file__).parents[1]
QUARTERS = np.zeros((64, 96, 3), np.uint8)  # large flat fields, which lossy formats keep
QUARTERS[:32, :48] = (200, 30, 40)
QUARTERS[32:, :48] = (20, 180, 60)
QUARTERS[32:, 48:] = (10, 50, 220)
PLACES = ((16, 24), (48, 24), (48, 72), (16, 72))


def avif(picture: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "AVIF", **options)
    return file.getvalue()


def heic(picture: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    image = pillow_heif.from_pillow(Image.fromarray(picture))
    image.save(file, format="HEIF", enc_params={"preset": "ultrafast"}, **options)
    return file.getvalue()


def assert_quarters(picture: np.ndarray, atol: int) -> None:
    assert picture.shape == QUARTERS.shape
    for place in PLACES:
        np.testing.assert_allclose(picture[place].astype(int), QUARTERS[place], atol=atol)


def test_the_usual_names_of_every_format_are_in_the_table():
    usual = "png apng jpg jpeg jpe jfif jfi jif webp gif bmp dib tif tiff avif heic heif hif"
    assert {f".{each}" for each in usual.split()} <= set(formats.SUFFIXES)
    assert len(set(formats.SUFFIXES)) == len(formats.SUFFIXES)
    known = Image.registered_extensions()  # Pillow's own table, and pillow-heif's
    assert set(known) >= {".jfif", ".apng"}
    pillow_heif.register_heif_opener()
    try:
        for each in formats.FORMATS:
            names = each.decoders + each.variants
            listed = {ending for ending, name in known.items() if name in names}
            assert listed <= set(each.suffixes), each.title
    finally:
        del Image.OPEN["HEIF"]
        Image.ID.remove("HEIF")


def test_every_list_follows_from_the_table():
    assert {f".{each}" for each in FILE_TYPES} == set(formats.SUFFIXES) == set(folder.SUFFIXES)
    assert {".jfif", ".jpe", ".apng"} < set(photo_sources.ENDINGS) < set(formats.SUFFIXES)
    with pytest.raises(PictureError, match="send PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC"):
        read_picture(b"nothing of the kind")


def test_avif_gives_its_colours_and_its_transparency():
    assert_quarters(read_picture(avif(QUARTERS, quality=95, subsampling="4:4:4")), 6)
    grey = np.full((32, 32), 77, np.uint8)
    np.testing.assert_allclose(read_picture(avif(grey)), 77, atol=2)
    fifth = np.dstack([QUARTERS, np.full(QUARTERS.shape[:2], 51, np.uint8)])
    picture = read_picture(avif(fifth, quality=95))
    np.testing.assert_allclose(picture[16, 24], 255 * 0.8 + QUARTERS[16, 24] * 0.2, atol=4)


def test_heic_gives_its_colours_and_its_transparency():
    assert_quarters(read_picture(heic(QUARTERS, quality=95, chroma=444)), 6)
    grey = np.full((64, 64), 77, np.uint8)
    np.testing.assert_allclose(read_picture(heic(grey)), 77, atol=2)
    fifth = np.dstack([QUARTERS, np.full(QUARTERS.shape[:2], 51, np.uint8)])
    picture = read_picture(heic(fifth, quality=95, chroma=444))
    np.testing.assert_allclose(picture[16, 24], 255 * 0.8 + QUARTERS[16, 24] * 0.2, atol=4)


def test_ten_bit_heic_gives_its_colours():
    levels = (QUARTERS.astype(np.uint32) * 65535 // 255).astype("<u2")
    height, width, _ = levels.shape
    image = pillow_heif.from_bytes("RGB;16", (width, height), levels.tobytes())
    file = io.BytesIO()
    image.save(file, format="HEIF", quality=95, chroma=444)
    assert_quarters(read_picture(file.getvalue()), 6)


@pytest.mark.parametrize("write", [avif, heic])
def test_a_phone_held_upright_gives_an_upright_picture(write):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera's rows run down: turn clockwise
    stored = np.ascontiguousarray(np.rot90(QUARTERS))
    assert_quarters(read_picture(write(stored, exif=exif.tobytes(), quality=95)), 40)


def test_a_heic_file_is_told_from_avif_by_its_brands():
    data = heic(QUARTERS)
    assert formats.beginning_of(data).title == "HEIC"
    general = data[:8] + b"mif1" + data[12:]  # the container's own brand, as some cameras write
    assert formats.beginning_of(general).title == "HEIC"
    assert_quarters(read_picture(general), 40)
    assert formats.beginning_of(avif(QUARTERS)).title == "AVIF"


def test_reading_heic_leaves_pillow_as_it_was():
    read_picture(heic(QUARTERS))
    assert "HEIF" not in Image.OPEN
    assert "HEIF" not in Image.ID


def test_without_pillow_heif_the_sentence_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError, match=r"need the package pillow-heif, .* as JPEG"):
        read_picture(heic(QUARTERS))


def with_size(data: bytes, width: int, height: int) -> bytes:
    """The file with another size in its header, as a bomb has."""
    parts = data.split(b"ispe")
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"ispe".join([parts[0], *(part[:4] + size + part[12:] for part in parts[1:])])


@pytest.mark.parametrize("write", [avif, heic])
def test_a_header_of_too_many_pixels_is_refused_before_anything_is_decoded(write):
    with pytest.raises(PictureError, match="6000×6000 px, 36 megapixels; at most 25"):
        read_picture(with_size(write(QUARTERS), 6000, 6000))


@pytest.mark.parametrize("write", [avif, heic])
def test_damaged_files_of_phones_are_refused_or_read(write):
    rng = np.random.default_rng(0)
    whole = write(QUARTERS)
    with pytest.raises(PictureError):
        read_picture(whole[: len(whole) // 2])
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        try:
            picture = read_picture(bytes(data))
        except PictureError:
            continue
        assert picture.dtype == np.uint8
        assert 16 <= min(picture.shape[:2]) <= max(picture.shape[:2]) <= 1024


@pytest.mark.parametrize("beginning", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a"])
def test_a_file_that_only_begins_as_a_picture_is_not_sent_for_its_own_format(beginning):
    with pytest.raises(PictureError, match="damaged") as caught:
        read_picture(beginning + b"and nothing that follows the rules" * 9)
    assert "send" not in str(caught.value)


PEAK = """
import io, sys
from PIL import Image
from explorer.images import PictureError, read_picture
try:
    print(read_picture(open(sys.argv[1], "rb").read()).shape)
except PictureError as error:
    print("refused:", error)
status = open("/proc/self/status").read()
print("peak", int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "kind", ["AVIF of 25 megapixels", "HEIC that hides 9 megapixels", "16-bit grey of 40"]
)
def test_reading_stays_below_512_megabytes(kind, tmp_path):
    file = tmp_path / "picture"
    if kind.startswith("AVIF"):
        Image.new("RGBA", (5000, 5000), (9, 8, 7, 90)).save(file, "AVIF", speed=10)
    elif kind.startswith("HEIC"):
        file.write_bytes(with_size(heic(np.zeros((3000, 3000, 3), np.uint8)), 64, 64))
    else:
        ramp = np.linspace(0, 65535, 6400, dtype=np.uint16)
        image = Image.fromarray(np.broadcast_to(ramp, (6250, 6400)))
        image.save(file, "PNG", compress_level=1, transparency=0)
    done = subprocess.run(
        [sys.executable, "-c", PEAK, file], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("refused") == kind.startswith("HEIC")
    assert int(done.stdout.split("peak")[1]) < (100 if kind.startswith("HEIC") else 512)


def test_a_page_asks_for_heic_only_where_it_can_be_read(monkeypatch):
    assert ".heic" in formats.readable_suffixes()
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    left = set(formats.SUFFIXES) - set(formats.readable_suffixes())
    assert left == set(formats.HEIC.suffixes)
