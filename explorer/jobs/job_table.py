"""The jobs of one engine: by key, in the order of their submission, with the tasks that make them.

Nothing here locks: the engine calls every function while holding its own lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from explorer.jobs import job as states
from explorer.jobs.job import Job, Report
from explorer.jobs.tasks import Failure, Task
from explorer.request import Request

MAX_FINISHED_JOBS = 500


class JobTable:
    """Jobs by key; an unfinished job also has the task that is to make it."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, Task] = {}

    def __getitem__(self, key: str) -> Job:
        return self._jobs[key]

    def get(self, key: str) -> Job | None:
        """The job of this key, or None."""
        return self._jobs.get(key)

    def task(self, key: str) -> Task | None:
        """The task that is to make this job; None once it is finished."""
        return self._tasks.get(key)

    def tasks(self) -> list[Task]:
        """The tasks of all unfinished jobs, in the order of their submission."""
        return list(dict.fromkeys(self._tasks.values()))

    def unfinished(self) -> list[str]:
        """The keys of the jobs that wait or run, in the order of their submission."""
        return [key for key, job in self._jobs.items() if not job.finished]

    def add(self, request: Request, subscriber: str) -> None:
        """A new job at the end of the queue; it replaces a finished one of the same key."""
        self._jobs.pop(request.key, None)
        self._jobs[request.key] = Job(
            request.key, steps=request.steps, subscribers=frozenset({subscriber})
        )

    def add_done(self, key: str) -> None:
        """A job whose result was in the store already."""
        self._jobs[key] = Job(key, states.DONE, stage="done")

    def subscribe(self, key: str, subscriber: str) -> None:
        """Add somebody who wants this job's result."""
        job = self._jobs[key]
        self._jobs[key] = replace(job, subscribers=job.subscribers | {subscriber})

    def unsubscribe(self, key: str, subscriber: str) -> frozenset[str]:
        """Remove somebody who no longer wants this job's result; returns those who still do."""
        job = self._jobs[key]
        self._jobs[key] = replace(job, subscribers=job.subscribers - {subscriber})
        return self._jobs[key].subscribers

    def assign(self, task: Task) -> None:
        """Note that this task is to make its requests."""
        for request in task.requests:
            self._tasks[request.key] = task

    def wanted(self, task: Task) -> list[str]:
        """The keys of a task's jobs that are unfinished and that no later task is to make."""
        return [request.key for request in task.requests if self._tasks.get(request.key) is task]

    def may_retry(self, keys: Sequence[str], max_retries: int) -> bool:
        """Whether no worker has started these jobs and they may be submitted once more.

        Counts that as a retry of each where so.
        """
        jobs = [self._jobs[key] for key in keys]
        retries = max((job.retries for job in jobs), default=max_retries)
        if retries >= max_retries or any(job.state != states.WAITING for job in jobs):
            return False
        for job in jobs:
            self._jobs[job.key] = replace(job, retries=retries + 1)
        return True

    def report(self, report: Report) -> None:
        """Apply a progress report, unless it is of an attempt that has been given up."""
        task = self._tasks.get(report["key"])
        if task is not None and task.run == report["run"]:
            self._jobs[report["key"]] = self._jobs[report["key"]].with_report(report)

    def finish(
        self, key: str, state: str, *, error: str | None = None, field: str | None = None
    ) -> None:
        """Give an unfinished job its final state; a job that is finished already stays as it is."""
        self._tasks.pop(key, None)
        job = self._jobs.get(key)
        if job is not None and not job.finished:
            self._jobs[key] = replace(
                job, state=state, stage=state, eta_seconds=None, error=error, field=field
            )

    def fail(self, key: str, failure: Failure) -> None:
        """Finish an unfinished job as failed, or as cancelled where the failure says so."""
        if failure.cancelled:
            self.finish(key, states.CANCELLED)
        else:
            self.finish(key, states.FAILED, error=failure.message, field=failure.field)

    def fail_all(self, message: str) -> None:
        """Fail every unfinished job with this message."""
        for key in list(self._tasks):
            self.fail(key, Failure(message))

    def drop_old(self) -> None:
        """Drop the oldest finished jobs beyond MAX_FINISHED_JOBS."""
        finished = [key for key, job in self._jobs.items() if job.finished]
        for key in finished[: max(0, len(finished) - MAX_FINISHED_JOBS)]:
            del self._jobs[key]
