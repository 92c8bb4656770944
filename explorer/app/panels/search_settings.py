"""The sidebar's settings of the search: effort, optimiser, goal, random seed, and more."""

from __future__ import annotations

import streamlit as st

from explorer import validation
from explorer.app import known_input
from explorer.app.links import DEFAULT_EFFORT, DEFAULTS, EFFORTS
from explorer.app.panels.select import select
from explorer.app.url_state import Readers
from explorer.hosting import hosting
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.network_reference import SIZE_RANGE
from explorer.request import GOAL_RANGE, RELU_GRADIENTS, RNG_SEED_RANGE
from explorer.synthesis.optimizers import registry as optimisers
from explorer.validation import DEFAULT_ADVERSARY

_BY_SIZE = "by-size"
_IMAGES = {
    _BY_SIZE: f"Nearest to the seed, up to {validation.NEAREST_PX} px",
    "yes": "Nearest to the seed, at any size",
    "no": "As the search finds it",
}


def efforts() -> list[str]:
    """The names of the efforts that this app allows, at least the least."""
    most = hosting().max_steps
    fitting = [name for name, steps in EFFORTS.items() if most is None or steps <= most]
    return fitting or list(EFFORTS)[:1]


def largest_size() -> int:
    """The largest side in px of the images that networks may take on this app."""
    return min(SIZE_RANGE[1], hosting().max_px or SIZE_RANGE[1])


def effort() -> str:
    """The name of the effort, which stands for a number of steps."""
    st.session_state.setdefault("effort", DEFAULT_EFFORT)
    return st.select_slider(
        "Effort",
        efforts(),
        key="effort",
        format_func=lambda name: f"{name} ({EFFORTS[name]:,})",
        help="How many steps the search may take to reach a match. It stops earlier when the goal "
        "is reached.",
    )


def optimiser() -> str:
    """The optimiser's name."""
    return select(
        "Optimiser",
        list(optimisers.choices()),
        key="optimiser",
        default=DEFAULTS.optimiser,
        title=optimisers.title,
        help="How the loss is minimised.\n\n"
        + "\n\n".join(f"**{name}**: {text}" for name, text in optimisers.choices().items()),
    )


def goal() -> float:
    """The relative distance at which the search stops."""
    st.session_state.setdefault("goal", DEFAULTS.goal)
    return float(
        st.number_input(
            "Goal (relative distance)",
            min_value=GOAL_RANGE[0],
            max_value=GOAL_RANGE[1],
            step=0.005,
            format="%.3f",
            key="goal",
            help="Stop as soon as the representations are this near. 0 uses all steps.",
        )
    )


def nearest() -> bool | None:
    """Whether the image is brought nearest to its seed; None where that is decided by its size."""
    st.session_state.setdefault("nearest", _BY_SIZE)
    chosen = st.selectbox(
        "Image",
        list(_IMAGES),
        key="nearest",
        format_func=_IMAGES.__getitem__,
        help="Many images match within the goal. **Nearest to the seed** is the one that changes "
        "the seed least: what was not needed is taken back, so that it depends on the network, "
        "and hardly on the search. It takes up to as long again. **As the search finds it** is "
        "what other tools show. Losses that ask for more than the match are always shown so.",
    )
    return None if chosen == _BY_SIZE else chosen == "yes"


def random_seed() -> int:
    """The seed of the random generator that draws the seed image."""
    st.session_state.setdefault("rng", DEFAULTS.rng_seed)
    return int(
        st.number_input(
            "Random seed",
            min_value=RNG_SEED_RANGE[0],
            max_value=RNG_SEED_RANGE[1],
            step=1,
            key="rng",
            help="Seed of the random generator that draws the seed image. The same number draws "
            "the same noise.",
        )
    )


def relu_gradient() -> str | None:
    """`identity` where the ReLU that ends the layer passes every gradient on, else None."""
    straight_through = st.toggle(
        "Straight-through gradient at the layer's ReLU",
        key="relu",
        help="Where the layer ends in a ReLU, units at 0 get gradients, too, as in Feather et al. "
        "(2023).",
    )
    return RELU_GRADIENTS[0] if straight_through else None


def input_resolution() -> int | None:
    """The side in px of the images that the network takes; None is as it was trained."""
    st.session_state.setdefault("size", None)
    size = st.number_input(
        "Input resolution (px)",
        min_value=SIZE_RANGE[0],
        max_value=largest_size(),
        step=16,
        key="size",
        placeholder="as it was trained",
        help="The side of the images that the network takes. Smaller is faster; some "
        "architectures take one size only. Empty: as it was trained.",
    )
    return None if size is None else int(size)


def adversary(model: str, size: int | None) -> str:
    """The perceptual measure in an adversarial loss, of those that this network's size allows."""
    return select(
        "Adversary",
        sorted(_adversaries(model, size), key=lambda name: name != DEFAULT_ADVERSARY),
        key="adversary",
        default=DEFAULT_ADVERSARY,
        title=lambda name: PERCEPTUAL_MEASURES[name].title if name in PERCEPTUAL_MEASURES else name,
        help="The perceptual distance in the loss. It does not count in the verdict.",
    )


def _adversaries(model: str, size: int | None) -> list[str]:
    known = known_input.input_size(model, size)
    return [
        name
        for name in validation.adversaries()
        if known is None or PERCEPTUAL_MEASURES[name].smallest <= min(known)
    ]


def _effort(text: str) -> str:
    if text not in efforts():
        raise ValueError(text)
    return text


def _goal(text: str) -> float:
    return min(GOAL_RANGE[1], max(GOAL_RANGE[0], float(text)))


def _rng_seed(text: str) -> int:
    return min(RNG_SEED_RANGE[1], max(RNG_SEED_RANGE[0], int(text)))


def _relu_gradient(text: str) -> bool:
    if text not in RELU_GRADIENTS:
        raise ValueError(text)
    return True


def _nearest(text: str) -> str:
    if text not in _IMAGES:
        raise ValueError(text)
    return text


def _size(text: str) -> int:
    return min(largest_size(), max(SIZE_RANGE[0], int(text)))


READERS: Readers = {
    "relu": _relu_gradient,
    "effort": _effort,
    "optimiser": str,
    "goal": _goal,
    "rng": _rng_seed,
    "adversary": str,
    "size": _size,
    "nearest": _nearest,
}
