"""What the engine submits to Dask, and the failures that come back, as messages for people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from explorer.errors import RequestError, without_folders
from explorer.jobs.queue import Entry
from explorer.losses.variants import loss_of
from explorer.models.names import first_line
from explorer.request import Request
from explorer.synthesis.optimizers.registry import AUTO

log = logging.getLogger(__name__)

WORKER_DIED = (
    "the worker stopped while it made this (it was killed, or ran out of memory); "
    "a new one is starting, so it can be tried again"
)

HUNG_TWICE = (
    "the worker stopped answering twice while it made this; try a smaller network or another "
    "layer, or tell whoever runs this app"
)

SCHEDULER_GONE = "the scheduler does not answer any more; once it does, this can be tried again"

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
        reason = without_folders(str(error))
        return cls(f"something unexpected went wrong in the worker ({kind}: {reason})")

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


Ask = tuple[Callable[..., object], tuple[Any, ...], Mapping[str, Any]]
"""A function of `explorer.jobs.work`, its arguments and its named ones."""


@dataclass(eq=False)
class Work(Entry):
    """What the engine has a worker do, in one run alone or with others.

    keys: of the jobs that it is to finish. run: the name of the current attempt, which tells its
    reports from those of an earlier one. hangs: how many attempts ended with a worker that hung.
    alone: whether it is not to share a run any more, since a shared one failed.
    """

    run: str = ""
    hangs: int = 0
    alone: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the jobs that it is to finish."""
        raise NotImplementedError


@dataclass(eq=False)
class Task(Work):
    """Requests that run as one batch, and the pictures they need."""

    requests: tuple[Request, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """As `Work.keys`."""
        return tuple(request.key for request in self.requests)


@dataclass(eq=False)
class Question(Work):
    """A question that a worker is to answer.

    key: of its job. name: of its pace.
    """

    key: str = ""
    name: str = ""
    ask: Ask = (print, (), {})

    @property
    def keys(self) -> tuple[str, ...]:
        """As `Work.keys`."""
        return (self.key,)


def batches(requests: Sequence[Request]) -> list[list[Request]]:
    """The requests in groups that can run as one batch, in the order of their first members."""
    groups: dict[tuple[object, ...], list[Request]] = {}
    for request in requests:
        groups.setdefault(batch_key(request), []).append(request)
    return list(groups.values())


def batch_key(request: Request) -> tuple[object, ...]:
    """Requests with the same one can run as one batch.

    Each is made as it would be alone: losses for which `auto` stands for different optimisers are
    not in one batch, which has a single one.
    """
    return (*request.batch_key, _automatic_by(request))


def _automatic_by(request: Request) -> tuple[bool, ...]:
    """What `explorer.synthesis.optimizers.automatic` chooses by, of the loss."""
    if request.optimiser != AUTO:
        return ()
    try:
        loss = loss_of(request)
    except RequestError:  # the worker says what is wrong
        return ()
    return loss.uses_distance, loss.stationary, loss.only_match
