"""What visitors have uploaded: how much each may hold, and that it goes when they do.

Streamlit keeps uploaded files in memory, of whatever number, until it drops the session, which may
be long after its tab was closed. So the route that takes them asks here first, and a look-out ends
sessions with uploads soon after their tab has gone.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import threading
import time
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.stats import ACTIVE_SESSIONS_FAMILY, GaugeStat

from explorer.hosting import hosting

if TYPE_CHECKING:
    from streamlit.runtime import Runtime
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

LOOK_SECONDS = 5.0
GONE_SECONDS = 60.0
"""After which a session without a tab loses its uploads; a reload of the page takes seconds."""

UNUSED_SECONDS = 120.0
"""After which a file that no page has taken makes room where there is none."""


class Uploads:
    """The bytes of uploads by session and visitor. Safe to call from any thread.

    Files are what Streamlit holds until a page has read it; pictures what a page made of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visitors: dict[str, str] = {}
        self._pictures: dict[str, int] = {}
        self._arriving: dict[object, tuple[str, int]] = {}
        self._arrived_at: dict[tuple[str, str], float] = {}
        self._gone_at: dict[str, float] = {}
        self._is_looking = False

    def begin(self, session: str, visitor: str, file: str) -> object:
        """Note that a file begins to arrive; to be ended by `end`, with what this returns."""
        ticket = object()
        with self._lock:
            self._visitors[session] = visitor
            self._arriving[ticket] = (session, 0)
            self._arrived_at[session, file] = time.monotonic()
        return ticket

    def end(self, ticket: object) -> None:
        """The file has arrived, or will not."""
        with self._lock:
            self._arriving.pop(ticket, None)

    def why_not(self, ticket: object, size: int) -> str | None:
        """Note how many bytes of a file there are, and say why it is refused, where it is."""
        limits = hosting()
        with self._lock:
            session, _ = self._arriving[ticket]
            self._arriving[ticket] = (session, size)
            visitor = self._visitors.get(session)
        if visitor is None:
            return "The tab of this upload was closed meanwhile; open the page and try again."
        held = self.held()
        own = sum(held[each] for each in held if self._visitors.get(each) == visitor)
        if limits.upload_bytes is not None and own > limits.upload_bytes:
            return (
                f"You hold {own / 1e6:.0f} MB of uploads with this file, and this app keeps "
                f"{limits.upload_bytes / 1e6:.0f} MB of each visitor; upload a smaller file, or "
                "close other tabs of yours."
            )
        most = limits.all_upload_bytes
        if most is not None and sum(held.values()) > most and not self._make_room(most):
            return "This app holds as many uploads as it has room for; try again in two minutes."
        return None

    def held(self) -> dict[str, int]:
        """Bytes by session: of files, of those that are arriving, and of pictures."""
        held: defaultdict[str, int] = defaultdict(int)
        files = _files()
        if files is not None:
            for session, of_session in list(files.file_storage.items()):
                held[session] += sum(len(file.data) for file in list(of_session.values()))
        with self._lock:
            for session, size in (*self._arriving.values(), *self._pictures.items()):
                held[session] += size
        return held

    def keep(self, pictures: dict[str, bytes]) -> None:
        """Drop a session's oldest pictures until it and its visitor's others are within the limit.

        The last one stays. To be called in a run of the page, after a picture was added.
        """
        session = _session()
        most = hosting().upload_bytes
        with self._lock:
            visitor = self._visitors.get(session, session)
            others = sum(
                size
                for each, size in self._pictures.items()
                if each != session and self._visitors.get(each) == visitor
            )
            while most is not None and len(pictures) > 1:
                if others + sum(map(len, pictures.values())) <= most:
                    break
                del pictures[next(iter(pictures))]
            self._pictures[session] = sum(map(len, pictures.values()))

    def _make_room(self, most: int) -> bool:
        """Drop the oldest files that no page has taken for a while; whether that was enough."""
        files, now = _files(), time.monotonic()
        with self._lock:
            oldest = sorted(self._arrived_at.items(), key=lambda item: item[1])
        for (session, file), arrived_at in oldest:
            if files is None or now - arrived_at < UNUSED_SECONDS:
                break
            files.remove_file(session, file)
            with self._lock:
                self._arrived_at.pop((session, file), None)
            if sum(self.held().values()) <= most:
                return True
        return sum(self.held().values()) <= most

    def look_out(self) -> None:
        """Have sessions with uploads ended once their tabs are gone; on the server's event loop."""
        if not self._is_looking:
            self._is_looking = True
            self._task = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            while self._visitors:
                await asyncio.sleep(LOOK_SECONDS)
                self._end_gone()
        finally:
            self._is_looking = False

    def _end_gone(self) -> None:
        app = _runtime()
        if app is None:
            return
        now, ended = time.monotonic(), False
        gone_seconds = hosting().abandon_seconds or GONE_SECONDS
        for session in list(self._visitors):
            if app.is_active_session(session):
                self._gone_at.pop(session, None)
            elif now - self._gone_at.setdefault(session, now) >= gone_seconds:
                self._forget(app, session)
                ended = True
        if ended:
            give_memory_back()

    def _forget(self, app: Runtime, session: str) -> None:
        files = _files()
        app.close_session(session)
        if files is not None:
            files.remove_session_files(session)
        with self._lock:
            self._visitors.pop(session, None)
            self._pictures.pop(session, None)
            self._gone_at.pop(session, None)
            for key in [key for key in self._arrived_at if key[0] == session]:
                del self._arrived_at[key]


UPLOADS = Uploads()
"""Of this process."""


def release(file: object) -> None:
    """Have Streamlit drop an uploaded file that a page has read; in a run of that page."""
    identity, files = getattr(file, "file_id", None), _files()
    if isinstance(identity, str) and files is not None:
        files.remove_file(_session(), identity)
        give_memory_back()


def sessions() -> int:
    """How many tabs are open."""
    app = _runtime()
    found = () if app is None else app.stats_mgr.get_stats([ACTIVE_SESSIONS_FAMILY]).values()
    return sum(int(stat.value) for stats in found for stat in stats if isinstance(stat, GaugeStat))


def is_active(session: str) -> bool:
    """Whether a session of this name has a tab now."""
    app = _runtime()
    return app is not None and app.is_active_session(session)


def give_memory_back() -> None:
    """Return what is free to the system, which glibc would keep after large files."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _session() -> str:
    context = get_script_run_ctx()
    return "" if context is None else context.session_id


def _runtime() -> Runtime | None:
    return runtime.get_instance() if runtime.exists() else None


def _files() -> MemoryUploadedFileManager | None:
    app = _runtime()
    return None if app is None else app.uploaded_file_mgr  # type: ignore[return-value]
