"""From how many targets or random seeds each image of a comparison is made, and in what groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from explorer.analysis.variation import DEFAULT_FACTOR, FACTORS, MOST, Axis, random_seeds, vary
from explorer.app import session
from explorer.app.naming import picture_title
from explorer.app.panels import compare_address
from explorer.app.panels.compare_address import MOST_DRAWS, NO_FACTOR
from explorer.errors import RequestError
from explorer.images import gallery
from explorer.models.catalogue import check_visitor_may_name

_DRAWS = {"seeds": 2}
"""From how many random seeds each value is made where nothing is said; 1 for other axes."""


def again(
    axis: Axis, base: Mapping[str, Any], values: Sequence[str], given: str | None
) -> tuple[Sequence[str | int], str | None]:
    """For which targets or random seeds each value is made, and how the URL says so.

    base, values: as `vary` takes them. given: what the URL says, where it is read.
    """
    target, rng_seed = base["target"], base["rng_seed"]
    key = f"again-{axis.name}"
    if axis.again == "target":
        if given:
            room = MOST // max(1, len(values)) - 1
            st.session_state[key] = compare_address.names_in("again", given, max(0, room))
        st.session_state.setdefault(key, [])
        offered = [name for name in (*gallery.names(), *session.uploads()) if name != target]
        chosen = [name for name in st.session_state[key] if name != target]
        st.session_state[key] = chosen
        more = st.multiselect(
            "More targets",
            [*offered, *(name for name in chosen if name not in offered)],
            key=key,
            format_func=picture_title,
            placeholder="One target; add more for averages with intervals",
            help="Each image is made for these targets, too.",
        )
        return ([target, *more], compare_address.joined(more)) if more else ((), None)
    usual = _DRAWS.get(axis.name, 1)
    if given:
        count = compare_address.draws_in(given, lambda count: _fits(axis, base, values, count))
        st.session_state[key] = count or usual
    st.session_state.setdefault(key, usual)
    count = st.number_input(
        "Random seeds per image",
        min_value=1,
        max_value=MOST_DRAWS,
        step=1,
        key=key,
        width=220,
        help="Each image is made from so many random seeds, beginning with that of the sidebar.",
    )
    seeds_drawn = random_seeds(rng_seed, int(count))
    return seeds_drawn, None if count == usual else str(count)


def _fits(axis: Axis, base: Mapping[str, Any], values: Sequence[str], count: int) -> bool:
    """Whether the images from so many random seeds fit a page."""
    try:
        vary(base, axis, values, random_seeds(base["rng_seed"], count), check_visitor_may_name)
    except RequestError:
        return not values
    return True


def group() -> str | None:
    """The factor by which networks are grouped; None: by none."""
    st.session_state.setdefault("group", DEFAULT_FACTOR)
    chosen = st.segmented_control(
        "Group by",
        [*FACTORS, NO_FACTOR],
        key="group",
        required=True,
        format_func=lambda name: FACTORS.get(name, "Nothing"),
        help="The factors that Nanda et al. vary.",
    )
    return None if chosen in (None, NO_FACTOR) else str(chosen)
