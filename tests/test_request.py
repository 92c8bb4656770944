"""Requests: what they refuse, and the key that names a result for ever."""

import hashlib
import json
import math
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from explorer.errors import RequestError
from explorer.network_reference import NetworkReference
from explorer.request import Request

ROOT = Path(__file__).parents[1]
DIGEST = "0123456789abcdef" * 4
PLAIN = Request(
    model="embedded:residual-multi-adv2",
    layer="stage2.0",
    target="cat",
    seed="white",
    loss="freq",
    optimiser="adam",
    steps=123,
    goal=0.05,
    rng_seed=7,
)
OWN = Request(model="file:/a/checkpoint.pt", architecture="timm:resnet18", weights=DIGEST)


# The key


def test_a_key_written_down_once_is_the_key_for_ever():
    assert PLAIN.canonical == (
        '{"goal":0.05,"layer":"stage2.0","loss":"freq","model":"embedded:residual-multi-adv2",'
        '"optimiser":"adam","parametrisation":"pixel","rng_seed":7,"schema":11,"seed":"white",'
        '"steps":123,"target":"cat"}'
    )
    assert PLAIN.key == "d4263f34a2a7113d2e2bad81037eaf086ad77e7736ad03c397369866452cf022"
    assert PLAIN.key == hashlib.sha256(PLAIN.canonical.encode()).hexdigest()


def test_the_key_is_the_same_in_another_process_with_another_hash_seed():
    code = (
        f"from explorer.request import Request; print(Request.from_dict({PLAIN.to_dict()!r}).key)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == PLAIN.key


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "embedded:residual-multi-standard"),
        ("layer", "penultimate"),
        ("target", "coffee"),
        ("seed", "black"),
        ("loss", "regularizer-free"),
        ("optimiser", "paper"),
        ("steps", 124),
        ("goal", 0.051),
        ("rng_seed", 8),
        ("adversary", "robust-features"),
        ("null", f"folder:{DIGEST}"),
        ("term_weights", {"tv": 1e-3}),
        ("representation", "cosine"),
        ("relu_gradient", "identity"),
        ("size", 128),
        ("nearest", True),
        ("nearest", False),
        ("observer", "embedded:other"),
        ("observer_layer", "logits"),
        ("away_from", [DIGEST]),
    ],
)
def test_every_field_changes_the_key(field, value):
    assert replace(PLAIN, **{field: value}).key != PLAIN.key


def test_every_field_is_in_the_canonical_form():
    full = replace(
        OWN,
        adversary="robust-features",
        null=f"folder:{DIGEST}",
        null_folder="/a",
        term_weights={"tv": 1},
        representation="gram",
        relu_gradient="identity",
        size=128,
        weights_key="ema",
        mean=[0.5],
        std=[0.25],
        interpolation="lanczos",
        crop_pct=0.9,
        classes=DIGEST,
        nearest=True,
        classes_file="/b",
        continues=DIGEST,
        observer="embedded:other",
        observer_layer="logits",
        away_from=(DIGEST,),
    )
    names = {field.name for field in fields(Request)} - {"null_folder", "classes_file"}
    assert set(json.loads(full.canonical)) == names | {"parametrisation", "schema"}


def test_the_key_of_a_checkpoint_depends_on_its_content_and_architecture_not_on_its_path():
    assert replace(OWN, model="file:/b/c/moved.pt").key == OWN.key
    assert replace(OWN, weights=DIGEST[::-1]).key != OWN.key
    assert replace(OWN, architecture="timm:resnet34").key != OWN.key


def test_all_that_says_which_network_is_one_value_of_the_request():
    settings = {"mean": [0.5], "std": [0.25], "interpolation": "lanczos", "crop_pct": 0.9}
    request = replace(
        OWN, weights_key="ema", size=64, classes=DIGEST, classes_file="/b", **settings
    )
    network = request.network
    assert NetworkReference.from_dict(request.to_dict()) == network
    assert NetworkReference.from_dict(network.to_dict()) == network
    assert {name: getattr(request, name) for name in network.__slots__} == {
        name: getattr(network, name) for name in network.__slots__
    }
    assert replace(request, mean=[0.4]).batch_key != request.batch_key


def test_the_file_of_a_python_architecture_is_no_part_of_the_key_but_its_name_and_hash_are():
    own = replace(OWN, architecture="python:/here/net.py:build")
    assert replace(own, architecture="python:/there/net.py:build").key == own.key
    assert replace(own, architecture="python:/here/net.py:other").key != own.key


def test_a_reference_without_a_source_is_told_what_was_probably_meant():
    for model, right in (
        ("net.pt", "write 'file:net.pt'"),
        ("~/models/net", "write 'file:~/models/net'"),
        ("resnet18", "write 'timm:resnet18' or 'torchvision:resnet18'"),
    ):
        with pytest.raises(RequestError, match=right):
            Request(model=model)


def test_the_key_depends_on_the_pictures_of_the_null_and_not_on_their_path():
    own = replace(PLAIN, null=f"folder:{DIGEST}", null_folder="/here")
    assert replace(own, null_folder="/moved/there").key == own.key
    assert replace(own, null=f"folder:{DIGEST[::-1]}").key != own.key
    assert replace(own, null=f"folder:{DIGEST[::-1]}").batch_key != own.batch_key
    for wrong in ("gallery", "folder:", DIGEST, f"folder:{DIGEST[:-1]}"):
        with pytest.raises(RequestError, match="64 hexadecimal digits"):
            replace(PLAIN, null=wrong)


def test_the_order_of_fields_and_the_way_a_number_is_written_do_not_matter():
    backwards = dict(reversed(PLAIN.to_dict().items()))
    assert Request.from_dict(backwards).key == PLAIN.key
    assert replace(PLAIN, goal=0).key == replace(PLAIN, goal=0.0).key
    assert replace(PLAIN, goal=-0.0).key == replace(PLAIN, goal=0.0).key


@pytest.mark.parametrize(
    "request_",
    [
        PLAIN,
        OWN,
        replace(PLAIN, adversary="lpips-alex"),
        replace(PLAIN, term_weights={"tv": 1e-3, "blur": 0}),
        replace(PLAIN, loss="freq+transforms+fourier"),
    ],
)
def test_a_request_survives_json(request_):
    again = Request.from_dict(json.loads(json.dumps(request_.to_dict())))
    assert again == request_
    assert again.key == request_.key


def test_requests_of_one_batch_share_the_network_and_the_search_only():
    for same in (
        replace(PLAIN, target="coffee"),
        replace(PLAIN, seed="black"),
        replace(PLAIN, loss="freq-tv"),
        replace(PLAIN, goal=0.5),
        replace(PLAIN, rng_seed=9),
        replace(PLAIN, term_weights={"tv": 1}),
        replace(PLAIN, representation="cosine"),
    ):
        assert same.batch_key == PLAIN.batch_key
    for other in (
        replace(PLAIN, model="timm:resnet18"),
        replace(PLAIN, layer="logits"),
        replace(PLAIN, steps=124),
        replace(PLAIN, optimiser="paper"),
        replace(PLAIN, loss="freq+transforms"),
        replace(PLAIN, loss="freq+centred-transforms"),
        replace(PLAIN, loss="freq+fourier"),
        replace(PLAIN, relu_gradient="identity"),
        replace(PLAIN, adversary="lpips-alex"),
        replace(PLAIN, size=128),
    ):
        assert other.batch_key != PLAIN.batch_key


def test_the_name_of_the_loss_says_what_is_optimised_and_by_which_transforms():
    said = {
        name: (request.parametrisation, request.transforms, request.to_dict()["parametrisation"])
        for name in ("freq", "freq+centred-transforms", "freq+fourier", "freq+transforms+fourier")
        for request in [replace(PLAIN, loss=name)]
    }
    assert said == {
        "freq": ("pixel", None, "pixel"),
        "freq+centred-transforms": ("pixel", "centred-transforms", "pixel"),
        "freq+fourier": ("fourier", None, "fourier"),
        "freq+transforms+fourier": ("fourier", "transforms", "fourier"),
    }


def test_term_weights_are_one_request_in_whatever_order_they_come():
    one = replace(PLAIN, term_weights={"tv": 1, "blur": 0.5})
    two = replace(PLAIN, term_weights={"blur": 0.5, "tv": 1.0})
    assert one == two
    assert hash(one) == hash(two)
    assert '"term_weights":{"blur":0.5,"tv":1.0}' in one.canonical
    assert replace(PLAIN, term_weights={}) == PLAIN


# What is refused


BAD = [
    ("model", 3, "name"),
    ("model", "", "1 to 500"),
    ("model", "resnet18", "'embedded:resnet18' for one that ships"),
    ("model", "timm:" + "x" * 600, "500"),
    ("layer", "", "1 to 500"),
    ("layer", None, "1 to 500"),
    ("target", "Cat", "lower-case"),
    ("target", "../secret", "lower-case"),
    ("target", "picture:abc", "64 hexadecimal"),
    ("seed", "picture:" + DIGEST.upper(), "64 hexadecimal"),
    ("loss", 7, "name"),
    ("parametrisation", "fourier", "+fourier"),
    ("term_weights", {"tv": -1e-3}, "0 to 1e+06"),
    ("term_weights", {"tv": math.nan}, "0 to 1e+06"),
    ("term_weights", {"tv": "much"}, "0 to 1e+06"),
    ("term_weights", {3: 1.0}, "tv to 1e-3"),
    ("term_weights", "tv=1e-3", "tv to 1e-3"),
    ("term_weights", (("tv", 1.0), ("tv", 2.0)), "more than once"),
    ("representation", "", "1 to 500"),
    ("relu_gradient", "none", "identity"),
    ("optimiser", 3, "name"),
    ("steps", 0, "1 to 50,000"),
    ("steps", 50_001, "1 to 50,000"),
    ("steps", 10.0, "1 to 50,000"),
    ("steps", True, "1 to 50,000"),
    ("steps", "300", "1 to 50,000"),
    ("steps", 10**5000, "1 to 50,000"),
    ("goal", -0.001, "0 to 1"),
    ("goal", 1.001, "0 to 1"),
    ("goal", math.nan, "0 to 1"),
    ("goal", math.inf, "0 to 1"),
    ("goal", 10**400, "0 to 1"),
    ("goal", True, "0 to 1"),
    ("goal", "0.1", "0 to 1"),
    ("rng_seed", -1, "0 to 4,294,967,295"),
    ("rng_seed", 2**32, "0 to 4,294,967,295"),
    ("size", 15, "16 to 1,024"),
    ("size", 1025, "16 to 1,024"),
    ("size", 96.0, "16 to 1,024"),
    ("size", True, "16 to 1,024"),
    ("adversary", 5, "name"),
    ("adversary", "", "1 to 500"),
    ("architecture", "timm:resnet18", "only file: models"),
    ("weights", DIGEST, "only file: and own: models"),
    ("weights_key", "ema", "only file: models"),
    ("mean", [0.5, 0.5], "three numbers (RGB) or one (grey)"),
    ("mean", "0.5", "three numbers"),
    ("mean", [math.nan] * 3, "three numbers"),
    ("std", [0.5, 0.0, 0.5], "not above 0"),
    ("interpolation", "bilinaer", "did you mean 'bilinear'"),
    ("crop_pct", 0, "above 0 and at most 1"),
    ("crop_pct", 1.5, "above 0 and at most 1"),
    ("crop_pct", "all", "above 0 and at most 1"),
    ("classes", "cats", "SHA-256"),
    ("continues", "latest", "64 hexadecimal"),
]


@pytest.mark.parametrize(
    ("field", "value", "right"), BAD, ids=[f"{case[0]} {n}" for n, case in enumerate(BAD)]
)
def test_a_bad_value_is_refused_with_the_field_and_what_would_be_right(field, value, right):
    with pytest.raises(RequestError) as caught:
        Request.from_dict(PLAIN.to_dict() | {field: value})
    assert caught.value.field == field
    assert right in caught.value.message
    assert str(caught.value).startswith(f"{field}: ")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"architecture": None}, "architecture"),
        ({"architecture": ""}, "architecture"),
        ({"architecture": 5}, "architecture"),
        ({"weights": None}, "weights"),
        ({"weights": "abc"}, "weights"),
        ({"weights": 5}, "weights"),
        ({"weights": DIGEST.upper()}, "weights"),
    ],
)
def test_a_checkpoint_needs_its_architecture_and_its_sha256(changes, field):
    with pytest.raises(RequestError) as caught:
        replace(OWN, **changes)
    assert caught.value.field == field


def test_unknown_and_missing_fields_are_named():
    with pytest.raises(
        RequestError, match=r"unknown field 'seeed'; did you mean 'seed'.*rng_seed"
    ) as caught:
        Request.from_dict({"model": "timm:resnet18", "seeed": "noise"})
    assert caught.value.field == "seeed"
    with pytest.raises(RequestError, match="missing") as caught:
        Request.from_dict({"layer": "logits"})
    assert caught.value.field == "model"


def test_the_edges_of_every_range_are_allowed():
    for changes in ({"steps": 1}, {"steps": 50_000}, {"goal": 0}, {"goal": 1}):
        replace(PLAIN, **changes)
    for rng_seed in (0, 2**32 - 1):
        assert replace(PLAIN, rng_seed=rng_seed).rng_seed == rng_seed
