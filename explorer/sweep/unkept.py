"""Results of a sweep that the cache could not keep: files, from when they are made to the pack."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from explorer.store import Store


class WithUnkept:
    """A store with what it could not keep, which is written into a folder as it comes.

    folder: in which a folder for them is made when the first of them comes, and removed by `close`.
    """

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._parent = store, folder
        self._folder: Path | None = None
        self._sizes: dict[str, int] = {}

    @property
    def directory(self) -> Path:
        """Of the store."""
        return self._store.directory

    @property
    def unkept(self) -> int:
        """How many results are here that the store could not keep."""
        return len(self._sizes)

    def keep(self, key: str, data: bytes) -> None:
        """Keep a result that the store does not have. Raises OSError where the folder cannot."""
        if self._folder is None:
            self._parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=".not-in-the-cache-", dir=self._parent))
        (self._folder / key).write_bytes(data)
        self._sizes[key] = len(data)

    def keys(self) -> tuple[str, ...]:
        """The keys of both."""
        return tuple(dict.fromkeys((*self._store.keys(), *self._sizes)))

    def __contains__(self, key: object) -> bool:
        return key in self._sizes or key in self._store

    def get(self, key: str) -> bytes | None:
        """The bytes of a result; None where it is neither here nor there."""
        if key in self._sizes and self._folder is not None:
            return (self._folder / key).read_bytes()
        return self._store.get(key)

    def close(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
