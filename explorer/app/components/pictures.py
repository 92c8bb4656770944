"""Pictures side by side at one size, pixel-exact, and compared by slider, blinking and more.

A component of the app's own, because a picture must reach the browser as the PNG it is and be
drawn without smoothing, and comparing needs no round trip to the server.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from explorer.images.spectrum import spectrum

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
    pictures: list[Picture],
    *,
    compare: bool = False,
    reserve: bool = False,
    live: str | None = None,
    key: str,
) -> None:
    """Draw pictures in one row (on phones in two), at the same size.

    compare: offer the views that compare the pictures whose roles are `iri` and `target`; both
    must be there. reserve: keep the place of these views while there is nothing to compare, so
    that no picture moves once there is. live: the key of a job whose preview takes the place of the
    `iri` as it comes (`explorer.app.components.live`).
    """
    data: dict[str, object] = {
        "pictures": [
            {
                "src": data_uri(picture.png),
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
    pngs = {picture.role: picture.png for picture in pictures if picture.png is not None}
    if compare:
        data["spectra"] = [_spectrum_uri(pngs[role]) for role in ("iri", "target")]
    if live is not None:
        data["live"] = live
        data["target_spectrum"] = _spectrum_uri(pngs["target"]) if "target" in pngs else ""
    # As text: in anything else Streamlit looks for data frames, and imports pandas to do so.
    _component(data={"json": json.dumps(data)}, key=key)


@lru_cache(maxsize=64)
def _spectrum_uri(png: bytes) -> str:
    return data_uri(spectrum(png))


def data_uri(png: bytes | None) -> str:
    """A PNG file as an address that holds it; "" where there is none."""
    return "" if png is None else "data:image/png;base64," + base64.b64encode(png).decode()
