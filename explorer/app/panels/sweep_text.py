"""The text of the sweep on the page: in the URL, from a form, or written as TOML."""

from __future__ import annotations

import base64
import zlib

import streamlit as st

from explorer.app import left_out
from explorer.app.panels import sweep_form
from explorer.sweep.form import Form, form_of
from explorer.sweep.source import LONGEST_TEXT

PAGE = PARAMETER = "sweep"
LONGEST_PARAMETER = 4_000  # characters; browsers and servers take this much
FORM, TOML = "Lists", "TOML"

_TEXT, _LAST, _MODE = "_sweep_text", "_sweep_url", "sweep_as"
_AREA, _FILE, _PROBLEM = "sweep_toml", "_sweep_file", "_sweep_problem"
_MOST_BYTES = 2 * LONGEST_TEXT

FIRST = Form(
    model=("embedded:imagenette-residual-adv1", "embedded:imagenette-residual-standard"),
    layer=("penultimate",),
    target=("astronaut", "cat", "coffee"),
    seed=("noise",),
    loss=("regularizer-free",),
    steps=100,
)
"""What the page opens with."""


def encoded(text: str) -> str:
    """The text as a URL parameter."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def decoded(parameter: str) -> str:
    """The text in a URL parameter; ValueError where there is none."""
    try:
        data = base64.urlsafe_b64decode(parameter + "=" * (-len(parameter) % 4))
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(data, _MOST_BYTES)
    except zlib.error as error:
        raise ValueError("damaged") from error
    if not unpacking.eof:
        raise ValueError("too long, or cut off")
    return text.decode()


def read() -> str:
    """Draw the controls and return the sweep's text, which is then in the URL where it fits."""
    text = _from_url()
    form = form_of(text)
    st.session_state.setdefault(_MODE, FORM if form is not None else TOML)
    if form is None and st.session_state[_MODE] == FORM:
        st.session_state[_MODE] = TOML
    st.segmented_control(
        "Describe it by",
        [FORM, TOML],
        key=_MODE,
        required=True,
        on_change=_switch,
        help="Lists: choose from menus. TOML: write or upload what `iri sweep` takes, with "
        "ranges, several products and every setting.",
    )
    if st.session_state[_MODE] == FORM:
        text = sweep_form.read(form or FIRST).to_toml()
    else:
        text = _area(text)
    st.session_state[_TEXT] = text
    _to_url(text)
    return text


def _area(text: str) -> str:
    st.session_state.setdefault(_AREA, text)
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(problem, icon=":material/error:")
    written: str = st.text_area(
        "Sweep (TOML)",
        key=_AREA,
        height=280,
        max_chars=LONGEST_TEXT,
        help="Keys are the settings of a request: model, layer, target, seed, loss, steps, goal, "
        "rng_seed, … Each takes a value, a list or a range such as { from = 0, to = 4 }; several "
        "[[sweep]] tables are several products.",
    )
    with st.expander("Upload a TOML file", icon=":material/upload:"):
        st.file_uploader(
            "TOML file",
            type=["toml"],
            key=_FILE,
            on_change=_take_file,
            label_visibility="collapsed",
        )
        st.caption("Files that it names stay on your machine: here it may name what the app has.")
    return written


def _from_url() -> str:
    """The text of the URL where that is a new one, else the page's own."""
    given = st.query_params.to_dict()
    if given.keys() - {PARAMETER}:
        left_out.remember(PAGE, given, lambda: left_out.sentences(given, {}, str, (PARAMETER,)))
    parameter = given.get(PARAMETER)
    if parameter is not None and parameter != st.session_state.get(_LAST):
        try:
            text = decoded(parameter)
        except ValueError:
            st.error(
                "The sweep in this address cannot be read: it is damaged or cut off. Ask for the "
                "TOML file instead.",
                icon=":material/link_off:",
            )
        else:
            st.session_state[_TEXT] = text
            for key in (_MODE, _AREA, *sweep_form.KEYS):
                st.session_state.pop(key, None)
        st.session_state[_LAST] = parameter
    kept: str = st.session_state.setdefault(_TEXT, FIRST.to_toml())
    return kept


def _to_url(text: str) -> None:
    parameter = encoded(text)
    if text == FIRST.to_toml():
        wanted: dict[str, str] = {}
    elif len(parameter) <= LONGEST_PARAMETER:
        wanted = {PARAMETER: parameter}
    else:
        wanted = {}
        st.caption("Too long for a link: the address does not hold this sweep; keep its text.")
    st.session_state[_LAST] = wanted.get(PARAMETER)
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
    left_out.show(PAGE, wanted)


def _switch() -> None:
    """Have the controls that come now say what the others said."""
    st.session_state.pop(_AREA, None)
    for key in sweep_form.KEYS:
        st.session_state.pop(key, None)


def _take_file() -> None:
    """Make an uploaded file the text."""
    file = st.session_state.get(_FILE)
    if file is None:
        return
    try:
        text = file.getvalue().decode("utf-8-sig")
    except UnicodeDecodeError:
        st.session_state[_PROBLEM] = "This file is no text in UTF-8; upload a TOML file."
        return
    if len(text) > LONGEST_TEXT:
        st.session_state[_PROBLEM] = f"A sweep has at most {LONGEST_TEXT:,} characters."
        return
    st.session_state[_TEXT] = st.session_state[_AREA] = text
