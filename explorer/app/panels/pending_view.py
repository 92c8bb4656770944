"""A request without a result: what it would start from, or why it failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import streamlit as st

from explorer.app import session
from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.known_input import input_or_guess
from explorer.app.naming import describe, literal, picture_title, sentence
from explorer.images import gallery, noise_targets, seeds
from explorer.images.encoding import from_png, to_8bit, to_png
from explorer.images.fitting import fit
from explorer.images.luma import grey_picture
from explorer.jobs.job import Job
from explorer.request import Request

_REQUESTED = "_generation_requested"


def show(request: Request, cancelled: bool = False) -> None:
    """Seed and target with an empty frame between them, and the button that fills it."""
    show_pictures(pending_pictures(request, None), reserve=True, key="pictures")
    text = "Cancelled." if cancelled else "Not generated yet."
    st.markdown(f"{text} {describe(request)}")
    st.button(
        "Generate",
        type="primary",
        icon=":material/play_arrow:",
        key="generate_here",
        on_click=request_generation,
    )


def show_failure(request: Request, job: Job, ask_again: Callable[[], None] | None = None) -> None:
    """Why it failed, in a sentence, and the button to try again where that may help.

    ask_again: called, too, when it is pressed.
    """
    show_pictures(pending_pictures(request, None), reserve=True, key="pictures")
    field = f" ({job.field})" if job.field else ""
    message = sentence(job.error or "the reason is not known")
    st.error(f"Generation failed{field}. {literal(message)}", icon=":material/error:")
    if job.field is None:  # else the request is at fault, and would fail again
        st.button(
            "Try again",
            type="primary",
            icon=":material/refresh:",
            key="generate_here",
            on_click=_try_again,
            args=(ask_again,),
        )


def _try_again(ask_again: Callable[[], None] | None) -> None:
    if ask_again is not None:
        ask_again()
    request_generation()


def request_generation() -> None:
    """Have the page submit its request in the run that follows."""
    st.session_state[_REQUESTED] = True


def generation_requested() -> bool:
    """Whether `request_generation` was called since this was last asked."""
    return bool(st.session_state.pop(_REQUESTED, False))


def pending_pictures(
    request: Request, preview: bytes | None, caption: str = "not generated yet"
) -> list[Picture]:
    """Seed, IRI as far as it has come, and target; caption: how far that is."""
    size, channels = input_or_guess(request.network)
    seed, target = picture_title(request.seed), picture_title(request.target)
    seed_png = seed_as_fitted(request.seed, size, request.rng_seed, channels)
    return [
        Picture(seed_png, "Seed", seed, f"Seed: {seed}", "seed"),
        Picture(preview, "IRI", caption, "The IRI", "iri"),
        Picture(
            target_as_fitted(request.target, size, channels),
            "Target",
            target,
            f"Target: {target}",
            "target",
        ),
    ]


@lru_cache(maxsize=200)
def _gallery_png(name: str, size: tuple[int, int], channels: int) -> bytes:
    return _png_as_fitted(gallery.load(name), size, channels)


@lru_cache(maxsize=50)
def _seed_png(kind: str, size: tuple[int, int], rng_seed: int, channels: int) -> bytes:
    return to_png(to_8bit(seeds.make_seed(kind, size, rng_seed, channels=channels)))


def seed_as_fitted(
    name: str, size: tuple[int, int], rng_seed: int, channels: int = 3
) -> bytes | None:
    """A seed kind, gallery picture or upload as the network would see it; None if it is gone."""
    if name in seeds.kinds():
        return _seed_png(name, size, rng_seed, channels)
    return _as_fitted(name, size, channels)


def target_as_fitted(name: str, size: tuple[int, int], channels: int = 3) -> bytes | None:
    """A noise target, gallery picture or upload as the network would see it; None if it is gone."""
    if noise_targets.is_noise_target(name):
        return to_png(to_8bit(noise_targets.make_target(name, size, channels=channels)))
    return _as_fitted(name, size, channels)


def _as_fitted(name: str, size: tuple[int, int], channels: int) -> bytes | None:
    if not name.startswith("picture:"):
        return _gallery_png(name, size, channels)
    png = session.uploads().get(name)
    return None if png is None else _png_as_fitted(from_png(png), size, channels)


def _png_as_fitted(picture: np.ndarray, size: tuple[int, int], channels: int) -> bytes:
    picture = grey_picture(picture) if channels == 1 else picture
    return to_png(to_8bit(np.asarray(fit(picture, size))))
