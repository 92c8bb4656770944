"""Where the project is stored, paths and files as people and spreadsheets take them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from explorer.errors import RequestError, shortened

_ROOT = Path(__file__).resolve().parent.parent
CHECKOUT = _ROOT if (_ROOT / "app.py").is_file() and (_ROOT / "cache").is_dir() else None
"""The project's folder where the package runs from a checkout; None where pip installed it."""

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def expanded(field: str, path: str | Path) -> Path:
    """The path with the home that it begins with, as `~` or `~NAME`, if any.

    Raises RequestError, with this field, where this machine knows no such home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise RequestError(
            field,
            f"{shortened(str(path))} begins with a home that this machine does not know; write the "
            "whole path",
        ) from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name in its folder, then move it into its place.

    Whoever reads `path` finds what was there before or all of the new content. Raises OSError
    where that fails; then nothing of the new content stays behind.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty file in the folder of `path` that takes its place when the block ends.

    It is deleted where the block raises. Raises OSError where it cannot be created or moved.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def shown_as_text(value: object) -> object:
    """The value, with an apostrophe before text that a spreadsheet would take for a formula.

    Numbers stay as they are, also those that are text. What begins so in a result is somebody's:
    the name of a file, a network or a layer. Source: OWASP, CSV Injection.

    >>> shown_as_text("=1+1.png"), shown_as_text("cat.png"), shown_as_text("-0.5"), shown_as_text(3)
    ("'=1+1.png", 'cat.png', '-0.5', 3)
    """
    if not isinstance(value, str) or not value.startswith(_BEGINS_FORMULA) or _is_number(value):
        return value
    return f"'{value}"


def row_as_text(row: Mapping[str, object]) -> dict[str, object]:
    """A row with `shown_as_text` of each of its values."""
    return {name: shown_as_text(value) for name, value in row.items()}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
