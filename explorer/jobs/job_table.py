"""The jobs of one engine: by key, in the order of their submission, with the tasks that make them.

Nothing here locks: the engine calls every function while holding its own lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from explorer.jobs import job as states
from explorer.jobs.job import Job, Report
from explorer.jobs.tasks import Failure, Work

MAX_FINISHED_JOBS = 500


class JobTable:
    """Jobs by key; an unfinished job also has the task that is to make it.

    changed: called with the key of a job whenever it has changed.
    """

    def __init__(self, changed: Callable[[str], None] = lambda key: None) -> None:
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, Work] = {}
        self._changed = changed
        self._versions = count(1)

    def __getitem__(self, key: str) -> Job:
        return self._jobs[key]

    def get(self, key: str) -> Job | None:
        """The job of this key, or None."""
        return self._jobs.get(key)

    def is_done(self, key: str) -> bool:
        """Whether this job has a result."""
        job = self._jobs.get(key)
        return job is not None and job.state == states.DONE

    def task(self, key: str) -> Work | None:
        """The task that is to make this job; None once it is finished."""
        return self._tasks.get(key)

    def unfinished(self) -> list[str]:
        """The keys of the jobs that wait or run, in the order of their submission."""
        return [key for key, job in self._jobs.items() if not job.finished]

    def next_version(self) -> int:
        """A version that is larger than every one before."""
        return next(self._versions)

    def add(self, key: str, subscriber: str, steps: int = 0) -> None:
        """A new job at the end of the queue; it replaces a finished one of the same key."""
        self._jobs.pop(key, None)
        self._put(Job(key, steps=steps, subscribers=frozenset({subscriber})))

    def add_done(self, key: str) -> None:
        """A job whose result was in the store already."""
        self._put(Job(key, states.DONE, stage="done", found=True))

    def change(self, key: str, **changes: Any) -> None:
        """Change fields of an unfinished job."""
        job = self._jobs.get(key)
        if job is not None and not job.finished:
            self._put(replace(job, **changes))

    def drop_note(self, key: str) -> None:
        """Say nothing next to a job's result any more; also of a finished one."""
        job = self._jobs.get(key)
        if job is not None and job.note is not None:
            self._put(replace(job, note=None))

    def _put(self, job: Job) -> None:
        self._jobs[job.key] = replace(job, version=self.next_version())
        self._changed(job.key)

    def subscribe(self, key: str, subscriber: str) -> None:
        """Add somebody who wants this job's result."""
        self.change(key, subscribers=self._jobs[key].subscribers | {subscriber})

    def unsubscribe(self, key: str, subscriber: str) -> frozenset[str]:
        """Remove somebody who no longer wants this job's result; returns those who still do."""
        self.change(key, subscribers=self._jobs[key].subscribers - {subscriber})
        return self._jobs[key].subscribers

    def assign(self, task: Work) -> None:
        """Note that this task is to finish its jobs."""
        self._tasks.update(dict.fromkeys(task.keys, task))

    def wanted(self, task: Work) -> list[str]:
        """The keys of a task's jobs that are unfinished and that no later task is to make."""
        return [key for key in task.keys if self._tasks.get(key) is task]

    def may_retry(self, keys: Sequence[str], max_retries: int) -> bool:
        """Whether these jobs may start once more after their worker died: it did not compute them.

        Counts that as a retry of each where so.
        """
        jobs = [self._jobs[key] for key in keys]
        retries = max((job.retries for job in jobs), default=max_retries)
        computed = any(job.state != states.WAITING and not job.paused for job in jobs)
        if retries >= max_retries or computed:
            return False
        for job in jobs:
            self.restart(job.key, retries=retries + 1)
        return True

    def restart(self, key: str, **changes: Any) -> None:
        """Have an unfinished job wait again, as if it had not begun."""
        job = self._jobs.get(key)
        if job is not None and not job.finished:
            fresh = Job(key, steps=job.steps, subscribers=job.subscribers, retries=job.retries)
            self._put(replace(fresh, **changes))

    def report(self, report: Report) -> None:
        """Apply a progress report, unless it is of an attempt that has been given up."""
        task = self._tasks.get(report["key"])
        if task is not None and task.run == report["run"]:
            self._put(self._jobs[report["key"]].with_report(report))

    def finish(
        self, key: str, state: str, *, error: str | None = None, field: str | None = None
    ) -> None:
        """Give an unfinished job its final state; a job that is finished already stays as it is."""
        self._tasks.pop(key, None)
        job = self._jobs.get(key)
        if job is not None and not job.finished:
            ended = replace(job, state=state, stage=state, error=error, field=field)
            self._put(replace(ended, eta_seconds=None, paused=False))

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
