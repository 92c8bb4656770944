"""The targets of a reproduction: held-out photographs of a data set, or the gallery's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from explorer.images import gallery
from explorer.images.fitting import fit
from explorer.research.reproduction.facts import DATA_SETS

if TYPE_CHECKING:
    from explorer.research.training.photos import Photos


@dataclass(frozen=True)
class Targets:
    """Photographs that none of the networks of a data set has seen.

    text: what they are, in words. images: N×3×S×S float32 in [0, 1], S the networks' input size.
    """

    text: str
    names: tuple[str, ...]
    images: np.ndarray = field(repr=False)

    @property
    def digest(self) -> str:
        """What tells them from all others."""
        return hashlib.sha256(self.images.tobytes()).hexdigest()[:16]


def targets_of(dataset: str, side: int, count: int, photographs: Mapping[str, Photos]) -> Targets:
    """At most `count` targets for networks that learned from this data set and take side×side px.

    Held-out photographs of the data set where `photographs` has it, else those of the gallery.
    """
    if dataset in photographs:
        held_out = photographs[dataset].held_out(count).images
        images = [fit(picture, (side, side)) for picture in held_out]
        text = f"{len(images)} held-out photographs of {DATA_SETS[dataset]}"
        names = tuple(f"{dataset} test {number}" for number in range(len(images)))
    else:
        names = gallery.names()[:count]
        images = [fit(gallery.load(name), (side, side)) for name in names]
        text = f"{len(images)} photographs of the gallery"
    return Targets(text, names, np.stack(images))
