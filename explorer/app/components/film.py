"""The images on the way of a search, one at a time, with a slider and in motion.

All of them are in the browser, so that moving the slider asks nothing of the server.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from explorer.app.components.pictures import data_uri

_FRONT = Path(__file__).parent / "front"
_component = st.components.v2.component(
    "iri_film",
    html=(_FRONT / "film.html").read_text(encoding="utf-8"),
    css="\n".join(
        (_FRONT / name).read_text(encoding="utf-8") for name in ("pictures.css", "film.css")
    ),
    js=(_FRONT / "film.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Scene:
    """One image: its PNG bytes, what it is, and how near it is to the target, in words."""

    png: bytes
    title: str
    distance: str


def show_film(scenes: Sequence[Scene], target_png: bytes, target_alt: str, key: str) -> None:
    """Draw the last image next to the target, with a slider to the others; key: of the result."""
    content = {
        "frames": [
            {"src": data_uri(scene.png), "title": scene.title, "distance": scene.distance}
            for scene in scenes
        ],
        "target": {"src": data_uri(target_png), "alt": target_alt},
    }
    # As text: in anything else Streamlit looks for data frames, and imports pandas to do so.
    _component(data={"json": json.dumps(content), "key": key}, key="film")
