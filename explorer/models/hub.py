"""Is a model hub within reach? Answered in two seconds at most, and remembered for a while."""

from __future__ import annotations

import os
import socket
import time
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 2.0
REMEMBERED_SECONDS = 300.0

_answers: dict[str, tuple[float, bool]] = {}


def offline_by_setting() -> bool:
    """Whether the operator switched downloads off: IRI_OFFLINE=1 or HF_HUB_OFFLINE=1."""
    return any(os.environ.get(name, "0") == "1" for name in ("IRI_OFFLINE", "HF_HUB_OFFLINE"))


def reachable(url: str) -> bool:
    """Whether a TCP connection to the host of `url` opens within TIMEOUT_SECONDS."""
    if offline_by_setting():
        return False
    parts = urlsplit(url)
    when, answer = _answers.get(url, (-REMEMBERED_SECONDS, False))
    if time.monotonic() - when < REMEMBERED_SECONDS:
        return answer
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname or "", port), TIMEOUT_SECONDS).close()
        answer = True
    except OSError:
        answer = False
    _answers[url] = (time.monotonic(), answer)
    return answer
