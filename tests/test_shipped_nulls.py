"""The nulls that ship: measured again, found by what they depend on, and small."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.analysis import nulls, shipped_nulls
from explorer.analysis.nulls import gallery_source, measured_null, null_key, null_of
from explorer.metrics.null import Distribution, Null
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.sources import compressed
from explorer.network_reference import NetworkReference
from explorer.research.null_table import references

SQUEEZENET = "compressed:squeezenet1_0"
PUBLISHED = Path(__file__).parents[2] / "shared" / "data" / "squeezenet1_0-compressed.net"


def network_of(model: str) -> Network:
    return load(NetworkReference(model), "cpu")


@pytest.fixture
def squeezenet(monkeypatch) -> Network:
    if not PUBLISHED.exists():
        pytest.skip("the published file is not here")
    monkeypatch.setattr(compressed, "from_url", lambda *_: PUBLISHED)
    return compressed.load(NetworkReference(SQUEEZENET), lambda text: None)


def check_measured_again(network: Network, layer: str) -> None:
    source = gallery_source()
    now = measured_null(network, layer, source)
    null = shipped_nulls.shipped(null_key(network, layer, source))
    assert (null.n_pictures, null.n_pairs) == (now.n_pictures, now.n_pairs)
    assert (null.source, null.ranked) == (now.source, now.ranked)
    assert null.distributions.keys() == now.distributions.keys()
    for name, expected in now.distributions.items():
        found = null.distributions[name]
        assert found.n == sum(found.counts) == expected.n
        assert found.quantiles == pytest.approx(expected.quantiles, rel=1e-3, abs=1e-4), name
        assert found.edges == pytest.approx(expected.edges, rel=1e-3, abs=1e-4), name
        # Rounding on another machine may move a value over an edge, not many of them.
        moved = np.abs(np.subtract(found.counts, expected.counts)).sum()
        assert moved <= 0.02 * expected.n, name


def test_they_are_what_is_measured_now():
    torch.set_num_threads(1)
    check_measured_again(network_of("embedded:residual-multi-standard"), "penultimate")
    check_measured_again(network_of("embedded:vit-multi-adv2"), "logits")


def test_squeezenets_are_what_is_measured_now(squeezenet):
    check_measured_again(squeezenet, "features.2")


def test_every_embedded_network_has_its_own_at_the_layers_that_people_name():
    """Else run `python -m explorer.research.null_table`."""
    source, found = gallery_source(), set()
    for model, layers in references():
        assert {"penultimate", "logits"} <= set(layers)
        if model.startswith("embedded:"):
            network = network_of(model)
            found |= {null_key(network, layer, source) for layer in layers}
    assert found <= shipped_nulls.keys(), "the network, its layers or the pictures have changed"
    assert shipped_nulls.TABLE.stat().st_size < 300_000


def test_one_that_ships_is_not_measured_and_a_changed_network_or_picture_has_another(monkeypatch):
    network, source = network_of("embedded:residual-multi-standard"), gallery_source()
    with monkeypatch.context() as patched:
        patched.setattr(nulls, "measured_null", lambda *_: pytest.fail("it was measured"))
        assert null_of(network, "penultimate").n_pairs == 48 * 47
    key = null_key(network, "penultimate", source)
    assert shipped_nulls.shipped(key) is not None
    others = [
        null_key(network, "logits", source),
        null_key(
            replace(network, input=replace(network.input, size=(96, 96))), "penultimate", source
        ),
        null_key(
            replace(network, input=replace(network.input, mean=(0.4,) * 3)), "penultimate", source
        ),
        null_key(network, "penultimate", replace(source, facts=("another photograph",))),
    ]
    monkeypatch.setattr(nulls, "NULL_VERSION", -1)
    others.append(null_key(network, "penultimate", source))
    monkeypatch.undo()
    changed = copy.deepcopy(network.module)  # loaded networks are kept
    with torch.no_grad():
        next(changed.parameters()).view(-1)[0] += 1e-3
    others.append(null_key(replace(network, module=changed), "penultimate", source))
    assert len({key, *others}) == 7
    assert not any(map(shipped_nulls.shipped, others[1:]))  # that of the logits ships, too


def test_packing_keeps_a_null(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    distributions = {
        "relative_l2": Distribution.of(generator.random(100)),
        "constant": Distribution.of(np.full(5, 0.25)),
        "undefined": Distribution.of(np.array([np.nan])),
    }
    null = Null(3, 6, distributions, "three pictures", ranked=7)
    monkeypatch.setattr(shipped_nulls, "TABLE", tmp_path / "table")
    shipped_nulls.TABLE.write_bytes(shipped_nulls.packed({"null:a": null}))
    shipped_nulls._table.cache_clear()
    try:
        back = shipped_nulls.shipped("null:a")
        assert shipped_nulls.shipped("null:b") is None
    finally:
        shipped_nulls._table.cache_clear()
    assert (back.n_pictures, back.n_pairs, back.source, back.ranked) == (3, 6, "three pictures", 7)
    for name, expected in distributions.items():
        found = back.distributions[name]
        assert (found.n, found.counts) == (expected.n, expected.counts)
        assert found.quantiles == pytest.approx(expected.quantiles, rel=1e-7, nan_ok=True)
        assert found.edges == pytest.approx(expected.edges, rel=1e-7)
