"""Who looks on while a request is answered: told the stage, asked whether to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from explorer.synthesis.loop import Watcher

if TYPE_CHECKING:
    from torch import Tensor


class StagedWatcher(Watcher, Protocol):
    """A watcher that is also told what is being done, in plain words."""

    def stage(self, text: str) -> None:
        """Called when a new stage begins."""


class Nobody:
    """Nobody looks on."""

    def stage(self, text: str) -> None: ...

    def cancelled(self) -> bool:
        return False

    def wants(self) -> bool:
        return False

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None: ...
