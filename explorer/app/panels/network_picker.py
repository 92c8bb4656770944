"""The network and its layer: pickers that can be searched, and where in the network a layer is.

The curated networks come first, in groups; any other name of timm's and torchvision's is found by
typing a part of it. Layers have titles; blocks and stages are offered before the steps in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import wait
from math import prod
from typing import Any

import streamlit as st

from explorer import validation
from explorer.app import session, url_state
from explorer.app.naming import sentence
from explorer.errors import RequestError
from explorer.jobs import work
from explorer.models import catalogue, pretrained
from explorer.models.entry import Entry
from explorer.models.hubs import HubUnreachable
from explorer.models.layer_titles import is_main, layer_title, section_of, sections
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.network_reference import NetworkReference

ALL_GROUPS = "All"
MATCHES_SHOWN = 30
SECTIONS_SHOWN = 7
TITLE_LENGTH = 50  # characters, as many as the panel has room for in one line
NORMS = {"linf": "ℓ∞", "l2": "ℓ₂"}

Layers = dict[str, tuple[str, tuple[int, ...]]]
"""Kind and shape by name, in order of execution."""


def network(default: str) -> str:
    """The reference that was chosen or typed."""
    entries = _entries()
    st.session_state.setdefault("model", default)
    chosen = st.session_state["model"]
    group = _group(entries)
    names = [name for name, entry in entries.items() if group in (ALL_GROUPS, entry.group)]
    model = st.selectbox(
        "Network",
        names if chosen in names or chosen is None else [*names, chosen],
        key="model",
        format_func=lambda name: _title(name, entries),
        accept_new_options=True,
        on_change=_reset_layer,
        help="The network to invert. Type to search: an architecture, or how it was trained. Any "
        "name of timm's or torchvision's may be typed, too, such as timm:resnet18.",
    )
    model = model or default
    _search(entries)
    _facts(model, entries.get(model))
    return model


def layer(model: str, size: int | None, default: str) -> str:
    """The layer that was chosen, of those that the network has."""
    layers = _known_layers(model, size)
    names = list(layers)
    st.session_state.setdefault("layer", default)
    chosen = st.session_state["layer"]
    ends = [name for name in (PENULTIMATE, LOGITS) if name in layers or not layers]
    main = [name for name in names if is_main(name, layers[name][0]) and name not in ends]
    has_more = len(names) > len(main) + len(ends)
    show_all = has_more and st.session_state.get("_every_layer", False)
    inner = [name for name in names if name not in ends] if show_all else main
    options = [*ends, *inner]
    picked = st.selectbox(
        "Layer",
        options if chosen in options or chosen is None else [*options, chosen],
        key="layer",
        format_func=lambda name: _layer_title(name, layers),
        help="The layer whose representation of the two images is made the same. 'penultimate' is "
        "the input of the classifier; earlier layers keep more of the image. Type to search.",
    )
    if has_more:
        st.toggle(
            f"All layers ({len(names)})",
            key="_every_layer",
            help="Offer each convolution, normalisation and activation, too, not only blocks.",
        )
    picked = picked or default
    if picked in layers:
        st.caption(_position(picked, names, layers[picked][1]))
    return picked


def _entries() -> dict[str, Entry]:
    """The offered networks by reference, with a warning for a list that cannot be read."""
    entries, errors = catalogue.offered()
    for error in errors:
        st.warning(f"The operator's list of networks cannot be read. {error}")
    return {entry.reference: entry for entry in entries}


def _group(entries: dict[str, Entry]) -> str:
    present = {entry.group for entry in entries.values()}
    picked = st.selectbox(
        "Kind of network",
        [ALL_GROUPS, *(name for name in catalogue.GROUPS if name in present)],
        key="_group",
        format_func=lambda name: catalogue.GROUPS.get(name, "All kinds"),
        help="Shortens the list of networks below; it changes nothing else.",
    )
    return picked or ALL_GROUPS


def _title(reference: str, entries: dict[str, Entry]) -> str:
    """`ResNet-50, ℓ₂ ε 3`; with its reference, too, where another network has the same title."""
    if reference not in entries:
        return reference
    title = entries[reference].title
    same = [entry for entry in entries.values() if entry.title == title]
    return title if len(same) == 1 else f"{title} · {reference}"


def _search(entries: dict[str, Entry]) -> None:
    count = len(pretrained.references())
    with st.expander(f"Search {count:,} more networks", icon=":material/search:"):
        words = st.text_input(
            "Search timm and torchvision",
            key="_search",
            placeholder="such as beit base 224",
            help="Words that occur in the name, in any order.",
        )
        matches = [name for name in pretrained.search(words) if name not in entries]
        if words and not matches:
            st.caption("No match among their pretrained networks.")
        for name in matches[:MATCHES_SHOWN]:
            st.button(name, key=f"_found_{name}", type="tertiary", on_click=_take, args=(name,))
        if len(matches) > MATCHES_SHOWN:
            st.caption(f"The first {MATCHES_SHOWN}; another word narrows the search.")


def _take(reference: str) -> None:
    st.session_state["model"] = reference
    _reset_layer()


def _reset_layer() -> None:
    """Another network may not have the layer; every one has the penultimate."""
    if st.session_state.get("layer") not in (PENULTIMATE, LOGITS):
        st.session_state["layer"] = PENULTIMATE


def _facts(model: str, entry: Entry | None) -> None:
    """A caption: data and training, size, licence, what a first use costs, and the reference."""
    entry = entry or catalogue.find(model)
    if entry is None:
        return  # the validation of the request says why
    if entry.group == "small":
        st.caption(f"{entry.summary}  \n`{model}`")
        return
    attacks = f" {NORMS.get(entry.norm, entry.norm)} {_radius(entry)}" if entry.epsilon else ""
    facts = [
        f"{entry.objective.capitalize()}{attacks}" if entry.objective else "",
        entry.data,
        f"{entry.input_size[0]} px",
        f"{entry.parameters / 1e6:.1f} M parameters" if entry.parameters else "",
        entry.licence,
        f"downloads {entry.megabytes:,} MB at first use" if entry.megabytes else "",
        f"[paper]({entry.paper})" if entry.paper else "",
    ]
    line = " · ".join(fact for fact in facts if fact)
    st.caption(f"{entry.summary}  \n{line}  \n`{model}`".strip())


def _radius(entry: Entry) -> str:
    return f"{entry.epsilon * 255:g}/255" if entry.norm == "linf" else f"{entry.epsilon:g}"


def _layer_title(name: str, layers: Layers) -> str:
    """`stage 3, block 2, after addition · layer3.1`; the name alone where that is too long."""
    title = layer_title(name, layers.get(name, ("", ()))[0])
    with_name = f"{title} · {name}"
    return name if title == name or len(with_name) > TITLE_LENGTH else with_name


def _position(name: str, names: list[str], shape: tuple[int, ...]) -> str:
    """`stem › stage 1 › **stage 2** › …`, which layer of how many, and the shape there."""
    parts, current = sections(names), section_of(name, names)
    index = parts.index(current) if current in parts else 0
    first = max(0, min(index - SECTIONS_SHOWN // 2, len(parts) - SECTIONS_SHOWN))
    shown = [
        f"**{part}**" if part == current else part for part in parts[first : first + SECTIONS_SHOWN]
    ]
    before = ["…"] if first else []
    after = ["…"] if first + SECTIONS_SHOWN < len(parts) else []
    numbers = f"{prod(shape):,} numbers"
    if len(shape) > 1:
        numbers = f"{'×'.join(map(str, shape))} = {numbers}"
    return (
        f"{' › '.join([*before, *shown, *after])}  \n"
        f"layer {names.index(name) + 1} of {len(names)}, {numbers}"
    )


def _known_layers(model: str, size: int | None) -> Layers:
    """The network's layers as far as they are known; the worker is asked where they are not."""
    try:
        validation.check_visitor_may_name(model)
        entry = catalogue.entry(model)
        reference = validation.network_reference(model, size=size)
    except RequestError:
        return {}
    if entry is not None and entry.layers and size is None:
        return _as_layers(entry.layers)
    answers = session.answers(str(reference))
    if "layers" not in answers:
        stored = session.engine().store.get(work.layers_key(reference))
        if stored is not None:
            answers["layers"] = _as_layers(json.loads(stored))
        else:
            _ask_for_layers(reference, answers)
    layers: Layers = answers.get("layers", {})
    return layers


def _as_layers(rows: Iterable[tuple[str, str, Sequence[int]]]) -> Layers:
    return {name: (kind, tuple(shape)) for name, kind, shape in rows}


def _ask_for_layers(reference: NetworkReference, answers: dict[str, Any]) -> None:
    """Put the layers into `answers` if the worker has answered; a message on the page if not."""
    if "future" not in answers:
        answers["future"] = session.engine().call(work.layers, reference)
        wait([answers["future"]], timeout=0.5)  # a warm worker answers at once
    future = answers["future"]
    if not future.done():
        _wait_for_layers(reference)
        return
    try:
        answers["layers"] = _as_layers(future.result())
    except (RequestError, HubUnreachable, RuntimeError, MemoryError) as error:
        st.error(sentence(getattr(error, "message", str(error))))
        st.button("Try again", on_click=answers.clear, key="ask_again")


@st.fragment(run_every=1.0)
def _wait_for_layers(reference: NetworkReference) -> None:
    st.caption(f":material/hourglass_top: Reading the layers of {reference.model} …")
    if session.answers(str(reference))["future"].done():
        url_state.rerun()
