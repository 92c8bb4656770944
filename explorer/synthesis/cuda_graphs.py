"""Capture and replay of steps as CUDA graphs: one launch instead of hundreds.

At batch 1 a GPU finishes a layer sooner than the host can launch the next one. A graph holds all
kernels of a step, so that only the kernels themselves take time. It reads and writes the same
memory each time: what a step remembers for the next one must be in a `State`, and stays in its
place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from explorer.synthesis.state import Slot

log = logging.getLogger(__name__)

WARM_UP_CALLS = 3  # before the capture: libraries choose kernels and allocate workspaces
TOLERANCE = 2e-3  # largest relative ℓ₂ difference of a replay from the call itself

Tensors = tuple[Tensor, ...]
Outputs = TypeVar("Outputs", bound=Tensors)
OutputsOut = TypeVar("OutputsOut", bound=Tensors, covariant=True)


class Recorder(Protocol):
    """Captures what a function of no arguments does on the device."""

    def record(self, function: Callable[[], Outputs]) -> tuple[Outputs, Callable[[], object]]:
        """Its outputs, and a replay that does the same again, into the same tensors.

        Raises RuntimeError where it does something that cannot be captured.
        """


class CudaGraphs:
    """Captures with torch's CUDA graphs."""

    def record(self, function: Callable[[], Outputs]) -> tuple[Outputs, Callable[[], object]]:
        """As `Recorder.record`."""
        graph = torch.cuda.CUDAGraph()
        # Other threads of a worker may use the device at the same time.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = function()
        return outputs, graph.replay


class Replayable(Protocol[OutputsOut]):
    """A State whose call does one step; from the third call on always the same work.

    label: what its calls are, in the plural, for the log.
    """

    label: str

    def slots(self) -> Iterator[Slot]:
        """As `State.slots`."""

    def __call__(self) -> OutputsOut:
        """The step's outputs."""


class _Place(NamedTuple):
    """A tensor of the step's state, and the memory in which it has to stay."""

    owner: dict[str, Tensor]
    name: str
    memory: Tensor

    def write(self, value: Tensor) -> None:
        self.owner[self.name] = self.memory.copy_(value)


class Replay(Generic[Outputs]):
    """A step that is captured at the call after WARM_UP_CALLS others, then replayed.

    step: a State. Its tensors keep their shapes, and nothing else that it reads moves in memory,
    until `reset` is called. The outcome is the same with and without: the first replay is compared
    with the call itself, and a step that cannot be captured, or gives other numbers, is called as
    before. recorder: None to call it always. failed: whether capturing has failed.
    """

    def __init__(self, step: Replayable[Outputs], recorder: Recorder | None) -> None:
        self._step, self._recorder = step, recorder
        self.label, self.failed = step.label, False
        self.reset()

    def __call__(self) -> Outputs:
        """The step's outputs; after a replay in tensors that the next one overwrites."""
        if self._replay is not None and self._outputs is not None:
            for place in self._places:
                if place.owner[place.name] is not place.memory:
                    place.write(place.owner[place.name])
            self._replay()
            return self._outputs
        self._calls += 1
        if self._recorder is None or self.failed or self._calls <= WARM_UP_CALLS:
            return self._step()
        return self._captured(self._recorder)

    def reset(self) -> None:
        """Capture anew, after warm-up calls: shapes or places in memory have changed."""
        self._calls = 0
        self._replay: Callable[[], object] | None = None
        self._outputs: Outputs | None = None
        self._places: list[_Place] = []

    def _captured(self, recorder: Recorder) -> Outputs:
        try:
            for owner, name in self._step.slots():
                owner[name] = owner[name].clone()  # memory of its own
                self._places.append(_Place(owner, name, owner[name]))
            before, after = ([place.memory.clone() for place in self._places] for _ in range(2))
        except torch.OutOfMemoryError as error:
            self._give_up(error)
            return self._step()
        called = _copied(self._step(), Tensor.clone)
        for place, value in zip(self._places, after, strict=True):
            value.copy_(place.owner[place.name])
        reason: object = "a replay gives other numbers"
        try:
            self._restore(before)
            self._outputs, self._replay = recorder.record(self._in_place)
            self._restore(before)
            self._replay()
            replayed = [*self._outputs, *(place.memory for place in self._places)]
            if all(map(_close, replayed, [*called, *after])):
                return self._outputs
        except RuntimeError as error:
            reason = error
        self._restore(after)
        self._give_up(reason)
        return called

    def _give_up(self, reason: object) -> None:
        self.failed = True
        first_line = str(reason).partition("\n")[0]
        log.warning("%s are not replayed: %s", self.label, first_line)
        self.reset()

    def _restore(self, values: list[Tensor]) -> None:
        for place, value in zip(self._places, values, strict=True):
            place.write(value)

    def _in_place(self) -> Outputs:
        """The step, and then all that it remembers in the memory where it was before."""
        outputs = self._step()
        taken = {place.memory.untyped_storage().data_ptr() for place in self._places}

        def apart(value: Tensor) -> Tensor:
            return value.clone() if value.untyped_storage().data_ptr() in taken else value

        outputs = _copied(outputs, apart)
        moved = [each for each in self._places if each.owner[each.name] is not each.memory]
        values = [apart(place.owner[place.name]) for place in moved]
        for place, value in zip(moved, values, strict=True):
            place.write(value)
        return outputs


def _copied(outputs: Outputs, copy: Callable[[Tensor], Tensor]) -> Outputs:
    """A tuple of the same type, with the copies of its tensors."""
    return type(outputs)(*map(copy, outputs))


def _close(value: Tensor, expected: Tensor) -> bool:
    """Whether they differ by less than TOLERANCE of their size, all in all; counts not at all."""
    if not expected.is_floating_point():
        return torch.equal(value, expected)
    difference = torch.where(value == expected, 0.0, value - expected)
    smallest = torch.finfo(expected.dtype).tiny
    return bool(difference.norm() <= TOLERANCE * expected.norm() + smallest)
