"""Random transforms that the representation must survive, by the suffix of a loss's name.

Every step draws them anew, for each sample from a random generator of its own: so a sample meets
the same transforms alone as in a batch, and a result does not depend on what else is made with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from explorer.request import CENTRED_TRANSFORMS, TRANSFORMS
from explorer.synthesis.transforms import centred, published

_FUNCTIONS = {TRANSFORMS: published.transformed, CENTRED_TRANSFORMS: centred.transformed}


class RandomTransforms:
    """Images N×3×H×W in [0, 1] → the same, each moved a little; differentiable.

    name: TRANSFORMS or CENTRED_TRANSFORMS. The state it guards: one random generator per sample.
    """

    def __init__(self, name: str, rng_seeds: Sequence[int]) -> None:
        self._transformed = _FUNCTIONS[name]
        self._generators = [torch.Generator().manual_seed(number) for number in rng_seeds]

    def select(self, indices: Tensor) -> None:
        """Go on with the samples at these indices only, (M,) integers."""
        self._generators = [self._generators[index] for index in indices.tolist()]

    def __call__(self, images: Tensor) -> Tensor:
        """The images as seen through this step's transforms, N×3×H×W."""
        return self._transformed(images, self._generators)
