"""The starter pack that ships, and packs that people hand to each other."""

import contextlib
import hashlib
import json
import random
import re
import zipfile

import pytest

from explorer.store import CacheError, Store, starter
from explorer.store.packs import export_pack, import_pack

FORMAT = "iri-explorer-pack-1"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "data", starter_directory=tmp_path / "starter")


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "other", starter_directory=tmp_path / "no-starter")


# Starter pack


def test_a_missing_starter_pack_is_an_empty_one(store, tmp_path):
    assert starter.entries(tmp_path / "starter") == ()
    assert starter.load("a", tmp_path / "starter") is None
    assert store.get("a") is None
    assert store.verify().damaged_starter == ()


def test_starter_entries_are_listed_in_order_and_read_through_the_store(store, tmp_path):
    starter.write(
        [("b", "Second letter", b"BB"), ("a", "Erster Buchstabe: ä", b"A")], tmp_path / "starter"
    )
    listed = starter.entries(tmp_path / "starter")
    assert [(e.key, e.title, e.order) for e in listed] == [
        ("b", "Second letter", 0),
        ("a", "Erster Buchstabe: ä", 1),
    ]
    assert (tmp_path / "starter" / "b.zip").read_bytes() == b"BB"
    assert store.get("a") == b"A"
    assert "a" in store
    assert store.keys() == ()
    assert store.stats().starter_entries == 2
    store.put("a", b"own")
    assert store.get("a") == b"own"
    store.clear()
    assert store.get("a") == b"A"


def test_what_the_starter_pack_answers_is_no_miss(store, tmp_path):
    starter.write([("a", "A", b"1")], tmp_path / "starter")
    assert (store.get("a"), store.get("b")) == (b"1", None)
    assert store.stats().misses == 1


def test_a_damaged_data_entry_falls_back_to_the_starter_pack(store, tmp_path):
    starter.write([("a", "A", b"from the pack")], tmp_path / "starter")
    store.put("a", b"own")
    next(store.directory.rglob("*.val")).write_bytes(b"nonsense")
    assert store.get("a") == b"from the pack"


def test_a_damaged_starter_entry_is_not_used(store, tmp_path):
    starter.write(
        [("a", "A", b"right"), ("b", "B", b"right"), ("c", "C", b"c")], tmp_path / "starter"
    )
    (tmp_path / "starter" / "a.zip").write_bytes(b"wrong")
    (tmp_path / "starter" / "b.zip").unlink()
    assert store.get("a") is None
    assert store.get("b") is None
    assert store.get("c") == b"c"
    assert store.verify().damaged_starter == ("a", "b")


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        "{}",
        '{"entries": 5}',
        '{"entries": [{"key": "a"}]}',
        '{"entries": [{"key": "../a", "sha256": "%s", "title": "", "order": 0}]}' % ("0" * 64),
        '{"entries": [{"key": 5, "sha256": "%s", "title": "", "order": 0}]}' % ("0" * 64),
    ],
)
def test_a_damaged_manifest_means_no_entries_and_a_warning(store, tmp_path, manifest, caplog):
    (tmp_path / "starter").mkdir()
    (tmp_path / "starter" / "manifest.json").write_text(manifest)
    assert starter.entries(tmp_path / "starter") == ()
    assert store.get("a") is None
    assert "is not used" in caplog.text


def test_writing_a_starter_pack_again_removes_what_is_no_longer_listed(tmp_path):
    starter.write([("a", "A", b"1"), ("b", "B", b"2")], tmp_path)
    starter.write([("b", "B", b"3")], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip", "manifest.json"]
    assert starter.load("b", tmp_path) == b"3"
    for wrong in ([("../b", "", b"")], [("a:b", "", b"")], [("a", "", b""), ("a", "", b"")]):
        with pytest.raises(CacheError):
            starter.write(wrong, tmp_path)
    assert starter.load("b", tmp_path) == b"3"


def test_the_starter_pack_that_ships_is_whole():
    assert starter.damaged() == ()


# Packs


def test_a_pack_carries_entries_from_one_store_to_another(store, other, tmp_path):
    for key in ("a", "null:x/y_z-0", "c"):
        store.put(key, key.encode() * 1000)
    other.put("c", b"kept")
    assert export_pack(store, tmp_path / "all.zip") == 3
    report = import_pack(other, tmp_path / "all.zip")
    assert report.imported == ("a", "null:x/y_z-0")
    assert report.present == ("c",)
    assert report.refused == ()
    assert other.get("null:x/y_z-0") == b"null:x/y_z-0" * 1000
    assert other.get("c") == b"kept"


def test_a_pack_can_hold_chosen_entries_only(store, other, tmp_path):
    store.put("a", b"1")
    store.put("b", b"2")
    assert export_pack(store, tmp_path / "some.zip", ["b"]) == 1
    import_pack(other, tmp_path / "some.zip")
    assert other.keys() == ("b",)
    with pytest.raises(CacheError, match="no entry 'z'"):
        export_pack(store, tmp_path / "some.zip", ["z"])


def test_damaged_entries_are_not_exported(store, tmp_path):
    store.put("a", b"1")
    next(store.directory.rglob("*.val")).write_bytes(b"nonsense")
    assert export_pack(store, tmp_path / "none.zip") == 0


def test_a_pack_that_cannot_be_written_is_said_in_a_sentence(store, tmp_path):
    with pytest.raises(CacheError, match="cannot be written"):
        export_pack(store, tmp_path / "absent" / "pack.zip")


def made_pack(path, members, listed=None, compression=zipfile.ZIP_STORED):
    """A pack written by hand: (name, data) members and a manifest that lists them truly or not."""
    if listed is None:
        listed = [
            {"key": name, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in members
        ]
    with zipfile.ZipFile(path, "w", compression) as pack:
        for name, data in members:
            pack.writestr(zipfile.ZipInfo(name), data, compression)
        pack.writestr("manifest.json", json.dumps({"format": FORMAT, "entries": listed}))
    return path


@pytest.mark.parametrize(
    "name", ["../../evil", "/etc/passwd", "a/../../b", "C:\\evil", "A", "a//b", "a.pkl", "ä"]
)
def test_a_member_whose_name_is_no_plain_key_is_refused(other, tmp_path, name):
    path = made_pack(tmp_path / "pack.zip", [("good", b"1"), (name, b"2")])
    report = import_pack(other, path)
    assert report.imported == ("good",)
    assert ("is not a plain key") in dict(report.refused).values()
    assert other.keys() == ("good",)


def test_members_that_differ_from_the_manifest_are_refused_one_by_one(other, tmp_path):
    def row(key, data):
        return {"key": key, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}

    members = [("good", b"1"), ("changed", b"2"), ("unlisted", b"3"), ("longer", b"4444")]
    listed = [row("good", b"1"), row("changed", b"x"), row("longer", b"4"), row("gone", b"5")]
    report = import_pack(other, made_pack(tmp_path / "pack.zip", members, listed))
    assert report.imported == ("good",)
    reasons = dict(report.refused)
    assert "SHA-256" in reasons["changed"]
    assert "not listed" in reasons["unlisted"]
    assert "more than the 1 bytes" in reasons["longer"]
    assert "not in the pack" in reasons["gone"]
    assert other.keys() == ("good",)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_occurs_twice_counts_once(other, tmp_path):
    path = made_pack(tmp_path / "pack.zip", [("a", b"1"), ("a", b"1")])
    report = import_pack(other, path)
    assert report.imported == ("a",)
    assert len(report.refused) == 1


def test_a_zip_bomb_is_not_unpacked(other, tmp_path):
    bomb = bytes(80_000_000)
    honest = made_pack(tmp_path / "honest.zip", [("a", bomb)], compression=zipfile.ZIP_DEFLATED)
    lying = made_pack(
        tmp_path / "lying.zip",
        [("a", bomb)],
        [{"key": "a", "sha256": hashlib.sha256(bomb).hexdigest(), "size": 100}],
        zipfile.ZIP_DEFLATED,
    )
    assert honest.stat().st_size < 1_000_000
    with pytest.raises(CacheError, match="more than 20 times its size"):
        import_pack(other, honest)
    assert "more than the 100 bytes" in dict(import_pack(other, lying).refused)["a"]
    assert other.keys() == ()


def test_many_members_that_unpack_to_a_thousand_times_the_pack_are_not_opened(other, tmp_path):
    """Each is small and within every limit of its own: 0.2 MB of them would give 200 MB."""
    member = bytes(1_000_000)
    bombs = [(f"k{number}", member) for number in range(200)]
    path = made_pack(tmp_path / "pack.zip", bombs, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 300_000
    with pytest.raises(CacheError, match="more than 20 times its size"):
        import_pack(other, path)
    assert other.keys() == ()


def test_a_pack_larger_than_the_store_is_taken_only_as_far_as_it_fits(tmp_path):
    small = Store(tmp_path / "small", limit=3500)
    path = made_pack(tmp_path / "pack.zip", [(f"k{n}", bytes([n]) * 1000) for n in range(5)])
    report = import_pack(small, path)
    assert len(report.imported) == 3
    assert set(small.keys()) == set(report.imported)


@pytest.mark.parametrize("position", [0, 50, 1040, -40, -300])
def test_a_pack_with_a_flipped_byte_gives_no_wrong_entry(other, store, tmp_path, position):
    store.put("a", bytes(1000))
    export_pack(store, tmp_path / "pack.zip")
    content = bytearray((tmp_path / "pack.zip").read_bytes())
    content[position] ^= 1
    (tmp_path / "pack.zip").write_bytes(content)
    with contextlib.suppress(CacheError):
        import_pack(other, tmp_path / "pack.zip")
    assert other.get("a") in (None, bytes(1000))


def test_a_garbled_pack_gives_right_entries_or_a_refusal_and_nothing_else(tmp_path):
    class Shelf(dict):  # a store in memory
        limit = 10**9

        def put(self, key, data, origin):
            self[key] = data

    rng = random.Random(5)
    right = {"a": b"1" * 90, "b/c": b"2" * 90}
    members = list(right.items())
    whole = made_pack(tmp_path / "p", members, compression=zipfile.ZIP_DEFLATED).read_bytes()
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / "p").write_bytes(data)
        shelf = Shelf()
        with contextlib.suppress(CacheError):
            import_pack(shelf, tmp_path / "p")
        assert shelf.items() <= right.items()


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_pack_is_refused_in_a_sentence(other, tmp_path, content):
    (tmp_path / "pack.zip").write_bytes(content)
    with pytest.raises(CacheError, match="not a pack"):
        import_pack(other, tmp_path / "pack.zip")
    with pytest.raises(CacheError, match="there is no pack"):
        import_pack(other, tmp_path / "absent.zip")


def listing(*rows) -> str:
    """A manifest of these entries."""
    return json.dumps({"format": FORMAT, "entries": rows, "files": []})


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "there is no manifest.json in it"),
        ("nonsense", "manifest.json is no JSON"),
        ("[]", "manifest.json holds no JSON object"),
        ('{"format": "other"}', "its format is 'other', not 'iri-explorer-pack-"),
        ("[" * 100_000, "manifest.json is nested too deeply"),
        (json.dumps({"format": FORMAT, "files": []}), "'entries' is no list"),
        ('{"format": "iri-explorer-pack-2", "entries": []}', "'files' is no list"),
        (listing("a"), "row 1 of 'entries' has no 'key' or no 'sha256'"),
        (listing({"key": "a", "sha256": 5, "size": 1}), "row 1 of 'entries' has no 'key' or no "),
        *(
            (
                listing({"key": "a", "sha256": "", "size": size}),
                "the 'size' in row 1 of 'entries' is no number of bytes",
            )
            for size in (-5, "x", 1.5, True, None)
        ),
    ],
)
def test_a_zip_without_a_manifest_of_ours_is_refused(other, tmp_path, manifest, said):
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as pack:
        pack.writestr("a", b"1")
        if manifest is not None:
            pack.writestr("manifest.json", manifest)
    with pytest.raises(CacheError, match=f"no manifest that can be read: {re.escape(said)}"):
        import_pack(other, tmp_path / "pack.zip")
