"""Small multiples: many images in groups, each with its verdicts and a way into Explore.

One component for all of them, so that a look at a running comparison is one message. A tile is a
link: a plain click keeps the session (and the uploads in it), a click with a key or the middle
button opens a tab.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st
from PIL import Image

_FRONT = Path(__file__).parent / "front"
_OPENED = "_opened_tile"
THUMBNAIL_PX = 112
"""Side to which larger images are reduced while others are still being made."""

_component = st.components.v2.component(
    "iri_tiles",
    html='<div class="tiles"></div>',
    css=(_FRONT / "tiles.css").read_text(encoding="utf-8"),
    js=(_FRONT / "tiles.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Badge:
    """A verdict in a word or two. tone: `good`, `middling`, `bad` or `none`."""

    text: str
    tone: str


@dataclass(frozen=True)
class Tile:
    """One image. key: what `opened` gives when it is clicked; parameters: of its page in Explore.

    parameters is None where Explore cannot show it. png: None draws an empty frame. companions:
    small images under it, (title, PNG). progress: in [0, 1] while it is made. note: a sentence.
    hollow: matched, but not converged.
    """

    key: str
    title: str
    alt: str
    png: bytes | None = None
    badges: tuple[Badge, ...] = ()
    note: str = ""
    parameters: dict[str, str] | None = None
    companions: tuple[tuple[str, bytes | None], ...] = ()
    progress: float | None = None
    hollow: bool = False


@dataclass(frozen=True)
class TileGroup:
    """Tiles under one heading; "" has none."""

    title: str
    tiles: tuple[Tile, ...] = field(default=())


def show_tiles(groups: Sequence[TileGroup], *, thumbnails: bool = False, key: str) -> None:
    """Draw the groups; thumbnails: large images reduced, for looks that follow each other."""
    data = [
        {"title": group.title, "tiles": [_plain(tile, thumbnails) for tile in group.tiles]}
        for group in groups
    ]
    # As text, as in `explorer.app.components.pictures`.
    _component(
        data={"json": json.dumps(data)},
        key=key,
        on_open_change=lambda: st.session_state.update({_OPENED: st.session_state[key].open}),
    )


def opened() -> str | None:
    """The key of the tile that was clicked, once."""
    key: str | None = st.session_state.pop(_OPENED, None)
    return key


def _plain(tile: Tile, thumbnails: bool) -> dict[str, object]:
    return {
        "key": tile.key,
        "title": tile.title,
        "alt": tile.alt,
        "src": _uri(tile.png, thumbnails),
        "badges": [asdict(badge) for badge in tile.badges],
        "note": tile.note,
        # Explore is the app's first page, under whatever path that is served.
        "href": None if tile.parameters is None else f"./?{urlencode(tile.parameters)}",
        "companions": [
            {"title": title, "src": _uri(png, thumbnails)} for title, png in tile.companions
        ],
        "progress": tile.progress,
        "hollow": tile.hollow,
    }


def _uri(png: bytes | None, reduced: bool) -> str:
    if png is None:
        return ""
    return "data:image/png;base64," + base64.b64encode(thumbnail(png) if reduced else png).decode()


def thumbnail(png: bytes) -> bytes:
    """The PNG itself where it is small, else reduced to THUMBNAIL_PX."""
    with Image.open(io.BytesIO(png)) as image:
        if max(image.size) <= THUMBNAIL_PX:
            return png
        small = image.convert("RGB")
        small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return buffer.getvalue()
