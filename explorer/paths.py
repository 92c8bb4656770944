"""Paths as people write them, in settings, files and commands: `~` and `~NAME` are homes."""

from __future__ import annotations

from pathlib import Path

from explorer.errors import RequestError, shortened


def expanded(field: str, path: str | Path) -> Path:
    """The path with the home that it begins with, if any; RequestError where there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise RequestError(
            field,
            f"{shortened(str(path))} begins with a home that this machine does not know; write the "
            "whole path",
        ) from error
