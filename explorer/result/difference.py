"""How different a result's image was made: from earlier IRIs, or to another network. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from explorer.metrics.match import Match
from explorer.metrics.null import Null
from explorer.result.checks import ResultError, amount, count

NO_ANSWER = "the image was made to differ, not to look like anything"
"""Why no measure may say whether such an image looks like its target."""


@dataclass(frozen=True)
class Observed:
    """What another network, the observer, makes of an image and its target.

    match, match_8bit: at the observer's layer, of the image and of the image rounded to 8 bits.
    null: of that layer. searched_relative_l2: the relative distance of the image as searched.
    """

    model: str
    layer: str
    match: Match
    match_8bit: Match
    null: Null
    searched_relative_l2: float | None = None

    @property
    def is_different(self) -> bool:
        """Whether image and target differ more than half of the pairs of unrelated pictures.

        By relative distance, and by the cosine, which leaves lengths out. Asked of the image
        rounded to 8 bits: what is shown.
        """
        distance, cosine = self.match_8bit.relative_l2, self.match_8bit.values.get("cosine")
        of_null = self.null.distributions.get("cosine")
        beyond = distance is not None and distance > self.null.relative_l2.quantiles["q50"]
        turned = cosine is None or of_null is None or cosine < of_null.quantiles["q50"]
        return beyond and turned

    def sentence(self, matched: bool) -> str:
        """The verdict on the pair. matched: whether it is the same to the network inverted."""
        distance, null = self.match_8bit.relative_l2, self.null.relative_l2
        text = "undefined" if distance is None else f"{distance:.2f}"
        seen = (
            f"relative distance {text}, unrelated images {null.quantiles['q50']:.2f} (median) to "
        )
        seen += f"{null.max:.2f}"
        cosine, of_null = (
            self.match_8bit.values.get("cosine"),
            self.null.distributions.get("cosine"),
        )
        if cosine is not None and of_null is not None:
            seen += (
                f"; cosine {cosine:.2f}, unrelated images {of_null.quantiles['q50']:.2f} (median)"
            )
        if self.match_8bit.same_class is not None:
            seen += f"; {'the same' if self.match_8bit.same_class else 'another'} class"
        different = "different to" if self.is_different else "not different enough to"
        if not matched:
            return (
                f"No match to the network inverted, so no controversial pair; {different} the "
                f"other ({seen})."
            )
        but = ", " if self.is_different else ", but "
        return f"Same to one network{but}{different} the other: {seen}."

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "model": self.model,
            "layer": self.layer,
            "match": self.match.to_dict()
            | {"after_8bit": self.match_8bit.to_dict(), "null": self.null.to_dict()},
            "searched_relative_l2": self.searched_relative_l2,
            "different": self.is_different,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Observed:
        """The record in what `to_dict` wrote, in this or another version."""
        match = dict(plain["match"])
        return cls(
            model=plain["model"],
            layer=plain["layer"],
            match_8bit=Match.from_dict(match.pop("after_8bit")),
            null=Null.from_dict(match.pop("null")),
            match=Match.from_dict(match),
            searched_relative_l2=plain.get("searched_relative_l2"),
        )


@dataclass(frozen=True)
class DifferenceMade:
    """The phase in which an image that a search found was made as different as possible.

    allowed: ε, the relative distance that the image may have: the goal, or what the search had
    reached where it did not reach that. passes: how many it took. stopped: `stalled`, where passes
    made the difference hardly larger, or `budget`. seconds: of the phase, for its whole batch.
    values: the difference after each pass, the largest so far, the first that of the image as
    searched: what the loss makes as large as possible, or the geometric mean of the RMS distances
    per pixel from the earlier IRIs. searched_relative_l2: of the image as searched.
    away_from: (key, RMS distance per pixel) of each earlier result; empty for a controversial pair.
    observed: what the observer makes of it; None for a diverse set.
    extra: fields that another version wrote.
    """

    allowed: float
    passes: int
    stopped: str
    seconds: float
    values: tuple[float, ...]
    searched_relative_l2: float
    away_from: tuple[tuple[str, float], ...] = ()
    observed: Observed | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def sentence(self, matched: bool) -> str:
        """How different it became, and why nobody asks whether it looks like its target.

        matched: whether it is the same to the network inverted.
        """
        if self.observed is None:
            how = f"{self.distances()}."
        else:
            seen = self.observed.sentence(matched)
            how = f"To {self.observed.model} at {self.observed.layer} different? {seen}"
        why = f"not asked: {NO_ANSWER}" if matched else "not answered: there is no match"
        return f"{how} To a person the same? {why}."

    def distances(self) -> str:
        """How far it is from the earlier IRIs of a diverse set, in words."""
        least = min(distance for _, distance in self.away_from)
        return (
            f"{least:.3f} per pixel (RMS) from the nearest of {len(self.away_from)} IRIs, on "
            f"average {self.values[-1]:.3f}, as searched {self.values[0]:.3f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "allowed": self.allowed,
            "passes": self.passes,
            "stopped": self.stopped,
            "seconds": self.seconds,
            "values": list(self.values),
            "searched_relative_l2": self.searched_relative_l2,
            **({"away_from": dict(self.away_from)} if self.away_from else {}),
            **({} if self.observed is None else {"observed": self.observed.to_dict()}),
            **self.extra,
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> DifferenceMade:
        """The record in what `to_dict` wrote; ResultError where a number cannot be right."""
        rest = dict(plain)
        observed = rest.pop("observed", None)
        values = tuple(amount("difference.values", each) for each in rest.pop("values"))
        if not values:
            raise ResultError("difference.values in its result.json is empty")
        return cls(
            allowed=amount("difference.allowed", rest.pop("allowed")),
            passes=count("difference.passes", rest.pop("passes")),
            stopped=rest.pop("stopped"),
            seconds=rest.pop("seconds", 0.0),
            values=values,
            searched_relative_l2=amount(
                "difference.searched_relative_l2", rest.pop("searched_relative_l2")
            ),
            away_from=tuple(
                (key, amount("difference.away_from", distance))
                for key, distance in rest.pop("away_from", {}).items()
            ),
            observed=None if observed is None else Observed.from_dict(observed),
            extra=rest,
        )
