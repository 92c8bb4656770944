"""Do networks' IRIs look the same to each other: the matrix, against NumPy on the same images."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from explorer import Request, RequestError, compare, generate_batch, observer_matrix
from explorer.analysis import eyes
from explorer.analysis.eyes import View, comparable, known_views, observers_of, view_key
from explorer.analysis.eyes_measured import observe
from explorer.analysis.network_comparison import keep_comparison, known_comparison
from explorer.cli.eyes import COMMAND, _print
from explorer.images.encoding import from_png
from explorer.models.layers import representation
from explorer.models.loading import load
from explorer.network_reference import NetworkReference
from explorer.plots.eyes import ObserverCell, observer_heat_map

NETWORKS = ("embedded:residual-simclr", "embedded:residual-simclr-adv2")
TARGETS = ("astronaut", "cat", "coffee", "rocket")


@pytest.fixture(scope="module")
def results():
    made = []
    for model in NETWORKS:
        base = Request(model=model, steps=12, nearest=False)
        made += generate_batch([replace(base, target=name) for name in TARGETS])
    return made


@pytest.fixture(scope="module")
def matrix(results):
    return observer_matrix(results)


def seen(model: str, pngs) -> np.ndarray:
    """The penultimate representation of 8-bit images at the network's own size, float64 N×D."""
    network = load(NetworkReference(model), "cpu")
    images = torch.stack([torch.from_numpy(from_png(png)).permute(2, 0, 1) / 255 for png in pngs])
    with torch.no_grad():
        numbers = representation(network, "penultimate", images)
    return numbers.flatten(1).double().numpy()


def cka(x: np.ndarray, y: np.ndarray) -> float:
    """Linear CKA by its definition: HSIC with the centring matrix written out."""
    n = len(x)
    h = np.eye(n) - 1 / n
    k, l_ = h @ x @ x.T @ h, h @ y @ y.T @ h
    return np.trace(k @ l_) / np.sqrt(np.trace(k @ k) * np.trace(l_ @ l_))


def test_every_cell_is_what_numpy_makes_of_the_same_images(results, matrix):
    assert [each.network.model for each in matrix.observers] == list(NETWORKS)
    for column in matrix.observers:
        for row, view in zip(matrix.made, column.views, strict=True):
            own = [each for each in results if each.request.model == row.network.model]
            targets = seen(column.network.model, [each.target_png for each in own])
            iris = seen(column.network.model, [each.iri_png for each in own])
            assert view.stir == pytest.approx(cka(targets, iris), abs=1e-6)
            distances = np.linalg.norm(iris - targets, axis=1) / np.linalg.norm(targets, axis=1)
            assert view.relative_l2 == pytest.approx(distances, rel=1e-4)
            assert view.median_distance == pytest.approx(np.median(distances), rel=1e-4)


def test_the_diagonal_is_the_results_own_match_after_rounding(results, matrix):
    for at, (row, column) in enumerate(zip(matrix.made, matrix.observers, strict=True)):
        own = [each for each in results if each.request.model == row.network.model]
        view = column.views[at]
        assert view.relative_l2 == pytest.approx([e.match_8bit.relative_l2 for e in own], rel=1e-4)
        assert list(view.matched) == [each.match_8bit.same for each in own]
        assert column.null_smallest == own[0].null.relative_l2.min
        assert row.converged == tuple(each.converged for each in own)
    assert matrix.targets == TARGETS
    assert json.loads(json.dumps(matrix.to_json()))["observers"][1]["views"][0]["stir"] > 0


def test_views_are_kept_by_their_key_and_not_measured_again(results, matrix, monkeypatch):
    class Kept(dict):
        put = dict.__setitem__

    store = Kept()
    made = comparable(results)
    observer, other = observers_of(made)
    assert known_views(observer, made, store) is None
    found = observe(observer, made, store)
    assert found == matrix.observers[0]
    monkeypatch.setattr("explorer.analysis.eyes_measured.load", None)
    assert observe(observer, made, store) == found == known_views(observer, made, store)
    monkeypatch.undo()
    del store[view_key(observer, made[0])]
    monkeypatch.setattr("explorer.analysis.eyes_measured._view", lambda *_: found.views[0])
    assert observe(observer, made, store) == found, "only the one that is missing is measured"
    keys = {view_key(each, iris) for each in (observer, other) for iris in made}
    assert len(keys) == 4
    assert view_key(replace(observer, layer="logits"), made[0]) not in keys


def test_two_targets_have_distances_but_no_stir(results):
    few = [each for each in results if each.request.target in TARGETS[:2]]
    views = [view for each in observer_matrix(few).observers for view in each.views]
    assert {(view.stir, view.stir_by_chance) for view in views} == {(None, None)}
    assert all(len(view.relative_l2) == 2 for view in views)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (lambda results: results[:4], "two networks or layers are needed, not one"),
        (lambda results: [results[0], results[5]], "no target and seed is that of all networks"),
        (lambda results: [*results, results[0]], "two are of embedded:residual-simclr, "),
    ],
)
def test_what_cannot_be_compared_is_refused(results, chosen, message):
    with pytest.raises(RequestError, match=f"results: {message}"):
        observer_matrix(chosen(results))
    with pytest.raises(TypeError, match="result must be a Result"):
        observer_matrix(["result.zip"])


def test_targets_that_one_network_lacks_are_left_out(results):
    made = comparable([*reversed(results[:4]), *results[5:]])
    assert [each.targets for each in made] == [TARGETS[1:]] * 2


def test_a_comparison_is_found_again_by_result_and_observer(results):
    class Kept(dict):
        put = dict.__setitem__

    store = Kept()
    observer = observers_of(comparable(results))[1]
    found = compare(results[0], NETWORKS[1])
    keep_comparison(found, observer, store)
    assert known_comparison(results[0].request.key, observer, store) == found
    assert known_comparison(results[1].request.key, observer, store) is None
    assert known_comparison(found.key, replace(observer, layer="logits"), store) is None


def test_the_command_prints_both_tables_and_marks_what_had_not_converged(matrix, capsys):
    assert COMMAND.prints_json
    open_row = replace(matrix.made[0], converged=(True, True, False, True))
    _print(eyes.ObserverMatrix((open_row, matrix.made[1]), matrix.observers))
    lines = capsys.readouterr().out.splitlines()
    first = matrix.observers[0].views[0]
    assert lines[0] == "1: embedded:residual-simclr, penultimate; 3 of 4 converged"
    rows = [line for line in lines if line.startswith("   1*")]
    assert f"{first.stir:.2f} (" in rows[0]
    assert f"{first.median_distance:.3f} (" in rows[1]
    assert any(line.startswith("*: not all") for line in lines)


def test_the_heat_map_holds_the_numbers_and_leaves_cells_hollow():
    view = View(0.5, 0.2, (0.1, None, 0.4), (True, False, False))
    assert (view.median_distance, round(view.matched_share, 2)) == (0.25, 0.33)
    cells = [[ObserverCell(1.0, "1.00", "a")], [ObserverCell(0.1, "0.10", "b", hollow=True)]]
    chart = observer_heat_map(["A", "B"], cells)
    full, hollow = chart.layout.shapes
    assert full.fillcolor.endswith("0.950)")
    assert (hollow.fillcolor, hollow.line.dash) == ("rgba(0,0,0,0)", "dot")
    pale, white = chart.data
    assert (list(pale.text), list(white.text)) == (["0.10"], ["1.00"])
    assert list(white.customdata) == ["a"]
    assert list(chart.layout.yaxis.ticktext) == ["A", "B"]
    assert chart.layout.yaxis.range == (1.5, -0.5)
