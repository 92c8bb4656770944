"""The store: round trip, limits, damage, planted rows, sharing between processes."""

import os
import pickle
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from explorer.store import CacheError, Store, frame, settings, signing
from explorer.store.disk import PlainCache
from explorer.store.errors import DamagedEntry

ROOT = Path(__file__).parents[1]
PAYLOAD = bytes(range(256)) * 400


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "data", starter_directory=tmp_path / "no-starter")
    yield store
    store.close()


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "code-was-run"


def value_files(store) -> list[Path]:
    return sorted(store.directory.rglob("*.val"))


def database(store):
    return closing(sqlite3.connect(store.directory / "cache.db", isolation_level=None))


def python(code: str, *arguments: object) -> subprocess.Popen:
    """Another process that imports cache from this checkout."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE
    )


# What it is for


def test_what_is_put_comes_back(store):
    assert store.get("a") is None
    assert "a" not in store
    store.put("a", PAYLOAD)
    store.put("null/b:c_d-0", b"")
    assert store.get("a") == PAYLOAD
    assert store.get("null/b:c_d-0") == b""
    assert "a" in store
    assert store.keys() == ("a", "null/b:c_d-0")
    store.put("a", b"newer")
    assert store.get("a") == b"newer"
    assert store.delete("a")
    assert not store.delete("a")
    assert store.get("a") is None


def test_stats_count_entries_bytes_and_reads(store):
    store.put("a", bytes(1000))
    store.put("b", bytes(500))
    store.get("a")
    store.get("absent")
    stats = store.stats()
    assert (stats.entries, stats.hits, stats.misses, stats.starter_entries) == (2, 1, 1, 0)
    assert 1500 <= stats.bytes <= 1700
    assert stats.limit == 2 * 10**9
    assert stats.directory == store.directory


def test_clear_leaves_nothing_behind(store):
    for number in range(150):
        store.put(f"k{number}", b"value")
    assert store.clear() == 150
    assert store.keys() == ()
    assert value_files(store) == []


def test_a_closed_store_opens_again_when_used(store):
    store.put("a", b"1")
    store.close()
    assert store.get("a") == b"1"


@pytest.mark.parametrize("key", ["", "A", "../a", "a/../b", "/a", "a/", "a//b", "ä", "a" * 201, 5])
def test_what_is_no_key_cannot_be_stored_and_is_never_found(store, key):
    with pytest.raises(CacheError, match="is not a valid key"):
        store.put(key, b"")
    assert store.get(key) is None
    assert key not in store
    assert not store.delete(key)


@pytest.mark.parametrize("data", ["text", 5, None, True, bytearray(3), [b""]])
def test_only_bytes_are_stored(store, data):
    with pytest.raises(CacheError, match="stores bytes"):
        store.put("a", data)


def test_the_directory_is_private(store, tmp_path):
    store.put("a", b"1")
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    store.close()
    store.directory.chmod(0o755)
    assert Store(store.directory).get("a") == b"1"
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    mode = tmp_path.stat().st_mode
    with pytest.raises(CacheError, match="contains other files; set IRI_CACHE_DIR") as refused:
        Store(tmp_path).put("a", b"1")
    assert "thesis.txt" in refused.value.for_operator
    assert "thesis.txt" not in str(refused.value)
    assert Store(tmp_path).get("a") is None
    assert tmp_path.stat().st_mode == mode


def test_a_directory_that_cannot_be_made_is_named_and_reading_goes_on(tmp_path):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "data")
    with pytest.raises(CacheError, match="set IRI_CACHE_DIR"):
        store.put("a", b"1")
    assert store.get("a") is None
    assert "a" not in store


def test_directory_and_limit_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("IRI_CACHE_DIR", raising=False)
    assert Store().directory == ROOT / "cache" / "data"
    monkeypatch.setenv("IRI_CACHE_DIR", str(tmp_path))
    assert Store().directory == tmp_path
    for text, limit in {"500MB": 5e8, "2.5 gb": 2.5e9, "300": 3e8, "": 2e9}.items():
        monkeypatch.setenv("IRI_CACHE_LIMIT", text)
        assert settings.size_limit() == limit
    for text in ("much", "-1GB", "0", "1TB"):
        monkeypatch.setenv("IRI_CACHE_LIMIT", text)
        with pytest.raises(CacheError, match="such as 500MB or 2GB"):
            Store()


def test_importing_is_light_and_diskcache_comes_with_the_first_use(tmp_path):
    code = """
import sys, time
start = time.process_time()
import explorer.store, explorer.store.packs
took = time.process_time() - start
assert "diskcache" not in sys.modules and "numpy" not in sys.modules
rest = [name for name in sys.modules if name.startswith("explorer.") and "store" not in name]
assert set(rest) == {"explorer.errors", "explorer.files"}, rest
explorer.store.Store(sys.argv[1]).put("a", b"1")
assert "diskcache" in sys.modules
print(took)
"""
    output, _ = python(code, tmp_path / "data").communicate()
    assert float(output) < 0.15


# Limits


def test_the_least_recently_used_entries_are_evicted(tmp_path):
    store = Store(tmp_path / "data", limit=11_100)
    for number in range(10):
        store.put(f"k{number}", bytes(1000))
    store.get("k0")
    store.get("k1")
    store.put("large", bytes(3000))
    assert set(store.keys()) == {"k0", "k1", *(f"k{n}" for n in range(5, 10)), "large"}
    assert store.stats().bytes <= 11_100
    assert len(value_files(store)) == len(store.keys())


def test_an_entry_as_large_as_the_limit_stays_and_a_larger_one_is_refused(tmp_path):
    store = Store(tmp_path / "data", limit=100_000)
    store.put("small", b"1")
    with pytest.raises(CacheError, match=r"0\.1 MB does not fit .* raise IRI_CACHE_LIMIT"):
        store.put("too-large", bytes(100_000))
    assert store.keys() == ("small",)
    store.put("largest", bytes(99_900))
    assert store.keys() == ("largest",)


@pytest.mark.skipif(os.name != "posix", reason="limits file sizes")
def test_a_full_disk_is_said_in_a_sentence_and_leaves_no_half_value(tmp_path):
    code = """
import resource, sys
from explorer.store import CacheError, Store
store = Store(sys.argv[1])
store.put("a", b"1")
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    store.put("b", bytes(1_000_000))
except CacheError as error:
    print("said:", error)
assert store.get("a") == b"1" and "b" not in store
"""
    output, _ = python(code, tmp_path / "data").communicate()
    assert output == b"said: The disk of the result cache is full, so new results are not kept.\n"
    assert len(list((tmp_path / "data").rglob("*.val"))) == 1


# Damage


def test_a_flipped_byte_anywhere_in_an_entry_is_detected(store):
    for position in (0, 8, 9, 25, 41, 5000, -1):
        store.put("a", PAYLOAD)
        (file,) = value_files(store)
        framed = bytearray(file.read_bytes())
        framed[position] ^= 0x10
        file.write_bytes(framed)
        assert store.get("a") is None
        assert "a" not in store
        assert value_files(store) == []


@pytest.mark.parametrize("size", [0, 5, 20, 41, 42, 5000])
def test_a_truncated_entry_is_dropped(store, size):
    store.put("a", PAYLOAD)
    os.truncate(value_files(store)[0], size)
    assert store.get("a") is None
    assert store.keys() == ()


def test_a_missing_or_unreadable_file_is_dropped(store):
    store.put("a", PAYLOAD)
    value_files(store)[0].unlink()
    assert store.get("a") is None
    assert store.keys() == ()
    store.put("a", PAYLOAD)
    (file,) = value_files(store)
    file.unlink()
    file.mkdir()
    assert store.get("a") is None
    assert store.keys() == ()


def test_a_dropped_entry_is_logged_and_can_be_made_again(store, caplog):
    store.put("a", PAYLOAD)
    value_files(store)[0].write_bytes(b"nonsense")
    assert store.get("a") is None
    assert "dropped the cache entry a" in caplog.text
    store.put("a", PAYLOAD)
    assert store.get("a") == PAYLOAD


def test_verify_drops_what_is_damaged_and_says_which(store):
    for key in "abcde":
        store.put(key, key.encode() * 1000)
    with database(store) as db:
        files = dict(db.execute("SELECT key, filename FROM Cache"))
    (store.directory / files["b"]).write_bytes(b"nonsense")
    (store.directory / files["d"]).unlink()
    orphan = store.directory / "ab" / "cd" / f"{'0' * 28}.val"
    fresh = orphan.with_name(f"{'1' * 28}.val")
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"left by a crash")
    fresh.write_bytes(b"being written by another process")
    os.utime(orphan, (1, 1))
    report = store.verify()
    assert report.checked == 5
    assert [key for key, _ in report.damaged] == ["b", "d"]
    assert report.orphans == 1
    assert fresh.exists()
    assert store.keys() == ("a", "c", "e")
    assert store.verify().damaged == ()


@pytest.mark.parametrize("how", ["garbage", "header", "truncated", "directory", "other tables"])
def test_a_damaged_database_is_moved_aside_and_its_entries_are_found_again(store, how, caplog):
    for number in range(50):
        store.put(f"k{number}", b"value")
    store.close()
    path = store.directory / "cache.db"
    for suffix in ("-wal", "-shm"):
        path.with_name(f"cache.db{suffix}").unlink(missing_ok=True)
    if how == "garbage":
        path.write_bytes(os.urandom(9000))
    elif how == "header":
        path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    elif how == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.unlink()
        if how == "directory":
            path.mkdir()
        else:
            with closing(sqlite3.connect(path)) as db:
                db.execute("CREATE TABLE Cache (something)")
    assert store.get("k1") == b"value"
    store.put("b", PAYLOAD)
    assert store.get("b") == PAYLOAD
    assert store.keys() == (*(f"k{number}" for number in range(50)), "b")
    assert len(value_files(store)) == 51
    assert store.verify().damaged == ()
    assert (store.directory / "cache.db.damaged").exists()
    assert "is damaged" in caplog.text


def test_of_a_lost_database_only_the_newest_signed_entries_are_found_again(store):
    for key, value in (("a", b"old"), ("b", b"value"), ("c", b"deleted"), ("a", b"new")):
        store.put(key, value)
    store.delete("c")
    store.close()
    notes = store.directory / "cache.db.entries"
    theirs, planted = next(iter(notes.read_text().splitlines()[1:])).split()[0], "0" * 28
    with notes.open("a") as file:  # what somebody could add who can write there
        file.write(f"{theirs} planted\n../../secret a\n00/00/{planted}.val a\nno note\n\xff\n")
    stray = store.directory / "ab/cd" / f"{'12' * 14}.val"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"of nobody")
    os.utime(stray, (1, 1))
    for path in store.directory.glob("cache.db*"):
        if path != notes:
            path.unlink()
    assert store.get("a") == b"new"
    assert store.get("planted") is store.get("c") is None
    assert store.keys() == ("b", "a")
    assert not stray.exists()


def test_a_database_damaged_under_an_open_store_is_replaced(store):
    for number in range(200):
        store.put(f"key-{number}", b"value")
    with database(store) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = store.directory / "cache.db"
    content = path.read_bytes()
    path.write_bytes(content[:100] + os.urandom(len(content) - 100))
    store.get("key-7")
    store.put("b", PAYLOAD)
    assert store.get("b") == PAYLOAD
    assert store.get("key-7") == b"value"


def test_a_directory_deleted_under_an_open_store_is_made_again(store):
    store.put("a", PAYLOAD)
    subprocess.run(["rm", "-r", store.directory], check=True)
    results = []
    thread = threading.Thread(  # a new thread has no connection yet, as on a web page
        target=lambda: results.extend([store.get("a"), store.put("b", b"2"), store.get("b")])
    )
    thread.start()
    thread.join(20)
    assert results == [None, None, b"2"]


@pytest.mark.parametrize("made_again", [False, True])
def test_what_is_stored_after_the_directory_was_deleted_is_there_for_all(store, made_again):
    """The thread that writes has its connection to the deleted file still."""
    store.put("a", PAYLOAD)
    subprocess.run(["rm", "-r", store.directory], check=True)
    other = Store(store.directory)
    if made_again:
        other.put("c", b"3")
    for key in "xy":
        store.put(key, PAYLOAD)
        assert (store.get(key), other.get(key)) == (PAYLOAD, PAYLOAD)
    assert store.keys() == other.keys() == ((*"cxy",) if made_again else (*"xy",))
    assert store.get("a") is None
    other.close()


def test_a_directory_deleted_while_an_entry_is_written_has_the_entry(store):
    store.put("a", PAYLOAD)

    def write(cache) -> None:
        cache.write("b", framed)
        subprocess.run(["rm", "-r", store.directory], check=True)

    framed = frame.wrap(signing.installation(store.directory), "b", b"2")
    attempts = iter([write, lambda cache: cache.write("b", framed)])
    store._database.write(lambda cache: next(attempts)(cache))
    assert store.get("b") == b"2"


def test_a_database_that_lost_its_rows_finds_them_again(store):
    for key in ("a", "b", "c"):
        store.put(key, key.encode())
    with database(store) as db:
        db.execute("DROP TABLE Cache")
    assert [store.get(key) for key in "abc"] == [b"a", b"b", b"c"]
    with database(store) as db:
        db.execute("DELETE FROM Cache WHERE key != 'c'")
    assert store.get("a") is None
    assert store.verify().damaged == ()
    assert [store.get(key) for key in "abc"] == [b"a", b"b", b"c"]
    store.close()
    with database(store) as db:
        db.execute("DELETE FROM Cache")
    store.check()
    assert [store.get(key) for key in "abc"] == [b"a", b"b", b"c"]
    assert store.clear() == 3
    assert store.verify().checked == 0


def test_a_file_whose_entry_was_replaced_is_no_entry_any_more(store):
    """As a crash leaves it between writing the new one and deleting the old."""
    for key in "ab":
        store.put(key, b"old")
    old = {path: path.read_bytes() for path in value_files(store)}
    for key in "ab":
        store.put(key, b"new")
    for path, data in old.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1, 1))
    report = store.verify()
    assert (report.orphans, report.unsigned, len(value_files(store))) == (2, 0, 2)
    assert [store.get(key) for key in "ab"] == [b"new", b"new"]


def test_files_that_nothing_names_count_and_go_when_room_is_needed(tmp_path):
    store = Store(tmp_path / "data", limit=10_000)
    for number in range(4):
        store.put(f"old-{number}", bytes(2000))
    store.close()
    for path in store.directory.glob("cache.db*"):
        path.unlink()
    for path in value_files(store):
        os.utime(path, (1, 1))
    report = store.verify()
    assert (report.checked, report.orphans, report.unsigned) == (0, 0, 4)
    assert store.stats().bytes > 8000
    for number in range(4):
        store.put(f"new-{number}", bytes(2000))
    assert len(value_files(store)) == 4
    assert sum(path.stat().st_size for path in value_files(store)) < 10_000


@pytest.mark.parametrize("size", [-99999999999, 10**17])
def test_an_impossible_size_is_damage_and_changes_no_limit(tmp_path, size):
    store = Store(tmp_path / "data", limit=10_000)
    for number in range(4):
        store.put(f"k{number}", bytes(2000))
    with database(store) as db:
        db.execute("UPDATE Cache SET size = ? WHERE key = 'k3'", (size,))
    assert 6000 < store.stats().bytes < 8000
    store.put("x", b"1")
    assert set(store.keys()) == {"k0", "k1", "k2", "k3", "x"}
    assert store.verify().damaged == (("k3", "states an impossible size"),)
    assert 6000 < store.stats().bytes < 8000
    assert len(value_files(store)) == 4
    with database(store) as db:
        (counted,) = db.execute("SELECT value FROM Settings WHERE key = 'size'").fetchone()
    assert counted == store.stats().bytes


def test_verify_says_how_many_results_are_among_what_it_checked(store):
    for key in ("f" * 64, "summary:" + "f" * 64, "pace:x"):
        store.put(key, b"1")
    report = store.verify()
    assert (report.checked, report.of_these_results) == (3, 1)


def test_a_healthy_database_that_is_locked_is_not_moved_aside(store):
    from explorer.store.opening import set_aside_if_damaged

    store.put("a", PAYLOAD)
    with database(store) as db:
        db.execute("BEGIN EXCLUSIVE")
        set_aside_if_damaged(store.directory, OSError("a test"))
        db.execute("ROLLBACK")
    assert store.get("a") == PAYLOAD


# Planted rows (CVE-2025-69872): what somebody could write who can write to the database


class Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self):
        return open, (self.marker, "w")


def test_the_planted_pickle_would_run_if_it_were_loaded(marker):
    pickle.loads(pickle.dumps(Bomb(marker))).close()
    assert marker.exists()


def plant(store, **columns) -> None:
    row = {"key": "a", "raw": 1, "store_time": 1, "access_time": 1, "size": 1, "mode": 1} | columns
    with database(store) as db:
        db.execute("DELETE FROM Cache WHERE key = ?", (row["key"],))
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        db.execute(f"INSERT INTO Cache ({names}) VALUES ({marks})", tuple(row.values()))


def everything_that_reads(store) -> None:
    assert store.get("a") is None
    store.keys()
    store.stats()
    store.verify()
    store.put("b", bytes(2000))  # evicts where the limit is small
    store.delete("a")
    store.clear()


@pytest.mark.parametrize("inline", [True, False])
def test_a_pickle_planted_as_a_value_is_refused_and_dropped(store, marker, inline):
    store.put("a", PAYLOAD)
    poison = pickle.dumps(Bomb(marker))
    if inline:
        plant(store, mode=4, value=poison)
    else:
        (file,) = value_files(store)
        file.write_bytes(poison)
        plant(store, mode=4, filename=str(file.relative_to(store.directory)))
    assert store.get("a") is None
    assert store.keys() == ()
    everything_that_reads(store)
    assert not marker.exists()


def test_a_pickle_planted_as_a_key_is_refused_and_dropped(store, marker):
    store.put("a", PAYLOAD)
    plant(store, key=pickle.dumps(Bomb(marker)), raw=0, value=b"x")
    plant(store, key="text", raw=0, value=b"x")
    assert store.get("a") == PAYLOAD
    assert store.keys() == ("a",)
    report = store.verify()
    assert [reason for _, reason in report.damaged] == ["has a key that is not plain text"] * 2
    assert report.checked == 3
    assert store.get("a") == PAYLOAD
    assert not marker.exists()


def test_diskcache_s_own_iteration_refuses_a_pickled_key(store, marker):
    store.put("a", PAYLOAD)
    plant(store, key=pickle.dumps(Bomb(marker)), raw=0, value=b"x")
    with pytest.raises(DamagedEntry):
        list(PlainCache(store.directory))
    assert not marker.exists()


@pytest.mark.parametrize("mode", [2, 3])
@pytest.mark.parametrize("form", ["absolute", "parents", "hidden parents", "bytes"])
def test_a_planted_filename_outside_is_neither_read_nor_deleted(tmp_path, mode, form):
    store = Store(tmp_path / "data", limit=10_000)
    store.put("c", b"1")
    secret = tmp_path / "secret"
    signer = signing.installation(store.directory)
    secret.write_bytes(frame.wrap(signer, "a", b"even in a valid frame"))
    filename = {
        "absolute": str(secret),
        "parents": "../secret",
        "hidden parents": f"ab/cd/../../../{secret.name}",
        "bytes": str(secret).encode(),
    }[form]
    plant(store, mode=mode, filename=filename)
    assert store.get("a") is None
    assert store.keys() == ("c",)
    for use in (everything_that_reads, Store.verify, Store.clear):
        plant(store, mode=mode, filename=filename, size=9_000)
        use(store)
    plant(store, mode=mode, filename=filename, size=9_000)
    store.put("b", bytes(2000))
    assert "a" not in store
    assert secret.exists()


@pytest.mark.parametrize(
    "columns",
    [
        {"mode": 1, "value": 5},
        {"mode": 1, "value": 0.5},
        {"mode": 1, "value": "text"},
        {"mode": 1, "value": None},
        {"mode": 1, "value": b"unframed"},
        {"mode": 0, "value": b"x"},
        {"mode": 99, "value": b"x"},
        {"mode": "text", "value": b"x"},
        {"mode": None, "value": b"x"},
        {"mode": 2, "filename": None},
        {"mode": 4, "value": None, "filename": None},
        {"mode": 1, "value": b"x", "size": "much"},
    ],
)
def test_a_nonsensical_row_is_dropped(store, columns):
    store.put("c", b"1")
    plant(store, **columns)
    assert store.get("a") is None
    assert store.keys() == ("c",)
    plant(store, **columns)
    everything_that_reads(store)


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}, 2**64, object()])
def test_the_disk_refuses_to_store_what_diskcache_would_pickle(store, value):
    store.put("a", b"1")
    disk = PlainCache(store.directory).disk
    with pytest.raises(TypeError):
        disk.store(value, read=False)
    if not isinstance(value, str):
        with pytest.raises(TypeError):
            disk.put(value)


def test_the_disk_keeps_the_four_plain_types(store):
    store.put("a", b"1")
    plain = PlainCache(store.directory)
    for value in (b"bytes", "text", 7, 0.5):
        plain.set("plain", value)
        found = plain.get("plain")
        assert found == value
        assert type(found) is type(value)


# Sharing

WRITE_AND_READ = """
import sys
from explorer.store import Store
store, name = Store(sys.argv[1]), sys.argv[2]
for round in range(40):
    store.put(f"own-{name}-{round}", name.encode() * 3000)
    store.put("shared", bytes([round]) * 50_000)
    shared = store.get("shared")
    assert shared is not None and len(set(shared)) == 1 and len(shared) == 50_000
    assert store.get(f"own-{name}-{round}") == name.encode() * 3000
"""


def test_processes_share_a_store_from_its_first_use_on(tmp_path):
    workers = [python(WRITE_AND_READ, tmp_path / "data", name) for name in "pq"]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    store = Store(tmp_path / "data")
    assert len(store.keys()) == 81
    report = store.verify()
    assert report.checked == 81
    assert report.damaged == ()
    assert len(value_files(store)) == 81


def test_threads_share_a_store(store):
    errors = []

    def work(name: int) -> None:
        try:
            for number in range(15):
                store.put(f"t{name}-{number}", bytes([name]) * 2000)
                store.put("shared", bytes([name]) * 9000)
                assert len(set(store.get("shared"))) == 1
                assert store.get(f"t{name}-{number}") == bytes([name]) * 2000
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(store.keys()) == 91


def test_a_writer_killed_at_any_moment_leaves_only_whole_entries(tmp_path):
    code = """
import sys
from explorer.store import Store
store = Store(sys.argv[1])
store.put("first", b"1")
print("ready", flush=True)
while True:
    store.put("a", bytes(3_000_000))
"""
    for delay in (0.02, 0.05, 0.09):
        writer = python(code, tmp_path / "data")
        writer.stdout.readline()
        time.sleep(delay)
        writer.kill()
        writer.wait()
        store = Store(tmp_path / "data")
        assert store.get("first") == b"1"
        assert store.get("a") in (None, bytes(3_000_000))
        assert store.verify().damaged == ()
        store.close()
