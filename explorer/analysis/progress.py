"""Progress callbacks: told the stage and the numbers of a request, asked whether to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from explorer.synthesis.loop import Callback

if TYPE_CHECKING:
    from torch import Tensor


class StagedCallback(Callback, Protocol):
    """A callback of the loop that is also told what is being done, in plain words."""

    def stage(self, text: str) -> None:
        """Called when a new stage begins."""


class NullCallback:
    """Reports nothing and never cancels."""

    def stage(self, text: str) -> None: ...

    def cancelled(self) -> bool:
        return False

    def due(self) -> bool:
        return False

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None: ...
