"""Results: to bytes and back, and what is refused on the way back."""

import io
import json
import pickle
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explorer.metrics.match import LayerComparison, Match, Prediction
from explorer.metrics.null import Distribution, Null
from explorer.metrics.perceptual_verdict import Comparison, PerceptualVerdict
from explorer.request import SCHEMA, Request
from explorer.result import Result, ResultError
from explorer.result.provenance import Curves, OptimiserUsed, Provenance

STARTER = Path(__file__).parents[1] / "cache" / "starter"
PNG = b"\x89PNG\r\n\x1a\n one picture"


def match(relative_l2: float | None = 0.1, beyond_null: bool = True) -> Match:
    values = {"relative_l2": relative_l2, "spearman": None}
    top = (Prediction(2, "cat", 0.75), Prediction(0, "ℓ", 0.125))
    return Match(values, beyond_null, same_class=True, target_top=top, iri_top=top[:1])


@pytest.fixture
def result() -> Result:
    rng = np.random.default_rng(0)
    iri = rng.random((3, 5, 7), dtype=np.float32)
    iri[0, 0, :3] = 0.0, 1.0, np.nextafter(np.float32(1), np.float32(0))
    spread = Distribution(2, {"min": 0.5, "max": 0.75}, (1, 1), (0.5, 0.625, 0.75))
    return Result(
        request=Request(model="embedded:residual-multi-adv2", steps=2),
        iri=iri,
        iri_png=PNG + b"1",
        target_png=PNG + b"2",
        seed_png=PNG + b"3",
        frames=((0, PNG + b"a"), (1, PNG + b"b"), (16384, PNG + b"c")),
        match=match(),
        match_8bit=match(0.125, beyond_null=False),
        null=Null(2, 2, {"relative_l2": spread}, "two pictures"),
        layers=(
            LayerComparison("ℓ", "Conv2d", {"relative_l2": None}),
            LayerComparison("large", "ReLU", {"relative_l2": 0.5}, ranked=65536),
        ),
        perceptual=(
            Comparison("ssim", "higher", 1 / 3, 0.25, None, True, False, True, None),
            Comparison(
                "dists", "lower", None, None, None, False, True, None, None, "no", True, True
            ),
        ),
        person=PerceptualVerdict(1, 3, 2, 3, ("cat", "rocket"), 0.25),
        curves=Curves((0, 1), (1.0, 0.5), (1.0, 0.5)),
        provenance=Provenance(
            steps=2,
            best_step=1,
            stopped="budget",
            weights={"representation": 1.0},
            optimiser=OptimiserUsed("adam", "Adam"),
            device="CPU",
            versions={"numpy": "2"},
            batch=1,
            seconds_making=1.0,
            seconds_measuring=0.25,
            seconds=1.5,
        ),
    )


def repacked(data: bytes, **changes: bytes | None) -> bytes:
    """The zip with some members replaced, added (by name, `_` for `.`) or (None) left out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files |= {name.replace("_", "."): content for name, content in changes.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)
    return buffer.getvalue()


def saved(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()


# There and back


def test_everything_comes_back_to_the_last_bit(result):
    again = Result.from_bytes(result.to_bytes())
    assert again.iri.dtype == np.float32
    assert again.iri.tobytes() == result.iri.tobytes()
    assert again.iri.shape == result.iri.shape
    for name in (
        "request",
        "iri_png",
        "target_png",
        "seed_png",
        "frames",
        "match",
        "match_8bit",
        "null",
        "layers",
        "perceptual",
        "person",
        "curves",
        "provenance",
    ):
        assert getattr(again, name) == getattr(result, name), name


def test_the_same_result_gives_the_same_bytes(result):
    assert result.to_bytes() == result.to_bytes()
    assert Result.from_bytes(result.to_bytes()).to_bytes() == result.to_bytes()


def test_the_bytes_are_a_zip_that_a_person_can_open(result):
    with zipfile.ZipFile(io.BytesIO(result.to_bytes())) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {
            "result.json",
            "iri.npy",
            "iri.png",
            "target.png",
            "seed.png",
            "frames/00000.png",
            "frames/00001.png",
            "frames/16384.png",
        }
        said = json.loads(archive.read("result.json"))
        assert np.array_equal(np.load(io.BytesIO(archive.read("iri.npy"))), result.iri)
    assert said["key"] == result.request.key
    assert said["request"] == result.request.to_dict()
    assert said["seconds"] == 1.5


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_json_has_not_are_refused_when_writing(result, bad):
    with pytest.raises(ResultError, match=r"match\.relative_l2 .* JSON"):
        replace(result, match=match(bad)).to_bytes()


@pytest.mark.parametrize(
    "iri", [np.zeros((3, 4, 4)), np.zeros((4, 4, 3), np.float32), np.zeros((3, 4), np.float32)]
)
def test_an_image_that_is_not_float32_3_h_w_is_refused(result, iri):
    with pytest.raises(ResultError, match="not float32 3×H×W"):
        replace(result, iri=iri)


# The match in three words


@pytest.mark.parametrize("stopped", ["goal", "plateau", "budget", "unknown"])
@pytest.mark.parametrize(
    ("beyond_null", "same_class", "relative_l2", "state"),
    [
        (True, True, 0.01, "converged"),
        (True, None, 0.0201, "converged"),  # on the edge of its goal, as the nearest image is
        (True, True, 0.0203, "matched"),
        (True, True, 0.182, "matched"),  # also on a plateau
        (False, True, 0.01, "not matched"),
        (True, False, 0.01, "not matched"),
        (False, True, None, "not matched"),
    ],
)
def test_the_match_in_three_words_whatever_ended_the_search(
    result, beyond_null, same_class, relative_l2, state, stopped
):
    one = replace(
        result,
        request=replace(result.request, goal=0.02),
        match=replace(match(relative_l2, beyond_null), same_class=same_class),
        match_8bit=match(0.03),  # the goal is asked of the float32 image
        provenance=replace(result.provenance, stopped=stopped),
    )
    said = one.to_json()
    assert said["match"]["state"] == one.state == state
    assert one.matched is said["verdicts"]["network"]["same"] is (state != "not matched")
    assert one.converged is said["converged"] is (state == "converged")
    again = Result.from_bytes(one.to_bytes())
    assert again.state == state
    assert again.to_json() == said


def test_a_match_that_rounding_to_8_bits_loses_is_none(result):
    one = replace(result, match=match(0.0), match_8bit=match(0.0, False))
    assert one.state == "not matched"
    assert not one.matched
    assert not one.converged


def test_a_result_from_before_convergence_was_kept_is_judged_alike(result):
    said = result.to_json()
    del said["converged"], said["match"]["state"]
    again = Result.from_bytes(repacked(result.to_bytes(), result_json=json.dumps(said).encode()))
    assert again.converged is False
    assert again.to_json() == result.to_json()


def test_result_json_holds_what_others_script_against(result):
    content = result.to_json()
    assert set(content["match"]) == {
        *("relative_l2", "spearman", "beyond_null", "same_class", "target_top", "iri_top", "same"),
        *("after_8bit", "null", "state"),
    }
    assert content["match"]["target_top"][1] == {"index": 0, "name": "ℓ", "probability": 0.125}
    assert content["match"]["after_8bit"]["same"] is False
    assert content["match"]["null"]["relative_l2"]["quantiles"] == {"min": 0.5, "max": 0.75}
    assert content["layers"] == [
        {"name": "ℓ", "kind": "Conv2d", "relative_l2": None},
        {"name": "large", "kind": "ReLU", "relative_l2": 0.5, "ranked": 65536},
    ]
    ssim, dists = content["perceptual"]
    assert (ssim["used_in_loss"], ssim["held_out"], ssim["votes"], ssim["judges"]) == (
        *(True, False),
        *(True, False),
    )
    assert (dists["kin_to_loss"], dists["votes"], dists["reason"]) == (True, False, "no")
    assert content["verdicts"] == {
        "network": {"same": False},
        "person": {
            "nearer_target": 1,
            "judges": 3,
            "nearer_than_mismatched": 2,
            "judges_of_mismatched": 3,
            "wrong_nearer": 0.25,
            "mismatched": ["cat", "rocket"],
            "answer": "undecided",
        },
    }
    assert content["optimiser"] == {"name": "adam", "help": "Adam"}


def test_a_result_of_an_older_version_is_read_with_what_it_holds(result):
    content = result.to_json()
    content["layers"] = [{"name": "ℓ", "relative_l2": 0.5}]
    for row in content["perceptual"]:
        for added_later in ("kin_to_loss", "votes", "judges", "wrong_nearer", "cannot_tell"):
            del row[added_later]
    del content["match"]["null"]["source"]
    del content["verdicts"]["person"]["mismatched"], content["verdicts"]["person"]["answer"]
    del content["optimiser"], content["batch"]
    content["key"] = result.request.key_in(SCHEMA - 1)
    again = Result.from_bytes(repacked(result.to_bytes(), result_json=json.dumps(content).encode()))
    assert again.layers == (LayerComparison("ℓ", None, {"relative_l2": 0.5}),)
    assert [each.counts_in_verdict for each in again.perceptual] == [False, False]
    assert again.null.source == ""
    assert again.person.mismatched == ()
    assert again.provenance.optimiser.name == "unknown"
    assert Result.from_bytes(again.to_bytes()).to_json() == again.to_json()


def test_what_a_newer_version_added_survives(result):
    content = result.to_json()
    for place in (
        content,
        content["match"],
        content["match"]["after_8bit"],
        content["perceptual"][0],
        content["verdicts"]["person"],
    ):
        place["added_later"] = {"text": ["a", 1]}
    content["layers"][0]["angle"] = 0.25
    again = Result.from_bytes(repacked(result.to_bytes(), result_json=json.dumps(content).encode()))
    assert again.to_json() == content


@pytest.mark.parametrize("path", sorted(STARTER.glob("*.zip")), ids=lambda path: path.stem[:8])
def test_every_shipped_result_keeps_its_content(path):
    with zipfile.ZipFile(path) as archive:
        shipped = json.loads(archive.read("result.json"))
    again = Result.from_bytes(Result.from_bytes(path.read_bytes()).to_bytes())
    assert json.loads(again.files()["result.json"]) == shipped


def test_the_files_of_a_folder_are_a_result_as_its_zip_is(result):
    assert Result.from_files(result.files()).to_bytes() == result.to_bytes()
    with pytest.raises(ResultError, match=r"seed\.png"):
        Result.from_files({k: v for k, v in result.files().items() if k != "seed.png"})


# What is no result


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04", PNG, b"\x80\x04N."])
def test_foreign_bytes_are_no_result(data):
    with pytest.raises(ResultError):
        Result.from_bytes(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"result_json": None},
        {"iri_npy": None},
        {"seed_png": None},
        {"result_json": b"{"},
        {"result_json": b"null"},
        {"result_json": b"[]"},
        {"result_json": b'"text"'},
        {"result_json": b"\xff\xfe"},
        {"result_json": b"[" * 100_000},
        {"iri_npy": b""},
        {"iri_npy": b"\x93NUMPY"},
        {"iri_npy": saved(np.zeros((3, 4, 4)))},
        {"frames/last_png": PNG},
        {"iri_npy": saved(np.full((3, 4, 4), np.nan, np.float32))},
        {"iri_npy": saved(np.full((3, 4, 4), -np.inf, np.float32))},
        {"iri_npy": saved(np.full((3, 4, 4), 1.5, np.float32))},
    ],
    ids=lambda changes: " ".join(f"{k}={str(v)[:20]}" for k, v in changes.items()),
)
def test_a_part_that_is_missing_or_wrong_is_said(result, changes):
    (name,) = (each.replace("_", ".") for each in changes)
    said = "not float32" if "<f8" in str(changes) else name  # of an array that is no image
    with pytest.raises(ResultError, match=said):
        Result.from_bytes(repacked(result.to_bytes(), **changes))


MOVED = {"rms": 0.25, "relative": 0.5}
TIGHTENING = {
    "allowed": 0.1,
    "passes": 2,
    "stopped": "budget",
    "rms": [0.5, 0.25],
    "bound": 0.125,
    "searched": {
        "relative_l2": 0.1,
        "perceptual": [],
        "person": {"nearer_target": 0, "judges": 0},
    },
}


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"moved": MOVED}, None),
        ({"moved": {"rms": 0, "relative": None}}, None),
        ({"moved": MOVED | {"rms": -0.25}}, "moved.rms .* at least 0"),
        ({"moved": MOVED | {"rms": float("nan")}}, "moved.rms .* not finite"),
        ({"moved": MOVED | {"relative": float("inf")}}, "moved.relative .* not finite"),
        ({"moved": MOVED | {"relative": "far"}}, "moved.relative .* no finite number"),
        ({"moved": [1]}, "'moved' cannot be read"),
        ({"tightening": TIGHTENING}, None),
        ({"tightening": TIGHTENING | {"rms": []}}, "tightening.rms .* empty"),
        ({"tightening": TIGHTENING | {"rms": [0.5, float("nan")]}}, r"tightening.rms\[1\] .* not"),
        ({"tightening": TIGHTENING | {"passes": -1}}, "tightening.passes .* at least 0"),
        ({"tightening": TIGHTENING | {"passes": 0.5}}, "tightening.passes .* no whole number"),
        (
            {
                "tightening": TIGHTENING
                | {"searched": TIGHTENING["searched"] | {"relative_l2": "x"}}
            },
            "tightening.searched.relative_l2 .* no finite number",
        ),
        ({"layers": [{"relative_l2": 1}]}, "'layers' cannot be read"),
        ({"layers": [{"name": 5}]}, "'layers.0..name' .* is '5'; it must be text"),
        ({"steps": "many"}, "steps .* no whole number"),
        ({"batch": True}, "batch .* no whole number"),
        ({"seconds": "long"}, "seconds .* no finite number"),
        ({"stopped": 5}, "'stopped' .* is '5'; it must be text"),
        ({"device": {"a": 1}}, "'device' .* must be text"),
        ({"weights": "x"}, "'weights' .* must be an object"),
        ({"weights": {"prior": "x"}}, "'weights.prior' .* must be a number"),
        ({"versions": {"numpy": 2}}, "'versions.numpy' .* must be text"),
        ({"optimiser": {"name": []}}, "'optimiser.name' .* must be text"),
        ({"optimiser": 5}, "'optimiser' cannot be read"),
        ({"keys_before": [5]}, "'keys_before.0.' .* must be text"),
        ({"curves": {"step": [0], "loss": ["x"], "relative_l2": [1]}}, "'curves.loss.0.' .*number"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_result_json_says_of_the_way_is_checked(result, part, said):
    content = json.dumps(result.to_json() | part).encode()
    data = repacked(result.to_bytes(), result_json=content)
    if said is None:
        again = Result.from_bytes(data)
        assert Result.from_bytes(again.to_bytes()).to_json() == again.to_json()
        assert part.items() <= (again.to_json() | {"tightening": part.get("tightening")}).items()
    else:
        with pytest.raises(ResultError, match=said):
            Result.from_bytes(data)


def test_the_folders_that_a_zip_lists_are_skipped(result):
    data = repacked(result.to_bytes(), **{"frames/": b""})
    assert Result.from_bytes(data).to_bytes() == result.to_bytes()
    files = {**result.files(), "frames/": b""}
    assert Result.from_files(files).to_bytes() == result.to_bytes()


def test_an_archive_of_arrays_in_the_place_of_the_array_is_refused(result):
    arrays = io.BytesIO()
    np.savez(arrays, iri=result.iri)
    with pytest.raises(ResultError):
        Result.from_bytes(repacked(result.to_bytes(), iri_npy=arrays.getvalue()))


def test_an_array_that_claims_to_be_enormous_is_refused(result):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 9999999, 9999999), }"
    header += b" " * (63 - (len(header) + 10) % 64) + b"\n"
    claimed = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(ResultError):
        Result.from_bytes(repacked(result.to_bytes(), iri_npy=claimed))


@pytest.mark.parametrize("field", ["steps", "target"])
def test_a_result_under_a_foreign_key_is_refused(result, field):
    said = result.to_json()
    said["request"] = said["request"] | {field: {"steps": 3, "target": "cat"}[field]}
    with pytest.raises(ResultError, match="key"):
        Result.from_bytes(repacked(result.to_bytes(), result_json=json.dumps(said).encode()))


def test_a_request_that_cannot_be_right_is_refused(result):
    said = result.to_json()
    said["request"] = said["request"] | {"steps": -3}
    with pytest.raises(ResultError, match="steps"):
        Result.from_bytes(repacked(result.to_bytes(), result_json=json.dumps(said).encode()))


class _Bomb:
    def __init__(self, marker):
        self._marker = str(marker)

    def __reduce__(self):
        return open, (self._marker, "w")


def test_a_pickle_in_the_place_of_the_array_is_refused_and_not_run(result, tmp_path):
    marker = tmp_path / "code-was-run"
    objects = np.empty((3, 1, 1), dtype=object)
    objects[:] = _Bomb(marker)
    with pytest.raises(ResultError):
        Result.from_bytes(repacked(result.to_bytes(), iri_npy=saved(objects, allow_pickle=True)))
    with pytest.raises(ResultError):
        Result.from_bytes(repacked(result.to_bytes(), iri_npy=pickle.dumps(_Bomb(marker))))
    assert not marker.exists()
    pickle.loads(pickle.dumps(_Bomb(marker))).close()
    assert marker.exists(), "the bomb of this test is a dud"


def test_every_flipped_byte_is_refused_or_harmless(result):
    data = result.to_bytes()
    refused = 0
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 0x55
        try:
            again = Result.from_bytes(bytes(flipped))
        except ResultError:
            refused += 1
        else:
            assert again.iri.tobytes() == result.iri.tobytes()
            assert again.to_json() == result.to_json()
            assert (again.iri_png, again.target_png) == (result.iri_png, result.target_png)
    assert refused > 0.6 * len(data)


def test_bytes_that_were_cut_off_are_refused(result):
    data = result.to_bytes()
    for length in range(0, len(data), 7):
        with pytest.raises(ResultError):
            Result.from_bytes(data[:length])


def test_a_small_zip_does_not_unpack_to_two_hundred_megabytes(result):
    """Every file is within a result's bounds, and so was their sum; the zip has 0.3 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        frames = {f"frames/{step:05d}.png": bytes(4 * 2**20) for step in range(3, 53)}
        for name, data in (result.files() | frames).items():
            archive.writestr(name, data)
    assert len(buffer.getvalue()) < 400_000
    tracemalloc.start()
    with pytest.raises(ResultError, match="unpack to more than any result's"):
        Result.from_bytes(buffer.getvalue())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize("shape", [(3, 4, 400_000_000), (3, 4, 3), ()])
def test_an_array_that_says_another_size_than_it_has_is_refused(result, shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    files = result.files() | {"iri.npy": file.getvalue() + bytes(3 * 4 * 4 * 4)}
    with pytest.raises(ResultError, match=r"iri\.npy is damaged"):
        Result.from_files(files)


def test_a_zip_that_unpacks_to_more_than_it_says_is_not_unpacked(result):
    large, said = 64 * 2**20, 1000
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (result.files() | {"frames/00002.png": bytes(large)}).items():
            archive.writestr(name, data)
    lying = buffer.getvalue().replace(large.to_bytes(4, "little"), said.to_bytes(4, "little"))
    tracemalloc.start()
    with pytest.raises(ResultError, match="damaged"):
        Result.from_bytes(lying)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("iri.png", bytes(large))
    with pytest.raises(ResultError, match=r"its iri\.png is packed in a way that is not read"):
        Result.from_bytes(buffer.getvalue())
