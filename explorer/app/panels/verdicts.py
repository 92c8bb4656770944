"""The two questions and their answers, side by side under the pictures."""

from __future__ import annotations

import streamlit as st

from explorer.app.naming import number
from explorer.images import gallery
from explorer.result import Result


def show_verdicts(result: Result) -> None:
    """To the network: the same? To a person: the same?"""
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        _network(result)
    with right, st.container(border=True, height="stretch"):
        _person(result)


def matched(result: Result) -> bool:
    """Whether the network takes the IRI for its target, also after rounding to 8 bits."""
    return bool(result.verdicts["network"]["same"])


def _network(result: Result) -> None:
    match, after = result.match, result.match["after_8bit"]
    null = match["null"]["relative_l2"]["quantiles"]
    st.markdown("**To the network: the same?**")
    if matched(result):
        st.markdown("### :green[:material/check_circle:] Yes")
    else:
        st.markdown("### :red[:material/cancel:] No")
    lines = [
        f"Relative distance at `{result.request.layer}`: **{number(match['relative_l2'])}** "
        f"({number(after['relative_l2'])} after rounding to 8 bits). "
        f"Unrelated pictures lie {number(null['min'], 2)} to {number(null['max'], 2)} apart."
    ]
    if not match["beyond_null"]:
        lines.append("Some unrelated pictures are as alike to the network as these two.")
    elif not after["beyond_null"]:
        lines.append("The match is lost by rounding to 8 bits.")
    lines += [_classes(match), how_it_ended(result)]
    st.markdown("  \n".join(line for line in lines if line))


def _classes(match: dict) -> str:
    if match["same_class"] is None:
        return ""
    target, iri = match["target_top"][0], match["iri_top"][0]
    if match["same_class"]:
        return (
            f"It calls both “{target['name']}” "
            f"({target['probability']:.0%} and {iri['probability']:.0%})."
        )
    return f"It calls the target “{target['name']}” but the IRI “{iri['name']}”."


def how_it_ended(result: Result) -> str:
    """Whether the search converged, and why it stopped, in a sentence."""
    stopped = result.provenance["stopped"]
    reason = {
        "goal": "it stopped at its goal",
        "plateau": "it stopped where it came no nearer",
        "budget": "its budget of steps ran out",
    }.get(stopped, f"it stopped by {stopped}")
    if result.converged and stopped == "budget":
        return "Converged: it met its goal within its budget."
    return f"Converged: {reason}." if result.converged else f"Not converged: {reason}."


def _person(result: Result) -> None:
    person = result.verdicts["person"]
    near, judges = person["nearer_target"], person["judges"]
    st.markdown("**To a person: the same?**")
    if not matched(result):
        st.markdown("### :gray[:material/do_not_disturb_on:] Cannot be said")
        st.markdown(
            "The image has not arrived at a match, so it shows where the search stopped, not what "
            "the network ignores. Try more effort, another optimiser or a later layer."
        )
        return
    if judges == 0:
        st.markdown("### :gray[:material/help:] No judge")
        st.markdown("No held-out measure could compare these pictures.")
        return
    if near * 2 > judges:
        st.markdown("### :green[:material/check_circle:] Rather yes")
    elif near * 2 == judges:
        st.markdown("### :orange[:material/contrast:] Undecided")
    else:
        st.markdown("### :red[:material/cancel:] Rather no")
    wrong = gallery.describe(person["mismatched"]).title
    st.markdown(
        f"**{near} of {judges}** perceptual measures say it is nearer its target than its seed.  \n"
        f"Control: {person['nearer_than_mismatched']} of {person['judges_of_mismatched']} say it "
        f"is nearer its target than a wrong one ({wrong}).  \n"
        "Measures are stand-ins for people: trust your own eyes first."
    )


def one_line(result: Result) -> str:
    """Both answers in one line, and how the search ended."""
    distance = number(result.match["relative_l2"])
    ended = how_it_ended(result)
    if not matched(result):
        return (
            f":red[No match] (relative distance {distance}), so nothing can be concluded. {ended}"
        )
    person = result.verdicts["person"]
    return (
        f"The same to the network (relative distance {distance}); "
        f"{person['nearer_target']} of {person['judges']} measures say it looks more like the "
        f"target than like the seed. {ended}"
    )
