"""The two questions and their answers, side by side under the pictures."""

from __future__ import annotations

from math import isfinite

import streamlit as st

from explorer.app.naming import capitalised, code, literal, number
from explorer.app.panels import own_opinion
from explorer.images import gallery
from explorer.metrics import no_match
from explorer.metrics.match import Match, MatchState
from explorer.metrics.perceptual_verdict import MIN_VOTES, PerceptualVerdict
from explorer.models import catalogue, layer_expression
from explorer.request import Request
from explorer.result import Result
from explorer.result.difference import NO_ANSWER
from explorer.result.ending import how_it_ended

_STATES = {
    MatchState.CONVERGED: ":green[:material/check_circle:] Converged",
    MatchState.MATCHED: ":orange[:material/incomplete_circle:] Matched",
    MatchState.NOT_MATCHED: ":red[:material/cancel:] Not matched",
}

_STATES_HELP = (
    "**Not matched**: some pair of unrelated images is as alike, or the classes differ. "
    "**Matched**: more alike than every pair of unrelated images and of the same class, also after "
    "rounding to 8 bits, but above the goal: compare it only with images that match as well. "
    "**Converged**: matched, and at the goal of the search before rounding."
)

_ANSWERS = {
    "yes": ":green[:material/check_circle:] Mostly yes",
    "undecided": ":orange[:material/contrast:] Undecided",
    "no": ":red[:material/cancel:] Mostly no",
}


def state_title(state: MatchState) -> str:
    """The first answer without colour or icon: `Converged`."""
    return _STATES[state].rpartition("] ")[2]


def answer_title(person: PerceptualVerdict) -> str:
    """The second answer without colour or icon, with its votes: `Mostly yes, 2 of 2`."""
    if person.answer == "not measured":
        return "Not measured"
    title = _ANSWERS[person.answer].rpartition("] ")[2]
    return f"{title}, {person.nearer_target} of {person.counted}"


def show_verdicts(result: Result, may_go_on: bool = True, asks_first: bool = False) -> None:
    """To the network: the same? To a person: the same?

    may_go_on: whether the page has what the advice for an image without a match asks to press.
    asks_first: what the visitor says, before the second answer is shown.
    """
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        _network(result)
    with right, st.container(border=True, height="stretch"):
        if asks_first and own_opinion.is_open_question(result):
            own_opinion.ask(result)
            return
        _person(result, _advice(result) if may_go_on else "")
        own_opinion.show_answer(result)


def _network(result: Result) -> None:
    match, match_8bit, null = result.match, result.match_8bit, result.null.relative_l2
    part = ", at this part of a layer" if match.part_of_layer else ""
    st.markdown(f"**To the network{part}: the same?**", help=_STATES_HELP)
    st.markdown(f"### {_STATES[result.state]}")
    lines = [
        f"Relative distance at {code(layer_expression.title(result.request.layer))}: "
        f"**{number(match.relative_l2)}** "
        f"({number(match_8bit.relative_l2)} after rounding to 8 bits). "
        f"Unrelated images are {number(null.min, 2)} to {number(null.max, 2)} apart."
    ]
    lines += no_match.reasons(match, match_8bit, result.null, literal)
    if match.same_class is not False or match.part_of_layer:
        lines.append(_classes(match, result.request))
    lines.append(how_it_ended(result))
    st.markdown("  \n".join(line for line in lines if line))


def _classes(match: Match, request: Request) -> str:
    if match.same_class is None:
        return ""
    entry = catalogue.find(request.model)
    known = 0 if entry is None else len(entry.classes)
    target, iri = match.target_top[0], match.iri_top[0]
    name = literal(target.name)
    if match.same_class:
        shares = f"({target.probability:.0%} and {iri.probability:.0%})"
        if known:
            return (
                f"It can only answer with one of its {known:,} classes, whatever is shown: "
                f"“{name}” for both {shares}."
            )
        return f"It calls both “{name}” {shares}."
    of_all = f"Of the {known:,} classes that it knows, it" if known else "It"
    return f"{of_all} calls the target “{name}” but the IRI “{literal(iri.name)}”."


def smaller_goal(result: Result) -> float | None:
    """A goal at which the search would have gone on, where its goal came before a match; else None.

    A quarter of what it reached, and at most the distance at which signal to noise is enough; 0,
    which uses all steps, instead of less than 0.001.
    """
    goal, reached = result.request.goal, result.match.relative_l2
    if result.matched or result.provenance.stopped != "goal" or goal <= 0:
        return None
    goals = [goal / 4, *([] if reached is None else [reached / 4])]
    for failed in no_match.failed_measures(result.match, result.null):
        if failed.measure == "snr_db" and isfinite(failed.limit):
            goals.append(10 ** (-failed.limit / 20) / 2)
    smaller = float(f"{min(goals):.1g}")
    return smaller if smaller >= 0.001 else 0.0


def _advice(result: Result) -> str:
    """What to try where there is no match, by why the search stopped."""
    goal = smaller_goal(result)
    if goal is not None:
        return (
            f"Its goal ended the search before a match: press Continue to go on to a goal of "
            f"{goal:g}, or set a smaller goal under “More settings”."
        )
    if result.provenance.stopped == "budget":
        return "Its steps ran out: press Continue to go on, or try more effort."
    if result.provenance.stopped == "plateau":
        return (
            "It came no nearer, so more steps will not help: try another seed, another optimiser "
            "or a later layer."
        )
    return "Try another optimiser or a later layer."


def _person(result: Result, advice: str) -> None:
    person = result.person
    st.markdown("**To a person: the same?**")
    if not result.matched:
        st.markdown("### :gray[:material/do_not_disturb_on:] No answer without a match")
        st.markdown(
            "The image has not arrived at a match, so it shows where the search stopped, not what "
            f"the network ignores. {advice}"
        )
        return
    if result.difference is not None:
        st.markdown("### :gray[:material/do_not_disturb_on:] Not asked")
        st.markdown(
            f"{capitalised(NO_ANSWER)}. It shows how much the network ignores: look for yourself."
        )
        return
    if person.answer == "not measured":
        st.markdown("### :gray[:material/help:] Not measured")
        st.markdown(
            f"{_how_many(person.counted)} from wrong targets here, and {MIN_VOTES} are "
            f"needed: look for yourself{_download_hint(result)}."
        )
        return
    st.markdown(f"### {_ANSWERS[person.answer]}")
    st.markdown(
        f"**{person.nearer_target} of {person.counted}** kinds of perceptual measures say it is "
        f"nearer its target than its seed.  \n{_control(person)}  \n"
        "Measures are stand-ins for people: trust your own eyes first.",
        help="Measures of one formula or one network are one kind and have one vote. Only those "
        "vote that recognise photographs in such a seed at this size, and no wrong ones.",
    )


def _how_many(counted: int) -> str:
    none_or_one = "No perceptual measure" if counted == 0 else "Only one kind of measure"
    return f"{none_or_one} that is unrelated to loss and network can tell right"


def _download_hint(result: Result) -> str:
    """Where LPIPS is missing, that it would help, and who can add it."""
    missing = any(
        each.measure.startswith("lpips") and each.held_out and each.to_target is None
        for each in result.perceptual
    )
    return ". Whoever runs this app can add LPIPS (`IRI_LPIPS=all`)" if missing else ""


def _control(person: PerceptualVerdict) -> str:
    titles = [
        gallery.describe(name).title if name in gallery.names() else literal(name)
        for name in person.mismatched
    ]
    listed = f" ({', '.join(titles)})" if titles else ""
    if person.wrong_nearer is None:
        return (
            f"Control: {person.nearer_than_mismatched} of {person.counted_for_mismatched} say it "
            f"is nearer its target than a wrong one{listed}."
        )
    kinds = "1 kind of measure" if person.counted == 1 else f"{person.counted} kinds of measures"
    comparisons = person.counted * len(titles)
    return (
        f"Control: {round(person.wrong_nearer * comparisons)} of {comparisons} comparisons with "
        f"wrong targets ({kinds}, {len(titles)} pictures: {', '.join(titles)}) call them nearer "
        "than the seed."
    )


def one_line(result: Result, with_person: bool = True) -> str:
    """Both answers in one line, and how the search ended; on request without the second one."""
    distance, ended = number(result.match.relative_l2), how_it_ended(result)
    state = f"{_STATES[result.state]} (relative distance {distance})"
    if not result.matched:
        return f"{state}, so nothing can be concluded. {ended}"
    if result.difference is not None:
        return f"{state}. {ended} Not asked of people: {NO_ANSWER}."
    return f"{state}. {ended} {result.person.sentence}" if with_person else f"{state}. {ended}"
