"""Cards of finished results: a small picture, what it is, a way to it, and a box to select it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from explorer.app.components.tiles import Badge

_FRONT = Path(__file__).parent / "front"
_KEY, _OPENED = "cards", "_opened_card"
_component = st.components.v2.component(
    "iri_cards",
    html='<div class="tiles"></div>',
    css="\n".join(
        (_FRONT / name).read_text(encoding="utf-8") for name in ("tiles.css", "cards.css")
    ),
    js=(_FRONT / "cards.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Card:
    """One result. key: what `opened` gives when it is clicked; href: where a new tab goes.

    thumbnail: WebP of two images next to each other; None draws an empty frame. px: the side of
    the images that it shows. hint: what a click does.
    """

    key: str
    title: str
    note: str
    alt: str
    href: str
    hint: str
    thumbnail: bytes | None
    px: int
    badges: tuple[Badge, ...]
    selected: bool


def show_cards(cards: Sequence[Card], selection: set[str]) -> None:
    """Draw the cards; what people select and unselect among them changes `selection`."""
    keys = {card.key for card in cards}
    data = json.dumps([_plain(card) for card in cards])

    def select() -> None:
        chosen = str(st.session_state[_KEY].selected or "").partition(":")[2].split(",")
        selection.difference_update(keys)
        selection.update(keys.intersection(chosen))

    def open_card() -> None:
        st.session_state[_OPENED] = st.session_state[_KEY].open

    # As text, as in `explorer.app.components.pictures`.
    _component(data={"json": data}, key=_KEY, on_selected_change=select, on_open_change=open_card)


def opened() -> str | None:
    """The key of the card that was clicked, once."""
    key: str | None = st.session_state.pop(_OPENED, None)
    return key


def _plain(card: Card) -> dict[str, object]:
    plain = asdict(card)
    data = plain.pop("thumbnail")
    source = "data:image/webp;base64," + base64.b64encode(data).decode() if data else ""
    return plain | {"src": source}
