"""How to join: the code, the address and the QR code, big enough for the last row."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import urlsplit

import segno
import streamlit as st

from explorer.app import class_address

_STYLES = Path(__file__).parents[1] / "components/front/class.css"
_JOIN_PATH = "vote"
ADDRESS = "at"
"""URL parameter: the host that phones use, where this machine has several."""


def app_root() -> str | None:
    """The address of the app in this visitor's browser, without a page; None if it is not known."""
    seen = st.context.url
    return None if seen is None else seen.rstrip("/").removesuffix("/class")


def phone_roots() -> list[str]:
    """Where phones may find this app, the likeliest first. ValueError as `class_address.roots`."""
    port = int(st.get_option("server.port") or 8501)
    return class_address.roots(app_root(), port, str(st.get_option("server.baseUrlPath") or ""))


def chosen_root(found: list[str]) -> str:
    """The one that the page's URL names by its host, else the first."""
    host = st.query_params.get(ADDRESS)
    return next((each for each in found if urlsplit(each).hostname == host), found[0])


def join_url(root: str, code: str) -> str:
    """The address in the QR code: the code is in it, so that nobody has to type it."""
    return f"{root}/{_JOIN_PATH}/{code}"


def use_styles() -> None:
    """The styles of a session's page, once a run."""
    st.html(_STYLES)


def show(code: str, *, is_small: bool) -> None:
    """The code, the address to type it at, and the QR code of both; small next to results."""
    try:
        root = chosen_root(phone_roots())
    except ValueError as error:
        st.error(f"{error}.", icon=":material/error:")
        return
    with st.container(key="class_join"):
        st.html(_card(join_url(root, code), f"{root}/{_JOIN_PATH}", code, is_small))
    if not class_address.is_reachable(root):
        st.warning(
            "This machine is in no network, so phones cannot reach the address above: join the "
            "room's Wi-Fi and reload this page.",
            icon=":material/wifi_off:",
        )
    elif _is_deaf(root):
        st.warning(
            "The app listens to this machine alone, so phones cannot reach it: start it "
            "with `--server.address=0.0.0.0` (`iri app --address 0.0.0.0`).",
            icon=":material/wifi_off:",
        )


def _is_deaf(root: str) -> bool:
    """Whether the server refuses other machines at an address of its own."""
    own = urlsplit(root).hostname in class_address.network_addresses()
    return own and class_address.listens_only_here(st.get_option("server.address"))


def _card(url: str, address: str, code: str, is_small: bool) -> str:
    shown = escape(address.removeprefix("http://").removeprefix("https://"))
    return (
        f'<div class="join{" small" if is_small else ""}">'
        f'<img class="qr" src="{qr_code(url)}" alt="QR code of {escape(url)}">'
        '<div class="how"><p>Scan, or open</p>'
        f'<div class="address">{shown}</div><p>and enter</p>'
        f'<div class="code" aria-label="{" ".join(code)}">{escape(code)}</div></div></div>'
    )


def qr_code(url: str) -> str:
    """The QR code of an address as an SVG data URI: black on white, with its quiet zone."""
    # Medium correction: a photograph from the last row loses some of it to glare and blur.
    code = segno.make_qr(url, error="m", boost_error=False)
    return str(code.svg_data_uri(scale=8, border=4, light="#fff", omitsize=True))
