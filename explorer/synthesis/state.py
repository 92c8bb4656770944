"""What N samples have come to, as tensors: for some of them only, or taken out and put back."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

Slot = tuple[dict[str, Tensor], str]


class State:
    """Something that remembers from pass to pass.

    Its attributes that are tensors, and those of its attributes that are States, are all that
    changes: N×… of N samples, or without a dimension and of all of them, as counts of passes are.
    """

    def slots(self) -> Iterator[Slot]:
        """Where its tensors are: the dictionary, and the name in it."""
        for name, value in list(vars(self).items()):
            if torch.is_tensor(value):
                yield vars(self), name
            elif isinstance(value, State):
                yield from value.slots()

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""
        for name, value in list(vars(self).items()):
            if isinstance(value, State):
                value.keep(places)
            elif torch.is_tensor(value) and value.ndim:
                setattr(self, name, value[places])


class Descent(State):
    """One run of an optimiser.

    steady: whether a sample's steps don't hang on the budget, so that a plateau, once reached,
    stays one; (N,) or one answer for all. corners: the width (N,) of the soft corners that the
    next gradient is to be looked for through, if the optimiser wants any.

    `next` may be recorded and replayed: from the second call on it does the same work each time,
    and what differs from call to call is in its tensors.
    """

    steady: bool | Tensor = False
    corners: Tensor | None = None

    def next(self, parameters: Tensor, loss: Tensor, gradient: Tensor, offset: Tensor) -> Tensor:
        """The next parameters to look at, N×… within the bounds.

        loss (N,), gradient N×… and offset N×D, see `TermInputs`, are those of `parameters`, which
        the last call returned. Costs no pass, and never waits for another device.
        """
        raise NotImplementedError

    def rests(self) -> bool:
        """Whether a part of it has nothing left to do and rests from now on: other work from here.

        Asked now and then, and waits for the device.
        """
        return False


class Table:
    """Numbers by the count of passes, on the device; from the last on it stays the same."""

    def __init__(self, values: list[float], like: Tensor) -> None:
        self._values = torch.tensor(values, dtype=torch.float64, device=like.device)

    def __call__(self, number: Tensor) -> Tensor:
        """The value, without a dimension, for a number without one."""
        return self._values.take(number.clamp_max(len(self._values) - 1))
