"""A request without a result: what it would start from, or why it failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import streamlit as st

from explorer.app import session
from explorer.app.components.pictures import Picture, show_pictures
from explorer.app.known_input import input_or_guess
from explorer.app.naming import describe, literal, picture_title, sentence
from explorer.images import seeds
from explorer.images.encoding import from_png, to_8bit, to_png
from explorer.images.named_pictures import PlainFitting, fit_picture, seed_image, target_image
from explorer.jobs.job import Job
from explorer.request import Request

_REQUESTED = "_generation_requested"


def show(request: Request, cancelled: bool = False, why: str = "") -> None:
    """Seed and target with an empty frame between them, and the button that fills it.

    why: it was cancelled, a sentence; "" where somebody pressed Cancel.
    """
    show_pictures(pending_pictures(request, None), reserve=True, key="pictures")
    text = (literal(why) or "Cancelled.") if cancelled else "Not generated yet."
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
    field = f" ({literal(job.field)})" if job.field else ""
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
def _target_png(name: str, how: PlainFitting) -> bytes:
    return to_png(to_8bit(target_image(name, how)))


@lru_cache(maxsize=200)
def _seed_png(name: str, rng_seed: int, how: PlainFitting) -> bytes:
    return to_png(to_8bit(seed_image(name, rng_seed, how)))


def seed_as_fitted(
    name: str, size: tuple[int, int], rng_seed: int, channels: int = 3
) -> bytes | None:
    """A seed kind, gallery picture or upload as the network would see it; None if it is gone."""
    how = PlainFitting(size, channels)
    if name.startswith("picture:"):
        return _upload_png(name, how)
    return _seed_png(name, rng_seed if name in seeds.kinds() else 0, how)


def target_as_fitted(name: str, size: tuple[int, int], channels: int = 3) -> bytes | None:
    """A noise target, gallery picture or upload as the network would see it; None if it is gone."""
    how = PlainFitting(size, channels)
    return _upload_png(name, how) if name.startswith("picture:") else _target_png(name, how)


def _upload_png(name: str, how: PlainFitting) -> bytes | None:
    png = session.uploads().get(name)
    return None if png is None else to_png(to_8bit(fit_picture(from_png(png), how)))
