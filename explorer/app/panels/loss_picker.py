"""The sidebar's loss: family, then variant, then a panel that shows the formula with its weights.

The loss's name is the state; what is drawn around it only writes that name. A weight is in the
address (`w-tv`) where it is not the variant's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from explorer.losses.formula import COMPARISONS, DISTANCES, REPRESENTATION, SYMBOLS
from explorer.losses.variants import ADVERSARIAL, FAMILIES, FREE, HUMAN, LOSSES, Loss, loss_called
from explorer.request import FOURIER_SUFFIX, TERM_WEIGHT_RANGE, TRANSFORMS_SUFFIX, RequestError

WEIGHT_KEYS = {term: f"w-{term}" for term in SYMBOLS}
TERM_LABELS = {
    REPRESENTATION: "Match at the layer",
    "tv": "Total variation (rough pictures cost)",
    "blur": "Blur (what blurring changes costs)",
    "l1": "L1 (pixels far from mid-grey cost)",
    "l6": "L6 (bright pixels cost)",
    "to-target": "Away from the target, λ",
    "to-seed": "Towards the seed",
}
COMPARISON_TITLES = {
    "relative-l2": "relative distance",
    "cosine": "cosine: the length does not matter",
    "gram": "Gram matrix: style, not places",
}


@dataclass(frozen=True)
class LossChoice:
    """What the panel says of the loss; `loss` is None where its name or weights cannot be right."""

    name: str
    weights: dict[str, float]
    comparison: str
    loss: Loss | None


def weight(text: str) -> float:
    """A weight of the address, brought into range."""
    low, high = TERM_WEIGHT_RANGE
    return min(high, max(low, float(text)))


def comparison(text: str) -> str:
    """A comparison of the address."""
    if text not in COMPARISONS:
        raise ValueError(text)
    return text


READERS: dict[str, Callable[[str], object]] = {
    "loss": str,
    "representation": comparison,
    **dict.fromkeys(WEIGHT_KEYS.values(), weight),
}


def loss_panel(default: str) -> LossChoice:
    """Draw family, variant and weights; read them."""
    name = st.session_state.setdefault("loss", default)
    known = LOSSES.get(name)
    _family(known)
    name = _variant(name, known)
    known = LOSSES.get(name)
    if known is None:
        return LossChoice(name, {}, "relative-l2", None)
    if known.family == HUMAN:
        _suffixes(known)
    st.caption(known.help)
    shown = st.empty()
    weights, chosen = _adjust(known)
    try:
        loss = loss_called(name, weights, chosen)
    except RequestError:
        loss = None
    shown.markdown(f"`{loss.formula}`" if loss else "`0`")
    return LossChoice(name, weights, chosen, loss)


def _family(known: Loss | None) -> None:
    st.session_state["_family"] = known.family if known else None
    st.pills(  # these wrap where they must
        "Loss",
        list(FAMILIES),
        key="_family",
        format_func=str.capitalize,
        on_change=_take_family,
        help="\n\n".join(f"**{name.capitalize()}**: {text}" for name, text in FAMILIES.items()),
    )


def _take_family() -> None:
    family = st.session_state["_family"]
    if family is not None:
        _choose(next(one.name for one in LOSSES.values() if one.family == family))


def _variant(name: str, known: Loss | None) -> str:
    suffix = name.removeprefix(known.base) if known else ""
    family = known.family if known else FREE
    options = [
        one.name
        for one in LOSSES.values()
        if one.family == family and one.name == one.base + suffix
    ]
    return st.selectbox(
        "Variant",
        options if name in options else [*options, name],
        key="loss",
        format_func=lambda each: LOSSES[each.partition("+")[0]].title if each in LOSSES else each,
        on_change=_forget_weights,
        help="Which terms the loss is made of.",
    )


def _suffixes(known: Loss) -> None:
    st.session_state["_moved"] = known.transforms
    st.session_state["_spectrum"] = known.parametrisation == "fourier"
    st.toggle(
        "Random moves",
        key="_moved",
        on_change=_take_suffixes,
        args=(known.base,),
        help="The match must survive small shifts, turns and changes of size.",
    )
    st.toggle(
        "Move the spectrum",
        key="_spectrum",
        on_change=_take_suffixes,
        args=(known.base,),
        help="Move frequencies and colour axes instead of pixels (Fourier parametrisation).",
    )


def _take_suffixes(base: str) -> None:
    name = base
    name += TRANSFORMS_SUFFIX if st.session_state["_moved"] else ""
    name += FOURIER_SUFFIX if st.session_state["_spectrum"] else ""
    st.session_state["loss"] = name  # the weights stay: the terms are the same


def _choose(name: str) -> None:
    st.session_state["loss"] = name
    _forget_weights()


def _forget_weights() -> None:
    """Weights belong to the variant whose formula they changed."""
    for key in (*WEIGHT_KEYS.values(), "representation"):
        st.session_state.pop(key, None)


def _adjust(known: Loss) -> tuple[dict[str, float], str]:
    """The weights that differ from the variant's own, and the comparison."""
    own = known.weights
    weights = {}
    with st.expander("Adjust the loss", icon=":material/function:"):
        st.session_state.setdefault("representation", "relative-l2")
        chosen = st.selectbox(
            "Compare representations by",
            list(COMPARISONS),
            key="representation",
            format_func=lambda name: COMPARISON_TITLES[name],
            help="The match that is reported is the relative distance, whatever the loss compares.",
        )
        for term in SYMBOLS:
            if term in DISTANCES and known.family != ADVERSARIAL:
                continue
            value = _weight(term, own)
            if value is not None and value != own.get(term, 0.0):
                weights[term] = value
    return weights, chosen


def _weight(term: str, own: dict[str, float | None]) -> float | None:
    key = WEIGHT_KEYS[term]
    usual = own.get(term, 0.0)
    if usual is not None:
        st.session_state.setdefault(key, usual)
    return st.number_input(
        TERM_LABELS[term],
        value=None if usual is None else "min",
        min_value=TERM_WEIGHT_RANGE[0],
        max_value=TERM_WEIGHT_RANGE[1],
        step=usual or 5e-4,
        format="%g",
        key=key,
        placeholder="set at the first step",
        help=f"The weight of {SYMBOLS[term]}. 0 removes it.",
    )
