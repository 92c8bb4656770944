"""What the program knows of an optimiser: one record, without importing torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from explorer.synthesis.optimizers.search import Search

Bounds = tuple[float, float]
"""The lowest and the highest value that a parameter may have."""


@dataclass(frozen=True, eq=False)
class Start:
    """Where a search starts.

    parameters: N×…, what is optimised. steps: the budget. bounds: of each parameter, kept outside
    autograd. squared_loss: (N,), true where the loss is a norm with a kink at its minimum 0, so
    that a quasi-Newton search had better minimise ½·loss², which is smooth and has the same
    minimum.
    """

    parameters: Tensor
    steps: int
    bounds: Bounds
    squared_loss: Tensor


@dataclass(frozen=True)
class Optimiser:
    """One optimiser.

    name: as requests, links and the command line give it. title: on the page. help: one sentence
    about how it works, as results keep it. short_help: a few words, for lists.
    build: begins a search; it imports what it needs when it is called.
    aliases: former names, which requests and links may still use.
    needs_stationary_loss: it compares losses of different steps, so the same image must have the
        same loss at every step, with a gradient of its own (no straight-through gradient).
    only_match: it uses the representation itself, so it needs a loss that asks for nothing but the
        match (`Loss.only_match`) of an image in pixels.
    scheduled: its steps depend on the budget, so that another budget takes another path.
    surrogate_gradient: it uses surrogate ReLU gradients, see `explorer.synthesis.surrogate`.
    keeps_last: the last image is the outcome, as published, not the best one.
    as_published: it does what a publication did, and nothing follows it.
    """

    name: str
    title: str
    help: str
    short_help: str
    build: Callable[[Start], Search] = field(repr=False)
    aliases: tuple[str, ...] = ()
    needs_stationary_loss: bool = False
    only_match: bool = False
    scheduled: bool = False
    surrogate_gradient: bool = False
    keeps_last: bool = False
    as_published: bool = False

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, for `python -m explorer optimisers --json`."""
        return {
            "name": self.name,
            "title": self.title,
            "help": self.help,
            "aliases": list(self.aliases),
            "needs_stationary_loss": self.needs_stationary_loss,
            "only_match": self.only_match,
            "scheduled": self.scheduled,
            "surrogate_gradient": self.surrogate_gradient,
            "keeps_last": self.keeps_last,
            "as_published": self.as_published,
        }
