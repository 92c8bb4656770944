"""Stimulus sets: from results, to a file and back, and the one that ships."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from study_answers import drawn_set

from explorer.images.encoding import from_8bit, from_png, to_png
from explorer.metrics.perceptual import compare
from explorer.models.loading import load
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.research import study_set
from explorer.result import Result
from explorer.store import Store
from explorer.study import stimulus_set as module
from explorer.study.records import StudyError
from explorer.study.stimuli import stimuli_of
from explorer.study.stimulus_set import DEFAULT_FILE, StimulusSet, default_set


@cache
def shipped() -> tuple[Result, ...]:
    """The finished results that ship, of small networks."""
    store = Store()
    results = [Result.from_bytes(store.get(key)) for key in store.shipped()]
    return tuple(each for each in results if each.iri.shape[1] == 64)


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def changed(**fields) -> bytes:
    """The bytes of a set whose first stimulus has these fields."""
    files = unzipped(drawn_set().to_bytes())
    content = json.loads(files["set.json"])
    content["stimuli"][0] |= fields
    return zipped(files | {"set.json": json.dumps(content).encode()})


def test_a_stimulus_says_what_its_result_measured(tmp_path):
    store, result = Store(tmp_path), shipped()[0]
    store.put(result.request.key, result.to_bytes())
    (stimulus,), pictures, refused = stimuli_of(store, [result.request.key] * 2)
    assert not refused
    assert pictures[stimulus.iri] == result.iri_png
    assert pictures[stimulus.target] == result.target_png
    assert pictures[stimulus.seed] == result.seed_png
    assert all(hashlib.sha256(png).hexdigest() == name for name, png in pictures.items())
    assert Request.from_dict(stimulus.request) == result.request
    assert (stimulus.label, stimulus.key) == ("sunflower", result.request.key)
    assert stimulus.network_class == result.match.target_top[0].name


def test_a_margin_is_positive_where_the_measure_says_nearer_the_target():
    said = 0
    for result in shipped():
        (stimulus,), _, _ = stimuli_of(Store(), [result.request.key])
        for each in result.perceptual:
            margin = stimulus.margins[each.measure]
            if each.to_target is None:
                assert margin is None
                continue
            assert each.nearer_target is (margin > 0)
            assert -2 <= margin <= 2
            difference = abs(each.to_target - each.to_seed)
            larger = max(abs(each.to_target), abs(each.to_seed))
            assert abs(margin) == pytest.approx(difference / larger)
            said += 1
        held_out = [each.measure for each in result.perceptual if each.held_out]
        assert list(stimulus.held_out) == held_out
    assert said > 50


def test_only_results_that_match_after_rounding_are_stimuli(tmp_path):
    store, result = Store(tmp_path), shipped()[0]
    key = result.request.key
    rounded = replace(result, match_8bit=replace(result.match_8bit, beyond_null=False))
    searched = replace(result, match=replace(result.match, beyond_null=False))
    other_class = replace(result, match_8bit=replace(result.match_8bit, same_class=False))
    same = replace(result, seed_png=result.target_png)
    swapped = replace(result, iri_png=result.target_png)
    for changed_result, reason in (
        (rounded, "it is not the same to the network any more once it is rounded to 8 bits"),
        (other_class, "it is not the same to the network any more once it is rounded to 8 bits"),
        (searched, "it is not the same to the network: its search has not arrived"),
        (same, "its target and its seed are the same image"),
        (swapped, "its iri.png does not show the image in its iri.npy"),
    ):
        store.put(key, changed_result.to_bytes())
        stimuli, pictures, (refused,) = stimuli_of(store, [key])
        assert (stimuli, pictures) == ([], {})
        assert (refused.key, refused.reason) == (key, reason)
    store.put(key, b"no zip")
    _, _, refused = stimuli_of(store, [key, "0" * 64])
    assert refused[0].reason.startswith("it is not a zip file that can be read")
    assert refused[1].reason == "there is no such result in the cache"


def test_a_set_goes_to_bytes_and_back():
    before = drawn_set(margins=lambda place: {"ssim": place / 10, "dists": None})
    after = StimulusSet.from_bytes(before.to_bytes())
    assert after.id == before.id
    assert after.stimuli == before.stimuli
    assert after.pictures == before.pictures
    assert after.to_bytes() == before.to_bytes()
    assert set(unzipped(before.to_bytes())) == {"set.json"} | {
        f"pictures/{name}.png" for name in before.pictures
    }


def test_the_identity_of_a_set_is_its_content():
    first = drawn_set()
    assert drawn_set().id == first.id
    assert replace(first, title="Another").id != first.id
    assert replace(first, stimuli=first.stimuli[:-1]).id != first.id
    assert replace(first, stimuli=first.stimuli[::-1]).id != first.id


def test_what_a_newer_version_adds_is_left_out():
    assert StimulusSet.from_bytes(changed(colour="red")).id == drawn_set().id


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"key": "0" * 64}, "is not that of its request"),
        ({"request": {"model": "embedded:x", "steps": 0}}, "is damaged or incomplete"),
        ({"margins": {"ssim": "much"}}, "'margins.ssim' in its result.json is 'much'"),
        ({"iri": "0" * 64}, "the picture 000000000000 of the stimulus set is missing"),
        ({"iri": "../../etc/passwd"}, "is missing"),
        ({"label": 3}, "'label'"),
        ({"name": drawn_set().stimuli[1].name}, "have the same name"),
    ],
)
def test_a_set_whose_stimuli_are_damaged_is_refused(fields, sentence):
    with pytest.raises(StudyError, match=sentence):
        StimulusSet.from_bytes(changed(**fields))


def test_a_set_whose_pictures_are_damaged_is_refused():
    files = unzipped(drawn_set().to_bytes())
    place = next(name for name in files if name.endswith(".png"))
    with pytest.raises(StudyError, match="is damaged: its SHA-256 differs"):
        StimulusSet.from_bytes(zipped(files | {place: files[place][:-9] + b"IEND\xaeB`\x82!"}))
    with pytest.raises(StudyError, match="is missing"):
        StimulusSet.from_bytes(zipped({each: files[each] for each in files if each != place}))


@pytest.mark.parametrize(
    ("png", "sentence"),
    [
        (b"GIF89a, which is no PNG", "is no PNG file"),
        (to_png(np.zeros((1, 4096, 3), np.uint8)), "has more than 2048 px a side"),
    ],
)
def test_a_picture_that_is_none_or_too_large_is_refused(png, sentence):
    before = drawn_set()
    name = hashlib.sha256(png).hexdigest()
    stimulus = replace(before.stimuli[0], iri=name)
    with pytest.raises(StudyError, match=sentence):
        StimulusSet("set", "Set", (stimulus,), before.pictures | {name: png})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        drawn_set().to_bytes()[:-100],
        zipped({"other.json": b"{}"}),
        zipped({"set.json": b"[1]"}),
        zipped({"set.json": b'{"format": "iri-explorer-stimulus-set-9"}'}),
        zipped({"set.json": b'{"format": "iri-explorer-stimulus-set-1"}'}),
        zipped({"set.json": b'{"format": "iri-explorer-stimulus-set-1", "stimuli": 5}'}),
        zipped({"set.json": b"\xff\xfe"}),
    ],
)
def test_what_is_no_set_is_refused_in_a_sentence(data):
    with pytest.raises(StudyError, match="stimulus set"):
        StimulusSet.from_bytes(data)


def test_a_set_that_unpacks_to_too_much_is_refused(monkeypatch):
    bomb = zipped({"set.json": b" " * (module.LARGEST_SET + 1)})
    assert len(bomb) < 10**6
    with pytest.raises(StudyError, match="cannot be read"):
        StimulusSet.from_bytes(bomb)
    monkeypatch.setattr(module, "MOST_STIMULI", 9)
    with pytest.raises(StudyError, match="a stimulus set has 9"):
        drawn_set()
    with pytest.raises(StudyError, match="at least one image"):
        StimulusSet("empty", "Empty", (), {})


def test_a_name_that_the_set_has_not_is_said_in_a_sentence():
    with pytest.raises(StudyError, match="there is no image 'x' in the stimulus set 'Drawn"):
        drawn_set().named("x")


def test_the_set_that_ships_is_small_and_balanced():
    ships = default_set()
    assert DEFAULT_FILE.stat().st_size <= study_set.LARGEST == 10**6
    assert len(ships.stimuli) == 72
    assert ships.targets == study_set.TARGETS
    counts = dict.fromkeys(ships.conditions, 0)
    assert set(counts) == {(n, loss) for n in study_set.NETWORKS for loss in study_set.LOSSES}
    networks_of = {}
    for each in ships.stimuli:
        counts[each.condition] += 1
        networks_of.setdefault((each.target_name, each.loss), set()).add(each.model)
    assert set(counts.values()) == {12}
    assert all(len(each) == 2 for each in networks_of.values())


def test_the_set_that_ships_is_that_of_todays_requests():
    """If not: python -m explorer.research.study_set"""
    assert [each.key for each in default_set().stimuli] == [
        request.key for request in study_set.requests()
    ]


@pytest.mark.parametrize("model", study_set.NETWORKS)
def test_the_pictures_that_ship_are_the_same_to_their_network(model):
    """Each IRI, as people see it, is nearer its own target than those of the other stimuli are."""
    network = load(NetworkReference(model))
    stimuli = [each for each in default_set().stimuli if each.model == model]
    of_iri, of_target = (
        penultimate(network, [getattr(each, kind) for each in stimuli])
        for kind in ("iri", "target")
    )
    for place, each in enumerate(stimuli):
        other = [n for n, one in enumerate(stimuli) if one.target_name != each.target_name]
        distances = relative(of_iri, of_target[place])
        assert distances[place] < distances[other].min()
        assert distances[place] < relative(of_target[other], of_target[place]).min()


def penultimate(network, names: list[str]) -> np.ndarray:
    """What goes into the classifier for pictures of the default set, by the test's own hook."""
    seen = []
    pictures = [from_8bit(from_png(default_set().pictures[name])) for name in names]
    (head,) = network.heads
    hook = head.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.from_numpy(np.stack(pictures)))
    hook.remove()
    return seen[0].double().numpy()


def relative(some: np.ndarray, to: np.ndarray) -> np.ndarray:
    return np.linalg.norm(some - to, axis=1) / np.linalg.norm(to)


def test_the_margins_that_ship_are_those_of_the_pictures():
    ships = default_set()
    for each in ships.stimuli[::40]:
        iri, target, seed = (
            torch.from_numpy(from_8bit(from_png(ships.pictures[name])))
            for name in (each.iri, each.target, each.seed)
        )
        for found in compare(iri, target, seed, allow_download=False):
            margin = each.margins[found.measure]
            if found.to_target is not None and abs(margin) > 0.05:
                assert found.nearer_target is (margin > 0)
