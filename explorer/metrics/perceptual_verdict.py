"""The second verdict: by automatic perceptual measures, is the IRI more like target or seed?

Here are the records and the count; `explorer.metrics.perceptual` compares the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Comparison:
    """How near one IRI is to its target, its seed and a mismatched image, by one measure.

    to_target, to_seed, to_mismatched: the measure's values; all None where it could not be
    computed, `reason` then says why; to_mismatched None also where no mismatched target was given.
    used_in_loss: the loss that made the IRI contained this measure. shares_backbone_with_loss: it
    rests on the network or formula of another measure that the loss contained. same_family: it
    rests on a relative of the network under test. redundant: it nearly repeats another measure.
    nearer_target: strictly more like the target than like the seed (a tie is not nearer, though it
    counts in alignment); None where that has no answer, because there is no value or seed and
    target are one image.
    nearer_than_mismatched: the same question against the mismatched target.
    extra: fields that another version wrote.
    """

    measure: str
    nearer: Literal["higher", "lower"]
    to_target: float | None
    to_seed: float | None
    to_mismatched: float | None
    used_in_loss: bool
    same_family: bool
    nearer_target: bool | None
    nearer_than_mismatched: bool | None
    reason: str | None = None
    shares_backbone_with_loss: bool = False
    redundant: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held_out(self) -> bool:
        """Neither the loss nor the network under test is related to this measure."""
        return not (self.used_in_loss or self.shares_backbone_with_loss or self.same_family)

    @property
    def counts_in_verdict(self) -> bool:
        """Held out, and not redundant."""
        return self.held_out and not self.redundant

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "measure": self.measure,
            "nearer": self.nearer,
            "to_target": self.to_target,
            "to_seed": self.to_seed,
            "to_mismatched": self.to_mismatched,
            "used_in_loss": self.used_in_loss,
            "same_family": self.same_family,
            "nearer_target": self.nearer_target,
            "nearer_than_mismatched": self.nearer_than_mismatched,
            "reason": self.reason,
            "kin_to_loss": self.shares_backbone_with_loss,
            "votes": not self.redundant,
            "held_out": self.held_out,
            "judges": self.counts_in_verdict,
            **self.extra,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Comparison:
        """The record in what `to_dict` wrote, in this or another version."""
        rest = dict(plain)
        for derived in ("held_out", "judges"):
            rest.pop(derived, None)
        return cls(
            measure=rest.pop("measure"),
            nearer=rest.pop("nearer"),
            to_target=rest.pop("to_target"),
            to_seed=rest.pop("to_seed"),
            to_mismatched=rest.pop("to_mismatched", None),
            used_in_loss=rest.pop("used_in_loss", False),
            same_family=rest.pop("same_family", False),
            nearer_target=rest.pop("nearer_target", None),
            nearer_than_mismatched=rest.pop("nearer_than_mismatched", None),
            reason=rest.pop("reason", None),
            shares_backbone_with_loss=rest.pop("kin_to_loss", False),
            redundant=not rest.pop("votes", True),
            extra=rest,
        )


@dataclass(frozen=True)
class PerceptualVerdict:
    """How many of the measures that count call the IRI nearer its target than its seed.

    The same against a mismatched target is the control: an IRI that is also nearer a target it was
    not made for says little. Measures without an answer are not counted.
    mismatched: the gallery name of that target, where one was given.
    """

    nearer_target: int
    counted: int
    nearer_than_mismatched: int
    counted_for_mismatched: int
    mismatched: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answer(self) -> Literal["yes", "undecided", "no"] | None:
        """Whether most of the counted measures say nearer its target; None where none counts."""
        if self.counted == 0:
            return None
        if self.nearer_target * 2 == self.counted:
            return "undecided"
        return "yes" if self.nearer_target * 2 > self.counted else "no"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "nearer_target": self.nearer_target,
            "judges": self.counted,
            "nearer_than_mismatched": self.nearer_than_mismatched,
            "judges_of_mismatched": self.counted_for_mismatched,
            "mismatched": self.mismatched,
            **self.extra,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> PerceptualVerdict:
        """The record in what `to_dict` wrote, in this or another version."""
        rest = dict(plain)
        return cls(
            nearer_target=rest.pop("nearer_target", 0),
            counted=rest.pop("judges", 0),
            nearer_than_mismatched=rest.pop("nearer_than_mismatched", 0),
            counted_for_mismatched=rest.pop("judges_of_mismatched", 0),
            mismatched=rest.pop("mismatched", None),
            extra=rest,
        )


def verdict(comparisons: Sequence[Comparison], mismatched: str | None = None) -> PerceptualVerdict:
    """The second verdict: the count over the measures that are held out and not redundant."""
    counted = [each for each in comparisons if each.counts_in_verdict]
    by_seed = [each.nearer_target for each in counted if each.nearer_target is not None]
    by_control = [
        each.nearer_than_mismatched for each in counted if each.nearer_than_mismatched is not None
    ]
    return PerceptualVerdict(
        sum(by_seed), len(by_seed), sum(by_control), len(by_control), mismatched
    )


def why_counted(comparison: Comparison) -> str:
    """`yes`, or `no` with the reason why the measure does not count in the verdict."""
    if comparison.used_in_loss:
        return "no: in the loss"
    if not comparison.held_out:
        return "no: related to the loss or the network"
    return "no: repeats another" if comparison.redundant else "yes"
