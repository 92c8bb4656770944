"""The layer, or a part of it: a picker that can be searched, and where in the network a layer is.

Layers have titles; blocks and stages are offered before the steps in them. A part of a layer, and
several layers with weights, are an expression (`explorer.models.layer_expression`): that is what
the URL holds and what may be typed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from math import prod
from typing import Any

import streamlit as st

from explorer import validation
from explorer.app import asking, known_input, session, url_state
from explorer.app.components.live import nudge
from explorer.app.naming import literal, sentence
from explorer.app.panels import part_picker
from explorer.errors import RequestError
from explorer.jobs import work
from explorer.models import catalogue
from explorer.models.hubs import HubUnreachable
from explorer.models.layer_expression import LayerExpression, parse
from explorer.models.layer_place import Place, Shape
from explorer.models.layer_titles import is_main, layer_title, section_of, sections
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.network_reference import NetworkReference

SECTIONS_SHOWN = 7
TITLE_LENGTH = 50  # characters, as many as the panel has room for in one line

Layers = dict[str, tuple[str, tuple[int, ...]]]
"""Kind and shape by name, in order of execution."""


def layer(model: str, size: int | None, default: str) -> str:
    """The layer that was chosen, of those that the network has, or a part of it: an expression."""
    layers = known_layers(model, size)
    st.session_state.setdefault("layer", default)
    _split(layers, default)
    picked = _layer(layers) or default
    expression = _parsed(picked, layers)
    if picked in layers:
        part = part_picker.part(layers[picked][1])
        expression = LayerExpression(((Place(picked, part), 1.0),))
        position = _position(picked, list(layers), layers[picked][1])
        st.caption("  \n".join(filter(None, (position, _size_of(expression, layers)))))
    elif expression is not None and (numbers := _size_of(expression, layers)):
        st.caption(numbers)
    chosen = picked if expression is None else str(expression)
    st.session_state[_CHOSEN] = chosen
    return chosen


def _layer(layers: Layers) -> str | None:
    """The layer in the picker, or what was typed there."""
    names = list(layers)
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
        accept_new_options=True,
        help="The layer whose representation of the two images is made the same. 'penultimate' is "
        "the input of the classifier; earlier layers keep more of the image. Type to search. "
        "Several layers with weights may be typed, too, such as layer2+0.5*layer3.",
    )
    if has_more:
        st.toggle(
            f"All layers ({len(names)})",
            key="_every_layer",
            help="Offer each convolution, normalisation and activation, too, not only blocks.",
        )
    return picked


_CHOSEN = "_chosen_layer"
"""The expression of the last run, which the URL then held."""


def _split(layers: Layers, default: str) -> None:
    """Set the pickers of layer and part to the expression that a link or a person gave.

    While the URL is the one that was written last, a layer that is given without a part leaves the
    picker of the part as it is.
    """
    expression = _parsed(st.session_state["layer"] or default, layers)
    place = None if expression is None else expression.single
    if place is None or place.layer not in layers:
        return
    shape = layers[place.layer][1]
    if place.part is None:
        if st.query_params.get("layer", default) != st.session_state.get(_CHOSEN):
            part_picker.set_to(None, shape)
    elif part_picker.offers(place.part) and _elements(place, shape):
        st.session_state["layer"] = place.layer
        part_picker.set_to(place.part, shape)


def _layer_title(name: str, layers: Layers) -> str:
    """`stage 3, block 2, after addition · layer3.1`; the name alone where that is too long."""
    expression = _parsed(name, layers)
    if expression is not None and not expression.is_whole_layer:
        return expression.title
    title = layer_title(name, layers.get(name, ("", ()))[0], list(layers))
    with_name = f"{title} · {name}"
    return name if title == name or len(with_name) > TITLE_LENGTH else with_name


def _position(name: str, names: list[str], shape: tuple[int, ...]) -> str:
    """`stem › stage 1 › **stage 2** › …`, which layer of how many, and the shape there."""
    parts, current = sections(names), section_of(name, names)
    index = parts.index(current) if current in parts else 0
    first = max(0, min(index - SECTIONS_SHOWN // 2, len(parts) - SECTIONS_SHOWN))
    shown = [
        f"**{literal(part)}**" if part == current else literal(part)
        for part in parts[first : first + SECTIONS_SHOWN]
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


def _size_of(expression: LayerExpression, layers: Layers) -> str:
    """How many numbers a part of a layer holds, or several layers do, and what they stand for."""
    if not set(expression.layers) <= set(layers) or expression.is_whole_layer:
        return ""
    counts = [_elements(place, layers[place.layer][1]) for place, _ in expression.terms]
    if 0 in counts:
        return ""
    count = sum(counts)
    if expression.single is not None:
        return f"{count:,} of them to be matched"
    return (
        f"{count:,} numbers of {len(expression.terms)} layers. Each layer is first scaled to the "
        "same average length, on photographs of the gallery, and then multiplied by its weight."
    )


def _elements(place: Place, shape: Shape) -> int:
    """How many numbers of a layer of this shape are meant; 0 where it has no such part."""
    try:
        kept = place.kept(shape)
    except RequestError:
        return 0  # the validation of the request says why
    return prod(size if at is None else len(at) for at, size in zip(kept, shape, strict=True))


def _parsed(text: str, layers: Layers) -> LayerExpression | None:
    """The expression of a text, None where it is none."""
    try:
        return parse(text, layers.__contains__)
    except RequestError:
        return None


def known_layers(model: str, size: int | None) -> Layers:
    """The network's layers as far as they are known; the worker is asked where they are not."""
    try:
        validation.check_visitor_may_name(model)
        entry = catalogue.entry(model)
        reference = validation.network_reference(model, size=size)
    except (RequestError, HubUnreachable):
        return {}
    if entry is not None and entry.layers and size is None:
        return _as_layers(entry.layers)
    answers = session.answers(str(reference))
    if "layers" not in answers:
        stored = session.engine().store.get(work.layers_key(reference))
        input_known = not known_input.only_loading_tells(model)
        if stored is not None and (input_known or known_input.loaded_input(reference)):
            answers["layers"] = _as_layers(json.loads(stored))
        else:
            _ask_for_layers(reference, answers)
    layers: Layers = answers.get("layers", {})
    return layers


def _as_layers(rows: Iterable[tuple[str, str, Sequence[int]]]) -> Layers:
    return {name: (kind, tuple(shape)) for name, kind, shape in rows}


def _ask_for_layers(reference: NetworkReference, answers: dict[str, Any]) -> None:
    """Put the layers into `answers` if the worker has answered; the Problem if it failed."""
    if "problem" in answers:
        return
    if "future" not in answers:
        answers["future"] = asking.ask(work.layers, reference)
        wait([answers["future"]], timeout=0.5)  # a warm worker answers at once
    future = answers["future"]
    if not asking.has_come(future):
        _wait_for_layers(reference)
        return
    try:
        found = future.result()
        answers["layers"] = _as_layers(found.rows)
        answers["input"] = (found.input_size, found.channels)
    except (RequestError, HubUnreachable, RuntimeError, MemoryError) as error:
        is_final = isinstance(error, RequestError)
        message = f"Invalid settings: {error}" if is_final else sentence(str(error))
        answers["problem"] = Problem(message, is_final, answers.clear)


@dataclass(frozen=True)
class Problem:
    """Why the layers cannot be listed, in a sentence.

    is_final: trying again would not help. ask_again: has the worker asked in the run that follows.
    """

    message: str
    is_final: bool
    ask_again: Callable[[], None]


def problem(model: str, size: int | None) -> Problem | None:
    """What the worker answered instead of the layers; `layer` has asked it."""
    try:
        answers = session.answers(str(validation.network_reference(model, size=size)))
    except (RequestError, HubUnreachable):
        return None
    found: Problem | None = answers.get("problem")
    return found


def show_problem(found: Problem) -> None:
    """The problem, and a button to ask once more where that may help."""
    st.error(literal(found.message), icon=":material/error:")
    if not found.is_final:
        st.button("Try again", on_click=found.ask_again, key="ask_again")


@st.fragment
def _wait_for_layers(reference: NetworkReference) -> None:
    future = session.answers(str(reference)).get("future")
    if future is None or asking.has_come(future):
        url_state.rerun()
    st.caption(
        f":material/hourglass_top: Reading the layers of {literal(reference.model)} …"
        f"{asking.place(future)}"
    )
    nudge(asking.keys_of(future), "layers")
