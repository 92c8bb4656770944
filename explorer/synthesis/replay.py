"""A step recorded once as a CUDA graph, and replayed: one launch instead of hundreds.

At batch 1 a GPU is done with a layer sooner than the host can ask for the next one. A graph holds
all kernels of a step, so that only the kernels themselves take time. It reads and writes the same
places in memory each time: what a step remembers for the next one has to be in a `State`, and is
kept in its place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

from explorer.synthesis.state import Slot

log = logging.getLogger(__name__)

WARM_UP = 3  # calls before the recording: libraries choose their kernels and make their workspaces
SAME = 2e-3  # how far a replay's numbers may be from those of the call itself

Tensors = tuple[Tensor, ...]
Outputs = TypeVar("Outputs", bound=Tensors, covariant=True)


class Recorder(Protocol):
    """Takes down what a function of no arguments does on the device."""

    def record(self, function: Callable[[], Outputs]) -> tuple[Outputs, Callable[[], object]]:
        """What it gave, and a replay that does the same again, into the same tensors.

        Raises RuntimeError where it does something that cannot be recorded.
        """


class CudaGraphs:
    """Records with the CUDA graphs of torch."""

    def record(self, function: Callable[[], Outputs]) -> tuple[Outputs, Callable[[], object]]:
        graph = torch.cuda.CUDAGraph()
        # Other threads of a worker may be at work on the device meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = function()
        return outputs, graph.replay


class Step(Protocol[Outputs]):
    """A State that goes one step further when it is called; from the third call on always alike.

    what: what its calls are called, in the plural.
    """

    what: str

    def slots(self) -> Iterator[Slot]:
        """As `State.slots`."""

    def __call__(self) -> Outputs:
        """What was found on the way."""


class Replayed(Generic[Outputs]):
    """A step that is recorded at the call after WARM_UP others, then replayed.

    step: a State. Its tensors keep their shapes, and nothing else that it reads moves in memory,
    until `forget` is called. What it comes to is the same with and without: the first replay is
    compared with the call itself, and a step that cannot be recorded, or comes out otherwise, is
    called as before. recorder: None to call it always.
    """

    def __init__(self, step: Step[Outputs], recorder: Recorder | None) -> None:
        self._step, self._recorder = step, recorder
        self.what, self.fails = step.what, False
        self.forget()

    def __call__(self) -> Outputs:
        """What the step gives; after a replay in tensors that the next one writes into."""
        if self._replay is not None:
            for held, name, place in self._places:
                if held[name] is not place:
                    held[name] = place.copy_(held[name])
            self._replay()
            return self._outputs
        self._calls += 1
        if self._recorder is None or self.fails or self._calls <= WARM_UP:
            return self._step()
        return self._recorded(self._recorder)

    def forget(self) -> None:
        """Record it anew, after calls to get warm: shapes or places in memory have changed."""
        self._calls, self._replay, self._outputs = 0, None, None
        self._places: list[tuple[dict[str, Tensor], str, Tensor]] = []

    def _recorded(self, recorder: Recorder) -> Outputs:
        try:
            for held, name in self._step.slots():
                held[name] = held[name].clone()  # a place that nobody else has
                self._places.append((held, name, held[name]))
            before, after = ([place.clone() for _, _, place in self._places] for _ in range(2))
        except torch.OutOfMemoryError as error:
            self._give_up(error)
            return self._step()
        called = self._step()
        called = type(called)(*(one.clone() for one in called))
        for (held, name, _), value in zip(self._places, after, strict=True):
            value.copy_(held[name])
        try:
            self._put_back(before)
            self._outputs, self._replay = recorder.record(self._in_place)
            self._put_back(before)
            self._replay()
            found = [*self._outputs, *(place for _, _, place in self._places)]
            if all(map(_alike, found, [*called, *after])):
                return self._outputs
            reason = "a replay gives other numbers"
        except RuntimeError as error:
            reason = error
        self._put_back(after)
        self._give_up(reason)
        return called

    def _give_up(self, reason: object) -> None:
        self.fails = True
        log.warning("%s are not replayed: %s", self.what, str(reason).partition("\n")[0])
        self.forget()

    def _put_back(self, values: list[Tensor]) -> None:
        for (held, name, place), value in zip(self._places, values, strict=True):
            held[name] = place.copy_(value)

    def _in_place(self) -> Outputs:
        """The step, and then all that it remembers where it was before."""
        outputs = self._step()
        taken = {place.untyped_storage().data_ptr() for _, _, place in self._places}

        def apart(value: Tensor) -> Tensor:
            return value.clone() if value.untyped_storage().data_ptr() in taken else value

        outputs = type(outputs)(*map(apart, outputs))
        moved = [one for one in self._places if one[0][one[1]] is not one[2]]
        values = [apart(held[name]) for held, name, _ in moved]
        for (held, name, place), value in zip(moved, values, strict=True):
            held[name] = place.copy_(value)
        return outputs


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether they differ by less than SAME of their size, all in all; counts not at all."""
    if not other.is_floating_point():
        return torch.equal(one, other)
    apart = torch.where(one == other, 0.0, one - other)
    return bool(apart.norm() <= SAME * other.norm() + torch.finfo(other.dtype).tiny)
