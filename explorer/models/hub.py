"""Is a model hub within reach? Answered in two seconds at most, and remembered for a while.

No torch, so that the door can say so before any worker has started.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from explorer.models import catalogue

TIMEOUT_SECONDS = 2.0
REMEMBERED_SECONDS = 300.0


class HubUnreachable(RuntimeError):
    """Weights would have to be downloaded, and the hub does not answer."""


_answers: dict[str, tuple[float, bool]] = {}


def offline_by_setting() -> bool:
    """Whether the operator switched downloads off: IRI_OFFLINE=1 or HF_HUB_OFFLINE=1."""
    return any(os.environ.get(name, "0") == "1" for name in ("IRI_OFFLINE", "HF_HUB_OFFLINE"))


def reachable(url: str) -> bool:
    """Whether the host of `url` is found and answers within TIMEOUT_SECONDS."""
    if offline_by_setting():
        return False
    parts = urlsplit(url)
    when, answer = _answers.get(url, (-REMEMBERED_SECONDS, False))
    if time.monotonic() - when < REMEMBERED_SECONDS:
        return answer
    port = parts.port or (80 if parts.scheme == "http" else 443)
    opened = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection((parts.hostname or "", port), TIMEOUT_SECONDS).close()
        except OSError:
            return
        opened.set()

    # Looking a name up has no time limit of its own, so it gets a thread that may be left behind.
    looking = threading.Thread(target=connect, daemon=True)
    looking.start()
    looking.join(TIMEOUT_SECONDS)
    _answers[url] = (time.monotonic(), opened.is_set())
    return opened.is_set()


def timm_endpoint() -> str:
    """Where timm's weights are downloaded from; HF_ENDPOINT names a mirror."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def check_timm(name: str) -> None:
    """Raise HubUnreachable if these weights are not on this machine and the hub does not answer."""
    from huggingface_hub.constants import HF_HUB_CACHE

    architecture, _, tag = name.partition(".")
    wanted = f"models--timm--{architecture}.{tag or '*'}"
    if any(Path(HF_HUB_CACHE).glob(f"{wanted}/snapshots/*/*")) or reachable(timm_endpoint()):
        return
    raise HubUnreachable(
        f"the weights of timm:{name} are not on this machine and {timm_endpoint()} does not "
        "answer; what works without it: "
        + ", ".join(f"embedded:{known}" for known in catalogue.embedded_names())
    )
