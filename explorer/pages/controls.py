"""The sidebar: network → layer → target → seed → loss → effort, and the page's address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass

import streamlit as st

from explorer import door
from explorer.door import DEFAULT_ADVERSARY
from explorer.images import gallery, noise_targets, seeds
from explorer.images.errors import PictureError
from explorer.jobs import work
from explorer.measures.perceptual import MEASURES
from explorer.models import catalogue
from explorer.models.hub import HubUnreachable
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.pages import address, loss_panel, session
from explorer.pages.naming import picture_title, sentence
from explorer.request import OPTIMISERS, RELU_GRADIENTS, RNG_SEED_RANGE, Request, RequestError
from explorer.starter_pack import EXAMPLES

EFFORTS = {"quick": 100, "normal": 500, "thorough": 1500, "long": 5000}
DEFAULT_EFFORT = "normal"
DEFAULTS = EXAMPLES[0][1]
OPTIMISER_HELP = {
    "auto": "what works best for this network",
    "lbfgs": "L-BFGS in the box",
    "adam": "Adam",
    "momentum": "unit gradient with momentum",
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
    address.read(_READERS)
    with st.sidebar:
        model = _network()
        layer = _layer(model)
        target = _target()
        seed = _seed()
        chosen = loss_panel.loss_panel(DEFAULTS.loss)
        st.session_state.setdefault("effort", DEFAULT_EFFORT)
        effort = st.select_slider(
            "Effort",
            list(EFFORTS),
            key="effort",
            format_func=lambda name: f"{name} ({EFFORTS[name]:,})",
            help="How many steps the image may take to reach the match. It stops earlier "
            "when the goal is reached.",
        )
        optimiser, goal, rng_seed, relu, adversary = _advanced(
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
    address.write(
        {
            "model": model,
            "layer": layer,
            "target": target,
            "seed": seed,
            "loss": chosen.name,
            **{loss_panel.WEIGHT_KEYS[term]: size for term, size in chosen.weights.items()},
            "representation": chosen.comparison,
            "relu": relu,
            "effort": effort,
            "optimiser": optimiser,
            "goal": goal,
            "rng": rng_seed,
            "adversary": adversary,
        },
        DEFAULTS.to_dict()
        | {
            "effort": DEFAULT_EFFORT,
            "rng": 0,
            "adversary": DEFAULT_ADVERSARY,
            "representation": "relative-l2",
        },
    )
    try:
        if model.startswith("file:"):
            raise RequestError("model", "checkpoints from files work on the command line only")
        request = Request(
            model=model,
            layer=layer,
            target=target,
            seed=seed,
            loss=chosen.name,
            term_weights=chosen.weights or None,
            representation=chosen.comparison,
            relu_gradient=relu,
            adversary=adversary,
            optimiser=optimiser,
            steps=EFFORTS[effort],
            goal=goal,
            rng_seed=rng_seed,
        )
        return Choice(door.judged_by(door.check(request)), None, generate)
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


_READERS: dict[str, Callable[[str], object]] = {
    "model": str,
    "layer": str,
    "target": str,
    "seed": str,
    **loss_panel.READERS,
    "relu": _relu,
    "effort": _effort,
    "optimiser": str,
    "goal": _goal,
    "rng": _rng_seed,
    "adversary": str,
}


def _pick(
    label: str, names: Sequence[str], key: str, default: str, title: Callable[[str], str], **more
) -> str:
    """A selectbox. A name that does not exist (in a link) is kept, so that the page can say so."""
    st.session_state.setdefault(key, default)
    chosen = st.session_state[key]
    options = list(names) if chosen in names or chosen is None else [*names, chosen]
    return st.selectbox(label, options, key=key, format_func=title, **more) or default


def _network() -> str:
    entries = {entry.reference: entry for entry in catalogue.entries()}
    model = _pick(
        "Network",
        list(entries),
        "model",
        DEFAULTS.model,
        lambda name: entries[name].title if name in entries else name,
        accept_new_options=True,
        on_change=_forget_layer,
        help="Whose eyes we look through. These ship with the app; any of timm's networks works "
        "too: type its name, such as timm:resnet18.",
    )
    if model in entries:
        st.caption(entries[model].summary)
    return model


def _forget_layer() -> None:
    """Another network may not have the layer; every one has the penultimate."""
    if st.session_state.get("layer") not in (PENULTIMATE, LOGITS):
        st.session_state["layer"] = PENULTIMATE


def _layer(model: str) -> str:
    known = _known_layers(model)
    names = [PENULTIMATE, LOGITS] + [name for name in known if name not in (PENULTIMATE, LOGITS)]
    return _pick(
        "Layer",
        names,
        "layer",
        DEFAULTS.layer,
        lambda name: _layer_label(name, known),
        help="Where in the network the two pictures must look the same. "
        "'penultimate' is what the classifier sees; earlier layers keep more of the picture.",
    )


def _layer_label(name: str, known: dict[str, tuple[int, ...]]) -> str:
    shape = known.get(name)
    text = name
    return f"{text} · {'×'.join(map(str, shape))}" if shape else text


def _known_layers(model: str) -> dict[str, tuple[int, ...]]:
    """The layers' shapes by name, as far as they are known; the worker is asked where not."""
    try:
        entry = catalogue.entry(model)
    except RequestError:
        return {}
    if entry is not None:
        return {name: shape for name, _, shape in entry.layers}
    memory = session.remembered(model)
    if "layers" in memory:
        return memory["layers"]
    if model.startswith("timm:"):
        _ask_for_layers(model, memory)
    return memory.get("layers", {})


def _ask_for_layers(model: str, memory: dict) -> None:
    if "answer" not in memory:
        memory["answer"] = session.engine().ask(work.layers, model, None, None)
        wait([memory["answer"]], timeout=0.5)  # a warm worker answers at once
    answer = memory["answer"]
    if not answer.done():
        _wait_for_layers(model)
        return
    try:
        memory["layers"] = {name: tuple(shape) for name, _, shape in answer.result()}
    except RequestError as error:
        st.error(sentence(error.message))
    except (HubUnreachable, RuntimeError, MemoryError) as error:
        st.error(sentence(str(error).partition(";")[0]))  # what works instead is in the list above
        st.button("Try again", on_click=memory.clear, key="ask_again")


@st.fragment(run_every=1.0)
def _wait_for_layers(model: str) -> None:
    st.caption(f":material/hourglass_top: Reading the layers of {model} …")
    if session.remembered(model)["answer"].done():
        address.rerun()


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


def _advanced(model: str, adversarial: bool) -> tuple[str, float, int, str | None, str | None]:
    with st.expander("More settings", icon=":material/tune:"):
        optimiser = _pick(
            "Optimiser",
            OPTIMISERS,
            "optimiser",
            DEFAULTS.optimiser,
            lambda name: f"{name}: {OPTIMISER_HELP.get(name, 'unknown')}",
            help="How the image is moved downhill.",
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
        adversary = None
        if adversarial:
            adversary = _pick(
                "Adversary",
                sorted(_adversaries(model), key=lambda name: name != DEFAULT_ADVERSARY),
                "adversary",
                DEFAULT_ADVERSARY,
                lambda name: MEASURES[name].title if name in MEASURES else name,
                help="The perceptual distance in the loss. It may not judge the result.",
            )
    return optimiser, float(goal), int(rng_seed), RELU_GRADIENTS[0] if relu else None, adversary


def _adversaries(model: str) -> list[str]:
    """Those that can see pictures as small as this network's, where that is known."""
    try:
        entry = catalogue.entry(model)
    except RequestError:
        entry = None
    side = None if entry is None else min(entry.input_size)
    return [name for name in door.adversaries() if side is None or MEASURES[name].smallest <= side]
