"""The targets of a reproduction: held-out photographs of a data set, or the gallery's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from explorer.images import gallery
from explorer.images.fitting import fit

if TYPE_CHECKING:
    from explorer.research.training.photos import Photos


@dataclass(frozen=True)
class Targets:
    """Photographs for the networks of a data set.

    text: what they are, in words. images: N×3×S×S float32 in [0, 1], S the networks' input size.
    unseen: whether it is known that none of the networks learned from one.
    """

    text: str
    names: tuple[str, ...]
    images: np.ndarray = field(repr=False)
    unseen: bool = True

    @property
    def digest(self) -> str:
        """What tells them from all others."""
        return hashlib.sha256(self.images.tobytes()).hexdigest()[:16]


def targets_of(dataset: str, side: int, count: int, photographs: Mapping[str, Photos]) -> Targets:
    """At most `count` targets for networks that learned from this data set and take side×side px.

    Held-out photographs of the data set where `photographs` has it, else those of the gallery. Of
    other photographs in classes of the same names nobody knows which networks learned from them.
    """
    unseen = True
    if dataset in photographs:
        given = photographs[dataset]
        images = [fit(picture, (side, side)) for picture in given.held_out(count).images]
        unseen = given.published
        text = f"{len(images)} {'held-out ' if unseen else ''}photographs {given.text}"
        names = tuple(f"{dataset} test {number}" for number in range(len(images)))
    else:
        names = gallery.names()[:count]
        images = [fit(gallery.load(name), (side, side)) for name in names]
        text = f"{len(images)} photographs of the gallery"
    return Targets(text, names, np.stack(images), unseen)
