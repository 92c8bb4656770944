"""Along the way: the images that a search went through, to look through and to download."""

from __future__ import annotations

from functools import partial

import streamlit as st

from explorer.app.components.film import Scene, show_film
from explorer.app.naming import number, picture_title
from explorer.result import Result
from explorer.result.animation import FORMATS, Frame, animation, frames_of

_HELP = {
    "gif": "For slides and chats. At most 256 colours a frame, so the pixels are not exact.",
    "webp": "Exact pixels, and mostly smaller. Browsers show it; some slide programs do not.",
}


def show_along_the_way(result: Result) -> None:
    """A slider through the key frames, and the way as an animation; nothing where none are kept."""
    if not show_search(result):
        return
    with st.container(horizontal=True):
        for kind in FORMATS:
            st.download_button(
                f"Animation ({'WebP' if kind == 'webp' else kind.upper()})",
                partial(animation, result, kind),
                f"iri-{result.request.key[:10]}.{kind}",
                f"image/{kind}",
                on_click="ignore",
                icon=":material/animated_images:",
                key=f"animation_{kind}",
                help=_HELP[kind],
            )


def show_search(result: Result) -> bool:
    """A slider through the key frames; returns whether there are any."""
    frames = frames_of(result)
    if len(frames) < 2:
        return False
    target = picture_title(result.request.target)
    show_film(
        [Scene(frame.png, _capitalised(frame.title), _distance(frame, result)) for frame in frames],
        result.target_png,
        f"Target: {target}",
        key=result.request.key,
    )
    return True


def _distance(frame: Frame, result: Result) -> str:
    """The relative distance of the image, where it is known."""
    if frame.png == result.iri_png:
        return f"relative distance {number(result.match.relative_l2)}"
    if frame.png == result.searched_png and result.tightening is not None:
        return f"relative distance {number(result.tightening.searched_relative_l2)}"
    if frame.png == result.searched_png and result.difference is not None:
        return f"relative distance {number(result.difference.searched_relative_l2)}"
    by_step = dict(zip(result.curves.step, result.curves.relative_l2, strict=True))
    value = by_step.get(frame.step)
    return "" if value is None else f"relative distance {number(value)}"


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
