"""Where a command is to write, checked before it computes anything."""

from __future__ import annotations

import os
from pathlib import Path

from explorer.errors import RequestError


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
