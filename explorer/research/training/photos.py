"""Photographs for training: decoded and resized once, kept as arrays in a cache folder."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from explorer.errors import RequestError
from explorer.research.training.augmentation import centre_window
from explorer.research.training.data import Examples
from explorer.research.training.datasets import Dataset
from explorer.research.training.photo_sources import Photograph, Source, find

_SPLITS = ("train", "test")
_REPORT_EVERY = 2000
_SAME_COLOUR = 2.0  # of 255: how much a class's mean colour depends on format and size at most
_NAMED = 3  # unreadable photographs that a message names
_UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Photos:
    """A data set's photographs as uint8 N×S×S×3 arrays, their labels and the classes' names.

    The test photographs are in one random order, so that the first few are of all classes.
    """

    dataset: Dataset
    classes: tuple[str, ...]
    images: dict[str, np.ndarray] = field(repr=False)
    labels: dict[str, np.ndarray] = field(repr=False)
    digest: str
    attacked_count: int = 500

    @property
    def side(self) -> int:
        return self.dataset.side

    @property
    def training_count(self) -> int:
        return len(self.labels["train"])

    def training(self, indices: np.ndarray) -> Examples:
        return Examples(self.images["train"][indices], self.labels["train"][indices])

    def held_out(self, count: int | None = None) -> Examples:
        images = centre_window(self.images["test"][:count], self.side)
        return Examples(images, self.labels["test"][:count])

    @cached_property
    def published(self) -> bool:
        """Whether these are the data set's own photographs, in its own training and test split.

        Known by how many there are of each class, and by the mean colours of those for the test.
        """
        dataset = self.dataset
        if set(self.classes) != set(dataset.classes):
            return False
        here = self.labelled_as(dataset.classes).labels
        for split, wanted in (("train", dataset.training_counts), ("test", dataset.test_counts)):
            counts = np.bincount(here[split].ravel(), minlength=len(wanted))
            if not np.array_equal(counts, wanted):
                return False
        colours = [
            np.mean(self.images["test"][here["test"].ravel() == label], axis=(0, 1, 2))
            for label in range(len(dataset.classes))
        ]
        return bool(np.abs(np.array(colours) - dataset.test_colours).max() <= _SAME_COLOUR)

    @property
    def text(self) -> str:
        """What they are, to follow "photographs": `of Imagenette`, or whose they are."""
        if self.published:
            return f"of {self.dataset.title}"
        alike = set(self.classes) == set(self.dataset.classes)
        named = f" in classes named as {self.dataset.title}’s" if alike else ""
        return f"of the user’s own{named}"

    def labelled_as(self, classes: Sequence[str]) -> "Photos":
        """The same photographs, labelled by the places of these names, which are their classes'."""
        places = np.array([classes.index(name) for name in self.classes])
        labels = {split: places[labels] for split, labels in self.labels.items()}
        return replace(self, classes=tuple(classes), labels=labels)

    def facts(self) -> Mapping[str, Any]:
        source = self.dataset.source if self.published else self.text.removeprefix("of ")
        return {
            "data": (
                f"Photographs: {source}, {self.side}×{self.side} pixels of {self.dataset.stored}."
            ),
            "data_licence": self.dataset.licence if self.published else "",
            "data_digest": self.digest,
            "training_pictures": self.training_count,
            "classes": list(self.classes),
            "logit_names": {"object": list(self.classes)},
        }


def load(
    path: Path,
    dataset: Dataset,
    *,
    cache: Path,
    download: bool = False,
    report: Callable[[str], None] = print,
) -> Photos:
    """The photographs at `path`: `decoded` of what `photo_sources.find` finds there."""
    return decoded(find(path, dataset, download), dataset, cache=cache, report=report)


def decoded(
    source: Source, dataset: Dataset, *, cache: Path, report: Callable[[str], None] = print
) -> Photos:
    """The photographs of a source, decoded now or read from `cache`.

    Each is scaled (bicubic, antialiased) until its shorter side has `dataset.stored` pixels and
    cropped to its middle. Raises RequestError (field `data`) for photographs that cannot be read,
    classes with too few of them, or a cache that cannot be written.
    """
    folder = cache / f"photos-{dataset.name}-{source.state}-{dataset.stored}"
    if not folder.is_dir():
        _decode_into(folder, source, dataset.stored, report)
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    labels = {
        split: np.load(folder / f"{split}-labels.npy", allow_pickle=False) for split in _SPLITS
    }
    images = {
        split: np.load(folder / f"{split}-images.npy", mmap_mode="r", allow_pickle=False)
        for split in _SPLITS
    }
    return Photos(dataset, source.classes, images, labels, facts["digest"])


def _decode_into(folder: Path, source: Source, side: int, report: Callable[[str], None]) -> None:
    """Write the decoded photographs to `folder`, as a whole or not at all."""
    arrays: dict[str, np.ndarray] = {}
    condensed = hashlib.sha256("\n".join(source.classes).encode())
    for split in _SPLITS:
        photographs = [photo for photo in source.photographs if photo.test == (split == "test")]
        if split == "test":
            order = np.random.default_rng(0).permutation(len(photographs))
            photographs = [photographs[i] for i in order]
        arrays[f"{split}-images"] = _decode(photographs, side, report)
        arrays[f"{split}-labels"] = np.array([[photo.label] for photo in photographs], np.int64)
    for array in arrays.values():
        condensed.update(array.tobytes())
    facts = {"classes": source.classes, "digest": condensed.hexdigest()}
    partial = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array)
        (partial / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
        partial.rename(folder)
    except OSError as error:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        if folder.is_dir():  # another process wrote the same photographs meanwhile
            return
        size = sum(array.nbytes for array in arrays.values()) / 1e6
        raise RequestError(
            "data",
            f"the decoded photographs ({size:,.0f} MB) cannot be written to {str(folder)!r}: "
            f"{error.strerror or error}",
        ) from error


def _decode(
    photographs: Iterable[Photograph], side: int, report: Callable[[str], None]
) -> np.ndarray:
    photographs = list(photographs)
    images = np.empty((len(photographs), side, side, 3), np.uint8)
    unreadable = []
    for i, photo in enumerate(photographs):
        try:
            with photo.open() as picture:
                upright = ImageOps.exif_transpose(picture).convert("RGB")
                images[i] = np.asarray(
                    ImageOps.fit(upright, (side, side), Image.Resampling.BICUBIC)
                )
        except _UNREADABLE:
            unreadable.append(photo.name)
        if (i + 1) % _REPORT_EVERY == 0:
            report(f"decoded {i + 1} of {len(photographs)} photographs")
    if unreadable:
        more = f" and {len(unreadable) - _NAMED} more" if len(unreadable) > _NAMED else ""
        raise RequestError(
            "data",
            f"cannot be read as pictures: {', '.join(unreadable[:_NAMED])}{more}; "
            "remove or replace them",
        )
    return images
