"""What the engine submits to Dask, and the failures that come back, as messages for people."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from explorer.errors import RequestError
from explorer.models.names import first_line
from explorer.request import Request

log = logging.getLogger(__name__)

WORKER_DIED = (
    "the worker stopped while it made this (it was killed, or ran out of memory); "
    "a new one is starting, so it can be tried again"
)

OUT_OF_MEMORY = "the worker ran out of memory; choose a smaller network or an earlier layer"

_WORKER_GONE = ("KilledWorker", "CancelledError", "FutureCancelledError", "CommClosedError")
_FOR_PEOPLE = ("HubUnreachable", "NotFinite", "PictureError", "MeasureUnavailable")
"""Exceptions whose messages are written for people; by name, since importing them needs torch."""


@dataclass(frozen=True)
class Failure:
    """Why the worker could not do its task, as a person should read it.

    Workers return this and raise nothing: unpickling an exception imports the module that defines
    it, which may need torch. field: of the request, where that is at fault. cancelled: whether the
    task stopped because somebody cancelled it.
    """

    message: str
    field: str | None = None
    cancelled: bool = False

    @classmethod
    def of(cls, error: Exception, published: str | None = None) -> Failure:
        """The failure that an exception stands for; an unexpected one is logged and named.

        published: `own:NAME` where the operator's own code may have raised it: then the log alone
        has its text.
        """
        kind = type(error).__name__
        if isinstance(error, RequestError):
            return cls(error.message, field=error.field)
        if kind == "Cancelled":
            return cls(str(error), cancelled=True)
        if kind == "OutOfMemoryError" or isinstance(error, MemoryError):
            return cls(OUT_OF_MEMORY)
        if kind in _FOR_PEOPLE:
            return cls(str(error))
        log.error("a job failed", exc_info=error)
        if published is not None:
            return cls(
                f"something unexpected went wrong with {published} in the worker; the log of "
                "whoever runs this app says what"
            )
        return cls(f"something unexpected went wrong in the worker ({kind}: {error})")

    @classmethod
    def of_dask(cls, error: Exception) -> Failure | None:
        """The failure that an exception of Dask's stands for; None where the worker died."""
        if type(error).__name__ in _WORKER_GONE:
            log.info("a task was lost with its worker", exc_info=error)
            return None
        log.error("the job engine could not run a task", exc_info=error)
        reason = first_line(error.__cause__ or error)
        return cls(f"the job engine could not run it ({reason}); the log says more")

    def to_exception(self) -> Exception:
        """RequestError where a field is at fault, else RuntimeError."""
        return RequestError(self.field, self.message) if self.field else RuntimeError(self.message)


class Task:
    """Requests that run as one batch, and the pictures they need.

    run: the name of the current attempt, which tells its reports from those of an earlier one.
    """

    def __init__(self, requests: Sequence[Request], pictures: dict[str, bytes]) -> None:
        self.requests = tuple(requests)
        self.pictures = pictures
        self.run = ""

    def start_run(self) -> str:
        """A new name for a new attempt."""
        self.run = f"iri-{uuid.uuid4().hex}"
        return self.run


def batches(requests: Sequence[Request]) -> list[list[Request]]:
    """The requests in groups that can run as one batch, in the order of their first members."""
    groups: dict[tuple[object, ...], list[Request]] = {}
    for request in requests:
        groups.setdefault(request.batch_key, []).append(request)
    return list(groups.values())
