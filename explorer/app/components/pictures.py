"""The pictures: side by side at one size, pixel-exact, and compared by slider, blinking, …

A component of our own, because a picture must reach the browser as the PNG it is and be drawn
without smoothing, and comparing needs no round trip to the server.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from explorer.images.encoding import from_png, to_png

_FRONT = Path(__file__).parent / "front"
_component = st.components.v2.component(
    "iri_pictures",
    html=(_FRONT / "pictures.html").read_text(encoding="utf-8"),
    css=(_FRONT / "pictures.css").read_text(encoding="utf-8"),
    js=(_FRONT / "pictures.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Shown:
    """One picture on the page: PNG bytes (None for an empty frame), title, caption, alt text."""

    png: bytes | None
    title: str
    caption: str
    alt: str
    role: str


def show_pictures(
    shown: list[Shown], *, compare: bool = False, reserve: bool = False, key: str
) -> None:
    """Pictures in one row (on phones in two), the same size; with `compare` also the other views.

    The comparing views use the pictures whose roles are `iri` and `target`. `reserve` keeps their
    place while there is nothing to compare, so that no picture moves once there is.
    """
    data: dict[str, object] = {
        "pictures": [
            {
                "src": _uri(one.png),
                "title": one.title,
                "caption": one.caption,
                "alt": one.alt,
                "role": one.role,
            }
            for one in shown
        ],
        "compare": compare,
        "reserve": reserve,
    }
    if compare:
        pngs = {one.role: one.png for one in shown}
        data["spectra"] = [_uri(spectrum(pngs[role])) for role in ("iri", "target")]
    # As text: among anything else Streamlit looks for data frames, and imports pandas to do so.
    _component(data={"json": json.dumps(data)}, key=key)


def spectrum(png: bytes) -> bytes:
    """Logarithmic power spectrum of the brightness, PNG; low frequencies in the middle.

    The same scale for every picture of a size: from 1e-4 to 1 of the largest power possible.
    """
    grey = from_png(png).astype(np.float64).mean(axis=2) / 255
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * window))) / window.sum()
    level = np.clip((np.log10(np.maximum(power, 1e-9)) + 4) / 4 * 1.25, 0, 1)
    return to_png(np.repeat((level * 255).astype(np.uint8)[:, :, None], 3, axis=2))


def _uri(png: bytes | None) -> str:
    return "" if png is None else "data:image/png;base64," + base64.b64encode(png).decode()
