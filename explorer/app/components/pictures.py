"""Pictures side by side at one size, pixel-exact, and compared by slider, blinking and more.

A component of the app's own, because a picture must reach the browser as the PNG it is and be
drawn without smoothing, and comparing needs no round trip to the server.
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
class Picture:
    """One picture on the page.

    png: its bytes; None draws an empty frame. alt: what a screen reader says.
    role: `seed`, `iri`, `target`, or `frame` for one of many.
    """

    png: bytes | None
    title: str
    caption: str
    alt: str
    role: str


def show_pictures(
    pictures: list[Picture], *, compare: bool = False, reserve: bool = False, key: str
) -> None:
    """Draw pictures in one row (on phones in two), at the same size.

    compare: offer the views that compare the pictures whose roles are `iri` and `target`; both
    must be there. reserve: keep the place of these views while there is nothing to compare, so
    that no picture moves once there is.
    """
    data: dict[str, object] = {
        "pictures": [
            {
                "src": _uri(picture.png),
                "title": picture.title,
                "caption": picture.caption,
                "alt": picture.alt,
                "role": picture.role,
            }
            for picture in pictures
        ],
        "compare": compare,
        "reserve": reserve,
    }
    if compare:
        pngs = {picture.role: picture.png for picture in pictures if picture.png is not None}
        data["spectra"] = [_uri(spectrum(pngs[role])) for role in ("iri", "target")]
    # As text: in anything else Streamlit looks for data frames, and imports pandas to do so.
    _component(data={"json": json.dumps(data)}, key=key)


def spectrum(png: bytes) -> bytes:
    """Logarithmic power spectrum of the brightness, PNG; low frequencies in the middle.

    All pictures of one size have the same scale: from 1e-4 to 1 of the largest power possible.
    """
    grey = from_png(png).astype(np.float64).mean(axis=2) / 255
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * window))) / window.sum()
    level = np.clip((np.log10(np.maximum(power, 1e-9)) + 4) / 4 * 1.25, 0, 1)
    return to_png(np.repeat((level * 255).astype(np.uint8)[:, :, None], 3, axis=2))


def _uri(png: bytes | None) -> str:
    return "" if png is None else "data:image/png;base64," + base64.b64encode(png).decode()
