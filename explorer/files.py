"""Where the project is stored, and files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
CHECKOUT = _ROOT if (_ROOT / "app.py").is_file() and (_ROOT / "cache").is_dir() else None
"""The project's folder where the package runs from a checkout; None where pip installed it."""


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
