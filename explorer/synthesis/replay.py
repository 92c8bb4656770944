"""A pass recorded once as a CUDA graph, and replayed: one launch instead of hundreds.

At batch 1 a GPU is done with a layer sooner than the host can ask for the next one. A graph holds
all kernels of a pass, so that only the kernels themselves take time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from torch import Tensor

log = logging.getLogger(__name__)

WARM_UP = 3  # calls before the recording: libraries choose their kernels and make their workspaces
SAME = 2e-3  # how far a replay's numbers may be from those of the call itself

Tensors = tuple[Tensor, ...]
Outputs = TypeVar("Outputs", bound=Tensors)


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


class Replayed:
    """A function of tensors to tensors, recorded at the call after WARM_UP others, then replayed.

    function: it takes tensors that keep their shapes, and nothing it reads besides may move in
    memory, until `forget` is called; with fewer tensors or more it is recorded anew. What it says
    is the same with and without: the first replay is compared with the call itself, and a function
    that cannot be recorded, or comes out otherwise, is called as before.
    """

    def __init__(self, function: Callable[..., Outputs], recorder: Recorder) -> None:
        self._function, self._recorder = function, recorder
        self._suits = True
        self.forget()

    def __call__(self, *inputs: Tensor) -> Outputs:
        """What the function gives; tensors of its own, that later calls leave alone."""
        if self._replay is not None and len(inputs) != len(self._inputs):
            self.forget()
        if self._replay is None:
            self._calls += 1
            called = self._function(*inputs)
            if self._suits and self._calls > WARM_UP:
                self._record(inputs, called)
            return called
        return self._replayed(inputs)

    def forget(self) -> None:
        """Record it anew, after calls to get warm: shapes or places in memory have changed."""
        self._calls, self._replay = 0, None
        self._inputs: Tensors = ()
        self._outputs: Tensors = ()

    def _record(self, inputs: Tensors, called: Tensors) -> None:
        self._inputs = tuple(one.clone() for one in inputs)
        try:
            self._outputs, self._replay = self._recorder.record(
                lambda: self._function(*self._inputs)
            )
            self._suits = all(map(_alike, self._replayed(inputs), called))
            reason = "a replay gives other numbers"
        except RuntimeError as error:
            self._suits, reason = False, str(error).partition("\n")[0]
        if not self._suits:
            log.warning("passes are not replayed: %s", reason)
            self.forget()

    def _replayed(self, inputs: Tensors) -> Tensors:
        for place, value in zip(self._inputs, inputs, strict=True):
            place.copy_(value)
        self._replay()
        return type(self._outputs)(*(one.clone() for one in self._outputs))


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether they differ by less than SAME of their size, all in all."""
    return bool((one - other).norm() <= SAME * other.norm() + torch.finfo(other.dtype).tiny)
