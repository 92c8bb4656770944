"""Which results this process is to make, and which another process of the same cache makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from explorer.jobs import job as states
from explorer.jobs.job_table import JobTable
from explorer.jobs.results import Results
from explorer.jobs.tasks import Task
from explorer.request import Request
from explorer.store.claims import Claim
from explorer.store.store import Store

ELSEWHERE = "another process makes this"


class Claiming:
    """The claims of one engine by key, and the tasks that wait for other processes.

    Nothing here locks: the engine calls every function while holding its own lock.
    """

    def __init__(self, store: Store, results: Results, jobs: JobTable) -> None:
        self._store, self._results, self._jobs = store, results, jobs
        self._claims: dict[str, Claim] = {}
        self._elsewhere: list[Task] = []

    def __len__(self) -> int:
        """How many tasks wait for other processes."""
        return len(self._elsewhere)

    def own(self, task: Task) -> Task | None:
        """What of a task this process is to make; None where nothing is left.

        Other processes may be making the rest, which is then waited for, or may just have made it.
        """
        own: list[Request] = []
        wanted = self._jobs.wanted(task)
        for request in task.requests:
            if request.key not in wanted:
                continue
            claim = self._claims.get(request.key) or self._store.claim(request.key)
            if claim is None:
                self._wait_for(request, task)
            elif request.key not in self._claims and request.key in self._results:
                claim.release()
                self._found(request.key)
            else:
                self._claims[request.key] = claim
                own.append(request)
        if len(own) == len(task.requests):
            return task
        if not own:
            return None
        part = replace(task, requests=tuple(own))
        self._jobs.assign(part)
        return part

    def freed(self) -> Iterator[Task]:
        """The tasks that other processes have let go of without a result; looks once."""
        waiting, self._elsewhere = self._elsewhere, []
        for task in waiting:
            if not self._jobs.wanted(task):
                continue
            key = task.requests[0].key
            if key in self._results:
                self._found(key)
                continue
            own = self.own(task)
            if own is not None:
                self._jobs.restart(key)
                yield own

    def release(self, key: str) -> None:
        """Let other processes make this."""
        claim = self._claims.pop(key, None)
        if claim is not None:
            claim.release()

    def release_all(self) -> None:
        """Let other processes make whatever this one has claimed."""
        self._elsewhere.clear()
        for key in list(self._claims):
            self.release(key)

    def forget(self, task: object) -> None:
        """Wait for this no more."""
        self._elsewhere = [each for each in self._elsewhere if each is not task]

    def _found(self, key: str) -> None:
        """End the job of a result that another process has made."""
        self._jobs.change(key, found=True)
        self._jobs.finish(key, states.DONE)

    def _wait_for(self, request: Request, task: Task) -> None:
        part = replace(task, requests=(request,))
        self._jobs.assign(part)
        self._jobs.change(request.key, stage=ELSEWHERE)
        self._elsewhere.append(part)
