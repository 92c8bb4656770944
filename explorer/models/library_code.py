"""Which files belong to Python itself and to installed packages, whose code stays. No torch."""

from __future__ import annotations

import sysconfig
from functools import cache
from pathlib import Path

_STANDARD = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))
_INSTALLED = {"site-packages", "dist-packages"}


@cache
def is_library_file(file: str) -> bool:
    """Whether a module's or function's file is a library's; code that was typed in has none."""
    if file.startswith("<frozen "):
        return True
    path = Path(file).resolve()
    return bool(_INSTALLED & set(path.parts)) or any(map(path.is_relative_to, _STANDARD))
