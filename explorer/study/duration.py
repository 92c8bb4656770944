"""How long a round takes, the same for whoever is told: on the page and on the phones."""

from __future__ import annotations

from math import ceil

from explorer.study.records import Design

SECONDS_A_TRIAL = 8
"""Of a first-time participant, feedback and the way from one trial to the next included."""


def trials_in(design: Design) -> int:
    """How many trials a person is given in a first vote."""
    return design.practice + design.main + design.catch


def minutes_for(trials: int) -> int:
    """Whole minutes for so many trials, rounded up."""
    return max(1, ceil(trials * SECONDS_A_TRIAL / 60))
