"""What training needs of a data set, and the drawn pictures as such."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from explorer.zoo import pictures
from explorer.zoo.architectures import SIDE


@dataclass(frozen=True)
class Examples:
    """Labelled pictures.

    images: uint8 N×H×W×3. labels: int64 N×G indices, one column per label group.
    """

    images: np.ndarray
    labels: np.ndarray


class TrainingData(Protocol):
    """Labelled pictures in a training and a test split."""

    @property
    def side(self) -> int:
        """Width and height of the pictures that networks take, in pixels."""

    @property
    def training_count(self) -> int:
        """How many training pictures there are."""

    @property
    def attacked_count(self) -> int:
        """On how many of the first test pictures attacks are measured."""

    def training(self, indices: np.ndarray) -> Examples:
        """These training pictures, N×H×W×3, perhaps with a margin for random crops."""

    def held_out(self, count: int | None = None) -> Examples:
        """The first `count` test pictures (None: all that are used), at the network's size."""

    def facts(self) -> Mapping[str, Any]:
        """What a network's card says of the data: classes, licence, …"""

    @property
    def digest(self) -> str:
        """Differs between data sets whose pictures or labels differ."""


@dataclass(frozen=True)
class DrawnPictures:
    """The pictures of `explorer.zoo.pictures`, each training picture drawn once and kept."""

    training_count: int
    images: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    drawn: np.ndarray = field(repr=False)
    test_count: int = 2048
    attacked_count: int = 512
    digest: str = "drawn"
    side: int = SIDE

    def training(self, indices: np.ndarray) -> Examples:
        for index in indices[~self.drawn[indices]]:
            image, labels = pictures.picture(int(index), "train")
            self.images[index], self.labels[index] = image, labels.as_row()
            self.drawn[index] = True
        return Examples(self.images[indices], self.labels[indices])

    def held_out(self, count: int | None = None) -> Examples:
        return Examples(*pictures.batch(range(count or self.test_count), "test"))

    def facts(self) -> Mapping[str, Any]:
        return {
            "data": (
                "Drawn by a program: one of 16 everyday objects, 64×64 pixels, with the "
                "colour, place, size, tilt and background varied."
            ),
            "training_pictures": self.training_count,
            "classes": list(pictures.OBJECTS),
            "logit_names": {group: list(names) for group, names in pictures.GROUPS.items()},
        }


@lru_cache(maxsize=1)
def drawn_pictures(count: int) -> DrawnPictures:
    """The first `count` training pictures, shared by all networks that one process trains."""
    return DrawnPictures(
        count,
        images=np.empty((count, 64, 64, 3), np.uint8),
        labels=np.empty((count, len(pictures.GROUPS)), np.int64),
        drawn=np.zeros(count, bool),
    )
