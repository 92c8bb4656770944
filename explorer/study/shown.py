"""What each person was shown: their trials, drawn again from the number that they were drawn by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from explorer.study.design import trials_of
from explorer.study.records import Answer, Design, Trial
from explorer.study.stimulus_set import StimulusSet

Shown = Callable[[Answer], Trial | None]
"""Of an answer, the trial that was answered; None where it is not known."""


def trials_shown(
    design: Design,
    stimulus_set: StimulusSet,
    rng_seeds: Mapping[str, int],
    stored: Mapping[int, Sequence[Trial]] | None = None,
) -> Shown:
    """The trials behind the answers of a round.

    rng_seeds: per participant the number that their trials were drawn by (`design.trials_of`),
    where it is known. stored: the trials of such a number where they need not be drawn again.
    """
    drawn: dict[tuple[int, int], Sequence[Trial]] = {}

    def shown(answer: Answer) -> Trial | None:
        seed = rng_seeds.get(answer.participant)
        if seed is None:
            return None
        trials = (stored or {}).get(seed) or drawn.get((seed, answer.vote))
        if trials is None:
            trials = trials_of(design, stimulus_set, seed, answer.vote)
            drawn[seed, answer.vote] = trials
        return trials[answer.trial] if answer.trial < len(trials) else None

    return shown
