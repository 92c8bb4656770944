"""Shares of answers with their intervals, for summaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from explorer.study.records import Answer, Kind
from explorer.study.statistics import for_target, wilson_interval


@dataclass(frozen=True)
class Share:
    """k of n answers say the target (of other tasks: are right), with the 95 % Wilson interval.

    share: k / n; None where there is no answer.
    """

    k: int
    n: int
    share: float | None
    low: float
    high: float

    @classmethod
    def of(cls, k: int, n: int) -> Share:
        """The share, with its interval."""
        return cls(k, n, k / n if n else None, *wilson_interval(k, n))


def share_of(answers: Sequence[Answer]) -> Share:
    """How many of the answers say the target."""
    return Share.of(sum(map(for_target, answers)), len(answers))


def catch_trials(answers: Iterable[Answer]) -> dict[str, tuple[int, int]]:
    """How many catch trials each participant had right, and of how many."""
    right: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for each in answers:
        if each.kind is Kind.CATCH:
            right[each.participant] += bool(each.correct)
            shown[each.participant] += 1
    return {participant: (right[participant], shown[participant]) for participant in shown}


def calls_nearer(margin: float) -> float:
    """Whether a margin says nearer the target: 1, 0, or 0.5 where both are equally near."""
    return 0.5 if margin == 0 else float(margin > 0)
