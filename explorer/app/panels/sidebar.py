"""The sidebar: network → layer → target → seed → loss → effort, and the page's address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from explorer import validation
from explorer.app import links, session, url_state
from explorer.app.links import DEFAULT_EFFORT, DEFAULTS, EFFORTS
from explorer.app.naming import picture_title
from explorer.app.panels import loss_picker, network_picker
from explorer.images import gallery, noise_targets, seeds
from explorer.images.errors import PictureError
from explorer.metrics.perceptual import MEASURES
from explorer.models import catalogue
from explorer.request import (
    OPTIMISERS,
    RELU_GRADIENTS,
    RNG_SEED_RANGE,
    SIZE_RANGE,
    Request,
    RequestError,
)
from explorer.validation import DEFAULT_ADVERSARY

OPTIMISER_HELP = {
    "auto": "what works best for this network",
    "paced-secant": "momentum, then mixes of the last images",
    "soft-lbfgs": "L-BFGS, soft corners",
    "soft-lbfgs-or-momentum": "that, or momentum if it is slow",
    "lbfgs": "L-BFGS in the box",
    "soft-momentum": "unit gradient with momentum, soft corners",
    "momentum": "unit gradient with momentum",
    "adam": "Adam",
    "paper": "as published (Nanda et al. 2023)",
    "feather": "as published (Feather et al. 2023)",
}


@dataclass(frozen=True)
class Choice:
    """What the panel says: a request, or why there is none; and whether Generate was pressed."""

    request: Request | None
    problem: str | None
    generate: bool


def panel() -> Choice:
    """Draw the sidebar and read it."""
    url_state.read(_READERS)
    with st.sidebar:
        model = network_picker.network(DEFAULTS.model)
        size = st.session_state.get("size")
        layer = network_picker.layer(model, size, DEFAULTS.layer)
        target = _target()
        seed = _seed()
        chosen = loss_picker.loss_panel(DEFAULTS.loss)
        st.session_state.setdefault("effort", DEFAULT_EFFORT)
        effort = st.select_slider(
            "Effort",
            list(EFFORTS),
            key="effort",
            format_func=lambda name: f"{name} ({EFFORTS[name]:,})",
            help="How many steps the image may take to reach the match. It stops earlier "
            "when the goal is reached.",
        )
        optimiser, goal, rng_seed, relu, adversary, size = _advanced(
            model, chosen.loss is not None and chosen.loss.uses_distance
        )
        generate = st.button(
            "Generate",
            type="primary",
            width="stretch",
            icon=":material/play_arrow:",
            key="generate",
            help="Make this image now. A finished one is shown at once.",
        )
    fields = {
        "model": model,
        "layer": layer,
        "target": target,
        "seed": seed,
        "loss": chosen.name,
        "term_weights": chosen.weights or None,
        "representation": chosen.comparison,
        "relu_gradient": relu,
        "adversary": adversary,
        "optimiser": optimiser,
        "goal": goal,
        "rng_seed": rng_seed,
        "size": size,
    }
    url_state.write(links.parameters(fields, effort))
    try:
        validation.refuse_file(model)
        reference = validation.network_reference(model, size=size)
        request = Request(**(fields | reference.to_dict()), steps=EFFORTS[effort])
        return Choice(validation.with_null(validation.validate(request)), None, generate)
    except (RequestError, PictureError) as error:
        return Choice(None, str(error), generate)


def _effort(text: str) -> str:
    if text not in EFFORTS:
        raise ValueError(text)
    return text


def _goal(text: str) -> float:
    return min(1.0, max(0.0, float(text)))


def _rng_seed(text: str) -> int:
    return min(RNG_SEED_RANGE[1], max(RNG_SEED_RANGE[0], int(text)))


def _relu(text: str) -> bool:
    if text not in RELU_GRADIENTS:
        raise ValueError(text)
    return True


def _size(text: str) -> int:
    return min(SIZE_RANGE[1], max(SIZE_RANGE[0], int(text)))


_READERS: dict[str, Callable[[str], object]] = {
    "model": str,
    "layer": str,
    "target": str,
    "seed": str,
    **loss_picker.READERS,
    "relu": _relu,
    "effort": _effort,
    "optimiser": str,
    "goal": _goal,
    "rng": _rng_seed,
    "adversary": str,
    "size": _size,
}


def _pick(
    label: str, names: Sequence[str], key: str, default: str, title: Callable[[str], str], **more
) -> str:
    """A selectbox. A name that does not exist (in a link) is kept, so that the page can say so."""
    st.session_state.setdefault(key, default)
    chosen = st.session_state[key]
    options = list(names) if chosen in names or chosen is None else [*names, chosen]
    return st.selectbox(label, options, key=key, format_func=title, **more) or default


def _target() -> str:
    names = [*gallery.names(), *noise_targets.kinds(), *session.uploads()]
    target = _pick(
        "Target",
        names,
        "target",
        DEFAULTS.target,
        picture_title,
        help="The picture that the network must be unable to tell from the IRI.",
    )
    _upload("target")
    return target


def _seed() -> str:
    return _pick(
        "Seed",
        [*seeds.kinds(), *gallery.names(), *session.uploads()],
        "seed",
        DEFAULTS.seed,
        picture_title,
        help="The picture from which the IRI starts. What the network ignores stays like it.",
    )


def _upload(key: str) -> None:
    with st.expander("Use a picture of your own", icon=":material/upload:"):
        st.file_uploader(
            "Picture file",
            type=["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"],
            key="_upload_file",
            on_change=_take_upload,
            args=(key,),
            label_visibility="collapsed",
            help="It stays in this session; links to it work only here. At most 25 MB.",
        )
        problem = st.session_state.get("_upload_problem")
        if problem:
            st.error(problem)


def _take_upload(key: str) -> None:
    file = st.session_state.get("_upload_file")
    st.session_state["_upload_problem"] = None
    if file is None:
        return
    try:
        st.session_state[key] = session.keep_upload(file.getvalue()).name
    except PictureError as error:
        st.session_state["_upload_problem"] = f"{file.name}: {error}"


def _advanced(
    model: str, adversarial: bool
) -> tuple[str, float, int, str | None, str | None, int | None]:
    with st.expander("More settings", icon=":material/tune:"):
        optimiser = _pick(
            "Optimiser",
            OPTIMISERS,
            "optimiser",
            DEFAULTS.optimiser,
            str,
            help="How the image is moved downhill.\n\n"
            + "\n\n".join(f"**{name}**: {text}" for name, text in OPTIMISER_HELP.items()),
        )
        st.session_state.setdefault("goal", DEFAULTS.goal)
        st.session_state.setdefault("rng", DEFAULTS.rng_seed)
        goal = st.number_input(
            "Goal (relative distance)",
            min_value=0.0,
            max_value=1.0,
            step=0.005,
            format="%.3f",
            key="goal",
            help="Stop as soon as the representations are this near. 0 uses all steps.",
        )
        rng_seed = st.number_input(
            "Random number",
            min_value=RNG_SEED_RANGE[0],
            max_value=RNG_SEED_RANGE[1],
            step=1,
            key="rng",
            help="Which noise the seed is drawn as. The same number draws the same noise.",
        )
        relu = st.toggle(
            "Gradients pass the layer's ReLU",
            key="relu",
            help="Where the layer ends in a ReLU, units that it holds at 0 get gradients, too, as "
            "in Feather et al. (2023).",
        )
        st.session_state.setdefault("size", None)
        size = st.number_input(
            "Picture size (px)",
            min_value=SIZE_RANGE[0],
            max_value=SIZE_RANGE[1],
            step=16,
            key="size",
            placeholder="as it was trained",
            help="The side of the pictures that the network looks at. Smaller is faster; some "
            "architectures know one size only. Empty: as it was trained.",
        )
        adversary = None
        if adversarial:
            adversary = _pick(
                "Adversary",
                sorted(_adversaries(model, size), key=lambda name: name != DEFAULT_ADVERSARY),
                "adversary",
                DEFAULT_ADVERSARY,
                lambda name: MEASURES[name].title if name in MEASURES else name,
                help="The perceptual distance in the loss. It may not judge the result.",
            )
    relu_gradient = RELU_GRADIENTS[0] if relu else None
    return (
        optimiser,
        float(goal),
        int(rng_seed),
        relu_gradient,
        adversary,
        None if size is None else int(size),
    )


def _adversaries(model: str, size: int | None) -> list[str]:
    """Those that can see pictures as small as this network's, where that is known."""
    entry = catalogue.find(model)
    side = size or (None if entry is None else min(entry.input_size))
    return [
        name for name in validation.adversaries() if side is None or MEASURES[name].smallest <= side
    ]
