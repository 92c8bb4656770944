"""What surrounds the pages in the server's process: every request passes it before Streamlit.

app.py and entry.py call `start` once.
"""

from __future__ import annotations

import logging
import sys

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config

from explorer.app.content_policy import ContentPolicy
from explorer.app.start_checks import THIS_MACHINE, check_app
from explorer.app.upload_route import UploadLimits
from explorer.app.visitor_cookie import VisitorCookie
from explorer.errors import RequestError
from explorer.hosting import Hosting

log = logging.getLogger(__name__)


def start() -> list[Middleware]:
    """Begin to serve: what every request passes, from the outside in.

    The log names the limits in force, and the numbers for Prometheus are served where a port is
    configured. Ends the process with a sentence where settings cannot be used.
    """
    try:
        limits = check_app(config.get_option("server.port"))
        if limits.metrics_port is not None:
            from explorer.app import monitoring  # a library that few need

            monitoring.start(limits)
    except RequestError as error:
        sys.exit(f"IRI Explorer does not start: {error}")
    if limits != Hosting():
        log.warning("Limits of this app: %s", limits.in_words)
    around = [
        Middleware(QuietDisconnects),
        Middleware(ContentPolicy),
        Middleware(VisitorCookie),
        Middleware(UploadLimits),
    ]
    if limits.hosted:
        around.insert(0, Middleware(WithoutMetrics))
    if limits.allowed_hosts:
        hosts = [*limits.allowed_hosts, *THIS_MACHINE]
        allowed = Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
        around.insert(0, allowed)
    return around


class QuietDisconnects:
    """Has it count as no error when a browser goes away before all that it sends has come."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; nobody is there who could be answered."""
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            log.debug("a browser went away while it sent something to %s", scope["path"])


class WithoutMetrics:
    """Has no visitor read Streamlit's own metrics, which it serves next to the pages."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything else on."""
        if scope["type"] == "http" and scope["path"].endswith("_stcore/metrics"):
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        await self.app(scope, receive, send)
