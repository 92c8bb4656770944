"""The same request to the network that differs in adversarial training alone, beside this one."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from explorer.app import sharing
from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.links import link
from explorer.app.naming import network_title
from explorer.app.panels.pending_view import request_generation
from explorer.app.panels.verdicts import one_line
from explorer.errors import RequestError
from explorer.models.sources import embedded
from explorer.request import Request
from explorer.result import Result
from explorer.validation import validate


def show_counterpart(result: Result, with_person: bool = True) -> None:
    """Both IRIs where the other one is there, and the way to it; nothing without a counterpart.

    with_person: also what the measures say of the other one.
    Nor where the visitor may neither see nor generate the other one: with a stranger's upload.
    """
    request = counterpart_of(result.request)
    if request is None:
        return
    other = sharing.seen(request)
    if other is None and not sharing.may_be_generated(request):
        return
    own = network_title(result.request.model)
    title = network_title(request.model)
    st.subheader("Does the training decide?")
    if other is not None:
        show_pictures(
            [
                Picture(result.iri_png, "IRI", own, f"IRI of {own}", "own"),
                Picture(other.iri_png, "The counterpart's IRI", title, f"IRI of {title}", "other"),
            ],
            key="counterpart_pictures",
        )
        answers = one_line(other, with_person)
        st.markdown(f"From the same seed, to the same target. {title}: {answers}")
    else:
        st.markdown(
            f"{title} differs in adversarial training alone: ask it for the same target, from the "
            "same seed."
        )
    st.button(
        f"Open with {title}" if other is not None else f"Generate with {title}",
        key="counterpart",
        icon=":material/compare_arrows:",
        on_click=_ask,
        args=(request.model, other is None),
    )


def _ask(model: str, generate: bool) -> None:
    """Set the sidebar to the counterpart, and begin the search where there is no result yet."""
    st.session_state["model"] = model
    if generate:
        request_generation()


def counterpart_of(request: Request) -> Request | None:
    """The same request to the counterpart of its network.

    None for a network that is not embedded or has none, and for what its page cannot ask for.
    """
    if request.network.source != embedded.SOURCE.name:
        return None
    if request.continues is not None or request.away_from is not None:  # results of this network
        return None
    other = embedded.counterpart(request.network.name)
    if other is None:
        return None
    try:
        asked = validate(replace(request, model=f"embedded:{other}"))
        link(asked)
    except (RequestError, ValueError):
        return None
    return asked
