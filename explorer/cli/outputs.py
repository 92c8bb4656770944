"""Where a command is to write, checked before it computes anything; what commands print alike."""

from __future__ import annotations

import os
from pathlib import Path

from explorer.errors import RequestError
from explorer.result.provenance import NetworkUsed


def print_network(network: NetworkUsed | None, title: str = "") -> None:
    """How a network was loaded, a line for each sentence, after a title where there is one."""
    sentences = () if network is None else network.sentences
    if title and sentences:
        print(title)
    for sentence in sentences:
        print(f"  {sentence}" if title else sentence)


def check_folder(field: str, folder: Path | None) -> None:
    """Raise RequestError unless files can be written to this folder, which need not exist yet."""
    if folder is None:
        return
    existing = folder
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        raise RequestError(
            field, f"{str(existing)!r} is not a folder, so nothing can be written to {folder}"
        )
    _check_writable(field, existing)


def check_file(field: str, path: Path | None) -> None:
    """Raise RequestError unless this file can be written, to a folder that exists."""
    if path is None:
        return
    if path.is_dir():
        raise RequestError(field, f"{str(path)!r} is a folder; give a file's name")
    if not path.parent.is_dir():
        raise RequestError(field, f"there is no folder {str(path.parent)!r} for {path.name}")
    if path.exists() and not os.access(path, os.W_OK):
        raise RequestError(field, f"{str(path)!r} may not be written to")
    _check_writable(field, path.parent)


def _check_writable(field: str, folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RequestError(field, f"the folder {str(folder)!r} may not be written to")
