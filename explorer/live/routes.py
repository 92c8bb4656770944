"""The routes by which browsers watch jobs, in the server process of the app.

`live/TOKEN` sends events (server-sent events, WHATWG HTML 9.2) as they come; `live/TOKEN/now` gives
what is known now as JSON, for where something between holds events back. As the phones' routes,
each is also served below any other path; the pages' addresses are relative.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from explorer.live.ending import until_server_ends
from explorer.live.hub import Hub, TooManyStreams
from explorer.live.nudging import Nudges, nudge
from explorer.live.tokens import Watched, watched_by

if TYPE_CHECKING:
    from explorer.jobs.engine import Engine

BEAT_SECONDS = 10.0
SEND_SECONDS = 60.0
"""How long a browser may take for one event before its connection is closed."""

RETRY_MS = 2_000
RETRY_BUSY_SECONDS = 30
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
BEAT = b"event: beat\ndata: {}\n\n"
"""A comment would do for proxies; by this a browser, too, tells that the connection lives."""

_LAST = b'"finished":true'


class Source(Protocol):
    """What a connection sends, one event after the other."""

    async def next(self) -> bytes:
        """The next event, a line of JSON, once there is one. May be cancelled, then called anew."""


class Live:
    """The endpoints over an engine, which is asked for when the first browser watches."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self.hub = Hub(engine)
        self._ending: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the events of what the token allows to watch, until the last one."""
        request = Request(scope)
        watched = watched_by(request.path_params["token"])
        if watched is None or request.method != "GET":
            await _refusal(request, "GET")(scope, receive, send)
            return
        try:
            self.hub.open_stream(watched.visitor)
        except TooManyStreams as error:
            headers = HEADERS | {"Retry-After": str(RETRY_BUSY_SECONDS)}
            await JSONResponse({"error": str(error)}, 503, headers)(scope, receive, send)
            return
        try:
            await self._answer(watched, receive, send)
        finally:
            self.hub.close_stream(watched.visitor)

    async def now(self, request: Request) -> Response:
        """What is known now of what the token allows to watch; to ask counts as watching."""
        watched = watched_by(request.path_params["token"])
        if watched is None or request.method not in ("GET", "HEAD"):
            return _refusal(request, "GET, HEAD")
        engine = self.hub.engine()
        await asyncio.to_thread(engine.touch, watched.keys)
        if watched.is_nudge:
            data = await asyncio.to_thread(nudge, engine, watched.keys)
        else:
            reader = self.hub.join(watched)
            try:
                data = await reader.next()
            finally:
                self.hub.leave(reader)
        return Response(data, headers=HEADERS, media_type="application/json")

    async def _answer(self, watched: Watched, receive: Receive, send: Send) -> None:
        """Send events until the last one, or until the browser or the server goes away."""
        if self._ending is None or self._ending.done():
            self._ending = asyncio.create_task(until_server_ends())
        headers = {"Content-Type": "text/event-stream; charset=utf-8"} | HEADERS
        encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": encoded})
        sending = asyncio.create_task(self._send_all(watched, send))
        leaving = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait(
                {sending, leaving, self._ending}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if not leaving.cancelled():
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, watched: Watched, send: Send) -> None:
        async def send_event(body: bytes) -> None:
            message = {"type": "http.response.body", "body": body, "more_body": True}
            async with asyncio.timeout(SEND_SECONDS):
                await send(message)

        await send_event(f"retry: {RETRY_MS}\n\n".encode())
        if watched.is_nudge:
            nudges = Nudges(self.hub.engine(), watched.keys)
            try:
                await _pass_on(nudges, send_event)
            finally:
                nudges.close()
        else:
            reader = self.hub.join(watched)
            try:
                await _pass_on(reader, send_event)
            finally:
                self.hub.leave(reader)


async def _pass_on(source: Source, send_event: Callable[[bytes], Awaitable[None]]) -> None:
    """Send the source's events, and beats where there are none."""
    while True:
        try:
            # Not wait_for, which in Python 3.11 can swallow that this is cancelled.
            async with asyncio.timeout(BEAT_SECONDS):
                data = await source.next()
        except TimeoutError:
            await send_event(BEAT)
            continue
        await send_event(b"data: " + data + b"\n\n")
        if _LAST in data:
            return


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _refusal(request: Request, allowed: str) -> Response:
    if request.method not in allowed.split(", "):
        sentence = f"This address answers {allowed}, not {request.method}."
        return JSONResponse({"error": sentence}, 405, HEADERS | {"Allow": allowed})
    sentence = "This address is not valid any more: load the page anew."
    return JSONResponse({"error": sentence}, 403, HEADERS)


def routes(engine: Callable[[], Engine]) -> list[BaseRoute]:
    """The routes over an engine. All methods: the app's own routes would answer others."""
    live = Live(engine)
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return [
        route
        for prefix in ("/live", "/{base:path}/live")
        for route in (
            Route(prefix + "/{token}", live),
            Route(prefix + "/{token}/now", live.now, methods=methods),
        )
    ]


def _engine_of_this_process() -> Engine:
    from explorer.jobs.shared import engine_of_this_process

    return engine_of_this_process()


ROUTES: list[BaseRoute] = routes(_engine_of_this_process)
