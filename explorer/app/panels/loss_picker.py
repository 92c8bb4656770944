"""The sidebar's loss: family, then variant, then an expander that shows the weights.

The loss's name is the state; the widgets around it only write that name. A weight is in the URL
(`w-tv`) where it is not the variant's own. Terms, comparisons and variants come from their
registries.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from explorer.app.url_state import Readers
from explorer.errors import RequestError
from explorer.losses.differences import CONTROVERSIAL, DIFFERENCE_LOSSES
from explorer.losses.loss import DIFFERENCE
from explorer.losses.term import LossTerm
from explorer.losses.terms import TERMS
from explorer.losses.terms.representation import COMPARISONS, RELATIVE_L2
from explorer.losses.variants import ADVERSARIAL, FAMILIES, FREE, HUMAN, LOSSES, Loss, loss_named
from explorer.request import CENTRED_TRANSFORMS, FOURIER_SUFFIX, TERM_WEIGHT_RANGE, TRANSFORMS

_DEFAULT_STEP = 5e-4
"""By how much the buttons change a weight that the variant does not set."""

_TRANSFORMS = {"": "None", TRANSFORMS: "As published", CENTRED_TRANSFORMS: "Centred"}


@dataclass(frozen=True)
class LossChoice:
    """What the panel is set to; `loss` is None where its name or weights cannot be right."""

    name: str
    weights: dict[str, float]
    comparison: str
    loss: Loss | None


def weight_key(term: str) -> str:
    """The widget's key and the URL parameter for the weight of this term."""
    return f"w-{term}"


def readers() -> Readers:
    """By URL parameter, how its value is read."""
    return {
        "loss": str,
        "representation": _comparison,
        **dict.fromkeys(map(weight_key, TERMS), _weight_in_range),
    }


def loss_panel(default: str) -> LossChoice:
    """Draw family, variant and weights; read them."""
    name = st.session_state.setdefault("loss", default)
    loss = _known(name)
    _family(loss)
    name = _variant(name, loss)
    loss = _known(name)
    if loss is None:
        return LossChoice(name, {}, RELATIVE_L2, None)
    if loss.family == HUMAN:
        _suffixes(loss)
    st.caption(loss.help)
    if loss.needs:
        st.markdown(f"`{loss.formula}`")
        return LossChoice(name, {}, RELATIVE_L2, loss)
    formula = st.empty()
    weights, comparison = _adjust(loss)
    try:
        adjusted = loss_named(name, weights, comparison)
    except RequestError:
        adjusted = None
    formula.markdown(f"`{adjusted.formula}`" if adjusted else "`0`")
    return LossChoice(name, weights, comparison, adjusted)


def kept(default: str) -> LossChoice:
    """What the panel was set to when it was drawn last, or by a link, without drawing it."""
    name = st.session_state.get("loss") or default
    comparison = st.session_state.get("representation") or RELATIVE_L2
    loss = _known(name)
    if loss is None:
        return LossChoice(name, {}, RELATIVE_L2, None)
    own, weights = loss.weights, {}
    for term in TERMS:
        weight = st.session_state.get(weight_key(term))
        if weight is not None and weight != own.get(term, 0.0):
            weights[term] = weight
    try:
        return LossChoice(name, weights, comparison, loss_named(name, weights, comparison))
    except RequestError:
        return LossChoice(name, weights, comparison, None)


def _weight_in_range(text: str) -> float:
    low, high = TERM_WEIGHT_RANGE
    return min(high, max(low, float(text)))


def _comparison(text: str) -> str:
    if text not in COMPARISONS:
        raise ValueError(text)
    return text


def _family(loss: Loss | None) -> None:
    st.session_state["_family"] = loss.family if loss else None
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
        st.session_state["loss"] = _first_of(family)
        _forget_weights()


def _first_of(family: str) -> str:
    """The loss that a family begins with. Only results can be differed from, so not the first."""
    if family == DIFFERENCE:
        return CONTROVERSIAL
    return next(loss.name for loss in LOSSES.values() if loss.family == family)


def _known(name: str) -> Loss | None:
    return LOSSES.get(name) or DIFFERENCE_LOSSES.get(name)


def _title(name: str) -> str:
    loss = _known(name.partition("+")[0])
    return name if loss is None or _known(name) is None else loss.title


def _variant(name: str, loss: Loss | None) -> str:
    suffix = name.removeprefix(loss.base) if loss else ""
    family = loss.family if loss else FREE
    options = [
        each.name
        for each in LOSSES.values()
        if each.family == family and each.name == each.base + suffix
    ]
    if family == DIFFERENCE:
        options = [CONTROVERSIAL]
    return st.selectbox(
        "Variant",
        options if name in options else [*options, name],
        key="loss",
        format_func=_title,
        on_change=_forget_weights,
        help="Which terms the loss is made of.",
    )


def _suffixes(loss: Loss) -> None:
    st.session_state["_transforms"] = loss.transforms or ""
    st.session_state["_fourier"] = loss.parametrisation == "fourier"
    st.selectbox(
        "Random transforms",
        list(_TRANSFORMS),
        key="_transforms",
        format_func=_TRANSFORMS.__getitem__,
        on_change=_take_suffixes,
        args=(loss.base,),
        help="The match must survive small random shifts, rotations and changes of scale. The "
        "published ones shift it to the right and down only; the centred ones to all sides.",
    )
    st.toggle(
        "Fourier parametrization",
        key="_fourier",
        on_change=_take_suffixes,
        args=(loss.base,),
        help="Optimise frequencies and decorrelated colours instead of pixels.",
    )


def _take_suffixes(base: str) -> None:
    name = base
    transforms = st.session_state["_transforms"]
    name += f"+{transforms}" if transforms else ""
    name += FOURIER_SUFFIX if st.session_state["_fourier"] else ""
    st.session_state["loss"] = name  # the weights stay: the terms are the same


def _forget_weights() -> None:
    """Weights belong to the variant whose formula they changed."""
    for key in (*map(weight_key, TERMS), "representation"):
        st.session_state.pop(key, None)


def _adjust(loss: Loss) -> tuple[dict[str, float], str]:
    """The weights that differ from the variant's own, and the comparison."""
    own = loss.weights
    weights = {}
    with st.expander("Adjust the loss", icon=":material/function:"):
        st.session_state.setdefault("representation", RELATIVE_L2)
        comparison = st.selectbox(
            "Compare representations by",
            list(COMPARISONS),
            key="representation",
            format_func=lambda name: COMPARISONS[name].title,
            help="The match that is reported is the relative distance, whatever the loss compares.",
        )
        for name, term in TERMS.items():
            if term.uses_distance and loss.family != ADVERSARIAL:
                continue
            weight = _weight(term, own.get(name, 0.0))
            if weight is not None and weight != own.get(name, 0.0):
                weights[name] = weight
    return weights, comparison


def _weight(term: LossTerm, own: float | None) -> float | None:
    """The weight that the panel is set to. own: the variant's, None where the first step sets it;
    None is returned where it still does.
    """
    key = weight_key(term.name)
    if own is not None:
        st.session_state.setdefault(key, own)
    return st.number_input(
        term.label,
        value=None if own is None else "min",
        min_value=TERM_WEIGHT_RANGE[0],
        max_value=TERM_WEIGHT_RANGE[1],
        step=own or _DEFAULT_STEP,
        format="%g",
        key=key,
        placeholder="set at the first step",
        help=f"{term.help} This is the weight of {term.symbol}; 0 removes it.",
    )
