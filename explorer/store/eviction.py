"""Which entries go when the size limit is reached; a row of an impossible size is not trusted.

The functions run within a transaction: `sql` executes a statement in it, and `cleanup` deletes a
value file once it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import settings
from .rows import IS_ATTACHED, SIZE

_OF_ANOTHER = (
    f"(({IS_ATTACHED}) AND EXISTS (SELECT 1 FROM Cache AS owner"
    " WHERE owner.key = substr(Cache.key, instr(Cache.key, ':') + 1) AND owner.raw = 1))"
)
_SUM = f"SELECT COALESCE(SUM({SIZE}), 0) FROM Cache"

Sql = Callable[..., Any]
Cleanup = Callable[[object], None]


def evict(
    sql: Sql,
    cleanup: Cleanup,
    drop: Callable[[str], tuple[int, int]],
    limit: int,
    keep: str,
    is_counted: bool,
) -> list[str]:
    """Drop the least recently used entries, but not `keep`, until the rest is within limit (bytes).

    drop: deletes an entry with what is attached to it, and returns rows and bytes. is_counted:
    whether the sum that triggers keep up to date may be used. Returns the keys of what was dropped.
    """
    # Counting the rows takes milliseconds where they are many.
    known = sql("SELECT value FROM Settings WHERE key = 'size'").fetchone()
    sound = is_counted and known is not None and type(known[0]) is int
    if sound and 0 <= known[0] <= limit:
        return []
    (size,) = sql(_SUM).fetchone()
    sql("UPDATE Settings SET value = ? WHERE key = 'size'", (size,))
    evicted: list[str] = []
    if size <= limit:
        return evicted
    owner = settings.attached_to(keep) or keep
    rows = sql(
        f"SELECT rowid, key, raw, {SIZE}, filename FROM Cache"
        f" WHERE key NOT IN (?, ?) AND NOT {_OF_ANOTHER} ORDER BY access_time",
        (keep, owner),
    )
    for rowid, key, raw, row_size, filename in rows.fetchall():
        if size <= limit:
            break
        if raw == 1 and type(key) is str:
            size -= drop(key)[1]
        else:  # planted by somebody else
            sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
            cleanup(filename)
            size -= row_size
        evicted.append(key)
    return evicted


def drop_impossible(sql: Sql, cleanup: Cleanup) -> list[str]:
    """Drop the rows that state a size that no entry has, and count anew; returns their keys."""
    rows = sql(
        f"SELECT rowid, key, filename FROM Cache WHERE size IS NOT {SIZE}"
        " OR typeof(size) != 'integer'"
    ).fetchall()
    for rowid, _, filename in rows:
        sql("DELETE FROM Cache WHERE rowid = ?", (rowid,))
        cleanup(filename)
    sql(f"UPDATE Settings SET value = ({_SUM}) WHERE key = 'size'")
    sql("UPDATE Settings SET value = (SELECT COUNT(*) FROM Cache) WHERE key = 'count'")
    return [key if type(key) is str else repr(key)[:40] for _, key, _ in rows]
