"""The batches of a sweep on their way through an engine: a few at a time, each made once.

What is finished is in the engine's store; here only keys and messages are held. A batch that fails
is halved until the request at fault is alone, so that one failing request stops no other.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from explorer.jobs import job as states
from explorer.jobs.engine import CLOSED, SCHEDULER_GONE, Engine
from explorer.jobs.job import Job
from explorer.jobs.queue import QueueFull, Refused
from explorer.jobs.tasks import WORKER_DIED
from explorer.request import NETWORK_FIELDS, Request

FULL_SECONDS = 1.0
"""After which a batch that the queue had no room for is submitted again."""

MOST_DEATHS = 2
"""How often a request may be in a batch with which a worker died and be tried again."""

_OF_WHOLE_BATCH = {*NETWORK_FIELDS, "layer", "optimiser", "relu_gradient", "null_folder"}
"""Fields that all requests of a batch share: what is wrong with one is wrong with all."""

_NO_ENGINE = ("the job engine did not start", "the worker does not start")


class EngineLost(RuntimeError):
    """Nothing more can be made: no scheduler, or no worker that starts."""


@dataclass(frozen=True)
class Failed:
    """A request that failed. field: of the request, where that is at fault."""

    request: Request
    message: str
    field: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    done, failed: of the `total` requests. made: those of `done` that were made by this run; the
    others were in the store.
    eta_seconds: a guess of what is left; None before the first is made. job: one that runs now;
    batch: the requests that are made together with it.
    """

    total: int
    done: int
    failed: int
    made: int
    seconds: float
    eta_seconds: float | None
    job: Job | None = None
    batch: tuple[Request, ...] = ()

    @property
    def left(self) -> int:
        """How many are neither done nor failed."""
        return self.total - self.done - self.failed


class Dispatch:
    """A sweep that runs; nothing happens but in `step`, which never waits for a worker.

    batches: as `explorer.sweep.batches` gives them, without requests whose result is in the store;
    those are only counted (`cached`). What another process makes meanwhile is not made again
    (`found`: the keys of these). pictures: PNG bytes of every `picture:SHA256` in them.
    subscriber: who asks. window: how many batches may be under way, given how many are.
    weights: what each request takes, by key, for the time that is left; only their proportions
    count. party: who takes turns with others' jobs.
    """

    def __init__(
        self,
        engine: Engine,
        batches: Sequence[Sequence[Request]],
        pictures: Mapping[str, bytes],
        subscriber: str,
        window: Callable[[int], int],
        cached: int = 0,
        weights: Mapping[str, float] | None = None,
        party: str = "",
    ) -> None:
        self._engine = engine
        self._party = party
        self._waiting = deque(list(batch) for batch in batches)
        self._pictures = pictures
        self._subscriber = subscriber
        self._window = window
        self._weights = weights or {}
        self._under_way: list[list[Request]] = []
        self._deaths: dict[str, int] = {}
        self._cached = cached
        self._total = cached + sum(map(len, batches))
        self._weight_left = sum(self._weight(one) for batch in batches for one in batch)
        self._weight_made = 0.0
        self._started_at = time.monotonic()
        self._cancelled = False
        self._full_at = float("-inf")
        self.made = 0
        self.found: set[str] = set()
        self.failures: list[Failed] = []

    @property
    def finished(self) -> bool:
        """Whether nothing is waiting or under way any more."""
        return not self._waiting and not self._under_way

    def step(self) -> list[Request]:
        """Submit what may be under way, and return the requests that were finished meanwhile.

        Their results are in the store. Raises EngineLost where nothing more can be made; what is
        finished then stays so, and another run goes on from there.
        """
        finished = []
        for batch in list(self._under_way):
            jobs = [self._engine.job(request.key) for request in batch]
            if all(job is None or job.finished for job in jobs):
                self._under_way.remove(batch)
                finished += self._collect(batch, jobs)
        while self._waiting and not self._cancelled:
            if time.monotonic() - self._full_at < FULL_SECONDS:
                break
            if len(self._under_way) >= self._window(len(self._under_way)):
                break
            waiting = self._waiting.popleft()
            batch = [each for each in waiting if each.key not in self._engine.store]
            found = [each for each in waiting if each not in batch]
            self._find(found)
            finished += found
            if not batch:
                continue
            try:
                self._engine.submit(
                    batch,
                    {
                        name: self._pictures[name]
                        for request in batch
                        for name in (request.target, request.seed)
                        if name in self._pictures
                    },
                    self._subscriber,
                    party=self._party,
                )
            except Refused as error:
                for request in batch:
                    self.failures.append(Failed(request, str(error)))
                    self._settle(request)
                continue
            except QueueFull:  # not now; a later step asks again
                self._waiting.appendleft(batch)
                self._full_at = time.monotonic()
                break
            self._under_way.append(batch)
        return finished

    def cancel(self) -> None:
        """Give up what is waiting and what is under way, as far as nobody else wants it."""
        self._cancelled = True
        self._waiting.clear()
        for batch in self._under_way:
            for request in batch:
                self._engine.cancel(request.key, self._subscriber)
        self._under_way.clear()

    def progress(self) -> Progress:
        """How far it is now."""
        seconds = time.monotonic() - self._started_at
        jobs = ((self._engine.job(one.key), batch) for batch in self._under_way for one in batch)
        running, batch = next(
            (each for each in jobs if each[0] is not None and each[0].state == states.RUNNING),
            (None, []),
        )
        pace = seconds / self._weight_made if self._weight_made else None
        return Progress(
            total=self._total,
            done=self._cached + len(self.found) + self.made,
            failed=len(self.failures),
            made=self.made,
            seconds=seconds,
            eta_seconds=None if pace is None else pace * self._weight_left,
            job=running,
            batch=tuple(batch),
        )

    def _find(self, requests: Sequence[Request]) -> None:
        """Count requests whose result another process has made meanwhile."""
        self.found |= {request.key for request in requests}
        for request in requests:
            self._weight_left -= self._weight(request)

    def _weight(self, request: Request) -> float:
        return self._weights.get(request.key, 1.0)

    def _collect(self, batch: Sequence[Request], jobs: Sequence[Job | None]) -> list[Request]:
        """The requests of a finished batch that are done; the others fail, or are tried again."""
        done, again = [], []
        for request, job in zip(batch, jobs, strict=True):
            if job is None:  # the engine remembers some hundred finished jobs only
                job = Job(request.key, states.DONE if request.key in self._engine.store else "")
            if job.state == states.DONE:
                done.append(request)
                if job.found:
                    self._find([request])
                else:
                    self.made += 1
                    self._settle(request)
            else:
                _check_engine(job)
                again.append((request, job))
        if again:
            self._try_again(again)
        return done

    def _try_again(self, failed: Sequence[tuple[Request, Job]]) -> None:
        """Halve what failed; what failed alone has failed, unless its worker merely died."""
        requests = [request for request, _ in failed]
        job = failed[0][1]
        if job.error == WORKER_DIED:
            for request in requests:
                self._deaths[request.key] = self._deaths.get(request.key, 0) + 1
            deaths = max(self._deaths[request.key] for request in requests)
            if deaths == 1 or (len(requests) == 1 and deaths <= MOST_DEATHS):
                # Perhaps the machine went away, so the same again; else the batch was too large.
                self._waiting.appendleft(requests)
                return
        if len(requests) == 1 or job.field in _OF_WHOLE_BATCH:
            for request in requests:
                message = job.error or "it was given up, and nobody says why"
                self.failures.append(Failed(request, message, job.field))
                self._settle(request)
            return
        middle = (len(requests) + 1) // 2
        self._waiting.extendleft((requests[middle:], requests[:middle]))

    def _settle(self, request: Request) -> None:
        self._weight_left -= self._weight(request)
        self._weight_made += self._weight(request)


def _check_engine(job: Job) -> None:
    """EngineLost where the job failed because nothing can be made any more."""
    message = job.error or ""
    if message in (CLOSED, SCHEDULER_GONE) or message.startswith(_NO_ENGINE):
        raise EngineLost(message)
