"""What is known of an IRI as soon as it is made, before it is judged by a null. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class FirstLook:
    """The match of an IRI and its target in numbers.

    relative_l2, relative_l2_8bit: the relative distance, also after rounding to 8 bits; None where
    it is infinite. target_class, iri_class: the likeliest classes; None for a network without.
    same_class: whether they are one class, of which two may share a name.
    """

    relative_l2: float | None
    relative_l2_8bit: float | None
    target_class: str | None = None
    iri_class: str | None = None
    same_class: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> FirstLook:
        """The record in what `to_dict` wrote."""
        return cls(**plain)

    def sentence(self, quote: Callable[[str], str] = str) -> str:
        """In a line; quote: what makes a class name fit to be shown."""
        distance, rounded = map(_number, (self.relative_l2, self.relative_l2_8bit))
        text = f"Relative distance {distance} ({rounded} after rounding to 8 bits)"
        if self.target_class is None or self.iri_class is None:
            return f"{text}."
        target, iri = quote(self.target_class), quote(self.iri_class)
        if self.same_class:
            return f"{text}; to the network both are “{target}”."
        return f"{text}; to the network the target is “{target}”, the IRI “{iri}”."


def _number(value: float | None) -> str:
    return "infinite" if value is None else f"{value:.4f}"
