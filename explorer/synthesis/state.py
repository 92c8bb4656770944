"""What N samples remember from step to step, as tensors to select, save and restore."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

Slot = tuple[dict[str, Tensor], str]


class State:
    """Something that remembers from step to step.

    Its attributes that are tensors, and those of its attributes that are States, are all that
    changes: N×… of N samples, or without a dimension and of all of them, as counts of steps are.
    """

    def slots(self) -> Iterator[Slot]:
        """Where its tensors are: the dictionary, and the name in it."""
        for name, value in list(vars(self).items()):
            if torch.is_tensor(value):
                yield vars(self), name
            elif isinstance(value, State):
                yield from value.slots()

    def select(self, indices: Tensor) -> None:
        """Go on with the samples at these indices only, (M,) integers."""
        for name, value in list(vars(self).items()):
            if isinstance(value, State):
                value.select(indices)
            elif torch.is_tensor(value) and value.ndim:
                setattr(self, name, value[indices])
