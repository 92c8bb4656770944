"""The pack of a sweep: its results as far as the cache still has them, and how many it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from explorer.archive.packs import export_results
from explorer.store import Store
from explorer.store.packs import Exported, Progress
from explorer.sweep.estimate import size


def write_pack(
    rows: Iterable[Mapping[str, Any]],
    store: Exported,
    path: Path,
    progress: Progress | None = None,
) -> int:
    """Write the results of a table's rows that the store still has; returns how many.

    Raises CacheError where the file cannot be written.
    """
    return export_results(store, path, [key for key in _keys(rows) if key in store], progress)


def lacking(rows: Iterable[Mapping[str, Any]], store: Store, packed: int | None = None) -> str:
    """A sentence on the results of the table that are not in the pack, and why; "" where all are.

    packed: how many are in it; by default as many as the store still has.
    """
    keys = _keys(rows)
    count = sum(key in store for key in keys) if packed is None else packed
    if count == len(keys):
        return ""
    said = f"{len(keys) - count:,} of the table's {len(keys):,} results are not in the pack"
    if why := store.why_not_kept():
        return f"{said}. {why}"
    return (
        f"{said}: the cache holds {size(store.limit)} at most (IRI_CACHE_LIMIT) and deletes the "
        "oldest beyond."
    )


def _keys(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return [row["key"] for row in rows if not row.get("error")]
