"""Measuring finished IRIs: what ships, measured again, and what stops it."""

from pathlib import Path

import pytest
import torch

from explorer.analysis.batch_images import load_images
from explorer.analysis.examples import EXAMPLES
from explorer.analysis.measurement import Measurements, measure_batch
from explorer.analysis.progress import NullCallback
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.result import Result
from explorer.synthesis.loop import Cancelled

STARTER = Path(__file__).parents[1] / "cache" / "starter"
SHIPPED = [
    STARTER / f"{request.key}.zip"
    for _, request in EXAMPLES
    if request.network.source == "embedded"
]
"""Those whose networks need no download."""


def loaded(result: Result) -> Network:
    return load(result.request.network, "cpu")


def measured(result: Result, callback=None) -> Measurements:
    """The measurements of a result's IRI, made now."""
    network, requests = loaded(result), [result.request]
    images = load_images(requests, network, {})
    iris = torch.from_numpy(result.iri)[None]
    (only,) = measure_batch(requests, network, images, iris, callback or NullCallback())
    return only


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED[::3], ids=lambda path: path.stem[:8])
def test_shipped_images_measured_again_have_the_shipped_measures(path):
    shipped = Result.from_bytes(path.read_bytes())
    now = measured(shipped)
    for match, before in ((now.match, shipped.match), (now.match_8bit, shipped.match_8bit)):
        assert match.values == pytest.approx(before.values, rel=1e-3, abs=1e-3)
        assert match.same == before.same
    assert now.null.distributions.keys() == shipped.null.distributions.keys()
    for name, distribution in now.null.distributions.items():
        assert distribution.quantiles == pytest.approx(
            shipped.null.distributions[name].quantiles, rel=1e-3, abs=1e-3
        )
    for layer, before in zip(now.layers, shipped.layers, strict=True):
        assert (layer.name, layer.kind, layer.ranked) == (before.name, before.kind, before.ranked)
        assert layer.values == pytest.approx(before.values, rel=1e-3, abs=1e-3), layer.name
    assert [each.measure for each in now.perceptual] == [
        each.measure for each in shipped.perceptual
    ]
    for each, before in zip(now.perceptual, shipped.perceptual, strict=True):
        if None not in (each.to_target, before.to_target):
            assert each.to_target == pytest.approx(before.to_target, rel=1e-3, abs=1e-3), (
                each.measure
            )
            assert each.counts_in_verdict == before.counts_in_verdict
    available = [[each.to_target is None for each in some.perceptual] for some in (now, shipped)]
    if available[0] == available[1]:
        assert now.person == shipped.person


def test_measuring_stops_when_it_is_cancelled():
    class Cancelling(NullCallback):
        def cancelled(self) -> bool:
            return True

    result = Result.from_bytes(SHIPPED[0].read_bytes())
    with pytest.raises(Cancelled, match="measuring"):
        measured(result, Cancelling())
