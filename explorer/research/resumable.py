"""The parts of a long run, one JSON file each, from which a later run continues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from explorer.files import write_atomically


class Parts:
    """A folder of finished parts by file name; the folder is created where it does not exist.

    A part's name should change with everything that decides its content, so that a part of
    another version is never used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, name: str) -> dict[str, Any] | None:
        """The part of this name, or None where it has not been made."""
        path = self._folder / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def save(self, name: str, part: dict[str, Any]) -> None:
        """Write a finished part, whole or not at all."""
        write_atomically(self._folder / name, json.dumps(part).encode())
