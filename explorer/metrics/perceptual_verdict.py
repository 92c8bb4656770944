"""The second verdict: by automatic perceptual measures, is the IRI more like target or seed?

Here are the records and the count; `explorer.metrics.perceptual` compares the pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from explorer.metrics.calibration import WRONG_AT_MOST

TIE = 0.05
"""Values of a measure that differ by less than this share of the larger one are about the same."""

MIN_VOTES = 2
"""So many families of measures have to vote: one alone may err, and nothing would show it."""


@dataclass(frozen=True)
class Comparison:
    """How near one IRI is to its target, its seed and wrong targets, by one measure.

    to_target, to_seed: the measure's values; None where it could not be computed, `reason` then
    says why. to_mismatched: the mean of its values for the wrong targets; None also where none was
    given. wrong_nearer: the share of them that the IRI is at least as near as its seed, in [0, 1];
    None in results that were compared with a single one.
    used_in_loss: the loss that made the IRI contained this measure. shares_backbone_with_loss: it
    rests on the network or formula of another measure that the loss contained. same_family: it
    rests on a relative of the network under test. redundant: another measure votes for its family.
    cannot_tell: why its vote would say nothing for such a seed at this size, or None.
    nearer_target: strictly more like the target than like the seed (a tie is not nearer, though it
    counts in alignment); None where that has no answer, because there is no value or seed and
    target are one image.
    nearer_than_mismatched: nearer its target than the wrong ones are on average.
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
    wrong_nearer: float | None = None
    cannot_tell: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held_out(self) -> bool:
        """Neither the loss nor the network under test is related to this measure."""
        return not (self.used_in_loss or self.shares_backbone_with_loss or self.same_family)

    @property
    def counts_in_verdict(self) -> bool:
        """Held out, can tell, and votes for its family."""
        return self.held_out and not self.redundant and self.cannot_tell is None

    @property
    def abstains(self) -> str | None:
        """Why it says nothing of this very IRI, in words; None where it does.

        That is where target and seed are about as near, and where it calls wrong targets nearer,
        too. The second is what `cannot_tell` asks of its calibration.
        """
        if self.to_target is None or self.to_seed is None:
            return None
        largest = max(abs(self.to_target), abs(self.to_seed))
        if abs(self.to_target - self.to_seed) <= TIE * largest:
            return "target and seed are about as near"
        if self.wrong_nearer is not None and self.wrong_nearer > WRONG_AT_MOST:
            return f"it calls {self.wrong_nearer:.0%} of the wrong targets nearer, too"
        return None

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
            "wrong_nearer": self.wrong_nearer,
            "cannot_tell": self.cannot_tell,
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
            wrong_nearer=rest.pop("wrong_nearer", None),
            cannot_tell=rest.pop("cannot_tell", None),
            extra=rest,
        )


def in_words(answer: str) -> str:
    """An answer of `PerceptualVerdict` as a person reads it."""
    return f"mostly {answer}" if answer in ("yes", "no") else answer


@dataclass(frozen=True)
class PerceptualVerdict:
    """How many of the measures that count call the IRI nearer its target than its seed.

    Wrong targets are the control: an IRI that is also nearer those than its seed says little.
    Measures without an answer are not counted.
    nearer_than_mismatched: how many call it nearer its target than wrong ones on average.
    wrong_nearer: the share of wrong targets that they call at least as near as the seed, the mean
    over the counted measures; None where it is not known. mismatched: gallery names of the wrong
    targets.
    """

    nearer_target: int
    counted: int
    nearer_than_mismatched: int
    counted_for_mismatched: int
    mismatched: tuple[str, ...] = ()
    wrong_nearer: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def answer(self) -> Literal["yes", "undecided", "no", "not measured"]:
        """Yes where most of the counted measures say nearer its target, no where none does.

        One yes says more than one no: a measure that counts calls few wrong targets nearer, but may
        miss a faint picture that people see. "not measured" where fewer than MIN_VOTES count.
        """
        if self.counted < MIN_VOTES:
            return "not measured"
        if self.nearer_target * 2 > self.counted:
            return "yes"
        return "undecided" if self.nearer_target else "no"

    @property
    def title(self) -> str:
        """The answer in words: `mostly yes`."""
        return in_words(self.answer)

    @property
    def sentence(self) -> str:
        """The answer, as listings give it."""
        if self.answer == "not measured":
            return "Whether it looks like the target is not measured: too few measures can tell."
        return (
            f"{self.nearer_target} of {self.counted} kinds of measures say it looks more like the "
            "target than like the seed."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "nearer_target": self.nearer_target,
            "judges": self.counted,
            "nearer_than_mismatched": self.nearer_than_mismatched,
            "judges_of_mismatched": self.counted_for_mismatched,
            "wrong_nearer": self.wrong_nearer,
            "mismatched": list(self.mismatched),
            "answer": self.answer,
            **self.extra,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> PerceptualVerdict:
        """The record in what `to_dict` wrote, in this or another version."""
        rest = dict(plain)
        rest.pop("answer", None)
        mismatched = rest.pop("mismatched", None) or ()
        return cls(
            nearer_target=rest.pop("nearer_target", 0),
            counted=rest.pop("judges", 0),
            nearer_than_mismatched=rest.pop("nearer_than_mismatched", 0),
            counted_for_mismatched=rest.pop("judges_of_mismatched", 0),
            mismatched=(mismatched,) if isinstance(mismatched, str) else tuple(mismatched),
            wrong_nearer=rest.pop("wrong_nearer", None),
            extra=rest,
        )


def verdict(comparisons: Sequence[Comparison], mismatched: Sequence[str] = ()) -> PerceptualVerdict:
    """The second verdict: the count over the measures that vote and do not abstain.

    mismatched: gallery names of the wrong targets.
    """
    counted = [each for each in comparisons if each.counts_in_verdict and each.abstains is None]
    by_seed = [each.nearer_target for each in counted if each.nearer_target is not None]
    by_control = [
        each.nearer_than_mismatched for each in counted if each.nearer_than_mismatched is not None
    ]
    wrong = [
        each.wrong_nearer
        for each in counted
        if each.wrong_nearer is not None and each.nearer_target is not None
    ]
    return PerceptualVerdict(
        sum(by_seed),
        len(by_seed),
        sum(by_control),
        len(by_control),
        tuple(mismatched),
        sum(wrong) / len(wrong) if wrong else None,
    )


def at_least_as_near(nearer: Literal["higher", "lower"], value: float, other: float) -> bool:
    """Whether a measure's value says at least as near as another value does; a tie counts."""
    return value >= other if nearer == "higher" else value <= other


def why_counted(comparison: Comparison) -> str:
    """`yes`, or `no` with the reason why the measure does not count in the verdict."""
    if comparison.used_in_loss:
        return "no: in the loss"
    if not comparison.held_out:
        return "no: related to the loss or the network"
    if comparison.cannot_tell is not None:
        return f"no: {comparison.cannot_tell}"
    return "no: another of its family votes" if comparison.redundant else "yes"


def why_counted_here(comparison: Comparison) -> str:
    """As `why_counted`, of this very IRI: a measure that counts may still abstain."""
    if comparison.counts_in_verdict and comparison.abstains is not None:
        return f"no: {comparison.abstains}"
    return why_counted(comparison)
