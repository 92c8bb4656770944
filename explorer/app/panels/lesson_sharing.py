"""What a lecturer takes from the lesson: links that leave one control, an iframe, the hand-out."""

from __future__ import annotations

from functools import partial
from html import escape
from urllib.parse import urlencode

import streamlit as st

from explorer.app.lesson import handout
from explorer.app.lesson.address import Address, with_one_left

_HEIGHT_PX = 760
"""Of the embedded view, in slides of 1280 px."""


def show(address: Address) -> None:
    """A link to this step with one control left, as it is set now, and the hand-outs."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.popover("Link and slides", icon=":material/link:"):
            _links(address)
        for title, name, notes in (
            ("Hand-out", "lesson.html", False),
            ("Speaker's notes", "lesson-notes.html", True),
        ):
            st.download_button(
                title,
                partial(handout.document, notes=notes),
                name,
                "text/html",
                on_click="ignore",
                icon=":material/print:",
                key=name,
                help="An HTML page to print: two sides of A4."
                if not notes
                else "All claims with the notes for whoever speaks, as an HTML page to print.",
            )


def _links(address: Address) -> None:
    step = address.step
    titles = {control.name: control.label for control in step.controls} | {"": "Nothing"}
    left = st.segmented_control(
        "What can be changed",
        list(titles),
        key="lesson_left",
        format_func=lambda name: titles[name],
        default=step.controls[-1].name,
        required=True,
        help="All else stays as it is set now.",
    )
    wanted = with_one_left(step, address.values, left or None).parameters
    url = st.context.url or ""
    st.caption("A link to this step alone:")
    st.code(f"{url}?{urlencode(wanted)}", language=None, wrap_lines=True)
    st.caption("The comparison in a slide, as an iframe:")
    source = escape(f"{url}?{urlencode({**wanted, 'embed': 'true'})}", quote=True)
    st.code(
        f'<iframe src="{source}" title="{escape(step.claim, quote=True)}" width="1280" '
        f'height="{_HEIGHT_PX}" style="border: 0"></iframe>',
        language="html",
        wrap_lines=True,
    )
