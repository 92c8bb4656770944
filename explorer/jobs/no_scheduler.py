"""A scheduler that does not answer: noticed cheaply, and said in a sentence."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec
from urllib.parse import urlsplit

from explorer.errors import RequestError
from explorer.jobs.settings import SCHEDULER

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

LOOK_SECONDS = 2
LOST_SECONDS = 3.0
"""For which jobs wait for a scheduler that has gone, such as one that is restarted."""

_P = ParamSpec("_P")


class NoScheduler(ConnectionError):
    """No scheduler answers at an address."""


def look_for_scheduler(address: str) -> None:
    """Raise OSError where nobody listens at tcp://HOST:PORT.

    To be asked before Dask is: each Client of its that fails leaves a thread behind.
    """
    parts = urlsplit(address)
    socket.create_connection((parts.hostname, parts.port), LOOK_SECONDS).close()


class Contact:
    """Whether a client still has the connection to its scheduler with which it began.

    It loses its runs with that connection, even where Dask connects it to the scheduler again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began: tuple[Client, object] | None = None
        self._lost_at: float | None = None

    def begins(self, client: Client) -> None:
        """Look at a client that has just been connected."""
        with self._lock:
            self._began, self._lost_at = (client, client.scheduler_comm), None

    @property
    def holds(self) -> bool:
        """Whether the connection is there; False for ever once it was lost, and before any."""
        with self._lock:
            if self._began is None:
                return False
            client, connection = self._began
            is_there = client.status == "running" and client.scheduler_comm is connection
            if not is_there and self._lost_at is None:
                self._lost_at = time.monotonic()
                log.warning("the scheduler does not answer any more")
            return self._lost_at is None

    @property
    def just_lost(self) -> bool:
        """Whether it was lost so lately that the scheduler may be there again at once."""
        if self.holds or self._lost_at is None:
            return False
        return time.monotonic() - self._lost_at < LOST_SECONDS


def failure_of(start: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs) -> str | None:
    """Start; a sentence for people where that failed, else None."""
    try:
        start(*args, **kwargs)
    except Exception as error:  # Dask raises many kinds
        return _why_not_started(error)
    return None


def _why_not_started(error: Exception) -> str:
    """A sentence for people about what `Cluster.start` raised; logged where it is unexpected."""
    reason = str(error)
    if isinstance(error, RequestError) and error.field == "address":
        reason = f"{SCHEDULER}: {error.message}"
    message = f"the job engine did not start: {reason}"
    if isinstance(error, RequestError | NoScheduler):
        log.info(message)  # whoever asks for a job is told
    else:
        log.error(message, exc_info=error)
    return message
