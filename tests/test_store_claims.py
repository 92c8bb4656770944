"""Claims across processes, and whether a result can be kept."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from explorer.store import Store, beats
from tests.disks import READ_ONLY, SMALL, run_on

ROOT = Path(__file__).parents[1]
HOLD = """
import sys
from explorer.store import Store, claims as module
module.BEAT_SECONDS = 0.1
claims = [Store(sys.argv[1]).claim(key) for key in sys.argv[2:]]
print(*("none" if each is None else "guards" if each.guards else "open" for each in claims))
sys.stdout.flush()
sys.stdin.read()
"""


def holder(directory, *keys):
    """Another process that claims keys and holds them until its input ends; and what it got."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, directory, *keys],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().split()


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "data", starter_directory=tmp_path / "no-starter")
    yield store
    store.close()


def test_a_claim_is_held_by_one_process_and_freed_when_that_dies(store):
    process, got = holder(store.directory, "a", "b", "null:x/y")
    try:
        assert got == ["guards"] * 3
        assert store.claim("a") is None
        assert store.claim("null:x/y") is None
        mine = store.claim("c")
        assert mine.guards
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        again = store.claim("a")
        assert again is not None
        assert again.guards
    finally:
        process.kill()
        process.communicate()


def test_a_process_that_hangs_holds_a_claim_no_longer_than_its_silence(store, monkeypatch):
    monkeypatch.setattr(beats, "SILENT_SECONDS", 0.7)
    process, got = holder(store.directory, "a")
    try:
        assert got == ["guards"]
        process.send_signal(signal.SIGSTOP)
        assert store.claim("a") is None
        until = time.monotonic() + 20
        while (mine := store.claim("a")) is None and time.monotonic() < until:
            time.sleep(0.1)
        assert mine is not None
        assert mine.guards
        assert store.claim("a") is None  # one other makes it, not all
        process.send_signal(signal.SIGCONT)
        mine.release()
        time.sleep(0.4)
        assert store.claim("a") is None
    finally:
        process.kill()
        process.communicate()


def test_a_claim_of_this_process_holds_against_all_until_released_or_forgotten(store):
    first = store.claim("a")
    assert store.claim("a") is None
    assert Store(store.directory).claim("a") is None
    others = [holder(store.directory, "a", "b")]
    assert others[0][1] == ["none", "guards"]
    first.release()
    first.release()
    with store.claim("a") as second:
        assert second.guards
        assert store.claim("a") is None
    held = [store.claim(f"key-{number}") for number in range(2000)]
    assert all(each.guards for each in held)
    assert (store.directory / "cache.db.claims").stat().st_size == 0
    held.clear()
    assert store.claim("key-7").guards
    for process, _ in others:
        process.communicate("")


def test_one_of_many_threads_gets_the_claim(store):
    got, barrier = [], threading.Barrier(12)

    def ask() -> None:
        barrier.wait()
        got.append(store.claim("a"))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each is not None for each in got) == 1


def test_where_nothing_can_be_written_a_claim_guards_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "file" / "data"):
        claim = Store(directory).claim("a")
        assert not claim.guards
        claim.release()


def test_claims_survive_a_directory_that_is_deleted(store):
    first = store.claim("a")
    subprocess.run(["rm", "-r", store.directory], check=True)
    second = store.claim("a")
    assert second.guards
    first.release()
    process, got = holder(store.directory, "a")
    process.communicate("")
    assert got == ["none"]
    assert sorted(os.listdir(store.directory)) == ["cache.db.beats", "cache.db.claims"]


def test_a_fork_does_not_free_the_claims_of_its_parent(store):
    claim = store.claim("a")
    child = os.fork()
    if child == 0:
        claim.release()
        os._exit(0 if store.claim("a") is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    process, got = holder(store.directory, "a")
    process.communicate("")
    assert got == ["none"]


# Whether a result can be kept

ASK = """
import sys
from explorer.store import Store
store = Store(sys.argv[1])
print(store.why_not_kept(), store.claim("a").guards)
"""


def test_a_result_can_be_kept_where_there_is_nothing_yet_and_where_there_is_something(store):
    assert store.why_not_kept() is None
    store.put("a", b"1")
    assert Store(store.directory).why_not_kept(1) is None
    assert not list(store.directory.glob("cache.db.trial*"))


def test_a_read_only_or_full_disk_is_said_before_anything_is_computed(store, tmp_path):
    store.put("a", b"1")
    store.close()
    assert run_on(READ_ONLY, store.directory, ASK) == (
        "The result cache is read-only here, so new results are not kept. False\n"
    )
    assert run_on(SMALL, tmp_path / "small", ASK) == (
        "The disk of the result cache is full, so new results are not kept. True\n"
    )


def test_a_locked_database_is_said_quickly(store):
    store.put("a", b"1")
    with closing(sqlite3.connect(store.directory / "cache.db", isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        said = Store(store.directory).why_not_kept()
        assert time.monotonic() - started < 1
        database.execute("ROLLBACK")
    assert "locked the result cache" in said
    assert str(store.directory) not in said
    assert Store(store.directory).why_not_kept() is None


def test_a_directory_that_cannot_be_used_is_said_without_its_path(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    said = Store(tmp_path).why_not_kept()
    assert said == "The result cache cannot be used here, so new results are not kept."
