"""Who watches which job: told of every change, a few times a second at most."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable

from explorer.jobs.job import Job

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.2

Listener = Callable[[Job], None]


class Listeners:
    """Listeners by the key of a job; one thread tells them all, and rests while nothing changes.

    job: what is known of a job now. Safe to use from any thread.
    """

    def __init__(self, job: Callable[[str], Job | None]) -> None:
        self._job = job
        self._news = threading.Condition()
        self._listeners: dict[str, list[Listener]] = {}
        self._changed: set[str] = set()
        self._watched_at: dict[str, float] = {}
        self._needed: set[str] = set()
        self._thread: threading.Thread | None = None
        self._closed = False

    def listen(self, keys: Iterable[str], on_change: Listener) -> Callable[[], None]:
        """Have a function called with each job that changes; what is returned ends that.

        It is called on a thread of the engine, at once for jobs that are known, and must be quick.
        """
        wanted = list(dict.fromkeys(keys))
        with self._news:
            for key in wanted:
                self._listeners.setdefault(key, []).append(on_change)
            self._changed.update(wanted)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._tell, name="listeners", daemon=True)
                self._thread.start()
            self._news.notify()
        return lambda: self._stop(wanted, on_change)

    def _stop(self, keys: Iterable[str], on_change: Listener) -> None:
        with self._news:
            for key in keys:
                listeners = self._listeners.get(key, [])
                if on_change in listeners:
                    listeners.remove(on_change)
                    self._watched_at[key] = time.monotonic()
                if not listeners:
                    self._listeners.pop(key, None)

    def changed(self, key: str) -> None:
        """Have those who listen to this job told."""
        with self._news:
            if key in self._listeners:
                self._changed.add(key)
                self._news.notify()

    def all_changed(self) -> None:
        """Have everybody told, as when places in line have changed."""
        with self._news:
            self._changed.update(self._listeners)
            self._news.notify()

    def touch(self, keys: Iterable[str]) -> None:
        """Note that somebody watches these jobs now."""
        now = time.monotonic()
        with self._news:
            self._watched_at.update(dict.fromkeys(keys, now))

    def _unwatched_seconds(self, key: str) -> float:
        """Since when nobody has listened to a job or touched it; 0 while somebody does."""
        with self._news:
            if key in self._listeners:
                return 0.0
            return time.monotonic() - self._watched_at.setdefault(key, time.monotonic())

    def expect(self, key: str, abandonable: bool) -> None:
        """Note that somebody asked for a job, and whether it is to go on though nobody watches."""
        if abandonable:
            self.touch([key])
        else:
            self._needed.add(key)

    def abandoned(self, keys: Collection[str], seconds: float | None) -> list[str]:
        """Those of the jobs under way that nobody has watched for so long (None: none are).

        keys: of all jobs under way; what was noted of others is forgotten.
        """
        self._needed &= set(keys)
        with self._news:
            ended = self._watched_at.keys() - keys
            for key in ended:
                del self._watched_at[key]
        if seconds is None:
            return []
        return [
            key
            for key in keys
            if key not in self._needed and self._unwatched_seconds(key) >= seconds
        ]

    def close(self) -> None:
        """Tell what has changed, and end the thread."""
        with self._news:
            self._closed = True
            self._news.notify()

    def _tell(self) -> None:
        while True:
            with self._news:
                while not self._changed and not self._closed:
                    self._news.wait()
                changed, self._changed = self._changed, set()
                told = [(key, list(self._listeners.get(key, ()))) for key in changed]
                closed = self._closed
            for key, listeners in told:
                job = self._job(key)
                if job is not None:
                    for listener in listeners:
                        _tell(listener, job)
            if closed:
                return
            time.sleep(EVERY_SECONDS)


def _tell(listener: Listener, job: Job) -> None:
    try:
        listener(job)
    except Exception:
        log.exception("a listener failed")
