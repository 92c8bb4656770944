"""What a class answered, once it is revealed, next to what the measures say of the same images."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explorer.app import session
from explorer.app.naming import literal, loss_title, network_title
from explorer.app.panels import class_images_seen, class_measures, class_numbers
from explorer.app.panels.class_measures import NO_BAR, short_titles
from explorer.app.panels.class_numbers import measure_title
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.plots.class_shares import (
    ConditionShare,
    Estimate,
    Prediction,
    condition_shares,
    predictions,
)
from explorer.study.records import RoundState, Task
from explorer.study.session_records import Round, Session
from explorer.study.shares import Share
from explorer.study.shown import trials_shown
from explorer.study.statistics import LEAST_CATCH, MeasurePrediction
from explorer.study.summary import Change, ConditionSummary, RoundSummary, change, summarize

CLEAR = 0.95
"""Of the resamples, from which on one measure is called better than all others."""

_AXES = {
    Task.TWO_ALTERNATIVES: "answers “more like the target”",
    Task.CLUSTERING: "right answers: its target",
    Task.RECOGNITION: "right answers: its word",
}


def show(shown: Session) -> None:
    """The results of the current round, which is revealed, or of an earlier one."""
    _show_round(shown, _choose(shown, _revealed(shown)))


def show_earlier(shown: Session) -> None:
    """The results of rounds before the current one, for whoever opens them."""
    numbers = [each for each in _revealed(shown) if each != shown.current.number]
    if not numbers:
        return
    with st.expander("Results of earlier rounds", icon=":material/history:"):
        _show_round(shown, _choose(shown, numbers))


def _choose(shown: Session, numbers: Sequence[int]) -> int:
    """The latest round at first, and again after every reveal and every new round."""
    if len(numbers) < 2:
        return numbers[-1]
    current = shown.current
    # A widget of the same key would keep what was chosen before.
    key = f"class_round_{current.number}_{current.vote}_{current.state}"
    return st.segmented_control(
        "Results of round", numbers, key=key, default=numbers[-1], required=True
    )


def _revealed(shown: Session) -> list[int]:
    revealed = (each.number for each in shown.rounds if each.state == RoundState.REVEALED)
    return list(dict.fromkeys(revealed))


def _show_round(shown: Session, number: int) -> None:
    votes = [
        each for each in shown.rounds if each.number == number and each.state == RoundState.REVEALED
    ]
    study, last = session.study(), votes[-1]
    images = study.stimulus_set(last.set_id)
    answers = study.answers(shown.code, number, last.vote)
    shown_to = trials_shown(last.design, images, study.rng_seeds(shown.code, number))
    summary = summarize(images, answers, shown_to)
    first = study.answers(shown.code, number, 1) if last.vote > 1 else None
    before = None if first is None else summarize(images, first, shown_to)
    if before is not None and before.answers and not summary.answers:
        second = f"{_why_empty(summary, 'the second vote')} These are the first vote's results."
        st.info(second, icon=":material/hourglass_empty:")
        last, summary, first, before = votes[0], before, None, None
    if not summary.answers:
        st.info(_why_empty(summary, "this round"), icon=":material/hourglass_empty:")
        return
    _show_shares(summary, before, last)
    class_measures.show(images, summary)
    if first is not None:
        _show_change(change(images, first, answers))
    _show_predictions(summary)
    with st.expander("The numbers", icon=":material/table:"):
        class_numbers.show(summary)
    class_images_seen.show(images, summary)


def _why_empty(summary: RoundSummary, what: str) -> str:
    """Why no answer counts in what people were asked."""
    if not summary.excluded:
        return f"Nobody has answered in {what}."
    return f"No answer in {what} counts: {_left_out(summary)}"


def _left_out(summary: RoundSummary) -> str:
    count = len(summary.excluded)
    who = "1 person is" if count == 1 else f"{count:,} people are"
    return f"{who} left out, with less than {LEAST_CATCH:.0%} of the catch trials right."


def _show_shares(summary: RoundSummary, before: RoundSummary | None, of: Round) -> None:
    st.subheader("What this class says")
    task = of.design.task
    earlier = {(each.model, each.loss): each.people for each in before.conditions} if before else {}
    networks = short_titles([network_title(each.model) for each in summary.conditions])
    rows = [
        _row(each, network, earlier.get((each.model, each.loss)))
        for each, network in zip(summary.conditions, networks, strict=True)
    ]
    chance = 0.5 if task == Task.TWO_ALTERNATIVES else 1 / of.design.choices
    st.plotly_chart(
        condition_shares(rows, _AXES[task], chance),
        config=NO_BAR,
        key="class_shares",
        alt="; ".join(f"{each.title}: {_in_words(each.people)}" for each in summary.conditions),
    )
    st.caption(_reading(summary))


def _row(of: ConditionSummary, network: str, before: Share | None) -> ConditionShare:
    return ConditionShare(
        network,
        loss_title(of.loss),
        _estimate(of.people),
        None if before is None or not before.n else _estimate(before),
    )


def _estimate(share: Share) -> Estimate:
    return Estimate(share.share or 0.0, share.low, share.high, share.n)


def _in_words(share: Share) -> str:
    return f"{share.share or 0:.0%} ({share.low:.0%} to {share.high:.0%}, n = {share.n:,})"


def _reading(summary: RoundSummary) -> str:
    people = "1 person" if summary.participants == 1 else f"{summary.participants:,} people"
    parts = [
        f"{summary.answers:,} answers of {people}; lines are 95 % Wilson intervals.",
        _agreement(summary),
    ]
    if summary.excluded:
        parts.append(_left_out(summary))
    elif summary.catch:
        parts.append("Nobody is left out by the catch trials.")
    return " ".join(part for part in parts if part)


def _agreement(summary: RoundSummary) -> str:
    if summary.kappa is None:
        return ""
    value = f"{summary.kappa:.2f}".replace("-", "−")
    chance = "as by chance"
    if summary.task != Task.TWO_ALTERNATIVES:
        chance = "as if all had clicked at random among the answers that they were offered"
    return (
        f"Agreement between people: {summary.kappa_name} = {value} (1: all say the same of each "
        f"image; 0: {chance})."
    )


def _show_change(changes: Sequence[Change]) -> None:
    if not changes:
        return
    every = changes[0]
    st.markdown(
        f"**After discussion:** {_in_words(every.first)} became {_in_words(every.second)} of those "
        f"who answered twice. {every.to_target:,} changed to the target, {every.from_target:,} "
        f"away from it (McNemar's exact test, {_p(every.p_value)})."
    )


def _p(value: float) -> str:
    return f"p = {value:.3f}" if value >= 0.001 else "p < 0.001"


def _show_predictions(summary: RoundSummary) -> None:
    known = [each for each in summary.predictions if each.measure in PERCEPTUAL_MEASURES]
    known.sort(key=lambda each: not each.counts)  # first those that count, each still in its place
    if not known:
        return
    st.subheader("Which measure predicts this class?")
    st.plotly_chart(
        predictions([_prediction(each) for each in known]),
        config=NO_BAR,
        key="class_predictions",
        alt="; ".join(f"{measure_title(each.measure)}: {each.agreement:.0%}" for each in known),
    )
    st.caption(best_in_words(known, summary.ceiling))


def best_in_words(ordered: Sequence[MeasurePrediction], ceiling: float | None) -> str:
    """Which measure agrees most of those that count, and how sure that is."""
    counting = [each for each in ordered if each.counts]
    sentences = []
    if counting:
        best = counting[0]
        sentences.append(
            f"**{literal(measure_title(best.measure))}** predicts {best.agreement:.0%} of the "
            f"answers ({best.low:.0%} to {best.high:.0%}, bootstrap over {best.images} images)."
        )
    if len(counting) > 1:
        sentences.append(
            f"It is the best of those that count in {best.best:.0%} of the resamples, so "
            + ("the order is clear." if best.best >= CLEAR else "another may be as good.")
        )
    if ceiling is not None:
        sentences.append(
            f"One answer per image can be right in {ceiling:.0%} at most, because people differ."
        )
    if len(counting) < len(ordered):
        sentences.append(
            "Hatched: related to the network or the loss of some images, so it does not count."
        )
    return " ".join(sentences)


def _prediction(of: MeasurePrediction) -> Prediction:
    agreement = Estimate(of.agreement, of.low, of.high, of.images)
    return Prediction(measure_title(of.measure), agreement, of.counts)
