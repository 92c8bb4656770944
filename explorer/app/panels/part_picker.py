"""The part of a layer: all of it, one channel, the centre of the map, or one unit."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.models.layer_place import CENTRE, CHANNEL, UNIT, Part, Shape, axes_of, unit_axes

WHOLE = "whole"
_KEY = "_part"
_TITLES = {
    WHOLE: "Whole layer",
    CHANNEL: "One channel",
    CENTRE: "Centre position",
    UNIT: "One unit",
}


def offers(part: Part) -> bool:
    """Whether the picker can show this part; several channels it cannot."""
    return part.kind != CHANNEL or len(part.indices) == 1


def set_to(part: Part | None, shape: Shape) -> None:
    """Set the picker, before it is drawn, to a part that a layer of this shape has; None: all."""
    st.session_state[_KEY] = WHOLE if part is None else part.kind
    if part is not None:
        for axis, index in zip(_axes(part.kind, shape), part.indices, strict=True):
            st.session_state[f"{_KEY}_{axis}"] = index


def part(shape: Shape) -> Part | None:
    """The chosen part of a layer of this shape, None for all of it."""
    axes = unit_axes(shape)
    options = [
        WHOLE,
        *([CHANNEL] if len(axes) > 1 else []),
        *([CENTRE] if "row" in axes else []),
        *([UNIT] if axes else []),
    ]
    if st.session_state.get(_KEY) not in options:
        st.session_state[_KEY] = WHOLE
    titles = _TITLES | ({CHANNEL: "One feature"} if "feature" in axes else {})
    kind = st.selectbox(
        "Part of the layer",
        options,
        key=_KEY,
        format_func=lambda name: titles[name],
        help="Which of the layer's numbers are made the same: the fewer, the freer is the image. "
        "The centre position is all channels in the middle of the map.",
    )
    if kind in (WHOLE, CENTRE):
        return Part(CENTRE) if kind == CENTRE else None
    sizes = dict(zip(axes_of(shape), shape, strict=True))
    shown = _axes(kind, shape)
    indices = [
        _index(axis, sizes[axis], column)
        for axis, column in zip(shown, st.columns(len(shown)), strict=True)
    ]
    return Part(kind, tuple(indices))


def _axes(kind: str, shape: Shape) -> tuple[str, ...]:
    """The axes along which a part of this kind has an index, in the order of its indices."""
    axes = unit_axes(shape)
    if kind == UNIT:
        return axes
    return tuple(axis for axis in axes if kind == CHANNEL and axis in ("channel", "feature"))


def _index(axis: str, size: int, column: DeltaGenerator) -> int:
    key = f"{_KEY}_{axis}"
    middle = size // 2 if axis in ("row", "column") else 0
    st.session_state[key] = min(st.session_state.get(key, middle), size - 1)
    return int(
        column.number_input(
            axis.capitalize(),
            min_value=0,
            max_value=size - 1,
            step=1,
            key=key,
            help=f"From 0 to {size - 1}.",
        )
    )
