"""A worker ends with the process that started it, even one that hangs or is stopped: on Linux.

Elsewhere it ends when it finds that its scheduler has gone, which one that is stopped does not.
"""

from __future__ import annotations

import os
import signal
import sys

PARENT = "IRI_WORKER_PARENT"
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Have the system kill this process when the thread that started it ends, however it ends.

    Only where that one has set PARENT to its process id; its thread must live as long as it does.
    """
    parent = os.environ.pop(PARENT, "")
    if not parent or not sys.platform.startswith("linux"):
        return
    import ctypes

    done = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) == 0
    if done and os.getppid() != int(parent):  # it has ended already
        os._exit(1)
