"""Copy as link, Python or command: what is shown, to be had again somewhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import streamlit as st

from explorer.app import sharing
from explorer.cli import scripts
from explorer.request import Request

LINK, PYTHON, COMMAND = "Link", "Python", "Command"


@st.fragment
def show(
    requests: Sequence[Request],
    parameters: Mapping[str, str] | None,
    first: str = LINK,
    key: str = "copy",
) -> None:
    """One of the three at a time, with a button that copies it.

    parameters: of this page's URL; None where no link leads here. first: which one is shown first.
    """
    forms = [LINK, PYTHON, COMMAND] if parameters is not None else [PYTHON, COMMAND]
    form = st.segmented_control(
        "Copy as",
        forms,
        key=f"{key}_form",
        default=first if first in forms else forms[0],
        required=True,
        help="To open it elsewhere, or to generate the same by a script or in a shell.",
    )
    if form == LINK and parameters is not None:
        st.code(address(parameters), language=None, wrap_lines=True)
        if limits := next(filter(None, map(sharing.limits_of_link, requests)), ""):
            st.caption(f"This leads to an uploaded picture{limits}.")
        return
    if form == PYTHON:
        st.code(scripts.python(requests), language="python", wrap_lines=True)
    else:
        st.code(scripts.commands(requests), language="bash", wrap_lines=True)
    if needs := where_it_works(requests):
        st.caption(needs)


def address(parameters: Mapping[str, str]) -> str:
    """The whole address of this page with these parameters."""
    return f"{st.context.url or ''}?{urlencode(parameters)}"


def where_it_works(requests: Sequence[Request]) -> str:
    """What the script needs besides the program; "" where that is nothing."""
    sentences = []
    if any(request.continues is not None for request in requests):
        sentences.append(
            "`--continue` with this key works where the earlier result is in the cache; elsewhere, "
            "give the folder or the zip in which that result was saved."
        )
    if any(request.away_from is not None for request in requests):
        sentences.append(
            "`--away-from` with these keys works where the earlier results are in the cache; "
            "`iri diverse` makes the whole set."
        )
    if any(request.network.source == "own" for request in requests):
        sentences.append(
            "`own:` names a network of this server: this works where the same `models.toml` is."
        )
    return " ".join(sentences)
