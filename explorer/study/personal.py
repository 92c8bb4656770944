"""How one person's answers compare with measures, networks and earlier takers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from explorer.archive.titles import loss_title, network_title
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.study.records import Answer, Kind, Stimulus
from explorer.study.shares import Share, calls_nearer, catch_trials, share_of
from explorer.study.statistics import excluded, for_target
from explorer.study.stimulus_set import StimulusSet


@dataclass(frozen=True)
class PersonalMeasure:
    """One measure next to one person, on the person's own images that it has a margin for.

    nearer_target: the share that it calls nearer the target; agreement: the share in which it says
    what the person says, equally near counting half. counts: whether it is held out for all of
    these images; one that is related to a network or loss is no independent judge.
    """

    measure: str
    title: str
    nearer_target: float
    agreement: float
    images: int
    counts: bool


@dataclass(frozen=True)
class PersonalNetwork:
    """One network and loss: how often this person, and how often earlier takers, say the target.

    low, high: the 95 % Wilson interval of the person's share.
    """

    model: str
    loss: str
    title: str
    n: int
    share: float
    low: float
    high: float
    others_n: int
    others_share: float | None


@dataclass(frozen=True)
class PersonalSummary:
    """One person next to measures, networks and earlier takers.

    answered: main answers; share: those for the target (other tasks: right). catch_right of
    catch: of the catch trials. others: how many people; others_share: theirs, on the same images;
    others_agreement: the share of their answers on these images that are the person's own; both
    None where nobody else answered about them. measures: those that count first, of these the one
    that agrees most.
    """

    answered: int
    share: float | None
    catch_right: int
    catch: int
    others: int
    others_share: float | None
    others_agreement: float | None
    measures: tuple[PersonalMeasure, ...]
    networks: tuple[PersonalNetwork, ...]


def personal(
    stimulus_set: StimulusSet,
    answers: Iterable[Answer],
    participant: str,
    others: Iterable[Answer] = (),
) -> PersonalSummary:
    """How one person's answers compare.

    answers: that hold the person's; others: those of people who agreed that theirs are pooled, of
    whom the person and who is excluded are left out.
    """
    known = stimulus_set.by_name
    own = [each for each in answers if each.participant == participant and each.stimulus in known]
    main = {each.stimulus: for_target(each) for each in own if each.kind is Kind.MAIN}
    catch = catch_trials(own).get(participant, (0, 0))
    pool = list(others)
    left_out = excluded(pool) | {participant}
    same = [
        each
        for each in pool
        if each.kind is Kind.MAIN and each.participant not in left_out and each.stimulus in main
    ]
    agreeing = sum(for_target(each) == main[each.stimulus] for each in same)
    return PersonalSummary(
        answered=len(main),
        share=sum(main.values()) / len(main) if main else None,
        catch_right=catch[0],
        catch=catch[1],
        others=len({each.participant for each in same}),
        others_share=share_of(same).share,
        others_agreement=agreeing / len(same) if same else None,
        measures=_personal_measures([known[name] for name in main], main),
        networks=_personal_networks(stimulus_set, main, same),
    )


def _personal_measures(
    stimuli: Sequence[Stimulus], main: Mapping[str, bool]
) -> tuple[PersonalMeasure, ...]:
    rows = []
    for measure in dict.fromkeys(name for each in stimuli for name in each.margins):
        measured = [each for each in stimuli if each.margins.get(measure) is not None]
        counts = all(measure in each.held_out for each in measured)
        calls = [
            (calls_nearer(margin), main[each.name])
            for each in measured
            if (margin := each.margins[measure]) is not None
        ]
        if calls:
            nearer = sum(call for call, _ in calls) / len(calls)
            agreement = sum(call if said else 1 - call for call, said in calls) / len(calls)
            record = PERCEPTUAL_MEASURES.get(measure)
            title = measure if record is None else record.title
            rows.append(PersonalMeasure(measure, title, nearer, agreement, len(calls), counts))
    return tuple(sorted(rows, key=lambda each: (not each.counts, -each.agreement)))


def _personal_networks(
    stimulus_set: StimulusSet, main: Mapping[str, bool], same: Sequence[Answer]
) -> tuple[PersonalNetwork, ...]:
    rows = []
    for condition in stimulus_set.conditions:
        own = [said for name, said in main.items() if _of(stimulus_set, name, condition)]
        theirs = [each for each in same if _of(stimulus_set, each.stimulus, condition)]
        if own:
            model, loss = condition
            title = f"{network_title(model)}, {loss_title(loss)}"
            share, others = Share.of(sum(own), len(own)), share_of(theirs)
            rows.append(
                PersonalNetwork(
                    model,
                    loss,
                    title,
                    share.n,
                    share.k / share.n,
                    share.low,
                    share.high,
                    others.n,
                    others.share,
                )
            )
    return tuple(rows)


def _of(stimulus_set: StimulusSet, name: str, condition: tuple[str, str]) -> bool:
    return stimulus_set.by_name[name].condition == condition
