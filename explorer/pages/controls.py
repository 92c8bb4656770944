"""The sidebar: network → layer → target → seed → loss → effort, and the page's address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass

import streamlit as st

from explorer import door
from explorer.door import DEFAULT_ADVERSARY
from explorer.images import gallery, seeds
from explorer.images.errors import PictureError
from explorer.jobs import work
from explorer.measures.perceptual import MEASURES
from explorer.models import catalogue
from explorer.models.hub import HubUnreachable
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.objectives.variants import FAMILIES, LOSSES
from explorer.pages import address, session
from explorer.pages.naming import picture_title, sentence
from explorer.request import OPTIMISERS, RNG_SEED_RANGE, Request, RequestError
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
        loss = _loss()
        st.session_state.setdefault("effort", DEFAULT_EFFORT)
        effort = st.select_slider(
            "Effort",
            list(EFFORTS),
            key="effort",
            format_func=lambda name: f"{name} ({EFFORTS[name]:,})",
            help="How many steps the image may take to reach the match. It stops earlier "
            "when the goal is reached.",
        )
        optimiser, goal, rng_seed, adversary = _advanced(
            loss in LOSSES and LOSSES[loss].uses_distance
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
            "loss": loss,
            "effort": effort,
            "optimiser": optimiser,
            "goal": goal,
            "rng": rng_seed,
            "adversary": adversary,
        },
        DEFAULTS.to_dict() | {"effort": DEFAULT_EFFORT, "rng": 0, "adversary": DEFAULT_ADVERSARY},
    )
    try:
        if model.startswith("file:"):
            raise RequestError("model", "checkpoints from files work on the command line only")
        request = Request(
            model=model,
            layer=layer,
            target=target,
            seed=seed,
            loss=loss,
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


_READERS: dict[str, Callable[[str], object]] = {
    "model": str,
    "layer": str,
    "target": str,
    "seed": str,
    "loss": str,
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
    names = [*gallery.names(), *session.uploads()]
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


def _loss() -> str:
    loss = _pick(
        "Loss",
        list(LOSSES),
        "loss",
        DEFAULTS.loss,
        _loss_title,
        help="\n\n".join(f"**{name}**: {text}" for name, text in FAMILIES.items()),
    )
    if loss in LOSSES:
        st.caption(f"{LOSSES[loss].help}  \n`{LOSSES[loss].formula}`")
    return loss


def _loss_title(name: str) -> str:
    loss = LOSSES.get(name)
    if loss is None or loss.family == loss.name:
        return name if loss is None else loss.title
    return f"{loss.family.capitalize()}: {loss.title.lower()}"


def _advanced(adversarial: bool) -> tuple[str, float, int, str | None]:
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
        adversary = None
        if adversarial:
            adversary = _pick(
                "Adversary",
                sorted(door.adversaries(), key=lambda name: name != DEFAULT_ADVERSARY),
                "adversary",
                DEFAULT_ADVERSARY,
                lambda name: MEASURES[name].title if name in MEASURES else name,
                help="The perceptual distance in the loss. It may not judge the result.",
            )
    return optimiser, float(goal), int(rng_seed), adversary
