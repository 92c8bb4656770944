"""The collection of finished results: summaries, listing, packs that open anywhere, strangers'."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import struct
import zipfile
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import explorer.result
from explorer import cli
from explorer.app import session, sharing
from explorer.app.comparing import compare_parameters
from explorer.app.opening import explore_parameters, why_not_in_explore
from explorer.archive.listing import Filter, Listing
from explorer.archive.pack_page import made_of
from explorer.archive.packs import export_results, import_results, sign_results
from explorer.archive.summary import Summary, put_result
from explorer.archive.titles import loss_title, picture_title
from explorer.decimals import decimals
from explorer.images import gallery, noise_targets, seeds
from explorer.images.encoding import from_png, to_8bit, to_png
from explorer.images.named_pictures import PlainFitting, fit_picture
from explorer.jobs.engine import Engine
from explorer.result import Result, ResultError
from explorer.result.animation import animation, frames_of
from explorer.result.consistency import checked_result
from explorer.result.named_pictures import check_named_pictures
from explorer.store import CacheError, Store, signing, starter
from explorer.validation import validate

SHIPPED = starter.entries()[0]
ADDRESS = re.compile(r"""(?:src|href|url\()\s*=?\s*["']?\s*(?:https?:)?//""", re.IGNORECASE)


@pytest.fixture(scope="module")
def example() -> Result:
    return Result.from_bytes(starter.load(SHIPPED.key) or b"")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "data", starter_directory=tmp_path / "no-starter")


@pytest.fixture
def other(tmp_path):
    return Store(tmp_path / "other", starter_directory=tmp_path / "no-starter")


def variant(result: Result, **settings) -> Result:
    return replace(result, request=replace(result.request, **settings))


def put(store: Store, result: Result) -> str:
    put_result(store, result.request.key, result.to_bytes())
    return result.request.key


def keys(store: Store) -> list[str]:
    return [entry.key for entry in Listing(store).contents().entries]


# Listing


def test_results_are_listed_newest_first_and_are_gone_when_they_are_deleted(store, example):
    listing = Listing(store)
    first, second = (put(store, variant(example, rng_seed=seed)) for seed in (1, 2))
    assert [entry.key for entry in listing.contents().entries] == [second, first]
    assert set(listing.thumbnails([first])) == {first}
    assert store.delete(second)
    assert [entry.key for entry in listing.contents().entries] == [first]
    assert not [key for key in store.stored_at() if second in key]
    assert store.stats().entries == 1
    assert store.keys() == (first,)


def test_a_summary_says_what_the_result_says(store, example):
    key = put(store, example)
    (entry,) = Listing(store).contents().entries
    facts = json.loads(zipfile.ZipFile(io.BytesIO(store.get(key))).read("result.json"))
    summary = entry.summary
    assert summary.state == facts["match"]["state"]
    assert summary.relative_l2 == facts["match"]["relative_l2"]
    assert summary.answer == facts["verdicts"]["person"]["answer"]
    assert json.loads(summary.request) == facts["request"]
    assert summary.sha256 == hashlib.sha256(store.get(key)).hexdigest()
    with Image.open(io.BytesIO(Listing(store).thumbnails([key])[key])) as small:
        assert small.size == (128, 64)
        both = np.hstack([from_png(example.iri_png), from_png(example.target_png)])
        assert np.abs(np.asarray(small.convert("RGB")) - both.astype(float)).mean() < 16


def test_an_evicted_result_takes_its_summary_with_it(tmp_path, example):
    size = len(example.to_bytes())
    store = Store(tmp_path / "data", 3 * size, tmp_path / "no-starter")
    made = [put(store, variant(example, rng_seed=seed)) for seed in range(5)]
    assert keys(store) == made[:2:-1]
    assert {key.rpartition(":")[2] for key in store.stored_at()} == set(made[3:])
    assert store.stats().bytes <= 3 * size


def test_summaries_that_are_missing_or_damaged_are_made_anew(store, example):
    key = example.request.key
    store.put(key, example.to_bytes())
    store.put("f" * 64, b"no result")
    listing = Listing(store)
    assert set(listing.contents().missing) == {key, "f" * 64}
    assert listing.summarise(60) == 0
    assert [entry.key for entry in listing.contents().entries] == [key]
    assert not listing.contents().missing
    store.put(f"summary:{key}", b'{"version": 0}')
    assert listing.contents().missing == [key]
    listing.summarise(60)
    assert [entry.key for entry in Listing(store).contents().entries] == [key]


def test_what_ships_is_listed_last_and_stays(tmp_path, example):
    store = Store(tmp_path / "data")
    key = put(store, variant(example, rng_seed=1))
    listing = Listing(store)
    listing.summarise(60)
    entries = listing.contents().entries
    assert [entry.key for entry in entries] == [key, *(each.key for each in starter.entries())]
    assert [entry.shipped for entry in entries][:2] == [False, True]


def test_filters_let_through_what_a_look_at_every_request_lets_through(store, example):
    requests = [
        replace(example.request, layer=layer, target=target, loss=loss)
        for layer in ("penultimate", "logits")
        for target in ("cat", "coffee")
        for loss in ("regularizer-free", "freq")
    ]
    for request in requests:
        put(store, replace(example, request=request))
    entries = Listing(store).contents().entries
    found = Filter(layer="logits", loss="freq", match="converged", text="COFFEE light")
    right = {each.key for each in requests if (each.layer, each.loss) == ("logits", "freq")}
    right &= {each.key for each in requests if each.target == "coffee"}
    assert len(right) == 1
    assert {entry.key for entry in found.matching(entries)} == right
    assert Filter(match="not-matched").matching(entries) == []
    (one,) = [each for each in entries if each.key in right]
    said = f"{made_of(one.summary)} {picture_title('coffee')} {one.summary.state}"
    assert loss_title("freq") in said
    assert Filter(text=said.replace(",", "").replace(" from ", " ")).matching(entries) == [one]
    assert len(Filter(keys=frozenset(right)).matching(entries)) == 1


def test_nobody_elses_uploads_are_listed_not_even_shared_ones(store, example, monkeypatch):
    result = variant(example, target="picture:" + "c" * 64)
    summary = Summary.of(result, result.request.key, b"")
    store.put(f"shared:{summary.key}", b"1")
    held: dict = {}
    asked: set = set()
    monkeypatch.setattr(session, "engine", lambda: Engine(store))
    monkeypatch.setattr(session, "uploads", lambda: held)
    monkeypatch.setattr(session, "requested", lambda: asked)
    assert not sharing.may_be_listed(summary)
    held[result.request.target] = b""
    assert sharing.may_be_listed(summary)
    held.clear()
    asked.add(summary.key)
    assert sharing.may_be_listed(summary)


def test_a_visitor_from_elsewhere_deletes_only_their_own(store, example, monkeypatch):
    put(store, example)
    (entry,) = Listing(store).contents().entries
    asked: set = set()
    monkeypatch.setattr(session, "requested", lambda: asked)
    monkeypatch.setattr(sharing, "_is_this_machine", lambda address: False)
    assert not sharing.may_manage()
    assert not sharing.may_be_deleted(entry)
    asked.add(entry.key)
    assert sharing.may_be_deleted(entry)
    assert not sharing.may_be_deleted(replace(entry, shipped=True))


def test_what_differs_in_one_thing_leads_to_a_comparison_of_exactly_that(example):
    request = example.request
    made = [validate(replace(request, loss=each, nearest=None)) for each in ("freq", request.loss)]
    said = compare_parameters(made) or {}
    assert (said["vary"], said["values"]) == ("losses", f"freq,{request.loss}")
    drawn = [replace(request, rng_seed=each) for each in (5, 4, 6)]
    said = compare_parameters(drawn) or {}
    assert (said["vary"], said["rng"], said["again"]) == ("seeds", "4", "3")
    assert compare_parameters(drawn[::2]) is not None  # 5 and 6
    assert compare_parameters(drawn[1:]) is None  # 4 and 6: not one after the other
    assert compare_parameters([*made, *drawn]) is None
    assert compare_parameters(made[:1]) is None


def test_a_result_opens_in_explore_or_says_why_not(example):
    request = example.request
    assert explore_parameters(request, request.key) is not None
    assert explore_parameters(request, "0" * 64) is None  # of a version with other keys
    gone = replace(request, model="own:gone", weights="a" * 64)
    assert explore_parameters(gone, gone.key) is None
    assert "not here any more" in why_not_in_explore(gone)
    other = replace(request, steps=77)
    assert explore_parameters(other, other.key) is None
    assert "Its settings" in why_not_in_explore(other)


# Packs


def test_a_pack_opens_offline_and_shows_whatever_is_in_it_as_text(store, other, example, tmp_path):
    hostile = "file:/lab/<img src=x onerror=alert(1)>.pt"
    odd = variant(example, model=hostile, architecture="timm:resnet18", weights="a" * 64)
    made = [put(store, example), put(store, odd)]
    store.put("null:x", b"{}")
    assert export_results(store, tmp_path / "pack.zip", made) == 2
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        page = pack.read("index.html").decode()
        folder = f"results/{example.request.key[:16]}"
        assert pack.read(f"{folder}/iri.png") == example.iri_png
        assert json.loads(pack.read(f"{folder}/result.json"))["key"] == example.request.key
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert not ADDRESS.search(page)
    assert page.count("<article") == 2
    loss, seed = loss_title(example.request.loss), picture_title(example.request.seed)
    assert f", {loss}, from {seed}</p>" in page
    drawn = Summary.of(variant(example, rng_seed=3), made[0], b"")
    assert made_of(drawn).endswith(f", {loss}, from {seed}, random seed 3")
    assert "default-src 'none'" in page
    report = import_results(other, tmp_path / "pack.zip")
    assert (set(report.imported), report.refused) == (set(made), ())
    assert other.get(made[0]) == store.get(made[0])
    assert set(keys(other)) == set(made)
    assert set(import_results(other, tmp_path / "pack.zip").present) == set(made)


def test_the_page_and_pictures_of_a_pack_are_signed_with_its_entries(
    store, other, example, tmp_path
):
    key, pack = put(store, example), tmp_path / "pack.zip"
    export_results(store, pack, [key])
    content = pack.read_bytes()
    with zipfile.ZipFile(pack) as file:
        members = {name: file.read(name) for name in file.namelist()}
    picture = f"results/{key[:16]}/iri.png"
    changes = (
        {"index.html": members["index.html"] + b"<p>It says something else."},
        {picture: members[picture][:-9]},
        {picture: members[picture] + bytes(10_000_000)},
        {"results/more.png": b"one more"},
        {"index.html": None},
    )
    for change in changes:
        changed = {name: data for name, data in (members | change).items() if data is not None}
        pack.write_bytes(zipped(changed))
        with pytest.raises(CacheError, match="its page or pictures are not those that it lists"):
            import_results(other, pack)
    assert keys(other) == []
    pack.write_bytes(content)
    assert import_results(other, pack).page_is_signed
    assert keys(other) == [key]


def test_a_pack_of_the_first_version_is_imported_and_its_page_is_not_signed(
    store, other, example, tmp_path
):
    data, pack = example.to_bytes(), tmp_path / "pack.zip"
    key = example.request.key
    rows = [{"key": key, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}]
    signer = signing.installation(store.directory)
    listed = json.dumps(rows, sort_keys=True, separators=(",", ":")).encode()
    signature = signer.sign(b"iri-explorer pack 1\n" + listed).hex()
    manifest = {
        "format": "iri-explorer-pack-1",
        "signature": {"public_key": signer.public_key.hex(), "ed25519": signature},
        "entries": rows,
    }
    members = {"manifest.json": json.dumps(manifest).encode(), key: data, "index.html": b"any"}
    pack.write_bytes(zipped(members))
    report = import_results(other, pack)
    assert (report.imported, report.refused) == ((key,), ())
    assert (report.signed_by.fingerprint, report.page_is_signed) == (signer.fingerprint, False)
    # What is signed as the second version cannot pass for one of the first.
    put(store, example)
    export_results(store, pack, [key])
    with zipfile.ZipFile(pack) as file:
        manifest |= {"signature": json.loads(file.read("manifest.json"))["signature"]}
    pack.write_bytes(zipped(members | {"manifest.json": json.dumps(manifest).encode()}))
    with pytest.raises(CacheError, match="changed after it was signed"):
        import_results(other, pack)


def forged(result: Result, **changes: object) -> bytes:
    """The result's bytes with values at `a__b__c` of its result.json, or files, replaced."""
    files = result.files()
    content = json.loads(files["result.json"])
    for path, value in changes.items():
        if path == "files":
            files |= value
            continue
        *way, last = path.split("__")
        place = content
        for name in way:
            place = place[int(name) if name.isdigit() else name]
        place[last] = value
    files["result.json"] = json.dumps(content).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def huge_png(side: int) -> bytes:
    """A PNG file of a few kB that says it has so many pixels a side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_every_shipped_result_is_consistent():
    for entry in starter.entries()[:2]:
        checked_result(entry.key, starter.load(entry.key) or b"")


def test_results_that_are_not_what_they_say_are_refused_one_by_one(
    store, example, tmp_path, monkeypatch
):
    monkeypatch.setattr(explorer.result, "LARGEST_UNPACKED", 2**20)  # of all files together
    good = variant(example, steps=1)
    inverted = to_png(255 - from_png(example.iri_png))
    bits = forged(example, match__after_8bit__beyond_null=False)
    lies = {
        "another key": (variant(example, steps=2).to_bytes(), "another key"),
        "beyond null": (forged(example, match__snr_db=-5.0), "'match.beyond_null'"),
        "8 bits": (bits, "'match.after_8bit.beyond_null'"),
        "distance": (forged(example, match__relative_l2=1e-5), "'match.snr_db' is 34"),
        "distance and SNR": (
            forged(example, match__relative_l2=1e-5, match__snr_db=100.0),
            "'match.relative_l2' is 1e-05, and in 'layers' at 'penultimate' 0.01984",
        ),
        "8-bit distance": (forged(example, match__after_8bit__relative_l2=1e-5), "8bit.snr_db'"),
        "a layer": (forged(example, layers__0__relative_l2=1e-5), "'layers.stem"),
        "curve": (
            forged(example, tightening__searched__relative_l2=0.5),
            "searched image is 0.5, and",
        ),
        "allowed": (forged(example, tightening__allowed=0.5), "nor what its search reached"),
        "nearest": (forged(example, tightening__rms=[0.5, 0.4]), "does not end at 'moved.rms'"),
        "course": (forged(example, tightening__rms=[0.1, 0.4]), "'tightening.rms' goes back"),
        "class": (forged(example, match__same_class=False), "'match.same_class'"),
        "state": (forged(example, match__state="matched"), "'match.state'"),
        "converged": (forged(example, converged=False), "'converged'"),
        "network": (forged(example, verdicts__network__same=False), "'verdicts.network.same'"),
        "person": (forged(example, verdicts__person__nearer_target=0), "'verdicts.person'"),
        "answer": (forged(example, verdicts__person__answer="no"), "'verdicts.person.answer'"),
        "measure": (forged(example, perceptual__0__nearer_target=False), "its values do not"),
        "moved": (forged(example, moved__rms=0.01), "'moved.rms'"),
        "picture": (forged(example, files={"iri.png": inverted}), "does not show the image"),
        "target": (forged(example, files={"target.png": example.iri_png}), "target.png does not"),
        "seed": (forged(example, files={"seed.png": example.target_png}), "seed.png does not"),
        "crop": (forged(example, network__crop_pct=1e-6), "'network.crop_pct' is 1e-06"),
        "null": (forged(example, match__null__snr_db__quantiles={}), "'match.null.snr_db' is"),
        "steps": (forged(example, steps="many"), "no whole number"),
        "size": (forged(example, files={"seed.png": huge_png(9000)}), "9000×9000 px"),
        "frame": (forged(example, files={"frames/00001.png": b"?"}), "is no PNG file"),
        "bomb": (
            forged(example, files={f"n{n}": bytes(2**18) for n in range(5)}),
            "more than any",
        ),
        "nothing": (b"", "not a zip file"),
    }
    steps = iter(range(10, 99))
    members = {good.request.key: good.to_bytes()}
    names = {}
    for name, (data, _) in lies.items():
        # Each under the key that its request gives, but the one that is about the key.
        key = hashlib.sha256(name.encode()).hexdigest()
        if name not in ("another key", "nothing"):
            request = replace(example.request, steps=next(steps))
            key = request.key
            with zipfile.ZipFile(io.BytesIO(data)) as old:
                files = {each: old.read(each) for each in old.namelist()}
            content = json.loads(files["result.json"])
            content |= {"request": request.to_dict(), "key": key}
            data = zipped(files | {"result.json": json.dumps(content).encode()})
        names[key], members[key] = name, data
    members |= {"null:x": b"{}", "summary:" + "a" * 64: b"{}", "shared:" + "a" * 64: b"1"}
    pack = tmp_path / "pack.zip"
    packed(pack, members | {"../climbs": b"x", "results/../../climbs": b"y"})
    report = import_results(store, pack)
    assert report.imported == (good.request.key,)
    refused = dict(report.refused)
    for key, name in names.items():
        assert lies[name][1] in refused[key], (name, refused[key])
    assert "not a result" in refused["null:x"]
    assert "made by each installation" in refused["shared:" + "a" * 64]
    assert refused["../climbs"] == refused["results/../../climbs"] == "is not a plain key"
    assert store.keys() == (good.request.key,)
    report = import_results(store, pack, results_only=False)
    assert report.imported == ("null:x",)


def test_a_grey_network_s_target_is_checked_as_it_saw_it(example):
    """A picture is brought to a grey network as luma, and a drawn one in one channel."""
    height, width = example.iri.shape[1:]
    grey = replace(example.network, mean=(0.5,), std=(0.5,))
    astronaut = fit_picture(gallery.load("astronaut"), PlainFitting((height, width), 1))
    noise = seeds.make_seed("uniform", (height, width), 3, channels=1)
    request = replace(example.request, target="astronaut", seed="uniform", rng_seed=3)
    shown = {"target_png": to_png(to_8bit(astronaut)), "seed_png": to_png(to_8bit(noise))}
    result = replace(example, request=request, network=replace(grey, crop_pct=1.0), **shown)
    result = replace(result, network=replace(result.network, interpolation="bilinear"))
    check_named_pictures(result)
    with pytest.raises(ResultError, match=r"its target.png does not show the target 'astronaut'"):
        check_named_pictures(replace(result, network=replace(result.network, mean=(0.5,) * 3)))
    with pytest.raises(ResultError, match="no 'network'"):
        check_named_pictures(replace(result, network=None))
    noises = replace(result.request, target="noise-2")
    made = to_png(to_8bit(noise_targets.make_target("noise-2", (height, width), channels=1)))
    check_named_pictures(replace(result, request=noises, target_png=made, network=None))


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def packed(path, members: dict[str, bytes]) -> None:
    rows = [
        {"key": key, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for key, data in members.items()
    ]
    manifest = json.dumps({"format": "iri-explorer-pack-1", "entries": rows}).encode()
    path.write_bytes(zipped(members | {"manifest.json": manifest}))


def test_a_pack_unpacks_to_no_more_than_the_store_may_hold_in_all(tmp_path):
    small = Store(tmp_path / "small", 10_000_000, tmp_path / "no-starter")
    noise = np.random.default_rng(0).bytes(900_000)
    # Each within its own limits, and each refused once it was read: the sum counts nevertheless.
    packed(tmp_path / "pack.zip", {f"{n:064x}": noise for n in range(15)})
    report = import_results(small, tmp_path / "pack.zip")
    reasons = [why for _, why in report.refused]
    assert sum("space that is left" in why for why in reasons) == 4
    packed(tmp_path / "pack.zip", {f"{1:064x}": bytes(5_000_000)})
    (refusal,) = import_results(small, tmp_path / "pack.zip").refused
    assert "more than 200 times" in refusal[1]


def test_a_pack_of_another_version_is_refused_in_a_sentence(store, tmp_path):
    manifest = json.dumps({"format": "iri-explorer-pack-7", "entries": []}).encode()
    (tmp_path / "pack.zip").write_bytes(zipped({"manifest.json": manifest}))
    with pytest.raises(
        CacheError, match=r"is of another version: .*-7', not 'iri-explorer-pack-2'"
    ):
        import_results(store, tmp_path / "pack.zip")


# Along the way


def played(data: bytes) -> list[tuple[np.ndarray, int]]:
    """Pixels and milliseconds of every frame of an animation."""
    with Image.open(io.BytesIO(data)) as film:
        frames = []
        for index in range(film.n_frames):
            film.seek(index)
            frames.append((np.asarray(film.convert("RGB")), film.info["duration"]))
        return frames


def test_a_webp_animation_has_the_exact_pixels_and_waits_at_its_end(example):
    frames = frames_of(example)
    assert [frame.title for frame in frames[-2:]] == ["as searched", "nearest to its seed"]
    film = played(animation(example, "webp", 5, 1.5, 200))
    assert [milliseconds for _, milliseconds in film] == [200] * (len(frames) - 1) + [1700]
    for (shown, _), frame in zip(film, frames, strict=True):
        exact = from_png(frame.png).repeat(3, axis=0).repeat(3, axis=1)  # 64 px, thrice
        np.testing.assert_array_equal(shown, exact)


def test_a_gif_comes_near(example):
    film = played(animation(example, "gif", shown_px=64))
    for (shown, _), frame in zip(film, frames_of(example), strict=True):
        difference = np.abs(shown.astype(int) - from_png(frame.png))
        assert difference.max() <= 32
        assert difference.mean() < 8


def test_iri_animate_writes_the_file_or_says_what_is_wrong(example, tmp_path, capsys):
    folder = tmp_path / "result"
    (folder / "frames").mkdir(parents=True)
    for name, data in example.files().items():
        (folder / name).write_bytes(data)
    out = tmp_path / "way.webp"
    assert cli.main(["animate", str(folder), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == len(played(out.read_bytes()))
    assert cli.main(["animate", SHIPPED.key[:10], "--out", str(tmp_path / "way.gif")]) == 0
    for mistake, field in (
        (["animate", SHIPPED.key[:10], "--out", str(tmp_path / "a.mp4")], "out: "),
        (["animate", SHIPPED.key[:10], "--out", str(out), "--fps", "1000"], "fps: "),
        (["animate", "0" * 64, "--out", str(out)], "result: "),
        (["animate", str(tmp_path / "absent"), "--out", str(out)], "result: "),
    ):
        assert cli.main(mistake) == 2
        assert field in capsys.readouterr().err
    with pytest.raises(ResultError, match="no key frames"):
        animation(replace(example, frames=()), "gif")


def test_an_8_bit_picture_that_shows_the_image_passes(example):
    assert np.array_equal(to_8bit(example.iri), from_png(example.iri_png))


def test_where_nothing_can_be_stored_results_are_listed_and_it_is_tried_once(
    store, example, monkeypatch, caplog
):
    made = [put(store, variant(example, rng_seed=seed)) for seed in range(4)]
    for key in made:
        store.delete(f"summary:{key}")
    tried = []

    def full(*arguments, **named) -> None:
        tried.append(arguments)
        raise CacheError("The disk is full.")

    monkeypatch.setattr(store, "put", full)
    listing = Listing(store)
    assert listing.summarise(60) == 0
    assert [entry.key for entry in listing.contents().entries] == made[::-1]
    assert len(tried) == 1
    assert caplog.text.count("The disk is full.") == 1


# Who signed


def test_the_command_line_says_who_signed_a_pack_and_signs_what_an_earlier_version_stored(
    store, other, example, tmp_path, monkeypatch, capsys
):
    def iri(*words) -> str:
        assert cli.main(["cache", *map(str, words)]) == 0
        return capsys.readouterr().out

    def refused(*words, code=2) -> str:
        assert cli.main(["cache", *map(str, words)]) == code
        return capsys.readouterr().err

    key, pack = put(store, variant(example, steps=77)), tmp_path / "pack.zip"
    export_results(store, pack)
    fingerprint = store.stats().signed_by
    monkeypatch.setenv("IRI_CACHE_DIR", str(other.directory))
    said = iri("import", pack)
    assert f"signed by: {fingerprint}\npage is signed: True\nsigner is: not known here\n" in said
    export_results(store, tmp_path / "empty.zip", [])
    said = refused("import", tmp_path / "empty.zip", code=1)
    assert "nothing was imported: the pack holds no results" in said
    assert "known here as “the lab”" in iri("import", pack, "--known-as", "the lab")
    assert f"{fingerprint}: the lab" in iri("signers")
    (listed,) = [row for row in json.loads(iri("list", "--json")) if row["key"] == key]
    assert listed["imported_from"] == fingerprint
    assert "unsigned: 0" in iri("stats")

    with zipfile.ZipFile(pack) as whole, zipfile.ZipFile(tmp_path / "bare.zip", "w") as bare:
        manifest = json.loads(whole.read("manifest.json"))
        del manifest["signature"]
        manifest["files"] = []
        bare.writestr("manifest.json", json.dumps(manifest))
        bare.writestr(key, whole.read(key))
    assert "signed by: nobody" in iri("import", tmp_path / "bare.zip")
    said = refused("import", tmp_path / "bare.zip", "--known-as", "the lab")
    assert "nobody signed this pack" in said

    store.close()
    (tmp_path / "data.signing-key").unlink()  # as if it was lost, or the folder came from elsewhere
    monkeypatch.setattr("explorer.store.signing._known", {})
    monkeypatch.setenv("IRI_CACHE_DIR", str(store.directory))
    stats = iri("stats")
    assert "entries: 0" in stats
    assert "unsigned: 1 (count as absent; `iri cache sign` checks and signs them)" in stats
    assert f"signed: 1\n  {key}" in iri("sign")
    assert "unsigned: 0" in iri("verify")
    (listed,) = [row for row in json.loads(iri("list", "--json")) if row["key"] == key]
    assert listed["imported_from"] == "unsigned"


def test_results_of_which_nothing_but_their_files_is_left_are_found_by_signing(store, example):
    key = put(store, example)
    store.put("null:x", b"{}")
    store.close()
    for path in store.directory.glob("cache.db*"):
        path.unlink()
    for path in store.directory.glob("??/??/*.val"):
        os.utime(path, (1, 1))
    assert keys(store) == []
    store.verify()
    report = sign_results(store)
    assert (report.signed, report.refused) == ((key,), ())
    assert keys(store) == [key]
    assert store.verify().unsigned == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01234, "0.012"), (0.0006, "0.001"), (0.0003, "0.0003"), (1e-9, "1e-09"), (0.0, "0.000")],
)
def test_a_number_that_is_not_zero_does_not_read_as_zero(value, text):
    assert decimals(value) == text
    assert decimals(-value).lstrip("-") == text
