"""A representation measure is one record: registered, it is measured, listed and offered."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from contract import APP, NothingCached
from streamlit.testing.v1 import AppTest

from explorer import Request, Result, cli, generate
from explorer.analysis import nulls
from explorer.analysis.comparison import compare
from explorer.analysis.nulls import null_of
from explorer.app import session
from explorer.metrics.match import beyond_null
from explorer.metrics.null_distribution import null_distribution
from explorer.metrics.representation import all_measures
from explorer.metrics.representation_measure import PairMeasure
from explorer.metrics.representation_measures import REPRESENTATION_MEASURES
from explorer.models.loading import load
from explorer.network_reference import NetworkReference
from explorer.research.documents import reference

REQUEST = Request(
    model="embedded:residual-multi-standard",
    layer="logits",
    target="coffee",
    optimiser="adam",
    steps=3,
    goal=0.0,
)


def largest_difference(a, b):
    """The largest difference of any number, relative to the largest of the target's, per sample."""
    return (a - b).abs().amax(1) / b.abs().amax(1)


@pytest.fixture(scope="module")
def toy():
    """A measure that nobody else has: the relative ℓ∞ distance."""
    measure = PairMeasure(
        name="relative_linf",
        title="relative ℓ∞ distance",
        formula="max |a − b| / max |b|",
        nearer="lower",
        range=(0.0, None),
        source="a test",
        function=largest_difference,
        null="relative_linf",
    )
    with REPRESENTATION_MEASURES.holding(measure):
        yield measure


class Memory(dict):
    def put(self, key: str, data: bytes) -> None:
        self[key] = data


@pytest.fixture(scope="module")
def store() -> Memory:
    return Memory()


@pytest.fixture(scope="module")
def result(toy, store) -> Result:
    return generate(REQUEST, store=store)


def test_it_is_measured_of_the_match_at_every_layer_and_in_the_null(result, toy):
    assert result.match.values["relative_linf"] > 0
    assert result.match_8bit.values["relative_linf"] > 0
    by_layer = {layer.name: layer.values["relative_linf"] for layer in result.layers}
    assert by_layer["logits"] == pytest.approx(result.match.values["relative_linf"], rel=1e-3)
    null = result.null.distributions["relative_linf"]
    assert null.n == result.null.n_pairs
    assert 0 < null.min < null.max


def test_it_is_in_result_json_and_comes_back(result):
    content = json.loads(result.files()["result.json"])
    assert content["match"]["relative_linf"] == result.match.values["relative_linf"]
    assert content["match"]["null"]["relative_linf"]["quantiles"]["max"] > 0
    assert all("relative_linf" in layer for layer in content["layers"])
    assert Result.from_bytes(result.to_bytes()).to_json() == content


def test_another_network_measures_it_too(result, store):
    seen = compare(result, NetworkReference("embedded:residual-multi-adv2"), "logits", store=store)
    assert seen.match.values["relative_linf"] > 0
    assert seen.to_json()["match"]["null"]["relative_linf"]["n"] == seen.null.n_pairs


def test_its_null_is_that_of_all_ordered_pairs(toy):
    pictures = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    rows = pictures.flatten(1).numpy().astype(float)
    expected = [
        np.abs(a - b).max() / np.abs(b).max()
        for i, a in enumerate(rows)
        for j, b in enumerate(rows)
        if i != j
    ]
    null = null_distribution(pictures).distributions["relative_linf"]
    assert null.quantiles["q50"] == pytest.approx(np.median(expected))
    assert null.max == pytest.approx(max(expected))


def test_it_does_not_decide_the_verdict(result):
    """What decides is stated in one place, and stays there whatever is registered."""
    values = {**result.match.values, "relative_linf": None}
    assert beyond_null(values, result.null) == result.match.beyond_null


def test_the_command_line_lists_it(toy, capsys):
    assert cli.main(["measures", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["relative_linf"]["title"] == "relative ℓ∞ distance"
    assert rows["relative_linf"]["kind"] == "representation"
    assert cli.main(["measures"]) == 0
    assert "max |a − b| / max |b|" in capsys.readouterr().out


def test_the_page_offers_it_for_the_null_and_the_layers(result, monkeypatch):
    engine = NothingCached()
    engine.result = lambda key: result
    monkeypatch.setattr(session, "engine", lambda: engine)
    app = AppTest.from_file(APP, default_timeout=60)
    app.session_state["_painted"] = result.request.key
    app.run()
    for key in ("null_by", "layers_by"):
        assert "relative ℓ∞ distance" in app.selectbox(key=key).options
        app.selectbox(key=key).select("relative_linf").run()
        assert not app.exception
    titles = [json.loads(chart.proto.spec)["layout"] for chart in app.get("plotly_chart")]
    assert (
        sum("relative ℓ∞ distance" in json.dumps(each, ensure_ascii=False) for each in titles) == 2
    )


@pytest.mark.parametrize("layer", ["logits", "stem.0"])
def test_a_null_without_a_measure_that_was_added_is_measured_again_once(toy, layer, monkeypatch):
    network = load(NetworkReference(REQUEST.model), "cpu")
    kept = Memory()
    before = null_of(network, layer, store=kept)  # that of the logits ships
    assert null_of(network, layer, store=kept) == before
    with REPRESENTATION_MEASURES.holding(replace(toy, name="later", null="later")):
        after = null_of(network, layer, store=kept)
        assert set(after.distributions) == {*before.distributions, "later"}
        monkeypatch.setattr(nulls, "measured_null", lambda *_: pytest.fail("measured twice"))
        assert null_of(network, layer, store=kept) == after


def test_it_is_in_the_table_of_the_documents(toy):
    assert "max \\|a − b\\| / max \\|b\\|" in reference.measures()


def test_a_name_is_registered_once(toy):
    with pytest.raises(ValueError, match="already"), REPRESENTATION_MEASURES.holding(toy):
        pass
    assert REPRESENTATION_MEASURES["relative_linf"] is toy


def test_one_file_and_one_line_add_a_measure(tmp_path, monkeypatch, toy):
    (tmp_path / "new_measure.py").write_text(
        "from explorer.metrics.representation_measure import PairMeasure\n"
        "def difference(a, b):\n"
        "    return (a - b).abs().mean(1)\n"
        "MEASURE = PairMeasure(name='mad', title='mean difference', formula='mean |a − b|',\n"
        "    nearer='lower', range=(0.0, None), source='a test', function=difference)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    measure = REPRESENTATION_MEASURES.register_from("new_measure:MEASURE")
    try:
        a, b = torch.ones(2, 3), torch.zeros(2, 3)
        assert all_measures(a, b)["mad"].tolist() == [1.0, 1.0]
        assert null_distribution(torch.rand(3, 4)).distributions.keys().isdisjoint({"mad", ""})
    finally:
        REPRESENTATION_MEASURES._records.pop(measure.name)
