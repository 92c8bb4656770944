"""Every setting of the app, checked before its port opens, however it is started."""

from __future__ import annotations

import os
import socket
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from explorer.app.class_address import PUBLIC_URL, checked
from explorer.errors import RequestError
from explorer.hosting import Hosting, hosting
from explorer.hosting.reading import FILE
from explorer.jobs.settings import check_settings
from explorer.models.models_toml import check_models_toml

THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
"""By which names health checks and proxies on the same machine ask, whatever hosts are allowed."""


def check_app(port: int) -> Hosting:
    """The limits of this app; RequestError, with the variable as its field, for a wrong setting.

    port: of the app. Connects to nothing, and creates the cache's folder where there is none.
    """
    check_settings()
    limits = hosting()
    check_models_toml()
    if os.environ.get("IRI_DATABASE_URL", "").strip():
        from explorer.study.database import check_database_url  # a library of 0.2 s

        check_database_url()
    _check_public_url(limits)
    if limits.metrics_port is not None:
        _check_metrics(limits.metrics_address, limits.metrics_port, port)
    return limits


def can_listen(address: str) -> bool:
    """Whether this machine can listen at an address; the port is left out of it."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(place)
    except (OSError, UnicodeError):
        return False
    return True


def _check_public_url(limits: Hosting) -> None:
    url = os.environ.get(PUBLIC_URL, "").strip()
    if not url:
        return
    try:
        checked(url)
    except ValueError as error:
        raise RequestError(PUBLIC_URL, str(error).replace(PUBLIC_URL, "it", 1)) from error
    host = urlsplit(url).hostname or ""
    host = f"[{host}]" if ":" in host else host
    allowed = limits.allowed_hosts
    if allowed and not any(fnmatchcase(host, each.lower()) for each in (*allowed, *THIS_MACHINE)):
        raise RequestError(
            PUBLIC_URL,
            f"phones would be turned away, since {host} is not among allowed_hosts of {FILE}: "
            f"{', '.join(allowed)}",
        )


def _check_metrics(address: str, metrics_port: int, port: int) -> None:
    if metrics_port == port:
        raise RequestError(FILE, f"metrics_port = {port} is the app's own port; choose another")
    if not can_listen(address):
        raise RequestError(
            FILE,
            f"metrics_address = {address!r} is not an address of this machine; write 127.0.0.1, "
            "or 0.0.0.0 where no visitor reaches that port",
        )
