"""One sweep from its plan to its rows: what is missing is made, and every request gets a row."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from explorer.jobs import work
from explorer.jobs.engine import Engine
from explorer.jobs.results import MOST_RESULTS
from explorer.request import Request
from explorer.result import Result, ResultError
from explorer.sweep.batches import batches
from explorer.sweep.columns import failed_row, result_row
from explorer.sweep.dispatch import Dispatch, EngineLost, Progress
from explorer.sweep.estimate import Pace, cached_keys, learn, pace_key, seconds_of
from explorer.sweep.plan import Plan

READ_SECONDS = 0.05
"""How long one step may read results that were in the cache before."""

COUNT_SECONDS = 5.0

EVICTED = "its result is not in the cache any more; raise IRI_CACHE_LIMIT and run it again"
GONE = "its result was made, and is gone before it could be read. {}"

UNKEPT_AT_ONCE = MOST_RESULTS // 2
"""So many results may be under way while the store keeps none: they and those before, which are
read only after these were submitted, all wait in memory."""


class Run:
    """A sweep that runs; nothing happens but in `step`, which takes a moment at most.

    subscriber: who asks. turn: where others are to have a turn in between: how many seconds a batch
    may take, as far as that is known. window: how many batches may be under way, given how many of
    the run's are; by default one for each worker and one that waits. order: puts the batches into
    another order than the file's, in place. keep: takes each result that the store could not keep,
    by its key; the engine's memory forgets them sooner or later.
    """

    def __init__(
        self,
        engine: Engine,
        plan: Plan,
        subscriber: str,
        turn: float | None = None,
        window: Callable[[int], int] | None = None,
        order: Callable[[list[list[Request]]], None] | None = None,
        party: str = "",
        keep: Callable[[str, bytes], None] | None = None,
    ) -> None:
        self._engine = engine
        self._keep = keep
        self._party = party
        self._plan = plan
        self._subscriber = subscriber
        self._turn = turn
        self._chosen_window = window
        self._order = order
        cached = cached_keys(plan.requests, engine.store)
        self._cached = len(cached)
        self._missing = [each for each in plan.requests if each.key not in cached]
        self._to_read = [each for each in plan.requests if each.key in cached]
        self._rows: dict[str, Mapping[str, Any]] = {}
        self._workers = (float("-inf"), 1)
        self._dispatch: Dispatch | None = None if self._missing else self._dispatched("cpu", 0)
        self._memory = engine.call(work.device_memory, party=party) if self._missing else None

    @property
    def finished(self) -> bool:
        """Whether every request has its row, or the run was cancelled."""
        return self._dispatch is not None and self._dispatch.finished and not self._to_read

    @property
    def failures(self) -> int:
        """How many requests have failed so far."""
        return 0 if self._dispatch is None else len(self._dispatch.failures)

    @property
    def cached(self) -> int:
        """How many results were in the cache, those that came there meanwhile included."""
        return self._cached + self.found

    @property
    def found(self) -> int:
        """How many results another process has made while this run was under way."""
        return 0 if self._dispatch is None else len(self._dispatch.found)

    @property
    def made(self) -> int:
        """How many requests were made by this run so far."""
        return 0 if self._dispatch is None else self._dispatch.made

    def step(self) -> None:
        """Go on a little. Raises EngineLost where nothing more can be made."""
        if self._dispatch is None:
            self._start()
        else:
            self._take(self._dispatch.step())
        until = time.monotonic() + READ_SECONDS
        while self._to_read and time.monotonic() < until:
            request = self._to_read.pop()
            self._rows[request.key] = self._row(request.key, self._result(request.key)[0])

    def cancel(self) -> None:
        """Give up what is not made yet; another run of the plan goes on from there."""
        if self._dispatch is None:
            self._dispatch = self._dispatched("cpu", 0)
        self._dispatch.cancel()
        self._to_read.clear()

    def progress(self) -> Progress:
        """How far it is now."""
        if self._dispatch is None:
            return Progress(len(self._plan.requests), self._cached, 0, 0, 0.0, None)
        return self._dispatch.progress()

    def rows(self) -> list[Mapping[str, Any]]:
        """The rows that are there, in the plan's order; of failed requests, too."""
        failed = [] if self._dispatch is None else self._dispatch.failures
        rows = dict(self._rows)
        for each in failed:
            rows[each.request.key] = failed_row(
                each.request, self._plan.files, each.message, each.field
            )
        return [rows[request.key] for request in self._plan.requests if request.key in rows]

    def workers(self) -> int:
        """How many workers there are, as of some seconds ago."""
        asked_at, count = self._workers
        if time.monotonic() - asked_at > COUNT_SECONDS:
            count = self._engine.worker_count()
            self._workers = (time.monotonic(), count)
        return count

    def _start(self) -> None:
        """Dispatch the batches as soon as a worker has said how much memory it has."""
        if self._memory is None or not self._memory.done():
            return
        try:
            self._dispatch = self._dispatched(*self._memory.result())
        except (RuntimeError, MemoryError) as error:
            raise EngineLost(str(error)) from error

    def _dispatched(self, device: str, free_bytes: int) -> Dispatch:
        seconds = seconds_of(self._missing, self._engine.store)
        turn, width = self._turn, len(self._missing)
        if width and self._engine.store.why_not_kept():
            width = min(width, max(1, UNKEPT_AT_ONCE // (self.workers() + 1)))

        def most(request: Request) -> int:
            return width if turn is None else min(width, int(turn / seconds[request.key]))

        groups = batches(self._missing, device, free_bytes, most)
        if self._order is not None:
            self._order(groups)
        return Dispatch(
            self._engine,
            groups,
            self._plan.pictures,
            self._subscriber,
            self._chosen_window or self._window,
            self._cached,
            seconds,
            self._party,
        )

    def _window(self, _under_way: int) -> int:
        """One batch for each worker, and one that waits."""
        return self.workers() + 1

    def _take(self, finished: Sequence[Request]) -> None:
        """The rows of what is finished; what those made by this run took is kept at once."""
        found = set() if self._dispatch is None else self._dispatch.found
        paces: dict[str, list[Pace]] = {}
        for request in finished:
            result, size = self._result(request.key)
            self._rows[request.key] = self._row(request.key, result)
            if result is not None and request.key not in found:
                seconds = result.provenance.seconds / max(1, result.provenance.batch)
                paces.setdefault(pace_key(request), []).append(Pace(seconds, size))
        learn(self._engine.store, paces)

    def _result(self, key: str) -> tuple[Result | None, int]:
        """A result and how many bytes it takes in the store; None where it is not there any more.

        It may be in the engine's memory alone, where the store cannot keep it.
        """
        data = self._engine.store.get(key)
        try:
            if data is not None:
                return Result.from_bytes(data), len(data)
        except ResultError:
            return None, 0
        result = self._engine.result(key)
        if result is None:
            return None, 0
        data = result.to_bytes()
        if self._keep is not None:
            self._keep(key, data)
        return result, len(data)

    def _row(self, key: str, result: Result | None) -> Mapping[str, Any]:
        if result is not None:
            return result_row(result, self._plan.files)
        request = next(each for each in self._plan.requests if each.key == key)
        why = self._engine.store.why_not_kept()
        return failed_row(request, self._plan.files, GONE.format(why) if why else EVICTED, None)
