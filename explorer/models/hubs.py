"""The public hubs: where their weights are stored here, and whether a hub can be reached.

Answered in two seconds at most, and remembered for a while. No torch, so that validation can say
so before any worker has started.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from explorer.files import expanded

TIMEOUT_SECONDS = 2.0
REMEMBERED_SECONDS = 300.0


class HubUnreachable(RuntimeError):
    """Weights would have to be downloaded and cannot be; the message says why."""


@dataclass(frozen=True)
class Location:
    """Where weights are downloaded from, and whether they are on this machine already."""

    url: str
    is_here: bool


_answers: dict[str, tuple[float, bool]] = {}


def huggingface_folder() -> Path:
    """Where weights from Hugging Face are stored, in its own layout, so that it can share them."""
    from huggingface_hub.constants import HF_HUB_CACHE

    folder = _models_folder()
    return folder / "huggingface" / "hub" if folder else Path(HF_HUB_CACHE)


def torch_folder() -> Path:
    """Where torchvision's checkpoints and other plain files are stored, as by torch's own hub."""
    folder = _models_folder()
    if folder:
        return folder / "torch" / "hub" / "checkpoints"
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = expanded("TORCH_HOME", os.environ.get("TORCH_HOME", f"{caches}/torch"))
    return home / "hub" / "checkpoints"


def _models_folder() -> Path | None:
    chosen = os.environ.get("IRI_MODELS_DIR")
    return expanded("IRI_MODELS_DIR", chosen) if chosen else None


def offline_by_setting() -> bool:
    """Whether the operator switched downloads off: IRI_OFFLINE=1 or HF_HUB_OFFLINE=1."""
    return any(os.environ.get(name, "0") == "1" for name in ("IRI_OFFLINE", "HF_HUB_OFFLINE"))


def reachable(url: str) -> bool:
    """Whether the host of `url` is found and answers within TIMEOUT_SECONDS."""
    if offline_by_setting():
        return False
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    asked_at, answer = _answers.get(host, (-REMEMBERED_SECONDS, False))
    if time.monotonic() - asked_at < REMEMBERED_SECONDS:
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
    attempt = threading.Thread(target=connect, daemon=True)
    attempt.start()
    attempt.join(TIMEOUT_SECONDS)
    _answers[host] = (time.monotonic(), opened.is_set())
    return opened.is_set()


def endpoint() -> str:
    """Where Hugging Face's files are downloaded from; HF_ENDPOINT names a mirror."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def location(text: str) -> Location:
    """The location that the pretrained list writes as an address or a Hugging Face repository."""
    return file_location(text) if text.startswith("https://") else huggingface_location(text)


def file_location(url: str, file: str | None = None) -> Location:
    """Of a plain file among torch's checkpoints, called `file` there instead of as in the URL."""
    path = torch_folder() / (file or Path(urlsplit(url).path).name)
    return Location(url, path.is_file())


def huggingface_location(repository: str, file: str = "*") -> Location:
    """Of a file in a Hugging Face repository, any of them where its name does not matter."""
    folder = huggingface_folder() / f"models--{repository.replace('/', '--')}"
    return Location(endpoint(), any(folder.glob(f"snapshots/*/{file}")))


def require(reference: str, url: str) -> None:
    """Raise HubUnreachable, with what needs no download, if the host of `url` does not answer."""
    if reachable(url):
        return
    from explorer.models.sources.embedded import SOURCE as EMBEDDED  # catalogues ask this module

    parts = urlsplit(url)
    reason = (
        "downloads are switched off"
        if offline_by_setting()
        else f"{parts.scheme}://{parts.netloc} does not answer"
    )
    raise HubUnreachable(
        f"the weights of {reference} are not on this machine and {reason}; embedded networks work "
        f"without it, such as {EMBEDDED.example}"
    )
