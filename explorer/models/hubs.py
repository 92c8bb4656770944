"""The public hubs: where their weights lie here, and whether a hub is within reach.

Answered in two seconds at most, and remembered for a while. No torch, so that the door can say so
before any worker has started.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 2.0
REMEMBERED_SECONDS = 300.0


class HubUnreachable(RuntimeError):
    """Weights would have to be downloaded and cannot be; the message says why."""


_answers: dict[str, tuple[float, bool]] = {}


def huggingface_folder() -> Path:
    """Where weights from Hugging Face lie, in its own layout, so that it can share them."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = os.environ.get("IRI_MODELS_DIR")
    return Path(folder, "huggingface", "hub") if folder else Path(HF_HUB_CACHE)


def torch_folder() -> Path:
    """Where torchvision's checkpoints and other plain files lie, as torch's own hub puts them."""
    folder = os.environ.get("IRI_MODELS_DIR")
    if folder:
        return Path(folder, "torch", "hub", "checkpoints")
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{caches}/torch"), "hub", "checkpoints").expanduser()


def offline_by_setting() -> bool:
    """Whether the operator switched downloads off: IRI_OFFLINE=1 or HF_HUB_OFFLINE=1."""
    return any(os.environ.get(name, "0") == "1" for name in ("IRI_OFFLINE", "HF_HUB_OFFLINE"))


def reachable(url: str) -> bool:
    """Whether the host of `url` is found and answers within TIMEOUT_SECONDS."""
    if offline_by_setting():
        return False
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    when, answer = _answers.get(host, (-REMEMBERED_SECONDS, False))
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
    _answers[host] = (time.monotonic(), opened.is_set())
    return opened.is_set()


def endpoint() -> str:
    """Where Hugging Face's files are downloaded from; HF_ENDPOINT names a mirror."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def check(reference: str) -> None:
    """Raise HubUnreachable if these weights are not on this machine and their hub does not answer.

    Names that nobody knows pass: whoever loads them says what would be right.
    """
    url, there = _whereabouts(reference)
    if url and not there:
        require(reference, url)


def _whereabouts(reference: str) -> tuple[str, bool]:
    """Where weights are downloaded from, "" if they are not, and whether they are here already."""
    from explorer.models import pretrained, robust, self_supervised

    source, _, name = reference.partition(":")
    if source == "robust":
        return endpoint(), _in_huggingface(robust.REPOSITORY, robust.file_name(name))
    if source == "hub":
        return self_supervised.named(name).url, (torch_folder() / f"{name}.pth").is_file()
    found = pretrained.find(pretrained.full(reference))
    if found is None:
        return "", False
    if found.place.startswith("https://"):
        return found.place, (torch_folder() / Path(urlsplit(found.place).path).name).is_file()
    return endpoint(), _in_huggingface(found.place, "*")


def _in_huggingface(repository: str, file: str) -> bool:
    folder = huggingface_folder() / f"models--{repository.replace('/', '--')}"
    return any(folder.glob(f"snapshots/*/{file}"))


def require(reference: str, url: str) -> None:
    """Raise HubUnreachable, with what works offline, if the host of `url` does not answer."""
    if reachable(url):
        return
    from explorer.models import catalogue

    parts = urlsplit(url)
    said = (
        "downloads are switched off"
        if offline_by_setting()
        else f"{parts.scheme}://{parts.netloc} does not answer"
    )
    raise HubUnreachable(
        f"the weights of {reference} are not on this machine and {said}; what works without it: "
        + ", ".join(f"embedded:{known}" for known in catalogue.embedded_names()[:6])
        + (", …" if len(catalogue.embedded_names()) > 6 else "")
    )
