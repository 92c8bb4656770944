"""Entries are signed: what somebody else wrote into the cache is never taken for a result."""

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from explorer.store import CacheError, Store, frame, signing
from explorer.store.packs import export_pack, import_pack
from explorer.store.signers import remember
from explorer.store.unsigned import sign_all

ROOT = Path(__file__).parents[1]
DATA = bytes(range(256)) * 40


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "data", starter_directory=tmp_path / "no-starter")
    yield store
    store.close()


@pytest.fixture
def other(tmp_path):
    store = Store(tmp_path / "other", starter_directory=tmp_path / "no-starter")
    yield store
    store.close()


def database(store):
    return closing(sqlite3.connect(store.directory / "cache.db", isolation_level=None))


def value_file(store, key) -> Path:
    with database(store) as db:
        (name,) = db.execute("SELECT filename FROM Cache WHERE key = ?", (key,)).fetchone()
    return store.directory / name


def plant(store, key: str, framed: bytes) -> None:
    """Write an entry as somebody would who can write the cache, but has no key."""
    name = f"ab/cd/{hashlib.sha256(key.encode()).hexdigest()[:28]}.val"
    path = store.directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(framed)
    with database(store) as db:
        db.execute("DELETE FROM Cache WHERE key = ?", (key,))
        db.execute(
            "INSERT INTO Cache (key, raw, store_time, access_time, size, mode, filename)"
            " VALUES (?, 1, 1, 1, ?, 2, ?)",
            (key, len(framed), name),
        )


def first_version(payload: bytes) -> bytes:
    """The frame of versions that did not sign: anybody can compute it."""
    return b"IRICACHE\x01" + hashlib.sha256(payload).digest() + payload


# Forged entries


@pytest.mark.parametrize("key", ["f" * 64, "summary:" + "f" * 64, "shared:" + "f" * 64, "layers:x"])
def test_a_forged_entry_with_the_right_sha256_is_dropped_and_counts_as_absent(store, other, key):
    store.put("a", b"1")
    other.put("a", b"1")
    stranger = signing.installation(other.directory)
    own = signing.installation(store.directory)
    good = frame.wrap(own, key, b"forged")
    without_tag = good[: frame.OVERHEAD - 32] + bytes(32) + b"forged"
    for framed in (first_version(b"forged"), frame.wrap(stranger, key, b"forged"), without_tag):
        plant(store, key, framed)
        assert key not in store
        assert store.peek([key]) == {}
        assert store.get(key) is None
        assert store.keys() == ("a",)
        assert key not in store.stored_at()
        plant(store, key, framed)
        assert [name for name, _ in store.verify().damaged] == [key]
    assert store.get("a") == b"1"


def test_an_entry_under_another_s_key_is_dropped(store):
    """Whoever can write the cache might show one result where another is asked for."""
    store.put("a", DATA)
    store.put("b", b"other")
    plant(store, "a", value_file(store, "b").read_bytes())
    assert "a" not in store
    assert store.get("a") is None
    assert store.get("b") == b"other"


def test_what_is_appended_to_an_entry_is_not_even_read(store):
    store.put("a", DATA)
    with value_file(store, "a").open("ab") as file:
        file.truncate(10**12)  # a file with a hole, as large as no memory
    assert store.get("a") is None
    assert "a" not in store


@pytest.mark.skipif(os.name != "posix", reason="pipes and links")
def test_a_planted_pipe_or_link_is_neither_waited_for_nor_followed(store, tmp_path):
    store.put("a", DATA)
    path = value_file(store, "a")
    elsewhere = tmp_path / "elsewhere"
    shutil.copy(path, elsewhere)
    path.unlink()
    path.symlink_to(elsewhere)
    assert store.get("a") is None
    store.put("a", DATA)
    path = value_file(store, "a")
    path.unlink()
    os.mkfifo(path)
    started = time.monotonic()
    assert store.get("a") is None
    assert time.monotonic() - started < 2


# The key


def test_the_key_is_next_to_the_data_and_for_its_owner_alone(store, tmp_path):
    store.put("a", b"1")
    key = tmp_path / "data.signing-key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(bytes.fromhex(key.read_text())) == 32
    inside = [path for path in store.directory.rglob("*") if path.is_file()]
    assert not any(key.read_bytes().strip() in path.read_bytes() for path in inside)


def test_the_key_may_be_elsewhere(store, tmp_path, monkeypatch):
    monkeypatch.setenv("IRI_SIGNING_KEY_FILE", str(tmp_path / "secrets"))
    store.put("a", b"1")
    assert (tmp_path / "secrets").exists()
    assert not (tmp_path / "data.signing-key").exists()
    monkeypatch.setenv("IRI_SIGNING_KEY_FILE", str(tmp_path / "absent" / "key"))
    with pytest.raises(CacheError, match="set IRI_SIGNING_KEY_FILE") as refused:
        store.put("b", b"2")
    assert str(tmp_path) in refused.value.for_operator
    assert str(tmp_path) not in str(refused.value)
    with pytest.raises(CacheError):
        store.check()
    assert store.get("a") is None  # of which nobody can tell whether it is forged


def test_a_key_that_others_may_write_or_that_is_none_is_refused(store, tmp_path, monkeypatch):
    for content, mode, reason in (
        (f"{'0' * 64}\n", 0o620, "others on this machine may change"),
        ("0" * 63 + "x", 0o600, "is not 64 hexadecimal digits"),
    ):
        key = tmp_path / reason[:6]
        key.write_text(content)
        key.chmod(mode)
        monkeypatch.setenv("IRI_SIGNING_KEY_FILE", str(key))
        with pytest.raises(CacheError, match=reason) as refused:
            store.put("a", b"1")
        assert str(tmp_path) not in str(refused.value)


def test_nothing_is_lost_that_was_stored_while_no_key_could_be_next_to_the_data(
    tmp_path, monkeypatch
):
    """Such as on a disk that was full at the first start, here of two processes at once."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    data, place = tmp_path / "new" / "data", tmp_path / "new" / "data.signing-key"
    data.mkdir(parents=True)
    create, is_full = os.open, True

    def refuse(path, *more):
        if is_full and Path(path) == place:
            raise OSError(28, "No space left on device")
        return create(path, *more)

    monkeypatch.setattr(signing.os, "open", refuse)
    monkeypatch.setattr(signing, "_known", first := {})
    store = Store(data)
    store.put("a", DATA)
    is_full = False
    monkeypatch.setattr(signing, "_known", {})
    later = Store(data)
    later.put("b", DATA)
    assert place.exists()
    assert [later.get(name) for name in "ab"] == [DATA] * 2
    monkeypatch.setattr(signing, "_known", first)
    assert [store.get(name) for name in "ab"] == [DATA] * 2
    monkeypatch.setattr(signing, "_known", {})
    assert len(Store(data).verify().damaged) == 0
    assert Store(data).stats().unsigned == 0


def test_the_first_key_is_next_to_the_data_where_their_folder_is_new(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    Store(tmp_path / "new" / "data").check()
    assert (tmp_path / "new" / "data.signing-key").exists()
    assert not (tmp_path / "settings").exists()


def test_a_key_inside_data_that_somebody_handed_over_is_not_used(store, other, tmp_path):
    other.put("a", b"forged elsewhere")
    other.close()
    shutil.copytree(other.directory, store.directory)
    shutil.copy(tmp_path / "other.signing-key", store.directory / "cache.db.signing-key")
    shutil.copy(tmp_path / "other.signing-key", store.directory / "study")
    assert "a" not in store
    assert store.get("a") is None


def test_processes_that_begin_at_once_have_one_key(tmp_path):
    code = (
        "import sys; from explorer.store import Store; s = Store(sys.argv[1]);"
        " s.put(sys.argv[2], b'1'); print(s.stats().signed_by)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "data", name], cwd=ROOT, stdout=subprocess.PIPE
        )
        for name in "abcd"
    ]
    assert len({process.communicate()[0] for process in processes}) == 1
    assert len(Store(tmp_path / "data").verify().damaged) == 0
    assert all(Store(tmp_path / "data").get(name) == b"1" for name in "abcd")


# Entries that nobody signed


def as_of_the_first_version(store) -> None:
    """Make of a store's database what a version that did not sign would have written."""
    with database(store) as db:
        for key, name, value in db.execute("SELECT key, filename, value FROM Cache").fetchall():
            if name is None:
                framed = first_version(value[frame.OVERHEAD :])
                db.execute("UPDATE Cache SET value = ? WHERE key = ?", (framed, key))
            else:
                path = store.directory / name
                path.write_bytes(first_version(path.read_bytes()[frame.OVERHEAD :]))
        db.execute("DELETE FROM Settings WHERE key = 'iri_signer'")
    store.close()


def test_what_an_earlier_version_stored_counts_as_absent_until_it_is_signed(store, caplog):
    for key in ("a", "b", "c", "summary:a"):
        store.put(key, key.encode())
    as_of_the_first_version(store)
    assert store.get("a") is None
    assert "a" not in store
    assert "3 entries of the cache" in caplog.text
    assert "`iri cache sign`" in caplog.text
    assert store.keys() == ()
    assert (store.stats().entries, store.stats().unsigned) == (0, 3)
    assert store.verify().unsigned == 3
    store.put("c", b"made again")

    def check(key: str, data: bytes) -> None:
        if key == "b":
            raise ValueError("is not right")

    signed = sign_all(store, check, store.put)
    assert signed.signed == ("a",)
    assert signed.present == ("c",)
    assert signed.refused == (("b", "is not right"),)
    assert store.get("a") == b"a"
    assert store.get("c") == b"made again"
    assert store.get("b") is None
    assert store.stats().unsigned == 1


def test_a_lost_key_loses_no_result_and_a_found_one_brings_all_back(store, tmp_path, monkeypatch):
    key = tmp_path / "data.signing-key"
    for name in "abc":
        store.put(name, DATA)
    store.close()
    first = key.rename(tmp_path / "first")
    monkeypatch.setattr(signing, "_known", {})
    another = Store(store.directory)
    assert [another.get(name) for name in "abc"] == [None] * 3
    another.put("d", b"4")
    assert another.stats().unsigned == 3
    another.close()
    first.replace(key)
    monkeypatch.setattr(signing, "_known", {})
    back = Store(store.directory)
    back.check()
    assert [back.get(name) for name in "abc"] == [DATA] * 3
    assert (back.get("d"), back.stats().unsigned) == (None, 1)


@pytest.mark.parametrize("opened_before", [False, True])
def test_what_nobody_signed_outlives_its_database(store, opened_before):
    """Whose keys were noted when they were set aside, or are known from the contents alone."""
    for key in ("a", "b", "pace:x"):
        store.put(key, f"is {key}".encode())
    as_of_the_first_version(store)
    if opened_before:
        store.check()
        assert store.stats().unsigned == 2
        store.close()
    else:
        (store.directory / "cache.db.entries").unlink()
    for path in store.directory.glob("??/??/*.val"):
        os.utime(path, (1, 1))
    (store.directory / "cache.db").write_bytes(os.urandom(9000))
    assert store.get("a") is None
    store.put("new", b"1")

    def key_of(data: bytes) -> str | None:
        key = data.decode().removeprefix("is ")
        return key if len(key) == 1 else None

    signed = sign_all(store, lambda key, data: None, store.put, key_of)
    assert (sorted(signed.signed), signed.refused) == (["a", "b"], ())
    assert store.get("a") == b"is a"
    assert (store.stats().unsigned, set(store.keys())) == (0, {"a", "b", "new"})


def test_what_is_measured_again_by_the_way_is_not_set_aside(store):
    for key in ("a", "pace:x"):
        store.put(key, b"1")
    as_of_the_first_version(store)
    with database(store) as db:  # as an earlier version of this code left it
        db.execute("UPDATE Cache SET key = 'unsigned:' || key")
        mark = signing.installation(store.directory).key_id.hex()
        db.execute("INSERT INTO Settings VALUES ('iri_signer', ?)", (mark,))
    assert store.verify().unsigned == 1
    assert list(store.set_aside()) == ["a"]


def test_what_is_not_signed_is_the_first_to_go(tmp_path):
    store = Store(tmp_path / "data", limit=9000)
    for number in range(4):
        store.put(f"k{number}", bytes(2000))
    as_of_the_first_version(store)
    store.put("a", bytes(2000))
    assert store.stats().unsigned == 3
    for number in range(3):
        store.put(f"new-{number}", bytes(2000))
    assert store.keys() == ("a", "new-0", "new-1", "new-2")


# Packs


def rewritten(path: Path, change) -> Path:
    """The pack with another manifest."""
    with zipfile.ZipFile(path) as pack:
        members = {name: pack.read(name) for name in pack.namelist()}
    manifest = json.loads(members["manifest.json"])
    change(manifest, members)
    members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as pack:
        for name, data in members.items():
            pack.writestr(zipfile.ZipInfo(name), data)
    return path


def test_a_pack_says_who_signed_it_and_its_entries_where_they_came_from(store, other, tmp_path):
    store.put("a", DATA)
    store.put("own", b"1")
    export_pack(store, tmp_path / "pack.zip", ["a"])
    fingerprint = store.stats().signed_by
    signer = import_pack(other, tmp_path / "pack.zip").signed_by
    assert (signer.fingerprint, signer.name, signer.own) == (fingerprint, None, False)
    assert signer.title == "not known here"
    assert other.get("a") == DATA
    assert other.origin("a") == fingerprint
    assert (store.origin("a"), store.origin("absent")) == (None, None)
    remember(other.directory, fingerprint, "the  lab next door")
    again = import_pack(other, tmp_path / "pack.zip")
    assert (again.signed_by.name, again.present) == ("the lab next door", ("a",))
    assert import_pack(store, tmp_path / "pack.zip").signed_by.own
    with pytest.raises(CacheError, match="printable"):
        remember(other.directory, fingerprint, "a\x1b[31m")


def test_a_pack_that_was_changed_after_it_was_signed_is_refused(store, other, tmp_path):
    store.put("a", DATA)
    path = tmp_path / "pack.zip"

    def another_entry(manifest, members):
        members["a"] = b"forged"
        manifest["entries"][0] |= {
            "sha256": hashlib.sha256(b"forged").hexdigest(),
            "size": len(b"forged"),
        }

    def another_key(manifest, members):
        stranger = signing.installation(other.directory)
        manifest["signature"]["public_key"] = stranger.public_key.hex()

    def no_key(manifest, members):
        manifest["signature"] = {"public_key": "00", "ed25519": 5}

    for change in (another_entry, another_key, no_key):
        export_pack(store, path)
        with pytest.raises(CacheError, match="changed after it was signed"):
            import_pack(other, rewritten(path, change))
        assert other.get("a") is None


def test_a_pack_without_a_signature_is_known_for_one(store, other, tmp_path):
    store.put("a", DATA)
    export_pack(store, tmp_path / "pack.zip")
    rewritten(tmp_path / "pack.zip", lambda manifest, members: manifest.pop("signature"))
    report = import_pack(other, tmp_path / "pack.zip")
    assert (report.imported, report.signed_by) == (("a",), None)
    assert other.origin("a") == "unsigned"
