"""What is known of a comparison's images: finished, being made, failed, not this session's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from explorer.analysis.compared import Compared
from explorer.analysis.variation import Cell
from explorer.app import asking, session, sharing
from explorer.jobs.job import Job
from explorer.request import Request

_KEPT = 256  # finished images, of at most a few hundred KB


@dataclass(frozen=True)
class Shown:
    """A cell with what is known of it now.

    result: where it is finished. hidden: whether this session may neither see nor generate it.
    """

    cell: Cell
    result: Compared | None = None
    job: Job | None = None
    hidden: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it waits or is being made."""
        return self.job is not None and not self.job.finished

    @property
    def may_be_generated(self) -> bool:
        """Whether pressing Generate would have it made."""
        return not (self.hidden or self.is_running or self.result or self.cell.request is None)


def known(cells: Sequence[Cell]) -> list[Shown]:
    """What is known of each cell now."""
    return [_known(cell) for cell in cells]


def _known(cell: Cell) -> Shown:
    request = cell.request
    if request is None:
        return Shown(cell)
    if not sharing.may_be_seen(request):
        return Shown(cell, hidden=True)
    job = session.engine().job(request.key)
    if job is not None and not job.finished:
        return Shown(cell, job=job)
    result = compared(request)
    hidden = result is None and not sharing.may_be_generated(request)
    return Shown(cell, result, job if result is None else None, hidden)


def compared(request: Request) -> Compared | None:
    """What is compared of the request's result; None where it is not in the cache."""
    # An operator's null hides no finished picture: each says by which null it was judged.
    for key in dict.fromkeys([request.key, replace(request, null=None, null_folder=None).key]):
        if key in session.engine().store or _note(key):
            try:
                return _read(key)
            except LookupError:
                continue
    return None


def notes(shown: Sequence[Shown]) -> list[str]:
    """What is to be said of the results, such as that one could not be stored; each text once."""
    keys = [each.cell.request.key for each in shown if each.cell.request is not None]
    return list(dict.fromkeys(note for key in keys if (note := _note(key))))


def _note(key: str) -> str | None:
    """What is to be said of a result that the engine holds in memory, for as long as it does."""
    job = session.engine().job(key)
    return None if job is None else job.note


@lru_cache(maxsize=_KEPT)
def _read(key: str) -> Compared:
    """Reading a result takes some 10 ms, too long for each look of every visitor."""
    result = session.engine().result(key)
    if result is None:
        raise LookupError(key)
    return Compared.of(result)


def generate(shown: Sequence[Shown]) -> None:
    """Have those made that can be, unless the queue is full: one submission, batched by it."""
    requests = [each.cell.request for each in shown if each.may_be_generated]
    asking.submit([request for request in requests if request is not None])


def cancel(shown: Sequence[Shown]) -> None:
    """Give up those that wait or run."""
    for each in shown:
        if each.is_running and each.cell.request is not None:
            session.engine().cancel(each.cell.request.key, session.browser())
