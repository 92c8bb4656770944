"""Training on photographs: where they are read from, what is refused, and resuming."""

import errno
import io
import json
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from explorer import cli
from explorer.errors import RequestError
from explorer.research.training import checkpoints, photos, training, writing
from explorer.research.training.augmentation import Window, centre_window, random_window
from explorer.research.training.batches import batches
from explorer.research.training.datasets import DATASETS
from explorer.research.training.recipes import RECIPES
from explorer.zoo import cards

IMAGENETTE = DATASETS["imagenette"]
HUES = {"apple": 0, "leaf": 85, "sea": 170}
TRAINING, TEST = 10, 4


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _jpeg(hue: int, number: int, size: tuple[int, int] = (96, 80)) -> bytes:
    """A noisy picture of one hue."""
    noise = np.random.default_rng((hue, number)).integers(90, 255, (size[1], size[0]))
    pixels = np.stack([np.full_like(noise, hue), np.full_like(noise, 200), noise], axis=2)
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8), "HSV").convert("RGB").save(file, "JPEG")
    return file.getvalue()


def _tree(root: Path, names: dict[str, int], test: str = "val", ending: str = "jpg") -> Path:
    for folder, first, count in (("train", 0, TRAINING), (test, TRAINING, TEST)):
        for name, hue in names.items():
            (root / folder / name).mkdir(parents=True)
            for i in range(first, first + count):
                (root / folder / name / f"{i:02}.{ending}").write_bytes(_jpeg(hue, i))
    return root


def _arrays() -> dict[str, np.ndarray]:
    """The same photographs as a pack's arrays."""
    files = [_jpeg(hue, i) for hue in HUES.values() for i in range(TRAINING + TEST)]
    return {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offset": np.cumsum([0, *map(len, files)]),
        "label": np.repeat(np.arange(len(HUES)), TRAINING + TEST).astype(np.uint8),
        "split": np.tile([0] * TRAINING + [1] * TEST, len(HUES)).astype(np.uint8),
        "classes": np.array(list(HUES)),
    }


@pytest.fixture
def folder(tmp_path) -> Path:
    return _tree(tmp_path / "photographs", HUES)


def _load(path: Path, cache: Path, **how) -> photos.Photos:
    return photos.load(path, IMAGENETTE, cache=cache, report=lambda line: None, **how)


def _recipe(name: str = "imagenette-residual-adv1", **changes):
    architecture = {**RECIPES[name].architecture, "widths": [8, 8], "depths": [1, 1], "grid": 4}
    small = {"steps": 8, "batch_size": 8, "architecture": {**architecture, "outputs": len(HUES)}}
    return replace(RECIPES[name], **{**small, **changes})


# Where photographs are read from


def test_a_folder_of_classes_becomes_arrays_with_labels(folder, tmp_path):
    data = _load(folder, tmp_path / "cache")
    assert data.classes == ("apple", "leaf", "sea")
    assert data.training_count == 3 * TRAINING
    stored = data.training(np.arange(3 * TRAINING))
    assert stored.images.shape == (3 * TRAINING, 72, 72, 3)
    assert stored.labels.ravel().tolist() == np.repeat([0, 1, 2], TRAINING).tolist()
    held_out = data.held_out()
    assert held_out.images.shape == (3 * TEST, 64, 64, 3)
    for image, (label,) in zip(held_out.images, held_out.labels, strict=True):
        assert image.reshape(-1, 3).mean(axis=0).argmax() == label  # red, green, blue


def test_the_first_test_photographs_are_of_all_classes(folder, tmp_path):
    labels = _load(folder, tmp_path / "cache").held_out(6).labels
    assert len(labels) == 6
    assert set(labels.ravel()) == {0, 1, 2}


def test_a_pack_and_a_folder_of_the_same_photographs_are_the_same_data(folder, tmp_path):
    np.savez(tmp_path / "pack.npz", **_arrays())
    packed = _load(tmp_path / "pack.npz", tmp_path / "cache")
    assert packed.classes == tuple(HUES)
    assert packed.digest == _load(folder, tmp_path / "cache").digest


def test_without_a_test_folder_every_fifth_photograph_is_held_out(tmp_path):
    for name, hue in HUES.items():
        (tmp_path / "flat" / name).mkdir(parents=True)
        for i in range(11):
            (tmp_path / "flat" / name / f"{i:02}.png").write_bytes(_jpeg(hue, i))
    data = _load(tmp_path / "flat", tmp_path / "cache")
    assert (data.training_count, len(data.held_out().labels)) == (3 * 8, 3 * 3)


def test_a_photograph_is_scaled_by_its_shorter_side_upright_and_cropped_to_its_middle(tmp_path):
    pixels = np.zeros((360, 720, 3), np.uint8)
    pixels[:, 180:540] = (200, 30, 30)
    pixels[:, 540:] = (0, 0, 255)
    turned = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise when shown
    _tree(tmp_path / "photographs", HUES)
    turned.save(tmp_path / "photographs/train/apple/00.jpg", quality=95, exif=exif)
    image = _load(tmp_path / "photographs", tmp_path / "cache").training(np.array([0])).images[0]
    assert np.abs(image[4:-4, 4:-4].astype(int) - (200, 30, 30)).max() < 12


def test_decoded_photographs_are_kept_until_the_files_change(folder, tmp_path, monkeypatch):
    first = _load(folder, tmp_path / "cache")
    decode = photos._decode
    monkeypatch.setattr(photos, "_decode", None)
    assert _load(folder, tmp_path / "cache").digest == first.digest
    monkeypatch.setattr(photos, "_decode", decode)
    (folder / "train/leaf/00.jpg").write_bytes(_jpeg(90, 77))
    assert _load(folder, tmp_path / "cache").digest != first.digest


def test_the_published_imagenette_is_found_under_its_own_name(tmp_path):
    _tree(tmp_path / "imagenette2-160", {"n01440764": 0, "n02102040": 85}, ending="JPEG")
    for path in (tmp_path, tmp_path / "imagenette2-160"):
        data = _load(path, tmp_path / "cache")
        assert data.classes == ("tench", "English springer")
        assert (data.training_count, len(data.held_out().labels)) == (2 * TRAINING, 2 * TEST)
    larger = (tmp_path / "imagenette2-160").rename(tmp_path / "imagenette2-320")
    assert _load(larger, tmp_path / "cache").classes == ("tench", "English springer")
    (larger / "train/apples").mkdir()
    larger.rename(tmp_path / "imagenette2-160")
    with pytest.raises(RequestError, match="a folder 'apples' that is no class of Imagenette"):
        _load(tmp_path, tmp_path / "cache")


def _made_known(monkeypatch, data: photos.Photos) -> None:
    """Imagenette is these photographs, in classes of the order of HUES backwards."""
    red, green, blue = (data.images["test"][data.labels["test"].ravel() == k] for k in range(3))
    known = replace(
        IMAGENETTE,
        classes=tuple(HUES)[::-1],
        training_counts=(TRAINING,) * 3,
        test_counts=(TEST,) * 3,
        test_colours=tuple(tuple(each.mean((0, 1, 2))) for each in (blue, green, red)),
    )
    monkeypatch.setitem(DATASETS, "imagenette", known)


def test_a_data_set_is_known_by_its_photographs_and_not_by_the_names_of_its_classes(
    folder, tmp_path, monkeypatch
):
    _made_known(monkeypatch, _load(folder, tmp_path / "cache"))
    known = DATASETS["imagenette"]
    right = photos.load(folder, known, cache=tmp_path / "cache")
    assert right.published
    assert right.facts()["data"].startswith("Photographs: fastai's Imagenette")
    others = _tree(tmp_path / "others", {"apple": 85, "leaf": 0, "sea": 170})
    wrong = photos.load(others, known, cache=tmp_path / "cache")
    assert not wrong.published
    assert "the user’s own in classes named as Imagenette’s, 64×64" in wrong.facts()["data"]
    assert wrong.facts()["data_licence"] == ""
    (folder / "train/sea/00.jpg").rename(folder / "val/sea/99.jpg")
    assert not photos.load(folder, known, cache=tmp_path / "cache").published


class _Downloaded:
    """Stands for `torchvision.datasets.CIFAR10` after its download."""

    classes = ("cat", "dog")

    def __init__(self, root, download, train):
        assert download
        self.count = TRAINING if train else TEST
        self.targets = [i % 2 for i in range(2 * self.count)]

    def __getitem__(self, index):
        return Image.new("RGB", (32, 32), (index, 0, 0)), self.targets[index]


def test_a_data_set_is_downloaded_by_torchvision_when_that_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", _Downloaded)
    data = photos.load(
        tmp_path / "new", DATASETS["cifar10"], cache=tmp_path / "cache", download=True
    )
    assert data.held_out().images.shape == (2 * TEST, 32, 32, 3)
    assert data.training(np.array([5])).images[0, 0, 0].tolist() == [5, 0, 0]

    def offline(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", offline)
    with pytest.raises(RequestError, match=r"cannot download CIFAR-10 in .*no route to host"):
        photos.load(tmp_path / "new", DATASETS["cifar10"], cache=tmp_path / "cache", download=True)


# What is refused


def _empty(root: Path) -> None:
    root.mkdir()


def _loose(root: Path) -> None:
    root.mkdir()
    (root / "picture.jpg").write_bytes(_jpeg(0, 0))


def _one_class(root: Path) -> None:
    _tree(root, {"apple": 0})


def _no_test(root: Path) -> None:
    _tree(root, HUES, test="else")


def _few(root: Path) -> None:
    _tree(root, HUES)
    for i in range(4):
        (root / "train/sea" / f"{i:02}.jpg").unlink()


def _class_without_test(root: Path) -> None:
    _tree(root, HUES)
    for file in (root / "val/leaf").iterdir():
        file.unlink()


def _unreadable(root: Path) -> None:
    _tree(root, HUES)
    (root / "train/leaf/03.jpg").write_text("no picture")
    truncated = root / "val/sea/11.jpg"
    truncated.write_bytes(truncated.read_bytes()[:400])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: None, r"there is no file or folder .*--download .*Imagenette"),
        (_empty, "has no class folders; it needs one folder of photographs per class"),
        (_loose, "has no class folders"),
        (_one_class, "has 1 class; a classifier needs two or more"),
        (_no_test, "has train/ but no test/ or val/"),
        (_few, "class 'sea' has 6 training and 4 test photographs; each class needs at least 8"),
        (_class_without_test, "class 'leaf' has 10 training and 0 test photographs"),
        (_unreadable, r"cannot be read as pictures: train.leaf.03\.jpg; remove or replace"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_a_sentence(make, words, tmp_path):
    make(tmp_path / "photographs")
    with pytest.raises(RequestError, match=words) as caught:
        _load(tmp_path / "photographs", tmp_path / "cache")
    assert caught.value.field == "data"
    assert not (tmp_path / "cache").exists()


def test_every_unreadable_photograph_is_counted(folder, tmp_path):
    for i in range(5):
        (folder / "train/leaf" / f"{i:02}.jpg").write_bytes(b"")
    with pytest.raises(RequestError, match=r"leaf.02\.jpg and 2 more"):
        _load(folder, tmp_path / "cache")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": None}, "lacks split; it needs jpeg, offset, label, split, classes"),
        ({"offset": np.arange(4)}, "do not fit together"),
        ({"offset": np.linspace(0, 1, 43)}, "do not fit together"),
        ({"label": np.full(42, 3)}, "do not fit together"),
        ({"jpeg": np.zeros(5, np.uint8)}, "do not fit together"),
        ({"classes": np.array(["a", None], object)}, "cannot be read as a .npz pack"),
        ({"classes": np.array("apple")}, "classes a list of names"),
        ({"label": np.array(1)}, "lists of whole numbers"),
        ({"label": np.zeros(42)}, "lists of whole numbers"),
        ({"split": np.full(42, 2)}, "split is to be 0 for training and 1 for test"),
    ],
)
def test_a_pack_that_cannot_be_used_is_refused_in_a_sentence(change, words, tmp_path):
    arrays = {name: array for name, array in (_arrays() | change).items() if array is not None}
    np.savez(tmp_path / "pack.npz", **arrays)
    with pytest.raises(RequestError, match=words):
        _load(tmp_path / "pack.npz", tmp_path / "cache")


@pytest.mark.parametrize("content", [b"PK\x03\x04 and no more", b"\x89PNG", b""])
def test_a_file_that_is_no_pack_is_refused(content, tmp_path):
    (tmp_path / "pack.npz").write_bytes(content)
    with pytest.raises(RequestError, match=r"pack\.npz is no \.npz pack of photographs") as caught:
        _load(tmp_path / "pack.npz", tmp_path / "cache")
    assert "pickle" not in caught.value.message


def test_a_full_disk_is_said_and_leaves_nothing_half_written(folder, tmp_path, monkeypatch):
    real, written = np.save, []

    def full(path, array):
        written.append(path)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, array)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(RequestError, match=r"\(1 MB\) cannot be written .*No space left"):
        _load(folder, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


# Training


def test_windows_are_parts_of_the_photograph_at_every_place_and_half_of_them_mirrored():
    ramp = np.arange(12 * 12).reshape(12, 12)
    images = np.repeat(np.stack([ramp] * 3, axis=2)[None].astype(np.uint8), 400, axis=0)
    windows = random_window(images, 10, Window(), np.random.default_rng(0))
    seen = {}
    for window in windows[..., 0].astype(int):
        mirrored = window[0, 0] > window[0, 1]
        row, column = divmod(min(window[0]), 12)
        expected = ramp[row : row + 10, column : column + 10]
        assert np.array_equal(window[:, ::-1] if mirrored else window, expected)
        seen[row, column, mirrored] = seen.get((row, column, mirrored), 0) + 1
    assert len(seen) == 3 * 3 * 2
    assert 150 < sum(count for (*_, mirrored), count in seen.items() if mirrored) < 250
    assert np.array_equal(centre_window(images, 10)[0, ..., 0], ramp[1:11, 1:11])


def test_batches_of_photographs_are_the_same_from_wherever_one_starts(folder, tmp_path):
    data, recipe = _load(folder, tmp_path / "cache"), _recipe()
    supply = batches(recipe, data, 0, "cpu")
    first = [next(supply) for _ in range(6)]
    again = next(batches(recipe, data, 5, "cpu"))
    assert again.number == first[5].number == 5
    assert torch.equal(again.images, first[5].images)
    assert torch.equal(again.labels, first[5].labels)
    assert again.images.shape == (8, 3, 64, 64)
    assert 0 <= float(again.images.min()) <= float(again.images.max()) <= 1


SIMCLR = {"objective": "simclr", "augmentation": "simclr", "temperature": 0.2}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("imagenette-residual-adv1", {}),
        ("imagenette-residual-standard", {}),
        ("imagenette-residual-adv1", SIMCLR),
        ("imagenette-residual-standard", {"augmentation": "padded crop"}),
    ],
)
def test_killed_training_on_photographs_ends_with_the_weights_of_uninterrupted_training(
    name, changes, folder, tmp_path
):
    def kill(line):
        if "step 4 of 8" in line:
            raise KeyboardInterrupt

    data, recipe = _load(folder, tmp_path / "cache"), _recipe(name, **changes)
    common = {"device": "cpu", "checkpoint_every": 4}
    whole, _ = training.fit(recipe, data, scratch=tmp_path / "a", report=str, **common)
    with pytest.raises(KeyboardInterrupt):
        training.fit(recipe, data, scratch=tmp_path / "b", report=kill, **common)
    lines = []
    again = _load(folder, tmp_path / "cache")
    resumed, _ = training.fit(recipe, again, scratch=tmp_path / "b", report=lines.append, **common)
    assert "resuming after step 4 of 8" in lines[0]
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(folder, tmp_path, monkeypatch):
    data, recipe = _load(folder, tmp_path / "cache"), _recipe()
    lines = []

    def fill_the_disk(line):
        lines.append(line)
        if "step 4" not in line:
            return
        monkeypatch.setattr(Path, "write_bytes", _full)

    with pytest.raises(OSError, match=r"step 8 cannot be saved to .*No space left.* resumes"):
        training.fit(
            recipe, data, device="cpu", scratch=tmp_path, report=fill_the_disk, checkpoint_every=4
        )
    monkeypatch.undo()
    lines.clear()
    training.fit(recipe, data, device="cpu", scratch=tmp_path, report=lines.append)
    assert "resuming after step 4" in lines[0]


def test_weights_and_card_are_written_both_or_neither(folder, tmp_path, monkeypatch):
    data, recipe = _load(folder, tmp_path / "cache"), _recipe()
    out = tmp_path / "out"
    training.train(recipe, data, weights=out, scratch=tmp_path, report=str)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    monkeypatch.setattr(writing, "write_atomically", _full)
    with pytest.raises(OSError, match=r"cannot be written .* make room and start the same command"):
        training.train(replace(recipe, rng_seed=1), data, weights=out, scratch=tmp_path, report=str)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before


def _full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_damaged_checkpoint_is_said(folder, tmp_path):
    data, recipe = _load(folder, tmp_path / "cache"), _recipe()
    path = checkpoints.path_of(recipe, data.digest, tmp_path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(OSError, match=r"cannot be read; delete it to train imagenette-residual"):
        training.fit(recipe, data, device="cpu", scratch=tmp_path, report=str)


def test_fewer_photographs_than_one_batch_are_refused(folder, tmp_path):
    data = _load(folder, tmp_path / "cache")
    with pytest.raises(RequestError, match="30 training pictures are fewer than one batch of 64"):
        training.fit(_recipe(batch_size=64), data, device="cpu", scratch=tmp_path)


# The command line


@pytest.fixture
def few_steps(monkeypatch, tmp_path):
    for name in ("imagenette-residual-adv1", "imagenette-residual-standard"):
        monkeypatch.setitem(RECIPES, name, _recipe(name, batch_size=16))
    monkeypatch.setattr(training, "SCRATCH", tmp_path / "scratch")


@pytest.mark.usefixtures("few_steps")
def test_the_same_recipe_is_trained_on_other_photographs_into_a_folder(folder, tmp_path, capsys):
    name, out = "imagenette-residual-adv1", tmp_path / "out"
    words = ["--data", str(folder), "--out", str(out)]
    assert cli.main(["zoo", "train", name, *words]) == 0
    network, card = cards.load(name, out)
    assert card["classes"] == list(HUES) == card["logit_names"]["object"]
    assert card["logit_groups"] == {"object": [0, 3]}
    assert network.head.out_features == 3
    assert (card["training_pictures"], card["input_size"]) == (3 * TRAINING, [64, 64])
    assert card["accuracy"]["n"] == card["accuracy"]["n_attacked"] == 3 * TEST
    assert card["recipe"]["epsilon"] == 1.0
    assert json.dumps(card)
    clean = f"clean {card['accuracy']['clean']:.1f} %"
    capsys.readouterr()
    assert cli.main(["zoo", "evaluate", *words, name]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(
        f"{name}: measuring on 12 test pictures, 12 of them also under attack"
    )
    assert said[0].endswith("Photographs: the user’s own, 64×64 pixels of 72.")
    assert clean in said[1]
    # The same photographs in another order of their classes.
    arrays = _arrays()
    backwards = {"label": 2 - arrays["label"].astype(int), "classes": arrays["classes"][::-1]}
    np.savez(tmp_path / "pack.npz", **arrays | backwards)
    words[1] = str(tmp_path / "pack.npz")
    assert cli.main(["zoo", "evaluate", *words, name]) == 0
    assert clean in capsys.readouterr().out.splitlines()[1]


@pytest.mark.usefixtures("few_steps")
def test_only_the_published_photographs_give_networks_among_the_embedded_ones(
    folder, tmp_path, capsys, monkeypatch
):
    def decode(*_arguments):
        raise AssertionError("decoded before the classes were compared")

    words = ["zoo", "train", "--data", str(folder), "imagenette-residual-adv1"]
    with monkeypatch.context() as patched:
        patched.setattr(photos, "_decode", decode)
        assert cli.main(words) == 2
        assert "these photographs have 3 (apple, leaf, sea" in capsys.readouterr().err
        assert cli.main(["zoo", "evaluate", *words[2:]]) == 2
        assert "give photographs of the same classes" in capsys.readouterr().err
    _made_known(monkeypatch, _load(folder, tmp_path / "cache"))
    trained = []
    monkeypatch.setattr(training, "train", lambda recipe, data, **_: trained.append(data))
    assert cli.main(words) == 0
    assert trained[0].classes == DATASETS["imagenette"].classes
    assert trained[0].labels["train"].ravel().tolist() == np.repeat([2, 1, 0], TRAINING).tolist()
    for file in (folder / "val/sea").iterdir():
        file.write_bytes(_jpeg(10, 1))
    for every in ([], ["--all"]):
        assert cli.main([*words[: 4 if every else 5], *every]) == 2
        assert "other photographs in classes of the same names" in capsys.readouterr().err
    assert len(trained) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["imagenette-residual-adv1"], "learns from photographs (Imagenette); give --data"),
        (["imagenette-residual-adv1", "--data", "nowhere"], "no file or folder 'nowhere'"),
        (["imagenette-residual-adv1", "--download"], "--download needs --data FOLDER"),
        (["imagenette-residual-adv"], "did you mean 'imagenette-residual-adv1'"),
    ],
)
def test_training_that_cannot_begin_says_what_is_missing(words, message, capsys):
    assert cli.main(["zoo", "train", *words]) == 2
    assert message in capsys.readouterr().err
