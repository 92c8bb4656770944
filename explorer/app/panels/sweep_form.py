"""The form of a sweep: lists of networks, layers, targets, seed images and losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import streamlit as st

from explorer.app import session
from explorer.app.links import EFFORTS
from explorer.app.naming import network_title, picture_title
from explorer.app.panels.network_picker import take_only_match, which_may_be_typed
from explorer.app.panels.search_settings import efforts
from explorer.errors import RequestError
from explorer.images import gallery, noise_targets, seeds
from explorer.losses.variants import LOSSES
from explorer.models import catalogue
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.network_reference import NetworkReference
from explorer.sweep.form import Form
from explorer.sweep.layers import KnownLayers

MOST_RANDOM_SEEDS = 20
DEEPEST_OFFERED = 1  # dots in a layer's name; deeper ones can be typed

_PREFIX = "sweep_form_"
KEYS = tuple(
    _PREFIX + name for name in ("model", "layer", "target", "seed", "loss", "rng_seeds", "steps")
)


def read(form: Form) -> Form:
    """Draw the lists, with the form's values where they are new, and read them."""
    left, right = st.columns(2)
    with left:
        model = _several(
            "Networks",
            "model",
            form.model,
            [entry.reference for entry in catalogue.offered()[0]],
            network_title,
            f"The networks to invert. {which_may_be_typed()}",
        )
        layer = _several(
            "Layers",
            "layer",
            form.layer,
            _layers(model),
            str,
            "Layers that every chosen network has; others may be typed.",
        )
        loss = _several(
            "Losses",
            "loss",
            form.loss,
            list(LOSSES),
            lambda name: LOSSES[name].title if name in LOSSES else name,
            "Each asks for something else besides the match.",
        )
    with right:
        pictures = [*gallery.names(), *session.uploads()]
        target = _several(
            "Targets",
            "target",
            form.target,
            [*noise_targets.kinds(), *pictures],
            picture_title,
            "The images whose representation the IRIs are to have. Pictures uploaded on Explore in "
            "this session are at the end.",
        )
        seed = _several(
            "Seed images",
            "seed",
            form.seed,
            [*seeds.kinds(), *pictures],
            picture_title,
            "The images from which the IRIs start.",
        )
        numbers, effort = st.columns(2)
        with numbers:
            rng_seeds = _random_seeds(form.rng_seeds)
        with effort:
            steps = _steps(form.steps)
    return Form(model, layer, target, seed, loss, rng_seeds, steps)


def _several(
    label: str,
    name: str,
    chosen: Sequence[str],
    options: Iterable[str],
    title: Callable[[str], str],
    help_text: str,
) -> tuple[str, ...]:
    key = _PREFIX + name
    st.session_state.setdefault(key, list(chosen))
    offered = dict.fromkeys((*options, *st.session_state[key]))
    picked = st.multiselect(
        label,
        list(offered),
        key=key,
        format_func=title,
        accept_new_options=name in ("model", "layer"),
        on_change=take_only_match if name == "model" else None,
        args=(key,),
        help=help_text,
    )
    return tuple(picked)


def _layers(models: Sequence[str]) -> list[str]:
    """The layers that all these networks have, as far as that is known, in their order."""
    known = KnownLayers(session.engine().store)
    common: list[str] | None = None
    for model in models:
        try:
            shapes = known(NetworkReference(model))
        except RequestError:
            continue
        if shapes is not None:
            names = [name for name in shapes if name.count(".") < DEEPEST_OFFERED]
            common = names if common is None else [name for name in common if name in names]
    return list(dict.fromkeys([*(common or []), PENULTIMATE, LOGITS]))


def _random_seeds(count: int) -> int:
    key = _PREFIX + "rng_seeds"
    st.session_state.setdefault(key, min(max(1, count), MOST_RANDOM_SEEDS))
    chosen = st.number_input(
        "Random seeds",
        1,
        MOST_RANDOM_SEEDS,
        key=key,
        help="How many: 1 is random seed 0 alone, 3 are 0, 1 and 2.",
    )
    return int(chosen)


def _steps(steps: int) -> int:
    key = _PREFIX + "steps"
    st.session_state.setdefault(key, steps)
    names = {EFFORTS[name]: name for name in efforts()}
    offered = sorted({*names, st.session_state[key]})
    chosen: int = st.selectbox(
        "Effort",
        offered,
        key=key,
        format_func=lambda number: f"{names.get(number, 'own')} ({number:,} steps)",
        help="The most steps of a search; most that ask for the match alone end earlier.",
    )
    return chosen
