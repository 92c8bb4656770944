"""The network and its layer: pickers that can be searched, and where in the network one is.

The shelf comes first, in groups; any other of timm's and torchvision's names is found by typing a
part of it. Layers have plain names, the ones that people name before the steps between them.
"""

from __future__ import annotations

import json
from concurrent.futures import wait
from math import prod

import streamlit as st

from explorer import validation
from explorer.app import session, url_state
from explorer.app.naming import sentence
from explorer.jobs import work
from explorer.models import catalogue, pretrained
from explorer.models.catalogue import Entry
from explorer.models.hubs import HubUnreachable
from explorer.models.layer_titles import is_main, layer_title, section_of, sections
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.request import NetworkReference, RequestError

EVERY = "All"
FOUND_SHOWN = 30
MOST_PLACES = 7
MOST_LETTERS = 50  # that the panel has room for in one line
_SAID = {"linf": "ℓ∞", "l2": "ℓ₂"}

Layers = dict[str, tuple[str, tuple[int, ...]]]
"""Kind and shape by name, in order of execution."""


def network(default: str) -> str:
    """The reference that was chosen or typed."""
    entries = _entries()
    st.session_state.setdefault("model", default)
    chosen = st.session_state["model"]
    group = _group(entries)
    names = [name for name, one in entries.items() if group in (EVERY, one.group)]
    model = st.selectbox(
        "Network",
        names if chosen in names or chosen is None else [*names, chosen],
        key="model",
        format_func=lambda name: _title(name, entries),
        accept_new_options=True,
        on_change=_forget_layer,
        help="Whose eyes we look through. Type to search: a design, or how it was trained. Any of "
        "timm's or torchvision's names may be typed, too, such as timm:resnet18.",
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
    every = len(names) > len(main) + len(ends) and st.session_state.get("_every_layer", False)
    inner = [name for name in names if name not in ends] if every else main
    options = [*ends, *inner]
    picked = st.selectbox(
        "Layer",
        options if chosen in options or chosen is None else [*options, chosen],
        key="layer",
        format_func=lambda name: _layer_title(name, layers),
        help="Where in the network the two pictures must look the same. 'penultimate' is what the "
        "classifier sees; earlier layers keep more of the picture. Type to search.",
    )
    if len(names) > len(main) + len(ends):
        st.toggle(
            f"Every step ({len(names)})",
            key="_every_layer",
            help="Offer each convolution, normalisation and activation, too, not only blocks.",
        )
    picked = picked or default
    if picked in layers:
        st.caption(_where(picked, names, layers[picked][1]))
    return picked


def _entries() -> dict[str, Entry]:
    try:
        published = catalogue.published()
    except RequestError as error:
        st.warning(f"The operator's list of networks cannot be read. {error}")
        published = ()
    return {one.reference: one for one in (*catalogue.entries(), *published, *catalogue.shelf())}


def _group(entries: dict[str, Entry]) -> str:
    there = {one.group for one in entries.values()}
    groups = [EVERY, *(name for name in catalogue.GROUPS if name in there)]
    picked = st.selectbox(
        "Kind of network",
        groups,
        key="_group",
        format_func=lambda name: catalogue.GROUPS.get(name, "All kinds"),
        help="Shortens the list of networks below; it changes nothing else.",
    )
    return picked or EVERY


def _title(reference: str, entries: dict[str, Entry]) -> str:
    """`ResNet-50, ℓ₂ ε 3`; with its reference, too, where another one is called the same."""
    if reference not in entries:
        return reference
    title = entries[reference].title
    alike = [one for one in entries.values() if one.title == title]
    return title if len(alike) == 1 else f"{title} · {reference}"


def _search(entries: dict[str, Entry]) -> None:
    count = len(pretrained.references())
    with st.expander(f"Any of {count:,} more", icon=":material/search:"):
        words = st.text_input(
            "Search timm and torchvision",
            key="_search",
            placeholder="such as beit base 224",
            help="Words that occur in the name, in any order.",
        )
        found = [name for name in pretrained.search(words) if name not in entries]
        if words and not found:
            st.caption("No pretrained network of theirs is called so.")
        for name in found[:FOUND_SHOWN]:
            st.button(name, key=f"_found_{name}", type="tertiary", on_click=_take, args=(name,))
        if len(found) > FOUND_SHOWN:
            st.caption(f"The first {FOUND_SHOWN}; another word narrows it down.")


def _take(reference: str) -> None:
    st.session_state["model"] = reference
    _forget_layer()


def _forget_layer() -> None:
    """Another network may not have the layer; every one has the penultimate."""
    if st.session_state.get("layer") not in (PENULTIMATE, LOGITS):
        st.session_state["layer"] = PENULTIMATE


def _facts(model: str, one: Entry | None) -> None:
    """What it learned from and how, its size, its licence, what a first use costs, and what the
    command line calls it."""
    one = one or catalogue.find(model)
    if one is None:
        return  # why is said where the request is checked
    if one.group == "small":
        st.caption(f"{one.summary}  \n`{model}`")
        return
    attacks = f" {_SAID.get(one.norm, one.norm)} {_radius(one)}" if one.epsilon else ""
    said = [
        one.objective and f"{one.objective.capitalize()}{attacks}",
        one.data,
        f"{one.input_size[0]} px",
        one.parameters and f"{one.parameters / 1e6:.1f} M parameters",
        one.licence,
        one.megabytes and f"downloads {one.megabytes:,} MB at first use",
    ]
    facts = " · ".join(part for part in said if part)
    paper = f" · [paper]({one.paper})" if one.paper else ""
    st.caption(f"{one.summary}  \n{facts}{paper}  \n`{model}`".strip())


def _radius(one: Entry) -> str:
    return f"{one.epsilon * 255:g}/255" if one.norm == "linf" else f"{one.epsilon:g}"


def _layer_title(name: str, layers: Layers) -> str:
    """`stage 3, block 2, after addition · layer3.1`; the name alone where that is too long."""
    said = layer_title(name, layers.get(name, ("",))[0])
    title = f"{said} · {name}"
    return name if said == name or len(title) > MOST_LETTERS else title


def _where(name: str, names: list[str], shape: tuple[int, ...]) -> str:
    """`stem › stage 1 › **stage 2** › …`, how far along, and how much is kept there."""
    parts, here = sections(names), section_of(name, names)
    at = parts.index(here) if here in parts else 0
    first = max(0, min(at - MOST_PLACES // 2, len(parts) - MOST_PLACES))
    shown = parts[first : first + MOST_PLACES]
    trail = " › ".join(f"**{part}**" if part == here else part for part in shown)
    trail = f"{'… › ' if first else ''}{trail}{' › …' if first + MOST_PLACES < len(parts) else ''}"
    numbers = f"{prod(shape):,} numbers"
    if len(shape) > 1:
        numbers = f"{'×'.join(map(str, shape))} = {numbers}"
    return f"{trail}  \nlayer {names.index(name) + 1} of {len(names)}, {numbers}"


def _known_layers(model: str, size: int | None) -> Layers:
    """The network's layers as far as they are known; the worker is asked where they are not."""
    if model.startswith("file:"):
        return {}
    try:
        entry = catalogue.entry(model)
        reference = validation.network_reference(model, size=size)
    except RequestError:
        return {}
    if entry is not None and entry.layers and size is None:
        return _as_layers(entry.layers)
    memory = session.answers(str(reference))
    if "layers" not in memory:
        kept = session.engine().store.get(work.layers_key(reference))
        if kept is not None:
            memory["layers"] = _as_layers(json.loads(kept))
        else:
            _ask_for_layers(reference, memory)
    return memory.get("layers", {})


def _as_layers(rows) -> Layers:
    return {name: (kind, tuple(shape)) for name, kind, shape in rows}


def _ask_for_layers(reference: NetworkReference, memory: dict) -> None:
    if "answer" not in memory:
        memory["answer"] = session.engine().call(work.layers, reference)
        wait([memory["answer"]], timeout=0.5)  # a warm worker answers at once
    answer = memory["answer"]
    if not answer.done():
        _wait_for_layers(reference)
        return
    try:
        memory["layers"] = _as_layers(answer.result())
    except (RequestError, HubUnreachable, RuntimeError, MemoryError) as error:
        st.error(sentence(getattr(error, "message", str(error))))
        st.button("Try again", on_click=memory.clear, key="ask_again")


@st.fragment(run_every=1.0)
def _wait_for_layers(reference: NetworkReference) -> None:
    st.caption(f":material/hourglass_top: Reading the layers of {reference.model} …")
    if session.answers(str(reference))["answer"].done():
        url_state.rerun()
