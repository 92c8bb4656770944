"""What a perceptual measure is: its record, and functions that are imported when first called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor


def _always_available(allow_download: bool) -> str | None:
    return None


@dataclass(frozen=True)
class PerceptualMeasure:
    """One perceptual measure, as data.

    help: what it compares, one plain sentence. nearer: whether a higher or a lower value means more
    alike. range: smallest and largest value, None for no bound. source: paper and implementation.
    smallest: least height and width in px. function: two batches N×3×H×W in [0, 1] → N values.
    needs_download: its weights do not ship with the app. differentiable: gradients pass through it,
    so it can play the adversary of a loss.
    family: of measures that rest on one network or one formula (`ssim`); they have one vote
    together. Networks whose family starts with this word share the measure's own network, so it
    flatters their IRIs. "" for a measure that has neither.
    in_paper: one of the four by which Nanda et al. (AAAI 2023) report alignment.
    unavailable_reason: called with allow_download, says why the measure is not available, or None.
    """

    name: str
    title: str
    help: str
    nearer: Literal["higher", "lower"]
    range: tuple[float, float | None]
    source: str
    smallest: int
    function: Callable[[Tensor, Tensor], Tensor] = field(repr=False)
    needs_download: bool = False
    differentiable: bool = True
    family: str = ""
    in_paper: bool = False
    unavailable_reason: Callable[[bool], str | None] = field(default=_always_available, repr=False)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, for `python -m explorer measures --json`."""
        return {
            "name": self.name,
            "kind": "perceptual",
            "title": self.title,
            "says": self.help,
            "help": self.help,
            "nearer": self.nearer,
            "range": list(self.range),
            "source": self.source,
            "needs_download": self.needs_download,
            "differentiable": self.differentiable,
            "smallest": self.smallest,
            "rests_on": self.family or None,
            "in_the_paper": self.in_paper,
        }


def imported_later(module: str, name: str, *arguments: str) -> Callable[[Tensor, Tensor], Tensor]:
    """The function `name` of a module, which is imported when the function is first called.

    arguments: given to it after the two batches of images.
    """

    def function(images_a: Tensor, images_b: Tensor) -> Tensor:
        return getattr(import_module(module), name)(images_a, images_b, *arguments)

    return function
