"""The first verdict: to the network, is the IRI the same as its target?

Here are the records and the decision, without torch; `explorer.metrics.matching` measures them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from explorer.metrics.null import Null

SATURATED = 0.98
"""Of Spearman's correlation. Few numbers have few orders: ten of them that differ by one swap of
neighbours have 0.988, and among many thousand pairs of unrelated pictures some have the same order.
Where one of them is beyond this, its largest value would leave no room for a match."""


@dataclass(frozen=True)
class Shortfall:
    """A measure by which two representations are no more alike than unrelated pictures.

    measure: by its name in the null, or `pearson` for one that is not positive. value: of the two,
    as the null holds it; None where it is undefined or infinite. limit: what it had to exceed.
    quantile: which of the null's that limit is.
    """

    measure: str
    value: float | None
    limit: float
    quantile: str = "max"


def shortfalls(values: Mapping[str, float | None], null: Null) -> tuple[Shortfall, ...]:
    """The measures by which two representations are no match; none where they are one.

    SNR, Pearson R² and Spearman ρ must each be better than the largest of the null, and the Pearson
    correlation positive (R² alone would pass an inverted representation). Other measures are shown
    and decide nothing. An undefined value fails. Source: Feather et al. 2023, success test 1.

    One or two numbers, such as a single unit, have no correlation. There SNR alone decides, and
    must be better than that of 99 % of the null's pairs: in one dimension the nearest of some
    thousand pairs are as near as one likes. So must Spearman ρ where that of the null is SATURATED.
    """
    snr, pearson, spearman = (values.get(name) for name in ("snr_db", "pearson", "spearman"))
    of_null = null.distributions
    if snr is not None and not of_null["pearson_r2"].n:
        tests = [Shortfall("snr_db", snr, of_null["snr_db"].quantiles["q99"], "q99")]
    else:
        squared = None if pearson is None else pearson**2
        of_ranks = "q99" if of_null["spearman"].max > SATURATED else "max"
        tests = [
            Shortfall("snr_db", snr, of_null["snr_db"].max),
            Shortfall("pearson_r2", squared, of_null["pearson_r2"].max)
            if pearson is None or pearson > 0
            else Shortfall("pearson", pearson, 0.0),
            Shortfall("spearman", spearman, of_null["spearman"].quantiles[of_ranks], of_ranks),
        ]
    return tuple(each for each in tests if each.value is None or not each.value > each.limit)


def beyond_null(values: Mapping[str, float | None], null: Null) -> bool:
    """Whether two representations are more alike than every pair of unrelated pictures.

    This decides the verdict, by the tests of `shortfalls`.
    """
    return not shortfalls(values, null)


def finite(value: float) -> float | None:
    """The number, or None where it is infinite or undefined."""
    return value if math.isfinite(value) else None


def measured_values(plain: Mapping[str, Any], others: tuple[str, ...]) -> dict[str, float | None]:
    """The values by measure in a JSON object that holds `others`, too."""
    return {
        name: value
        for name, value in plain.items()
        if name not in others
        and (value is None or (isinstance(value, int | float) and not isinstance(value, bool)))
    }


@dataclass(frozen=True)
class Prediction:
    """A class, by its place among the logits and its name, and its probability in [0, 1]."""

    index: int
    name: str
    probability: float


@dataclass(frozen=True)
class Match:
    """How well one IRI's representation matches its target's.

    values: by representation measure (`explorer.metrics.representation_measures`); None where it is
    undefined or infinite. beyond_null: see the function of this name. same_class: whether both
    images get the same class; None for a network without classes. target_top, iri_top: the
    likeliest classes of either, the first one first. part_of_layer: whether only parts of layers
    were to match, from which no class follows. extra: fields that another version wrote.
    """

    values: Mapping[str, float | None]
    beyond_null: bool
    same_class: bool | None = None
    target_top: tuple[Prediction, ...] = ()
    iri_top: tuple[Prediction, ...] = ()
    part_of_layer: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Feather et al.'s success: beyond the null, and the same class where there are classes.

        A part of a layer leaves the class open, and is judged by the null alone.
        """
        return self.beyond_null and (self.part_of_layer or self.same_class is not False)

    @property
    def relative_l2(self) -> float | None:
        """The relative ℓ₂ distance; None where it is infinite."""
        return self.values.get("relative_l2")

    @property
    def target_class(self) -> str | None:
        """The class that the network gives the target."""
        return self.target_top[0].name if self.target_top else None

    @property
    def iri_class(self) -> str | None:
        """The class that the network gives the IRI."""
        return self.iri_top[0].name if self.iri_top else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the measures by name between the other fields, `same` among them."""
        return {
            **self.values,
            "beyond_null": self.beyond_null,
            "same_class": self.same_class,
            "target_top": [asdict(each) for each in self.target_top],
            "iri_top": [asdict(each) for each in self.iri_top],
            "same": self.same,
            **({"part_of_layer": True} if self.part_of_layer else {}),
            **self.extra,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Match:
        """The record in what `to_dict` wrote, in this or another version."""
        known = ("beyond_null", "same_class", "target_top", "iri_top", "same", "part_of_layer")
        values = measured_values(plain, known)
        return cls(
            values=values,
            beyond_null=plain.get("beyond_null", False),
            same_class=plain.get("same_class"),
            target_top=tuple(Prediction(**each) for each in plain.get("target_top", ())),
            iri_top=tuple(Prediction(**each) for each in plain.get("iri_top", ())),
            part_of_layer=plain.get("part_of_layer", False),
            extra={
                name: value
                for name, value in plain.items()
                if name not in known and name not in values
            },
        )


GOAL_TOLERANCE = 0.01
"""By this share of the goal a distance may lie above it and still be at the goal: the nearest image
that meets a goal lies on its edge."""


class MatchState(StrEnum):
    """How far a search came, in three words.

    not matched: no more alike than unrelated images, or of another class. matched: beyond the null
    and of the same class, but above the goal. converged: matched, and at the goal.
    """

    NOT_MATCHED = "not matched"
    MATCHED = "matched"
    CONVERGED = "converged"


def match_state(match: Match, goal: float, match_8bit: Match | None = None) -> MatchState:
    """The state of a match whose search had this goal, a relative distance.

    match_8bit: after rounding to 8 bits; where it is given, both have to match. Whether the goal is
    met is asked of `match` alone: the search met it, or not, before rounding. Why the search
    stopped makes no difference: one that stands still above its goal has matched at most.
    """
    if not match.same or (match_8bit is not None and not match_8bit.same):
        return MatchState.NOT_MATCHED
    return MatchState.CONVERGED if at_goal(match.relative_l2, goal) else MatchState.MATCHED


def at_goal(relative_l2: float | None, goal: float) -> bool:
    """Whether a relative distance is at most the goal, within GOAL_TOLERANCE of it."""
    return relative_l2 is not None and relative_l2 <= goal * (1 + GOAL_TOLERANCE)


@dataclass(frozen=True)
class LayerComparison:
    """What IRI and target have in common at one layer.

    values: as of `Match`. ranked: how many of the layer's numbers were ranked, where that is not
    all of them.
    """

    name: str
    kind: str | None
    values: Mapping[str, float | None]
    ranked: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `kind` and `ranked` only where there is one."""
        more = {} if self.kind is None else {"kind": self.kind}
        less = {} if self.ranked is None else {"ranked": self.ranked}
        return {"name": self.name, **more, **self.values, **less}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> LayerComparison:
        """The record in what `to_dict` wrote, in this or another version."""
        values = measured_values(plain, ("name", "kind", "ranked"))
        return cls(plain["name"], plain.get("kind"), values, plain.get("ranked"))
