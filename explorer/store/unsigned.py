"""Entries that this installation has not signed: set aside, and signed only when somebody says so.

An earlier version did not sign, and a cache that was copied from elsewhere bears another signature.
Signing them all would sign what somebody planted. Until `iri cache sign` has checked them they stay
under another key, count as absent, and are the first to go when room is needed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import frame, settings
from .errors import CacheError, DamagedEntry
from .salvage import note
from .signing import Installation
from .values import Row, is_value_file, opened

if TYPE_CHECKING:
    from .disk import PlainCache
    from .store import Store

log = logging.getLogger(__name__)

_LARGEST = 256 * 10**6  # bytes, of an entry that is signed
_ROUND = 2  # raised where an opened database is to be looked at once more


@dataclass(frozen=True)
class Signing:
    """Which entries were signed, and which were refused and stay as they were."""

    signed: tuple[str, ...]
    present: tuple[str, ...]  # keys that have been made again meanwhile
    refused: tuple[tuple[str, str], ...]  # key and reason


def is_new(cache: PlainCache) -> bool:
    """Whether no installation has looked at this database yet."""
    return cache.setting(settings.SIGNED_BY) is None


def sort_out(cache: PlainCache, signer: Installation) -> None:
    """Set aside what an installation has not signed; it looks once, and again with another key."""
    mark = f"{'+'.join(each.key_id.hex() for each in signer.all_keys)}/{_ROUND}"
    if cache.setting(settings.SIGNED_BY) == mark:
        return
    directory = Path(cache.directory)

    def key_of(stored: str, row: Row) -> str | None:
        key = stored.removeprefix(settings.SET_ASIDE)
        if _is_signed(signer, directory, key, row):
            return key
        if settings.attached_to(key) or key.startswith(settings.MEASURED_AGAIN):
            return None
        if isinstance(row.filename, str) and is_value_file(row.filename):
            note(directory, key, row.filename)  # by which it outlives the database
        return settings.SET_ASIDE + key

    moved = cache.rename_rows(key_of, settings.SIGNED_BY, mark)
    if moved:
        log.warning(
            "%d entries of the cache in %s are not signed by this installation and count as "
            "absent: they were stored by an earlier version, or elsewhere. If nobody else could "
            "write there, `iri cache sign` checks and signs them.",
            moved,
            directory,
        )


def _is_signed(signer: Installation, directory: Path, key: str, row: Row) -> bool:
    try:
        with opened(directory, row) as (file, size):
            frame.check_head(signer, key, file.read(frame.OVERHEAD), size)
    except (DamagedEntry, OSError):
        return False
    return True


def sign_all(
    store: Store,
    check: Callable[[str, bytes], None],
    put: Callable[[str, bytes], None],
    key_of: Callable[[bytes], str | None] = lambda data: None,
) -> Signing:
    """Sign what was set aside, each entry only if a check finds nothing against it.

    check: raises ValueError with the reason. put: stores an entry under its key. key_of: the key of
    bytes that were found without one; where it is None they are dropped. Raises CacheError where
    nothing can be stored.
    """
    signed, present, refused = [], [], []
    for name, row in store.set_aside().items():
        key: str | None = name
        is_found = name.startswith(settings.FOUND)
        if settings.attached_to(name) is None and not name.startswith(settings.MEASURED_AGAIN):
            try:
                data = b"" if not is_found and name in store else _payload(store.directory, row)
                key = key_of(data) if is_found else name
                if key is not None and key in store:
                    present.append(key)
                elif key is not None:
                    check(key, data)
                    put(key, data)
                    signed.append(key)
            except CacheError:
                raise
            except (DamagedEntry, ValueError, OSError) as error:
                refused.append((key or name, _reason(error)))
                if not is_found or not isinstance(error, DamagedEntry):
                    continue
        with contextlib.suppress(OSError):
            store.drop_set_aside(name)
    return Signing(tuple(signed), tuple(present), tuple(refused))


def _payload(directory: Path, row: Row) -> bytes:
    with opened(directory, row) as (file, size):
        if size > _LARGEST:
            raise DamagedEntry("is too large")
        return frame.unsigned_payload(file.read())


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return "has a file that cannot be read"
    return str(error)
