"""Reading goes on, and writing says why not, on disks and databases that fail."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest

from explorer.store import CacheError, Store, starter
from tests.disks import READ_ONLY, SMALL, run_on

KEY = "f" * 64


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "data", starter_directory=tmp_path / "starter")
    yield store
    store.close()


def connect(store):
    return closing(sqlite3.connect(store.directory / "cache.db", isolation_level=None))


def filled(store) -> None:
    for number in range(30):
        store.put(f"k{number}", bytes([number]) * 2000)
    store.put(KEY, b"result")
    store.put(f"summary:{KEY}", b"summary")


READ_ALL = """
import sys, time
from explorer.store import CacheError, Store
store = Store(sys.argv[1])
store.check()
started = time.monotonic()
for number in range(30):
    assert store.get(f"k{number}") == bytes([number]) * 2000, number
    assert f"k{number}" in store
assert store.get("absent") is None
assert len(store.keys()) == 31
assert store.peek(["summary:" + "f" * 64]) == {"summary:" + "f" * 64: b"summary"}
assert len(store.stored_at()) == 32
assert store.results("ff")
stats, verified = store.stats(), store.verify()
assert (stats.entries, stats.hits) == (31, 30), stats
assert (verified.checked, verified.damaged, verified.unsigned) == (32, (), 0)
assert time.monotonic() - started < 2
try:
    store.put("new", bytes(3_000_000))
except CacheError as error:
    assert sys.argv[1] not in str(error) and sys.argv[1] in error.for_operator
    print(error)
assert store.get("k1") and "new" not in store
"""


@pytest.mark.parametrize("ended", ["closed", "killed"])
def test_a_read_only_disk_shows_all_that_is_there(store, tmp_path, ended):
    """The database's log is still there if the app was killed: it holds what came last."""
    filled(store)
    if ended == "closed":
        store.close()
    else:
        assert (store.directory / "cache.db-wal").stat().st_size > 0
    assert run_on(READ_ONLY, store.directory, READ_ALL) == (
        "The result cache is read-only here, so new results are not kept.\n"
    )


FILL = """
import os, sys
from pathlib import Path
from explorer.store import Store
store = Store(sys.argv[1])
for number in range(30):
    store.put(f"k{number}", bytes([number]) * 2000)
store.put("f" * 64, b"result")
store.put("summary:" + "f" * 64, b"summary")
store.close()
with open(Path(sys.argv[1]) / "cache.db.filler", "wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
free = os.statvfs(sys.argv[1])
assert free.f_bavail == 0
"""


def test_a_full_disk_shows_all_that_is_there_and_leaves_nothing_half(tmp_path):
    after = """
assert store.why_not_kept(1) == "The disk of the result cache is full, so new results are not kept."
files = len(list(Path(sys.argv[1]).rglob("*.val")))
for _ in range(5):
    try:
        store.put("small", b"1" * 100)
    except CacheError:
        pass
assert len(list(Path(sys.argv[1]).rglob("*.val"))) == files
(Path(sys.argv[1]) / "cache.db.filler").unlink()
store.put("new", b"1")
assert Store(sys.argv[1]).get("new") == b"1"
"""
    code = f"{FILL}\n{READ_ALL}\n{after}"
    assert run_on(SMALL, tmp_path / "small", code) == (
        "The disk of the result cache is full, so new results are not kept.\n"
    )


LOCKS = {
    "a writer": ("wal", ["BEGIN IMMEDIATE"]),
    "exclusively": ("wal", ["BEGIN EXCLUSIVE"]),
    "without a log": ("delete", ["BEGIN EXCLUSIVE"]),
    "for itself": ("wal", ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"]),
}


@pytest.mark.parametrize("how", LOCKS)
def test_a_locked_database_is_read_at_once_and_written_or_refused_in_seconds(store, how):
    filled(store)
    store.close()
    journal, lock = LOCKS[how]
    with connect(store) as database:
        database.execute(f"PRAGMA journal_mode = {journal}")
        for statement in lock:
            database.execute(statement)
        if how == "for itself":
            database.execute("UPDATE Settings SET value = value WHERE key = 'hits'")
        store = Store(store.directory)
        started = time.monotonic()
        for number in range(30):
            assert store.get(f"k{number}") == bytes([number]) * 2000
            assert f"k{number}" in store
        assert len(store.keys()) == 31
        assert store.get("absent") is None
        assert time.monotonic() - started < 1.5
        started = time.monotonic()
        with pytest.raises(CacheError, match="Another program has locked") as refused:
            store.put("new", b"1", patience=0.2)
        assert time.monotonic() - started < 1.5
        assert str(store.directory) not in str(refused.value)
        database.execute("ROLLBACK")
    store.put("new", b"1")
    assert store.get("new") == b"1"


def test_an_app_starts_in_seconds_while_a_lock_is_held_for_long(store):
    filled(store)
    store.close()
    with connect(store) as database:
        database.execute("PRAGMA journal_mode = delete")
        database.execute("BEGIN EXCLUSIVE")
        store, started = Store(store.directory), time.monotonic()
        store.check()
        assert time.monotonic() - started < 4
        database.execute("ROLLBACK")


def test_many_threads_are_answered_within_seconds_while_a_lock_is_held(store):
    """As many pages at once, each of which reads and one of which writes."""
    filled(store)
    store.close()
    store, took = Store(store.directory), []

    def page(number: int) -> None:
        started = time.monotonic()
        assert store.get(f"k{number}") is not None
        if number % 5 == 0:
            with pytest.raises(CacheError):
                store.put("new", b"1")
        took.append(time.monotonic() - started)

    with connect(store) as database:
        database.execute("BEGIN EXCLUSIVE")
        threads = [threading.Thread(target=page, args=(number,)) for number in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        database.execute("ROLLBACK")
    assert len(took) == 30
    assert max(took) < 5


def test_storing_waits_as_long_as_it_is_told(store):
    store.put("a", b"1")
    with connect(store) as database:
        database.execute("BEGIN IMMEDIATE")
        timer = threading.Thread(target=lambda: store.put("late", b"2", patience=10.0))
        timer.start()
        time.sleep(2.5)
        database.execute("COMMIT")
        timer.join(10)
    assert store.get("late") == b"2"


# What reading costs


def test_reading_writes_nothing_and_is_written_down_later(store):
    filled(store)
    with connect(store) as other:
        (before,) = other.execute("PRAGMA data_version").fetchone()
        for number in range(30):
            store.get(f"k{number}")
            store.get(f"absent-{number}")
        assert other.execute("PRAGMA data_version").fetchone() == (before,)
        assert (store.stats().hits, store.stats().misses) == (30, 30)
        store.close()
        assert other.execute("PRAGMA data_version").fetchone() != (before,)
    again = Store(store.directory).stats()
    assert (again.hits, again.misses) == (30, 30)


def test_a_store_that_is_let_go_writes_down_what_was_read(store):
    filled(store)
    another = Store(store.directory)
    another.get("k1")
    del another
    assert store.stats().hits == 1


def test_what_another_process_reads_is_kept_from_eviction(store):
    small = Store(store.directory, limit=12_000)
    for number in range(5):
        small.put(f"k{number}", bytes(2000))
    reader = Store(store.directory)
    assert reader.get("k0")
    reader.close()
    small.put("large", bytes(4000))
    assert "k0" in small
    assert "k1" not in small


def test_the_manifest_of_the_starter_pack_is_read_once_for_each_version(store, monkeypatch):
    folder, parsed = store.directory.parent / "starter", []
    starter.write([(f"s{number}", "", b"1") for number in range(64)], folder)
    loads = starter.json.loads
    monkeypatch.setattr(starter.json, "loads", lambda text: parsed.append(1) or loads(text))
    for number in range(64):
        assert store.get(f"s{number}") == b"1"
        assert f"s{number}" in store
        assert f"absent-{number}" not in store
    assert len(parsed) == 1
    starter.write([("s1", "", b"22")], folder)
    assert store.get("s1") == b"22"
    assert "s2" not in store
    assert len(parsed) == 2


def test_a_starter_entry_that_changes_after_it_was_read_is_checked_again(store):
    folder = store.directory.parent / "starter"
    starter.write([("s", "", b"right")], folder)
    assert store.get("s") == b"right"
    (folder / "s.zip").write_bytes(b"wrong")
    assert store.get("s") is None
