"""The page of the phones and its files: HTML, CSS and JavaScript without any foreign address."""

from __future__ import annotations

import hashlib
import html
from functools import cache
from pathlib import Path
from string import Template
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from explorer.study.codes import as_code

ALONE = "alone"
"""Stands for the code of the session that anybody may take part in at any time."""

FRONT = Path(__file__).resolve().parent / "front"
FILES = {
    path.name: (path.read_bytes(), media_type)
    for suffix, media_type in (
        (".css", "text/css"),
        (".js", "text/javascript"),
        (".svg", "image/svg+xml"),
    )
    for path in sorted(FRONT.glob(f"*{suffix}"))
}
VERSION = hashlib.sha256(b"".join(content for content, _ in FILES.values())).hexdigest()[:12]
"""In the address of the files, so that a phone keeps them until they change."""

IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def canonical(code: str) -> str:
    """A code as it stands in an address, however it was typed."""
    code = as_code(code)
    return ALONE if code == ALONE.upper() else code


async def start_page(request: Request) -> Response:
    """The form that asks for a session's code; sent, it leads to the session."""
    root = "" if request.url.path.endswith("/") else "vote/"
    code = canonical(request.query_params.get("code", ""))
    if code:
        return RedirectResponse(root + quote(code, safe=""), 303, HEADERS)
    return page(root, code="")


async def vote_page(request: Request) -> Response:
    """Where a phone takes part; whether there is such a session, its script asks.

    Of one session there is one address, under which a phone keeps its place.
    """
    code = request.path_params["code"]
    if code != canonical(code):
        return RedirectResponse(quote(canonical(code), safe="") or "./", 308, HEADERS)
    return page("", code=code)


async def without_slash(request: Request) -> Response:
    """The same address without the slash at its end, on which relative addresses depend."""
    return RedirectResponse("../" + quote(request.path_params["code"], safe=""), 308, HEADERS)


async def front_file(request: Request) -> Response:
    """A style sheet or script of the page."""
    content, media_type = FILES.get(request.path_params["name"], (b"", ""))
    if not content:
        return Response("There is no such file.", 404, HEADERS, "text/plain")
    kept = IMMUTABLE if request.path_params["version"] == VERSION else {}
    return Response(content, headers=HEADERS | kept, media_type=media_type)


def page(root: str, code: str) -> HTMLResponse:
    """The page; root leads from its address to `vote/`."""
    text = _template().substitute(
        root=html.escape(root), code=html.escape(code), version=html.escape(VERSION)
    )
    return HTMLResponse(text, headers=HEADERS)


@cache
def _template() -> Template:
    return Template((FRONT / "phone.html").read_text(encoding="utf-8"))
