"""The one engine of a process that serves many visitors.

It is held here and not in a cache of Streamlit's, which any visitor's websocket may have cleared:
running jobs would be lost to whoever watches them, and each new engine is another worker.
"""

from __future__ import annotations

import threading
from functools import cache

from explorer.jobs.engine import Engine
from explorer.store.store import Store

_lock = threading.Lock()


def engine_of_this_process() -> Engine:
    """The same engine for everybody; not started before somebody needs it."""
    with _lock:
        return _engine()


@cache
def _engine() -> Engine:
    return Engine(Store())
