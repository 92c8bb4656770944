"""How a result's image was brought to its seed, and what it was before; how far an image moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from explorer.metrics.perceptual_verdict import Comparison, PerceptualVerdict
from explorer.result.checks import ResultError, amount, count


@dataclass(frozen=True)
class Moved:
    """How far an image is from its seed.

    rms: root mean square over pixels and channels, of values in [0, 1]. relative: as a share of
    the target's distance from the seed; None where these are one image.
    """

    rms: float
    relative: float | None

    @classmethod
    def of(cls, image: np.ndarray, seed: np.ndarray, target: np.ndarray) -> Moved:
        """That of three images of one shape in [0, 1]."""
        to_seed, whole = (
            float(np.sqrt(np.mean(np.square(each.astype(np.float64) - seed))))
            for each in (image, target)
        )
        relative = _four_digits(to_seed / whole) if whole else None
        return cls(_four_digits(to_seed), relative)

    def to_dict(self) -> dict[str, float | None]:
        """Plain JSON values."""
        return {"rms": self.rms, "relative": self.relative}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Moved:
        """The record in what `to_dict` wrote; ResultError where a number cannot be right."""
        relative = plain.get("relative")
        return cls(
            amount("moved.rms", plain["rms"]),
            None if relative is None else amount("moved.relative", relative),
        )


def _four_digits(value: float) -> float:
    return float(f"{value:.4g}")


@dataclass(frozen=True)
class Tightening:
    """The phase in which an image that a search found was brought nearest to its seed.

    allowed: ε, the relative distance that the image may have: the goal, or what the search had
    reached where it did not reach that. passes: how many it took. stopped: `stalled`, where passes
    brought it no nearer, or `budget`. seconds: of the phase, for its whole batch. rms: after each
    pass, the least root mean square distance from the seed so far; the first is that of the image
    as searched. bound: the least distance that any picture within ε could have, were the network
    affine around the image: a first-order estimate.
    searched_relative_l2, searched_perceptual, searched_person: of the image as searched, as
    `Result.match.relative_l2`, `Result.perceptual` and `Result.person`.
    extra: fields that another version wrote.
    """

    allowed: float
    passes: int
    stopped: str
    seconds: float
    rms: tuple[float, ...]
    bound: float
    searched_relative_l2: float | None
    searched_perceptual: tuple[Comparison, ...]
    searched_person: PerceptualVerdict
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "allowed": self.allowed,
            "passes": self.passes,
            "stopped": self.stopped,
            "seconds": self.seconds,
            "rms": list(self.rms),
            "bound": self.bound,
            "searched": {
                "relative_l2": self.searched_relative_l2,
                "perceptual": [each.to_dict() for each in self.searched_perceptual],
                "person": self.searched_person.to_dict(),
            },
            **self.extra,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Tightening:
        """The record in what `to_dict` wrote, in this or another version.

        Raises ResultError where a number cannot be right.
        """
        rest = dict(plain)
        searched = rest.pop("searched")
        distance = searched.get("relative_l2")
        rms = tuple(amount("tightening.rms", each) for each in rest.pop("rms"))
        if not rms:
            raise ResultError("tightening.rms in its result.json is empty")
        return cls(
            allowed=amount("tightening.allowed", rest.pop("allowed")),
            passes=count("tightening.passes", rest.pop("passes")),
            stopped=rest.pop("stopped"),
            seconds=rest.pop("seconds", 0.0),
            rms=rms,
            bound=amount("tightening.bound", rest.pop("bound")),
            searched_relative_l2=(
                None if distance is None else amount("tightening.searched.relative_l2", distance)
            ),
            searched_perceptual=tuple(map(Comparison.from_dict, searched["perceptual"])),
            searched_person=PerceptualVerdict.from_dict(searched["person"]),
            extra=rest,
        )
