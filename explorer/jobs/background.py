"""What waits for Dask happens on threads of its own.

Dask's answers arrive on a thread that takes the engine's lock: whoever holds that lock and waits
for Dask would wait for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Future


def in_background(function: Callable[..., object], *args: object) -> None:
    """Call the function on a thread that does not keep the process alive."""
    threading.Thread(target=function, args=args, daemon=True).start()


def drop(future: Future[Any]) -> None:
    """Have the scheduler forget a run, in the background."""
    in_background(lambda: future.cancel(force=True))
