"""What ships as finished is what this program makes, and what others stored goes on opening."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from explorer import generate
from explorer.analysis.examples import EXAMPLES, LESSON, SHIPPED, as_shipped
from explorer.analysis.measured_again import measured_again
from explorer.app.links import link
from explorer.app.panels.counterpart_view import counterpart_of
from explorer.models import hubs
from explorer.models.sources import embedded
from explorer.request import Request
from explorer.result import Result
from explorer.synthesis.optimizers.registry import optimiser_named

STARTER = Path(__file__).parents[1] / "cache" / "starter"
COMPRESSED = Path(__file__).parents[2] / "shared" / "data" / "squeezenet1_0-compressed.net"
SMALL = [place for place, (_, each) in enumerate(EXAMPLES) if each.network.source == "embedded"]
LARGE = [place for place, (_, each) in enumerate(EXAMPLES) if each.network.source == "compressed"]
FIRST = 8
"""Passes in which the rounding of another processor, or of another order of sums, is still small;
after that it grows from pass to pass."""


def shipped(request: Request) -> Result:
    return Result.from_bytes((STARTER / f"{request.key}.zip").read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("place", SMALL)
def test_a_starter_result_generated_again_is_the_shipped_one(place):
    _, request = EXAMPLES[place]
    before, after = shipped(request), generate(request)
    for name in ("loss", "relative_l2"):
        old, new = (getattr(each.curves, name)[:FIRST] for each in (before, after))
        np.testing.assert_allclose(new, old, rtol=2e-3)
    assert after.matched == before.matched
    then = optimiser_named(before.provenance.optimiser.name)  # it may have had another name
    assert after.provenance.optimiser.name == then.name
    assert after.match.relative_l2 == pytest.approx(before.match.relative_l2, abs=0.01)
    assert float(np.sqrt(np.square(after.iri - before.iri).mean())) < 0.15


@pytest.mark.slow
@pytest.mark.skipif(not COMPRESSED.is_file(), reason="the published weights are not here")
@pytest.mark.parametrize("place", LARGE[:1])
def test_a_large_starter_result_begins_as_the_shipped_one_when_generated_again(
    place, tmp_path, monkeypatch
):
    monkeypatch.setenv("IRI_MODELS_DIR", str(tmp_path))
    hubs.torch_folder().mkdir(parents=True)
    (hubs.torch_folder() / "compressed_SqueezeNet.net").write_bytes(COMPRESSED.read_bytes())
    _, request = EXAMPLES[place]
    before, after = shipped(request), generate(replace(request, steps=FIRST))
    for name in ("loss", "relative_l2"):
        old, new = (getattr(each.curves, name)[:FIRST] for each in (before, after))
        np.testing.assert_allclose(new, old, rtol=2e-3)
    assert after.seed_png == before.seed_png
    assert after.target_png == before.target_png
    assert after.null.relative_l2.min == pytest.approx(before.null.relative_l2.min, rel=1e-3)


def test_the_first_examples_are_one_photograph_to_networks_that_learned_from_photographs():
    first = [request for _, request in EXAMPLES[: LARGE[0]]]
    assert len({(request.target, request.seed) for request in first}) == 1
    assert all(embedded.card(each.network.name)["recipe"]["dataset"] != "drawn" for each in first)
    robust, standard = first[:2]
    assert counterpart_of(robust) == standard
    for request, answer in ((robust, "yes"), (standard, "no")):
        result = shipped(request)
        assert result.converged
        assert result.person.answer == answer
    assert {request.loss for request in first} >= {"regularizer-free", "freq", "adversarial"}
    assert {request.layer for request in first} >= {"penultimate", "stage1.0"}


def test_the_examples_of_a_network_trained_on_imagenet_converged():
    assert {(EXAMPLES[place][1].layer, EXAMPLES[place][1].target) for place in LARGE} == {
        (layer, target)
        for layer in ("features.3", "features.7", "features.12", "penultimate")
        for target in ("cat", "coffee")
    }
    for place in LARGE:
        result = shipped(EXAMPLES[place][1])
        assert result.iri.shape == (3, 224, 224)
        assert result.matched
        assert result.converged
        assert link(result.request)["model"] == "compressed:squeezenet1_0"


def test_a_result_measured_again_is_as_today_whatever_it_said_before():
    request = Request(model="embedded:residual-simclr", target="cat", seed="coffee", steps=6)
    result = generate(request)
    stale = replace(
        result,
        match=result.match_8bit,
        perceptual=result.perceptual[:1],
        layers=result.layers[:1],
        null=replace(result.null, source="other pictures"),
    )
    again = measured_again(stale)
    assert again.iri is result.iri
    assert again.match.relative_l2 == pytest.approx(result.match.relative_l2, rel=1e-5)
    assert again.null.source == result.null.source
    assert [each.name for each in again.layers] == [each.name for each in result.layers]
    for one, other in zip(again.perceptual, result.perceptual, strict=True):
        assert (one.measure, one.to_target) == (other.measure, pytest.approx(other.to_target))


def test_the_pack_is_small_enough_to_ship():
    sizes = [path.stat().st_size for path in STARTER.glob("*.zip")]
    assert len(sizes) == len(SHIPPED)
    assert max(sizes) < 1e6
    assert sum(sizes) < 9e6


def test_only_large_images_ship_without_their_key_frames():
    for place in SMALL:
        assert shipped(EXAMPLES[place][1]).frames
    result = shipped(EXAMPLES[SMALL[0]][1])
    assert as_shipped(result) is result
    large = replace(result, iri=np.zeros((3, 224, 224), np.float32))
    assert as_shipped(large).frames == ()
    assert as_shipped(large).searched_png is None  # its seed is noise
    assert shipped(EXAMPLES[LARGE[0]][1]).searched_png  # its seed is a photograph
    assert as_shipped(large).iri is large.iri


def test_the_lessons_own_results_ship_without_their_search():
    for _, request in LESSON:
        result = shipped(request)
        assert result.matched
        assert not result.frames
        assert result.searched_png is None
        assert as_shipped(result).to_bytes() == (STARTER / f"{request.key}.zip").read_bytes()


def test_the_keys_of_shipped_results_are_those_of_their_requests():
    listed = json.loads((STARTER / "manifest.json").read_text(encoding="utf-8"))["entries"]
    assert [entry["key"] for entry in listed] == [request.key for _, request in SHIPPED]
    assert [shipped(request).request.key for _, request in SHIPPED] == [
        request.key for _, request in SHIPPED
    ]
    assert [entry["title"] for entry in listed] == [title for title, _ in SHIPPED]


def test_a_key_never_changes():
    """Cached results are found by it: a changed key would lose them all."""
    for values, key in (
        (
            {"model": "embedded:residual-multi-adv2"},
            "3caab453c8ffda90a846e45aee21e111d355f558241677ec345172df00e3b514",
        ),
        (
            {
                "model": "timm:resnet18.a1_in1k",
                "layer": "layer3.1",
                "target": "cat",
                "seed": "noise",
                "loss": "freq+transforms+fourier",
                "term_weights": {"tv": 1e-3},
                "optimiser": "soft-momentum",
                "steps": 100,
                "size": 96,
            },
            "92a802a89637bea6f719020ef8e67b3d78702235e9cf17e0204309387705d645",
        ),
        (
            {
                "model": "file:/somewhere/net.pt",
                "architecture": "timm:resnet18",
                "weights": "0" * 64,
                "loss": "adversarial",
                "adversary": "structure",
                "relu_gradient": "identity",
                "null": "folder:" + "1" * 64,
                "null_folder": "/somewhere",
            },
            "e46d36a1f77fcd84f760cfa967f5d91cd71efb4f280d19516d8e9a8cab676d42",
        ),
    ):
        assert Request.from_dict(values).key == key
