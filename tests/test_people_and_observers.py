"""The panels under a comparison: what people recognised, and what other networks make of it."""

from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from explorer import Request, generate_batch
from explorer.analysis.eyes import comparable, observers_of
from explorer.analysis.eyes_measured import observe
from explorer.app import session
from explorer.app.panels import eyes_matrix, people_curve
from explorer.jobs import work
from explorer.result import Result
from explorer.store.store import Store

NETWORKS = ("embedded:residual-simclr", "embedded:residual-simclr-adv2")


@pytest.fixture(scope="module")
def results():
    base = Request(model=NETWORKS[0], steps=8, nearest=False)
    requests = [replace(base, target=name) for name in ("cat", "coffee", "rocket")]
    return [
        result
        for model in NETWORKS
        for result in generate_batch([replace(each, model=model) for each in requests])
    ]


class Engine:
    """A store with finished results, and calls that a test answers."""

    def __init__(self, folder, results) -> None:
        self.store, self.calls = Store(folder), []
        for each in results:
            self.store.put(each.request.key, each.to_bytes())

    def result(self, key):
        data = self.store.get(key)
        return None if data is None else Result.from_bytes(data)

    def call(self, function, observer, made, **who):
        assert function is work.observe
        self.calls.append((observer["model"], Future()))
        return self.calls[-1][1]


def page():
    """What Compare shows of the networks; the results' keys are in the session."""
    import streamlit as st

    from explorer.app.panels import eyes_view

    eyes_view.show(st.session_state["keys"])


def opened(results) -> AppTest:
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["keys"] = [each.request.key for each in results]
    return app.run()


def text(app) -> str:
    return " ".join(each.value for each in (*app.markdown, *app.caption, *app.error))


def pressed(app, label: str) -> AppTest:
    (button,) = [each for each in app.button if each.label == label]
    return button.click().run()


def test_networks_are_asked_one_after_the_other_and_the_answers_kept(
    results, tmp_path, monkeypatch
):
    engine = Engine(tmp_path, results)
    monkeypatch.setattr(session, "engine", lambda: engine)
    made = comparable(results)
    first, second = observers_of(made)
    app = opened(results)
    assert not app.exception
    pressed(app, "Ask each network")
    assert [model for model, _ in engine.calls] == [first.model]
    engine.calls[0][1].set_result(observe(first, made))
    app.run()
    assert [model for model, _ in engine.calls] == [first.model, second.model]
    pressed(app, "Cancel")
    assert engine.calls[1][1].cancelled(), "the worker need not answer any more"
    pressed(app, "Ask each network")
    engine.calls[2][1].set_exception(RuntimeError("the worker ran out of memory"))
    app.run()
    assert "The worker ran out of memory." in app.error[0].value
    pressed(app, "Try again")
    assert [model for model, _ in engine.calls[1:]] == [second.model] * 3, "the missing one only"
    engine.calls[3][1].set_result(observe(second, made))
    app.run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 2
    assert "A** Drawn pictures, residual, SimCLR" in text(app)
    assert ("Hollow" in text(app)) is not all(each.all_converged for each in made)
    again = opened(results)
    assert not again.button, "another session finds them in the cache"
    assert len(again.get("plotly_chart")) == 2


def test_two_targets_have_one_heat_map_and_one_network_has_nothing(results, tmp_path, monkeypatch):
    engine = Engine(tmp_path, results)
    monkeypatch.setattr(session, "engine", lambda: engine)
    two = [each for each in results if each.request.target != "cat"]
    made = comparable(two)
    for each in observers_of(made):
        observe(each, made, engine.store)
    app = opened(two)
    assert len(app.get("plotly_chart")) == 1
    assert "STIR needs 3 targets or more" in text(app)
    app = opened(results[:3])
    assert not app.exception
    assert not app.subheader
    assert "No target and seed is that of all networks" in text(opened([results[0], results[-1]]))
    engine.store.delete(results[0].request.key)
    assert not opened(results).exception, "evicted meanwhile"


def ladder():
    """Compare's ladder of a network that people were asked about, and of another."""
    import streamlit as st

    from explorer.app.panels import people_curve

    layers = ["maxpool", "layer1", "layer4", "penultimate", "logits"]
    people_curve.show(st.session_state["model"], layers)


def test_the_ladder_of_such_a_network_has_the_layers_that_people_were_asked_about():
    layers = ["relu", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc"]
    assert people_curve.rungs("torchvision:resnet50/IMAGENET1K_V1") == layers
    assert people_curve.rungs("torchvision:resnet50/IMAGENET1K_V1", 128) == []
    assert people_curve.rungs("embedded:residual-simclr") == []


def test_peoples_curve_is_under_the_ladder_of_networks_that_have_the_weights():
    app = AppTest.from_function(ladder, default_timeout=60)
    app.session_state["model"] = "torchvision:resnet50/IMAGENET1K_V1"
    app.run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 1
    assert "people named 13% right, the network 98%; chance is 1 in 16" in text(app)
    assert "16 categories" in text(app)
    assert "metamers of `relu`, `layer2`, `layer3`, too" in text(app)
    app.session_state["model"] = "robust:resnet50_l2_eps3"
    app.run()
    assert not app.subheader


def test_networks_whose_images_the_others_take_alike_are_named_together():
    def said(*columns: tuple[float, ...]) -> str:
        """What is read of the shares that each network finds, row by row."""
        names = "ABCD"[: len(columns)]
        made = [SimpleNamespace(network=name, all_converged=True) for name in names]
        observers = [
            SimpleNamespace(network=name, views=[SimpleNamespace(matched_share=s) for s in column])
            for name, column in zip(names, columns, strict=True)
        ]
        return eyes_matrix._reading(SimpleNamespace(made=made, observers=observers), names)

    assert said((1, 0, 0), (1, 1, 0), (0, 0, 1)) == (
        "Other networks take 50% of the IRIs of A for their targets, and 0% of those of B and C."
    )
    assert said((1, 1, 0), (1, 1, 0), (1, 1, 1)) == (
        "Other networks take 100% of the IRIs of A and B for their targets, and 0% of those of C."
    )
    assert said((1, 1), (1, 1)).startswith("Other networks take 100% of each network's IRIs")
