"""The one engine of a process that serves many visitors.

It is held here and not in `st.cache_resource`, which any visitor's websocket can have cleared:
running jobs would be lost, and each new engine would start another worker.
"""

from __future__ import annotations

import threading
from functools import cache

from explorer.jobs.engine import Engine
from explorer.jobs.visitor_limits import VisitorsEngine
from explorer.store.store import Store

_lock = threading.Lock()


def engine_of_this_process() -> Engine:
    """The same engine for everybody; it starts when it is first needed."""
    with _lock:
        return _engine()


@cache
def _engine() -> Engine:
    return VisitorsEngine(Store())
