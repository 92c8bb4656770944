"""What a round says: shares with intervals next to the measures, agreement, exclusions, change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from explorer.archive.titles import loss_title, network_title
from explorer.study.records import Answer, Kind, Stimulus, Task
from explorer.study.shares import Share, calls_nearer, catch_trials, share_of
from explorer.study.shown import Shown
from explorer.study.statistics import (
    MeasurePrediction,
    counts_by_image,
    excluded,
    fleiss_kappa,
    for_target,
    free_marginal_kappa,
    mcnemar,
    measure_predictions,
)
from explorer.study.stimulus_set import StimulusSet

FLEISS, FREE_MARGINAL = "Fleiss' κ", "free-marginal κ"
"""The names of κ."""


@dataclass(frozen=True)
class ConditionSummary:
    """People and measures on the images of one network and loss.

    images: how many were answered. measures: of each measure, the share of these same answers'
    images that it calls nearer the target (equally near counts half); only those with a value for
    every image.
    """

    model: str
    loss: str
    people: Share
    images: int
    measures: Mapping[str, float]

    @property
    def title(self) -> str:
        """Network and loss as people read them."""
        return f"{network_title(self.model)}, {loss_title(self.loss)}"


@dataclass(frozen=True)
class StimulusSummary:
    """People on one image."""

    name: str
    people: Share


@dataclass(frozen=True)
class RoundSummary:
    """One vote of one round, without those who are excluded.

    participants: whose main answers count; answers: how many these are. excluded: public
    identifiers. catch: by public identifier how many catch trials were right, and of how many,
    those of the excluded included. ceiling: the largest agreement that a rule can have which gives
    one answer per image: the share of all answers that are on their image's larger side.
    conditions, stimuli: in the set's order, those with answers. kappa: agreement between people
    over the images, of 2AFC `fleiss_kappa`; of other tasks, in which options differ from person to
    person, `free_marginal_kappa`. kappa_name: which of them. predictions: of 2AFC, whose question
    is that of the measures; the one that agrees most first.
    """

    task: Task
    participants: int
    excluded: frozenset[str]
    catch: Mapping[str, tuple[int, int]]
    answers: int
    ceiling: float | None
    people: Share
    conditions: tuple[ConditionSummary, ...]
    stimuli: tuple[StimulusSummary, ...]
    kappa: float | None
    kappa_name: str
    predictions: tuple[MeasurePrediction, ...]


def summarize(
    stimulus_set: StimulusSet, answers: Iterable[Answer], shown: Shown | None = None
) -> RoundSummary:
    """What the answers of one vote of one round say; answers about other images are left out.

    shown: the trials behind the answers, from which agreement by chance follows; without it κ is
    known of 2AFC only.
    """
    known = [each for each in answers if each.stimulus in stimulus_set.by_name]
    left_out = excluded(known)
    main = [each for each in known if each.kind is Kind.MAIN and each.participant not in left_out]
    counts = counts_by_image(main)
    asked = [each for each in stimulus_set.stimuli if each.name in counts]
    task = known[0].task if known else Task.TWO_ALTERNATIVES
    return RoundSummary(
        task=task,
        participants=len({each.participant for each in main}),
        excluded=left_out,
        catch=catch_trials(known),
        answers=len(main),
        ceiling=_ceiling(counts),
        people=share_of(main),
        conditions=tuple(
            _condition([each for each in asked if each.condition == condition], counts)
            for condition in dict.fromkeys(each.condition for each in asked)
        ),
        stimuli=tuple(StimulusSummary(each.name, Share.of(*counts[each.name])) for each in asked),
        kappa=_kappa(task, main, shown),
        kappa_name=FLEISS if task is Task.TWO_ALTERNATIVES else FREE_MARGINAL,
        predictions=tuple(
            measure_predictions(stimulus_set, main) if task is Task.TWO_ALTERNATIVES else ()
        ),
    )


@dataclass(frozen=True)
class Change:
    """First and second vote on the same images by the same people.

    model, loss: of the condition; both None for all together. first, second: of the pairs of
    answers, one in each vote. to_target, from_target: how many changed their answer, and which way.
    p_value: of `mcnemar`'s exact test that as many changed one way as the other; it takes the
    pairs as independent, which several of one person are not quite.
    """

    model: str | None
    loss: str | None
    first: Share
    second: Share
    to_target: int
    from_target: int
    p_value: float


def change(
    stimulus_set: StimulusSet, first: Iterable[Answer], second: Iterable[Answer]
) -> tuple[Change, ...]:
    """What a second vote changed, all images together first, then by condition.

    Only who answered about an image in both votes is counted, and nobody who is excluded by the
    catch trials of either vote.
    """
    votes = [list(first), list(second)]
    left_out = frozenset().union(*map(excluded, votes))
    before, after = (
        {
            (each.participant, each.stimulus): for_target(each)
            for each in vote
            if each.kind is Kind.MAIN
            and each.participant not in left_out
            and each.stimulus in stimulus_set.by_name
        }
        for vote in votes
    )
    pairs: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for place in before.keys() & after.keys():
        condition = stimulus_set.by_name[place[1]].condition
        pairs[condition].append((before[place], after[place]))
    every = [pair for each in pairs.values() for pair in each]
    if not every:
        return ()
    ordered = [each for each in stimulus_set.conditions if each in pairs]
    return (_change(None, None, every), *(_change(*each, pairs[each]) for each in ordered))


def _ceiling(counts: Mapping[str, tuple[int, int]]) -> float | None:
    total = sum(n for _, n in counts.values())
    return sum(max(k, n - k) for k, n in counts.values()) / total if total else None


def _kappa(task: Task, main: Sequence[Answer], shown: Shown | None) -> float | None:
    if not main:
        return None
    if task is Task.TWO_ALTERNATIVES:
        return fleiss_kappa(_table(main))
    ratings: dict[str, list[tuple[str, list[str]]]] = defaultdict(list)
    for each in main:
        trial = shown(each) if shown is not None else None
        if trial is not None and trial.stimulus == each.stimulus:
            options = [option.value for option in trial.options]
            ratings[each.stimulus].append((each.value, options))
    return free_marginal_kappa(ratings.values())


def _table(main: Sequence[Answer]) -> list[list[int]]:
    """Images × answers, as `fleiss_kappa` takes it."""
    values = sorted({each.value for each in main})
    of_image: dict[str, Counter[str]] = defaultdict(Counter)
    for each in main:
        of_image[each.stimulus][each.value] += 1
    return [[counts[value] for value in values] for counts in of_image.values()]


def _condition(
    stimuli: Sequence[Stimulus], counts: Mapping[str, tuple[int, int]]
) -> ConditionSummary:
    said = sum(counts[each.name][0] for each in stimuli)
    asked = sum(counts[each.name][1] for each in stimuli)
    measures: dict[str, float] = {}
    for measure in stimuli[0].margins:
        margins = [each.margins.get(measure) for each in stimuli]
        if None not in margins:
            calls = (
                calls_nearer(margin) * counts[each.name][1]
                for each, margin in zip(stimuli, margins, strict=True)
                if margin is not None
            )
            measures[measure] = sum(calls) / asked
    model, loss = stimuli[0].condition
    return ConditionSummary(model, loss, Share.of(said, asked), len(stimuli), measures)


def _change(model: str | None, loss: str | None, pairs: Sequence[tuple[bool, bool]]) -> Change:
    to_target = sum(after and not before for before, after in pairs)
    from_target = sum(before and not after for before, after in pairs)
    return Change(
        model,
        loss,
        Share.of(sum(before for before, _ in pairs), len(pairs)),
        Share.of(sum(after for _, after in pairs), len(pairs)),
        to_target,
        from_target,
        mcnemar(to_target, from_target),
    )
