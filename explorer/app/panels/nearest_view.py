"""How far the IRI is from its seed, and what it was before it was brought nearest to it."""

from __future__ import annotations

import streamlit as st

from explorer.app.components.pictures import Picture, show_pictures
from explorer.losses.variants import loss_of
from explorer.result import Result
from explorer.validation import why_not_nearest


def moved_sentence(result: Result) -> str:
    """How far the IRI moved, as searched and in the end; "" where an older version made it."""
    moved, tightening = result.moved, result.tightening
    if moved is None:
        return ""
    text = f"Moved {moved.rms:.3f} from its seed (root mean square, pixels from 0 to 1"
    if moved.relative is not None:
        text += f"; {moved.relative:.0%} of the target's own distance from the seed"
    text += ")"
    if result.difference is not None:
        return f"{text}, to where it differs most."
    if tightening is None:
        text += ", as the search found it."
        if result.request.nearest:
            text += " Brought nearer to its seed it was no match any more."
        elif not why_not_nearest(result.request, loss_of(result.request)):
            text += (
                " The image nearest to the seed that matches as well may look quite different: "
                "choose it under “More settings”, “Image”."
            )
        return text
    return f"{text}; as the search found it, {tightening.rms[0]:.3f}."


def show_nearest(result: Result) -> None:
    """The image as searched beside the nearest one, and what the phase between them did."""
    tightening = result.tightening
    if tightening is None or result.searched_png is None or not tightening.rms[0]:
        return  # as searched; or the seed itself was within the goal, and nothing moved
    st.subheader("What did the match need?")
    show_pictures(
        [
            Picture(
                result.searched_png,
                "As searched",
                f"moved {tightening.rms[0]:.3f}",
                "The image as the search found it",
                "searched",
            ),
            Picture(
                result.iri_png,
                "Nearest",
                f"moved {tightening.rms[-1]:.3f}",
                "The image nearest to the seed",
                "nearest",
            ),
        ],
        key="nearest_pictures",
    )
    st.caption(_what_it_did(result))


def _what_it_did(result: Result) -> str:
    tightening = result.tightening
    assert tightening is not None
    first, last = tightening.rms[0], tightening.rms[-1]
    text = (
        f"Both are within a relative distance of {tightening.allowed:.2g} from the target at the "
        f"layer. {tightening.passes} more passes took back {1 - last / first:.0%} of the way "
        "that the search had gone: what these passes found the match not to need."
    )
    if tightening.stopped == "budget":
        text += " The passes ran out; more would bring it nearer still."
    before, now = tightening.searched_person, result.person
    if before.counted and now.counted:
        text += (
            f" As searched, {before.nearer_target} of {before.counted} kinds of measures called it "
            f"nearer its target than its seed; now {now.nearer_target} of {now.counted}."
        )
    return text
