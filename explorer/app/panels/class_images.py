"""Which images a class is asked about: the set that ships, results of the gallery, or a file."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from explorer.app import session, sharing
from explorer.app.naming import literal, sentence
from explorer.app.pages import PAGES
from explorer.app.panels import gallery_actions
from explorer.study.records import StudyError
from explorer.study.stimuli import stimuli_of
from explorer.study.stimulus_set import StimulusSet, default_set

KEYS = "keys"
"""URL parameter: keys of results, joined by commas."""

_SHIPPED, _SELECTED, _FILE, _SAME = "default", "selected", "file", "same"
_TITLES = {
    _SAME: "The same as before",
    _SHIPPED: "Default set",
    _SELECTED: "Results of the gallery",
    _FILE: "A file",
}


def choose(prefix: str, before: StimulusSet | None = None) -> StimulusSet | None:
    """The chosen set; None while there is none, which the page then says. before: offered first."""
    sources = [each for each in _TITLES if each != _SAME or before is not None]
    named = _keys()
    first = _SELECTED if named and before is None else sources[0]
    source = st.segmented_control(
        "Images",
        sources,
        key=f"{prefix}_source",
        default=first,
        required=True,
        format_func=_TITLES.__getitem__,
    )
    try:
        if source == _SAME and before is not None:
            return before
        if source == _SELECTED:
            return _selected(named)
        if source == _FILE:
            return _from_file(prefix)
        chosen = default_set()
        st.caption(in_words(chosen))
        return chosen
    except StudyError as error:
        st.error(literal(sentence(str(error))), icon=":material/error:")
        return None


def in_words(images: StimulusSet) -> str:
    """How many images of what a set holds."""
    networks = len({each.model for each in images.stimuli})
    losses = len({each.loss for each in images.stimuli})
    return (
        f"{len(images.stimuli)} images of {len(images.targets)} targets: "
        f"{_count(networks, 'network')} and {_count(losses, 'loss', 'losses')}. All match after "
        "rounding to 8 bits."
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def _keys() -> list[str]:
    """Of the results that the URL names, else of those selected in the gallery."""
    in_url = [key for key in st.query_params.get(KEYS, "").split(",") if key]
    return list(dict.fromkeys(in_url)) or sorted(gallery_actions.selection())


def _selected(keys: Sequence[str]) -> StimulusSet | None:
    if not keys:
        st.info(
            "Select results in the gallery and press “Ask a class” there.",
            icon=":material/grid_view:",
        )
        st.page_link(
            str(PAGES["gallery"].script), label="Open the gallery", icon=":material/grid_view:"
        )
        return None
    images, refused = _read(tuple(keys))
    if refused:
        st.warning(
            f"{_count(len(refused), 'result')} cannot be shown to people:\n"
            + "\n".join(f"- `{key[:10]}`: {literal(reason)}" for key, reason in refused[:10]),
            icon=":material/block:",
        )
    if images is None:
        return None
    st.caption(in_words(images))
    st.download_button(
        "Save as a file",
        images.to_bytes,
        "stimulus-set.zip",
        "application/zip",
        on_click="ignore",
        icon=":material/download:",
        key="save_set",
        help="To ask other classes the same, or to run it elsewhere: `iri experiment export`.",
    )
    return images


def _read(keys: tuple[str, ...]) -> tuple[StimulusSet | None, list[tuple[str, str]]]:
    """The set of these results, and why some are not in it. Read once in a session."""
    kept: dict[tuple[str, ...], tuple[StimulusSet | None, list[tuple[str, str]]]]
    kept = st.session_state.setdefault("_class_sets", {})
    if keys not in kept:
        kept.clear()
        kept[keys] = _set_of(keys)
    return kept[keys]


def _set_of(keys: tuple[str, ...]) -> tuple[StimulusSet | None, list[tuple[str, str]]]:
    visible = [key for key in keys if _may_be_shown(key)]
    hidden = [
        (key, "it is not in the cache, or for others to see") for key in keys if key not in visible
    ]
    with st.spinner("Reading the results …", show_time=False):
        stimuli, pictures, refused = stimuli_of(session.engine().store, visible)
    reasons = [*hidden, *((each.key, each.reason) for each in refused)]
    if not stimuli:
        return None, reasons
    return StimulusSet("selected", "Selected results", tuple(stimuli), pictures), reasons


def _may_be_shown(key: str) -> bool:
    """Whether this visitor may see the result, and so show it to a class."""
    result = session.engine().result(key)
    return (
        result is not None
        and sharing.may_be_seen(result.request)
        and sharing.may_see_network(result.request.model)
    )


def _from_file(prefix: str) -> StimulusSet | None:
    file = st.file_uploader("Stimulus set (zip)", type="zip", key=f"{prefix}_file")
    if file is None:
        return None
    images = StimulusSet.from_bytes(file.getvalue())
    st.caption(f"*{literal(images.title)}*: {in_words(images)}")
    return images
