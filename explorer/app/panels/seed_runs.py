"""The IRIs of one request from several random numbers, side by side: does it hang on the seed?"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explorer.app.components.pictures import Shown, show_pictures
from explorer.app.panels.verdicts import matched
from explorer.result import Result

MOST = 8


def show_tried(result: Result) -> None:
    """Keep this result for the session and, where there are several, show them in a row.

    Only the last MOST of the request shown now are kept; another request begins anew.
    """
    of = replace(result.request, rng_seed=0).key
    kept = st.session_state.get("_tried")
    if kept is None or kept["of"] != of:
        kept = st.session_state["_tried"] = {"of": of, "by_number": {}}
    by_number = kept["by_number"]
    person = result.verdicts["person"]
    by_number[result.request.rng_seed] = (
        result.iri_png,
        matched(result),
        f"{person['nearer_target']} of {person['judges']}",
    )
    while len(by_number) > MOST:
        del by_number[next(iter(by_number))]
    if len(by_number) < 2:
        return
    same = sum(one for _, one, _ in by_number.values())
    st.markdown(
        f"**From {len(by_number)} random numbers:** {same} are the same to the network; the number "
        "under each says how many measures call it nearer the target."
    )
    show_pictures(
        [
            Shown(png, f"{number:,}", nearer, f"The IRI from random number {number}", "frame")
            for number, (png, _, nearer) in sorted(by_number.items())
        ],
        key="tried",
    )
