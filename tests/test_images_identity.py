"""One picture by two names: told by its pixels wherever seed, target and control must differ."""

import argparse
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import explorer.images
from explorer.analysis.align import requests_for
from explorer.analysis.batch_images import load_images, mismatched_for
from explorer.analysis.targets import target_set
from explorer.cli.align import targets_from
from explorer.errors import RequestError
from explorer.images import gallery, identity
from explorer.images.encoding import to_png
from explorer.images.errors import PictureError
from explorer.images.folder import read_pictures
from explorer.models.loading import load
from explorer.request import Request
from explorer.validation import parse_request, read_upload, validate

FILES = Path(explorer.images.__file__).parent / "gallery"
CAT, COFFEE = FILES / "cat.png", FILES / "coffee.jpg"
NETWORK = "embedded:residual-multi-standard"
BASE = Request.from_dict({"model": NETWORK, "target": "cat", "seed": "noise", "steps": 10})


def upload_of(path: Path) -> str:
    """The name of an upload of a file, by the SHA-256 of its pixels as Pillow reads them."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    height, width, _ = pixels.shape
    content = b"rgb8 %d %d\n" % (height, width) + pixels.tobytes()
    return "picture:" + hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", gallery.names())
def test_a_gallery_picture_is_the_same_as_an_upload_of_its_file(name):
    file = FILES / gallery.describe(name).file
    assert read_upload(file.read_bytes()).name == upload_of(file)
    assert identity.same_picture(name, upload_of(file))
    assert identity.same_picture(upload_of(file), name)
    others = [other for other in gallery.names() if other != name]
    assert not identity.is_one_of(upload_of(file), others)


@pytest.mark.parametrize(
    ("target", "seed"),
    [
        ("cat", "cat"),
        ("cat", str(CAT)),
        (str(CAT), "cat"),
        (str(CAT), str(CAT)),
        ("coffee", str(COFFEE)),
        (str(CAT), "copy"),
    ],
)
def test_one_picture_by_two_names_is_no_seed_for_itself(target, seed, tmp_path):
    if seed == "copy":  # the same pixels in another format
        seed = str(tmp_path / "other.bmp")
        with Image.open(CAT) as image:
            image.convert("RGB").save(seed)
    with pytest.raises(RequestError, match="seed and target are the same image") as caught:
        parse_request(model=NETWORK, target=target, seed=seed)
    assert caught.value.field == "seed"


def test_other_pictures_and_a_noise_of_the_same_name_pass():
    parse_request(model=NETWORK, target="cat", seed=str(COFFEE))
    parse_request(model=NETWORK, target=str(CAT), seed="coffee")
    parse_request(model=NETWORK, target="noise", seed="noise")  # two draws


def test_the_key_of_an_uploaded_gallery_picture_is_still_its_own():
    request, _ = parse_request(model=NETWORK, target=str(CAT), seed="noise")
    assert request.target == upload_of(CAT)


@pytest.mark.parametrize(("kind", "level"), [("white", 255), ("black", 0)])
def test_a_plain_target_is_refused_where_the_seed_has_its_pixels(kind, level):
    upload = read_upload(to_png(np.full((40, 60, 3), level, np.uint8)))
    request = validate(Request.from_dict({**BASE.to_dict(), "target": upload.name, "seed": kind}))
    network = load(request.network, "cpu")
    with pytest.raises(RequestError, match=rf"seed '{kind}' and target 'picture:.*same image"):
        load_images([request], network, {upload.name: upload.png})


def test_the_control_is_never_a_copy_of_target_or_seed():
    names = gallery.names()
    for place, name in enumerate(names):
        upload = upload_of(FILES / gallery.describe(name).file)
        other = names[(place + 1) % len(names)]
        as_target = Request.from_dict({**BASE.to_dict(), "target": upload, "seed": other})
        as_seed = Request.from_dict({**BASE.to_dict(), "target": other, "seed": upload})
        assert not {name, other} & set(mismatched_for(as_target))
        assert not {name, other} & set(mismatched_for(as_seed))


def test_a_set_counts_copies_once_and_says_so(tmp_path):
    shutil.copy(CAT, tmp_path / "a.png")
    shutil.copy(COFFEE, tmp_path / "b.jfif")
    shutil.copy(FILES / "rocket.jpg", tmp_path / "c.JPE")
    with Image.open(CAT) as image:
        image.convert("RGB").save(tmp_path / "d.bmp")
    (tmp_path / "notes.txt").write_text("no picture")
    targets = target_set(tmp_path, 64)
    assert list(targets.labels.values()) == ["a.png", "b.jfif", "c.JPE"]
    assert targets.text.startswith("3 pictures of the folder")
    assert targets.notes == (
        f"Left out of {tmp_path.name!r}: 1 file of other kinds (notes.txt).",
        "Counted once, since the pixels are the same: 'd.bmp' (as 'a.png').",
    )
    by_name = target_set(["cat", upload_of(CAT), "coffee", "cat"], 64)
    assert list(by_name.labels) == ["cat", "coffee"]


def test_a_file_that_stops_a_folder_is_named_with_what_to_do(tmp_path):
    for file in (CAT, COFFEE, FILES / "rocket.jpg"):
        shutil.copy(file, tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(RequestError, match=r"^targets: 'broken\.png' .* take this file out"):
        target_set(tmp_path, 64)
    with pytest.raises(PictureError, match=r"^'broken\.png' .* convert it to PNG"):
        read_pictures(tmp_path)


@pytest.mark.parametrize("seed", ["cat", upload_of(CAT)])
def test_the_seed_is_left_out_of_the_targets_whatever_its_name(seed, tmp_path, capsys):
    for file in (CAT, COFFEE, FILES / "rocket.jpg"):
        shutil.copy(file, tmp_path)
    search = Request.from_dict({**BASE.to_dict(), "target": "noise", "seed": seed})
    for targets, names in (
        (str(tmp_path), {upload_of(COFFEE), upload_of(FILES / "rocket.jpg")}),
        ("gallery", set(gallery.names()) - {"cat"}),
    ):
        chosen = targets_from(argparse.Namespace(targets=targets), [search])
        assert {each.target for each in requests_for(search, chosen)} == names
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "Not a target, since it is the seed: 'cat" in printed.err


def test_a_noise_target_is_made_from_noise_of_its_name():
    search = Request.from_dict({**BASE.to_dict(), "target": "cat", "seed": "noise"})
    (request,) = requests_for(search, target_set(["noise"], 64))
    assert (request.target, request.seed) == ("noise", "noise")
