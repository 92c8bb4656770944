"""Where photographs are read from: packs of JPEGs, folders of classes, torchvision's data sets."""

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from explorer.errors import RequestError
from explorer.images.formats import suffixes
from explorer.research.training.datasets import Dataset

LEAST_TRAINING, LEAST_TEST = 8, 2  # pictures of each class
ENDINGS = suffixes("PNG", "JPEG", "WebP", "BMP")
_TEST_FOLDERS = ("test", "val", "valid", "validation")
_ARRAYS = ("jpeg", "offset", "label", "split", "classes")
_EVERY = 5  # without a test folder, every fifth picture of each class is held out


@dataclass(frozen=True)
class Photograph:
    """One labelled photograph that is not decoded yet."""

    name: str
    label: int
    test: bool
    open: Callable[[], Image.Image]


@dataclass(frozen=True)
class Source:
    """The photographs of a data set, and `state`, which changes when its files change."""

    classes: tuple[str, ...]
    photographs: tuple[Photograph, ...]
    state: str


def find(path: Path, dataset: Dataset, download: bool = False) -> Source:
    """The photographs at `path`: a .npz pack, a folder of classes, or torchvision's data set.

    The latter is the folder that was given to torchvision, or the one that torchvision made in it.
    download: let torchvision fetch `dataset` into the folder `path`. Raises RequestError (field
    `data`) that says what is wrong with the file or folder and what would be right.
    """
    if download:
        source = _torchvision(path, dataset, download=True)
    elif path.is_file():
        source = _pack(path)
    elif (path / dataset.folder).is_dir():
        source = _torchvision(path, dataset, download=False)
    elif path.is_dir() and path.resolve().name == dataset.folder:
        source = _torchvision(path.resolve().parent, dataset, download=False)
    elif path.is_dir():
        source = _folder(path, dataset)
    else:
        raise _error(
            f"there is no file or folder {str(path)!r}; give a .npz pack, a folder with one folder "
            f"per class, or add --download to fetch {dataset.title} there ({dataset.download})"
        )
    _check_counts(source, path)
    return source


def _error(message: str) -> RequestError:
    return RequestError("data", message)


def _pack(path: Path) -> Source:
    """JPEGs in one array (`jpeg`, bounds in `offset`), `label`, `split` (1: test), `classes`."""
    if path.suffix != ".npy" and not zipfile.is_zipfile(path):
        raise _error(
            f"{path.name} is no .npz pack of photographs (a zip file with the arrays "
            f"{', '.join(_ARRAYS)}); give one, or a folder with one folder per class"
        )
    try:
        pack = np.load(path, allow_pickle=False)
        if isinstance(pack, np.ndarray):
            raise _error(f"{path.name} holds one array; a pack holds {', '.join(_ARRAYS)}")
        with pack:
            missing = [name for name in _ARRAYS if name not in pack]
            if missing:
                raise _error(
                    f"{path.name} lacks {', '.join(missing)}; it needs {', '.join(_ARRAYS)}"
                )
            jpeg, offset, labels, splits, classes = (pack[name] for name in _ARRAYS)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, RequestError):
            raise
        raise _error(
            f"{path.name} cannot be read as a .npz pack of photographs: {error}"
        ) from error
    _check_arrays(path, labels, splits, classes)
    count = len(labels)
    bounds = offset.astype(np.int64) if offset.dtype.kind in "iu" else np.zeros(0, np.int64)
    if not (
        len(bounds) == count + 1
        and len(splits) == count
        and jpeg.dtype == np.uint8
        and (np.diff(bounds) > 0).all()
        and (count == 0 or (bounds[0] >= 0 and bounds[-1] <= len(jpeg)))
        and (count == 0 or (labels.min() >= 0 and labels.max() < len(classes)))
    ):
        raise _error(
            f"the arrays of {path.name} do not fit together: photograph i is "
            "jpeg[offset[i]:offset[i + 1]], with label[i] below the number of classes"
        )

    def opener(start: int, stop: int) -> Callable[[], Image.Image]:
        return lambda: Image.open(io.BytesIO(jpeg[start:stop].tobytes()))

    photographs = tuple(
        Photograph(
            f"photograph {i}",
            int(labels[i]),
            bool(splits[i]),
            opener(int(bounds[i]), int(bounds[i + 1])),
        )
        for i in range(count)
    )
    return Source(tuple(map(str, classes)), photographs, _state([path]))


def _check_arrays(path: Path, labels: np.ndarray, splits: np.ndarray, classes: np.ndarray) -> None:
    """RequestError for labels, splits or classes of another form than a pack's."""
    whole = all(each.ndim == 1 and each.dtype.kind in "iu" for each in (labels, splits))
    if not whole or classes.ndim != 1 or classes.dtype.kind != "U":
        raise _error(
            f"in {path.name} label and split are to be lists of whole numbers, and classes a list "
            "of names"
        )
    if not np.isin(splits, (0, 1)).all():
        raise _error(f"in {path.name} split is to be 0 for training and 1 for test photographs")


def _folder(path: Path, dataset: Dataset) -> Source:
    """An ImageFolder tree: train/CLASS/… and test/CLASS/… (or val/…), or CLASS/… alone."""
    train = path / "train"
    tests = [path / name for name in _TEST_FOLDERS if (path / name).is_dir()]
    split = train.is_dir() and bool(tests)
    if train.is_dir() and not tests:
        raise _error(f"{str(path)!r} has train/ but no test/ or val/ next to it")
    root = train if split else path
    classes = tuple(sorted(folder.name for folder in root.iterdir() if folder.is_dir()))
    if not classes:
        raise _error(
            f"{str(root)!r} has no class folders; it needs one folder of photographs per class, or "
            f"add --download to fetch {dataset.title} there ({dataset.download})"
        )
    held_out = {each.name for each in tests[0].iterdir() if each.is_dir()} if split else set()
    if only := sorted(held_out - set(classes)):
        raise _error(
            f"{str(tests[0])!r} has a class {only[0]!r} that train/ lacks; both need the same "
            "classes"
        )
    photographs: list[Photograph] = []
    for label, name in enumerate(classes):
        for place, file in enumerate(_pictures(root / name)):
            test = not split and place % _EVERY == 0
            photographs.append(_from_file(file, path, label, test))
        for file in _pictures(tests[0] / name) if split else ():
            photographs.append(_from_file(file, path, label, test=True))
    files = [path / photograph.name for photograph in photographs]
    titles = dict(zip(dataset.class_folders, dataset.classes, strict=False))
    named = tuple(titles.get(name, name) for name in classes)
    return Source(named, tuple(photographs), _state(files))


def _from_file(file: Path, root: Path, label: int, test: bool) -> Photograph:
    return Photograph(str(file.relative_to(root)), label, test, lambda: Image.open(file))


def _pictures(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        files = (file for file in sorted(folder.rglob("*")) if file.is_file())
        yield from (file for file in files if file.suffix.lower() in ENDINGS)


def _torchvision(path: Path, dataset: Dataset, download: bool) -> Source:
    from torchvision import datasets

    kind = getattr(datasets, dataset.torchvision)
    try:
        path.mkdir(parents=True, exist_ok=True)
        splits = [kind(path, download=download, **split) for split in dataset.splits]
    except KeyError as error:
        raise _error(
            f"{str(path / dataset.folder)!r} has a folder {error} that is no class of "
            f"{dataset.title}; remove it, or give photographs of other classes in another folder"
        ) from error
    except (OSError, RuntimeError) as error:
        raise _error(
            f"torchvision cannot {'download' if download else 'read'} {dataset.title} in "
            f"{str(path)!r}: {error}"
        ) from error
    # Imagenette's classes are tuples of synonyms.
    names = tuple(name if isinstance(name, str) else name[0] for name in splits[0].classes)

    def opener(number: int, index: int) -> Callable[[], Image.Image]:
        return lambda: splits[number][index][0]

    photographs = tuple(
        Photograph(f"{('train', 'test')[number]} {i}", label, bool(number), opener(number, i))
        for number, split in enumerate(splits)
        for i, label in enumerate(_labels(split))
    )
    return Source(names, photographs, _state(sorted((path / dataset.folder).rglob("*"))))


def _labels(split: object) -> list[int]:
    """The labels of a torchvision data set, without decoding its pictures if it can be helped."""
    targets = getattr(split, "targets", None)
    if targets is None:
        targets = [label for _, label in split._samples]  # type: ignore[attr-defined] # Imagenette
    return [int(label) for label in targets]


def _state(files: Iterable[Path]) -> str:
    """Names, sizes and times of files, condensed."""
    condensed = hashlib.sha256()
    for file in files:
        facts = file.stat()
        condensed.update(f"{file}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return condensed.hexdigest()[:16]


def _check_counts(source: Source, path: Path) -> None:
    if len(source.classes) < 2:
        raise _error(
            f"{str(path)!r} has {len(source.classes)} class; a classifier needs two or more"
        )
    training = Counter(photo.label for photo in source.photographs if not photo.test)
    test = Counter(photo.label for photo in source.photographs if photo.test)
    for label, name in enumerate(source.classes):
        if training[label] < LEAST_TRAINING or test[label] < LEAST_TEST:
            raise _error(
                f"class {name!r} has {training[label]} training and {test[label]} test "
                f"photographs; each class needs at least {LEAST_TRAINING} and {LEAST_TEST} "
                f"({', '.join(ENDINGS)})"
            )
