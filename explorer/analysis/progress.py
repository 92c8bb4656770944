"""Progress callbacks: told the stage and the numbers of a request, asked whether to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from explorer.metrics.first_look import FirstLook
from explorer.synthesis.loop import Callback

if TYPE_CHECKING:
    from torch import Tensor


class StagedCallback(Callback, Protocol):
    """A callback of the loop that is also told what is being done, in plain words."""

    def stage(self, text: str) -> None:
        """Called when a new stage begins."""

    def made(self, images: Tensor, looks: Sequence[FirstLook]) -> None:
        """Called once the search is over: the IRIs, N×3×H×W, and how well each one matches.

        And again once they have been brought nearer to their seeds. What they are compared with,
        the null and the other measures, is still to come.
        """


class NullCallback:
    """Reports nothing and never cancels."""

    def stage(self, text: str) -> None: ...

    def made(self, images: Tensor, looks: Sequence[FirstLook]) -> None: ...

    def cancelled(self) -> bool:
        return False

    def due(self) -> bool:
        return False

    def report(self, step: int, relative_l2: Tensor, images: Tensor) -> None: ...
