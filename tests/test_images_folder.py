"""A folder of one's own photographs: what is taken, what names it, what is refused."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from explorer.images import folder, formats
from explorer.images.errors import PictureError


def png(rng_seed: int) -> bytes:
    pixels = np.random.default_rng(rng_seed).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def own(tmp_path):
    place = tmp_path / "own"
    place.mkdir()
    for number in range(4):
        (place / f"{number}.png").write_bytes(png(number))
    (place / "notes.txt").write_text("no picture")
    (place / "deeper").mkdir()
    return place


def test_the_pictures_come_by_name_and_nothing_else_does(own):
    pictures = folder.read_pictures(own)
    assert len(pictures) == 4
    with Image.open(own / "2.png") as third:
        assert (np.asarray(third) == pictures[2]).all()


def test_the_digest_hangs_on_what_the_files_hold_and_not_on_names_or_place(own, tmp_path):
    named = folder.digest_of(own)
    moved = tmp_path / "moved"
    shutil.copytree(own, moved)
    (moved / "0.png").rename(moved / "z.PNG")
    (moved / "notes.txt").unlink()
    assert folder.digest_of(moved) == named
    (moved / "1.png").write_bytes(png(77))
    assert folder.digest_of(moved) != named
    (moved / "1.png").write_bytes(png(1))
    assert folder.digest_of(moved) == named
    (moved / "5.png").write_bytes(png(5))
    assert folder.digest_of(moved) != named


def test_a_second_copy_of_a_picture_is_left_out_since_it_would_be_a_perfect_pair(own):
    with Image.open(own / "0.png") as first:
        first.save(own / "again.bmp")
    assert len(folder.read_pictures(own)) == 4
    for number in (2, 3):
        (own / f"{number}.png").write_bytes(png(0))
    with pytest.raises(PictureError, match="only 2 of the pictures"):
        folder.read_pictures(own)


def test_what_cannot_be_used_is_said_with_its_name(own, tmp_path):
    with pytest.raises(PictureError, match="no folder"):
        folder.picture_files(tmp_path / "nowhere")
    (own / "3.png").write_bytes(png(3)[:50])
    with pytest.raises(PictureError, match=r"3\.png. cannot be read"):
        folder.read_pictures(own)
    for path in own.glob("[123].png"):
        path.unlink()
    with pytest.raises(PictureError, match=r"holds 1 picture \(PNG, .* or HEIC\); 3 to 200"):
        folder.digest_of(own)


def test_whatever_is_left_out_is_counted_and_some_of_it_named(own):
    assert folder.left_out(own) == (
        "Left out of 'own': 1 file of other kinds (notes.txt) and 1 subfolder (deeper)."
    )
    for name in ("a.psd", "b.cr2", "c.svg", "Thumbs.db", ".DS_Store"):
        (own / name).write_bytes(b"")
    (own / "deeper").rmdir()
    assert folder.left_out(own) == (
        "Left out of 'own': 5 files of other kinds (Thumbs.db, a.psd, b.cr2 and 2 more)."
    )
    for path in own.glob("[123].png"):
        path.unlink()
    with pytest.raises(PictureError, match=r"holds 1 picture .* Left out of 'own': 5 files"):
        folder.picture_files(own)
    for path in list(own.iterdir()):
        if path.suffix != ".png" and path.name != ".DS_Store":
            path.unlink()
    assert folder.left_out(own) == ""


def test_every_suffix_of_a_picture_counts_in_capitals_too(own):
    for number, suffix in enumerate(formats.SUFFIXES, start=10):
        (own / f"photo{number}{suffix.upper()}").write_bytes(png(number))
    assert len(folder.picture_files(own)) == 4 + len(formats.SUFFIXES)
    assert len(folder.read_pictures(own)) == 4 + len(formats.SUFFIXES)
