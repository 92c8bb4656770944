"""A random name that a browser keeps, so that one person's answers to one question count once."""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAME = "iri_visitor"
_YEAR_S = 365 * 24 * 3600


def is_name(text: object) -> bool:
    """Whether this is a name as they are given here."""
    return isinstance(text, str) and re.fullmatch("[0-9a-f]{32}", text) is not None


class VisitorCookie:
    """Gives a name, which says nothing, to every browser that loads a page and has none."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the cookie to a page."""
        if scope["type"] != "http" or _is_named(scope) or _is_of_phones(scope):
            await self.app(scope, receive, send)
            return
        secure = "; Secure" if scope.get("scheme") == "https" else ""

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append(
                        "Set-Cookie",
                        f"{NAME}={uuid.uuid4().hex}; Max-Age={_YEAR_S}; Path=/; HttpOnly; "
                        f"SameSite=Lax{secure}",
                    )
            await send(message)

        await self.app(scope, receive, send_named)


def _is_named(scope: Scope) -> bool:
    return is_name(HTTPConnection(scope).cookies.get(NAME, ""))


def _is_of_phones(scope: Scope) -> bool:
    """Whether it is a page for judging images, which promises to keep nothing but answers."""
    return "vote" in scope["path"].split("/")
