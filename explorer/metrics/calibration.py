"""Which measures can tell: how each does on copies of pictures that people recognise.

The table is made by `python -m explorer.research.calibration`, which says what the copies are;
nothing is computed here. No torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import log
from pathlib import Path

TABLE = Path(__file__).with_name("calibration.json")

RIGHT_AT_LEAST = 0.7
"""Share of copies that a measure has to call nearer their photograph than the seed: its no would
otherwise say little."""

WRONG_AT_MOST = 0.2
"""Share of them that it may call nearer another photograph than the seed."""

PICTURE = "picture"
"""The kind of seed that a photograph is, from the gallery or uploaded."""

PHOTOGRAPH, DRAWN = "photograph", "drawn"
TARGET_KINDS = (PHOTOGRAPH, DRAWN)
"""A picture of the gallery or an upload; one that `explorer.zoo.pictures` drew. Drawn pictures
share their layout, so that a measure may find wrong ones in a copy more often."""


@dataclass(frozen=True)
class Calibration:
    """right, wrong: shares of copies called nearer their own, or another, picture than the seed.

    For images of about this size, and targets and seeds of these kinds.
    """

    right: float
    wrong: float

    @property
    def can_tell(self) -> bool:
        """Within RIGHT_AT_LEAST and WRONG_AT_MOST."""
        return self.right >= RIGHT_AT_LEAST and self.wrong <= WRONG_AT_MOST

    @property
    def margin(self) -> float:
        """By which the members of a family are compared: right − wrong."""
        return self.right - self.wrong

    @property
    def shortcoming(self) -> str:
        """Why it does not count, in words; empty where it can tell.

        Short, for a table: "here" is in such a seed at this size.
        """
        if self.right < RIGHT_AT_LEAST:
            return f"finds {self.right:.0%} of clear copies here, {RIGHT_AT_LEAST:.0%} needed"
        if self.wrong > WRONG_AT_MOST:
            return f"calls {self.wrong:.0%} of wrong targets nearer here"
        return ""


def calibration_of(
    measure: str, size: tuple[int, int], seed_kind: str, target_kind: str = PHOTOGRAPH
) -> Calibration | None:
    """The measure's row at the nearest side that the table has; None where it has no such measure.

    size: height and width in px; sides are compared by their ratio, the shorter one of the image.
    seed_kind: a name of `explorer.images.seeds`, or PICTURE; a kind that the table lacks is judged
    by the kind under which the measure does worst. target_kind: one of TARGET_KINDS; a measure that
    the table has for photographs alone is judged by these.
    """
    by_side = _table()[target_kind].get(measure) or _table()[PHOTOGRAPH].get(measure)
    if not by_side:
        return None
    side = min(by_side, key=lambda each: abs(log(int(each) / min(size))))
    by_seed = by_side[side]
    if seed_kind in by_seed:
        return Calibration(*by_seed[seed_kind])
    return min((Calibration(*each) for each in by_seed.values()), key=lambda each: each.margin)


def calibrated_sides(measure: str, target_kind: str = PHOTOGRAPH) -> tuple[int, ...]:
    """The sides in px that the table has of a measure, none of one that it lacks."""
    return tuple(sorted(int(side) for side in _table()[target_kind].get(measure, {})))


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, Mapping[str, tuple[float, float]]]]]:
    """(right, wrong) by kind of target, measure, side in px and kind of seed."""
    read = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.is_file() else {}
    return {kind: read.get(kind, {}) for kind in TARGET_KINDS}
