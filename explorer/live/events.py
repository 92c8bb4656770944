"""A job as the events that browsers are sent: each change is encoded once, whoever watches.

An event is one JSON object, as UTF-8 bytes. Its fields: `key`, `state`, `finished`, `caption`,
`status`, `share`, `step`, `headline`, `look` (see `explorer.live.wording`), `points` of the curve,
and, where they have changed, `preview` and (once the search is over) `spectrum`, as addresses that
hold the picture. `whole`: whether it tells all that is known, or what is new.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Sequence
from typing import Any

from explorer.images.preview import preview
from explorer.images.spectrum import spectrum
from explorer.jobs.job import Job
from explorer.live import wording

MOST_POINTS = 300
"""Of a curve: more would not be seen on a few hundred pixels."""

Point = tuple[int, float]


def facts(job: Job, steps_before: int) -> dict[str, Any]:
    """What is known of a job but its pictures and its curve, as JSON values."""
    return {
        "key": job.key,
        "state": job.state,
        "finished": job.finished,
        "caption": wording.caption(job),
        "status": wording.status(job, steps_before),
        "share": wording.share(job),
        "step": steps_before + job.step,
        "headline": wording.headline(job),
        "look": wording.look(job),
    }


def whole(job: Job, steps_before: int) -> dict[str, Any]:
    """All that is known of a job but its picture, as a page shows it before any event."""
    return {**facts(job, steps_before), "whole": True, "points": thinned(job.curve)}


def gone(key: str) -> bytes:
    """The event of a job of which nothing is known any more."""
    return _bytes({"key": key, "state": "gone", "finished": True, "whole": True, "points": []})


def thinned(curve: Sequence[Point]) -> list[Point]:
    """A curve of at most about MOST_POINTS points, its last one among them."""
    every = max(1, -(-len(curve) // MOST_POINTS))
    return [*curve[:-1:every], *curve[-1:]]


class Encoder:
    """The events of one job, in their order. Safe to use from any thread."""

    def __init__(self, key: str, steps_before: int) -> None:
        self._key = key
        self._steps_before = steps_before
        self._job: Job | None = None
        self._png: bytes | None = None
        self._pictures: dict[str, str] = {}
        self._points = 0
        self._lock = threading.Lock()
        self.whole: bytes | None = None
        """What `snapshot` gives, where it is encoded already."""
        self.encoded = 0
        """How often anything was encoded."""

    @property
    def bytes_of_picture(self) -> int:
        """How much the newest encoded picture adds to an event."""
        return sum(map(len, self._pictures.values()))

    def is_picture_due(self, job: Job) -> bool:
        """Whether the job has a picture that has not been sent."""
        return job.preview is not None and job.preview is not self._png

    def update(self, job: Job | None, with_picture: bool) -> bytes:
        """The event of a change; with_picture: also a new picture, where there is one."""
        with self._lock:
            self.whole, self._job = None, job
            if job is None:
                return gone(self._key)
            plain = facts(job, self._steps_before)
            if with_picture and self.is_picture_due(job):
                self._encode_picture(job)
                plain |= self._pictures
            # Fewer than before: the job was submitted anew.
            is_anew = len(job.curve) < self._points
            plain["points"] = thinned(job.curve if is_anew else job.curve[self._points :])
            plain["whole"] = is_anew
            self._points = len(job.curve)
            return self._encode(plain)

    def snapshot(self) -> bytes:
        """The event that tells all that is known since the last update; encoded once for it."""
        with self._lock:
            if self.whole is None and self._job is None:
                self.whole = gone(self._key)
            elif self.whole is None and self._job is not None:
                self.whole = self._encode(whole(self._job, self._steps_before) | self._pictures)
            return self.whole or b""

    def _encode_picture(self, job: Job) -> None:
        png = self._png = job.preview
        if png is None:
            return
        if job.look is None:
            self._pictures = {"preview": _uri(*preview(png))}
        else:  # the views compare pixels from now on
            self._pictures = {
                "preview": _uri(png, "image/png"),
                "spectrum": _uri(spectrum(png), "image/png"),
            }

    def _encode(self, plain: dict[str, Any]) -> bytes:
        self.encoded += 1
        return _bytes(plain)


def _bytes(plain: dict[str, Any]) -> bytes:
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _uri(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
