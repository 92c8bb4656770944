"""Before Streamlit's route for uploads: whether a file may come, by its visitor and its size."""

from __future__ import annotations

import asyncio

from starlette.formparsers import MultiPartParser
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explorer.app import visitor_cookie
from explorer.app.uploads import UPLOADS, Uploads, is_active
from explorer.images.reading import MAX_BYTES

PATH = "_stcore/upload_file"
SECONDS = 300.0
"""Within which a file must have come; 25 MB take that long at 85 kB/s."""

MultiPartParser.spool_max_size = MAX_BYTES + 2**20
"""Uploads stay in memory; Starlette would write those of more than a megabyte to a file."""


class _RefusedError(Exception):
    """A file that became too large while it came."""


class UploadLimits:
    """Refuses uploads above the limits of `explorer.hosting`, before they come or while they do."""

    def __init__(self, app: ASGIApp, uploads: Uploads = UPLOADS) -> None:
        self.app = app
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it in a sentence."""
        parts = scope["path"].rsplit("/", 2) if scope["type"] == "http" else []
        if len(parts) < 3 or scope["method"] != "PUT" or not parts[0].endswith(PATH):
            await self.app(scope, receive, send)
            return
        _, session, file = parts
        if not is_active(session):  # as Streamlit then says
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        name = connection.cookies.get(visitor_cookie.NAME)
        visitor = name if name is not None and visitor_cookie.is_name(name) else session
        declared = connection.headers.get("content-length", "")
        ticket = self._uploads.begin(session, visitor, file)
        self._uploads.look_out()
        try:
            size = int(declared) if declared.isdecimal() and len(declared) < 16 else 0
            self._check(ticket, size)
            counted = self._counting(ticket, receive)
            async with asyncio.timeout(SECONDS):
                await self.app(scope, counted, send)
        except _RefusedError as error:
            await JSONResponse({"error": str(error)}, 413)(scope, receive, send)
        except TimeoutError:
            sentence = "The file did not arrive in time; try again over a faster connection."
            await JSONResponse({"error": sentence}, 408)(scope, receive, send)
        finally:
            self._uploads.end(ticket)

    def _check(self, ticket: object, size: int) -> None:
        reason = self._uploads.why_not(ticket, size)
        if reason is not None:
            raise _RefusedError(reason)

    def _counting(self, ticket: object, receive: Receive) -> Receive:
        """What has come counts from here on: who announces much and sends little holds little."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            self._check(ticket, received)
            return message

        return counted
