"""Every kind of network reference: its results are shown whole, and all ways lead back to them."""

from __future__ import annotations

import hashlib
import html
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from test_pages import APP, IdleEngine, opened, text

from explorer import cli, validation
from explorer.app import links, session
from explorer.app.links import DEFAULTS, link
from explorer.cli.command import CommandFailed
from explorer.cli.options import command_line, requests_from
from explorer.cli.program import _parser
from explorer.cli.running import EngineRunner
from explorer.jobs import work
from explorer.jobs.engine import Engine
from explorer.metrics.match import Prediction
from explorer.models import models_toml
from explorer.request import Request
from explorer.store import Store

KINDS = {
    "embedded": "embedded:vgg-multi-adv2",
    "compressed": "compressed:squeezenet1_0",
    "timm": "timm:resnet18.a1_in1k",
    "torchvision": "torchvision:resnet18/IMAGENET1K_V1",
    "robust": "robust:resnet50_l2_eps3",
    "hub": "hub:resnet50_moco_v2",
    "own": "own:lab",
    "file": "file:net.pt",
}
ODD = {
    "layer": "logits",
    "target": "coffee",
    "seed": "cat",
    "loss": "adversarial-seed",
    "term_weights": (("to-seed", 1.23456789),),
    "relu_gradient": "identity",
    "adversary": "psnr",
    "optimiser": "adam",
    "steps": 1500,
    "goal": 0.0123456789,
    "rng_seed": 4_000_000_000,
    "size": 96,
}


@pytest.fixture(autouse=True)
def published(tmp_path, monkeypatch):
    """A checkpoint of one's own, which the operator publishes, too."""
    (tmp_path / "net.pt").write_bytes(b"weights")
    (tmp_path / "models.toml").write_text(
        "[networks.lab]\nfile = 'net.pt'\narchitecture = 'timm:resnet18'\ntitle = 'Ours'\n"
    )
    monkeypatch.setenv("IRI_MODELS_TOML", str(tmp_path / "models.toml"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        validation.catalogue, "require_weights", lambda reference: None
    )  # nothing is downloaded here


@pytest.fixture
def engine(monkeypatch):
    idle = IdleEngine(Engine(Store()))
    monkeypatch.setattr(session, "engine", lambda: idle)
    return idle


def asked(kind: str, **choices: object) -> Request:
    """A request for a network of this kind, as the command line would make it."""
    architecture = "timm:resnet18" if kind == "file" else None
    words = {"target": "astronaut", "seed": "grey-noise"} | choices
    request, _ = validation.parse_request(model=KINDS[kind], architecture=architecture, **words)
    return request


def test_there_is_one_of_every_kind():
    from explorer.models.sources import SOURCES

    in_a_notebook_only = {"module"}
    assert set(KINDS) | in_a_notebook_only == set(SOURCES)


def shown(result) -> AppTest:
    """A finished result on a page, its plots and all below them included."""

    def page():
        import streamlit as st

        from explorer.app.panels import result_view

        result_view.show(st.session_state["result"])

    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["result"] = result
    app.session_state["_painted"] = result.request.key
    return app.run()


@pytest.mark.parametrize("choices", [{}, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_result_is_shown_whole(engine, kind, choices):
    request = asked(kind, **choices)
    app = shown(replace(engine.result(DEFAULTS.key), request=request))
    assert not app.exception
    assert len(app.get("plotly_chart")) == 3
    app.button(key="opinion_skipped").click().run()
    assert len(app.get("plotly_chart")) == 4
    labels = [one.proto.label for one in app.get("download_button")]
    assert labels[-2:] == ["IRI as PNG", "Everything (zip)"]
    assert app.code[0].value == command_line(request)
    assert "Versions:" in text(app)
    assert request.key in app.json[0].value


def test_a_result_of_a_network_that_is_published_no_more_is_shown_whole(engine, tmp_path):
    result = replace(engine.result(DEFAULTS.key), request=asked("own"))
    (tmp_path / "models.toml").unlink()
    app = shown(result)
    assert not app.exception
    assert "**own:lab**" in html.unescape(text(app))
    assert "--model own:lab" in app.code[0].value


@pytest.mark.parametrize("choices", [{}, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_command_of_a_result_asks_for_the_same_again(kind, choices):
    request = asked(kind, **choices)
    words = shlex.split(command_line(request))
    assert words[:3] == ["python", "-m", "explorer"]
    options = _parser().parse_args(words[3:])
    (again,), _ = requests_from(options, target=options.target)
    assert again == request


@pytest.mark.parametrize("choices", [{}, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "file"])
def test_the_link_of_a_result_asks_for_the_same_again(engine, kind, choices):
    request = asked(kind, **choices)
    rows = [("fc", "Linear", (1000,))]
    engine.answer.set_result(work.NetworkLayers(rows, (224, 224), 3))
    result = replace(engine.result(DEFAULTS.key), request=request)
    engine.result = lambda key: result if key == request.key else None
    app = opened(**link(request))
    assert not app.exception
    assert "To the network: the same?" in text(app)
    assert app.query_params.keys() == link(request).keys()


def test_what_the_panel_cannot_say_has_no_link():
    for request in (asked("file"), asked("embedded", steps=7)):
        with pytest.raises(ValueError, match="cannot ask for"):
            link(request)
    assert links.EFFORTS["normal"] == asked("embedded").steps


def test_a_part_of_names_that_is_typed_asks_nobody_and_says_which_networks_have_it(engine):
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["model"] = DEFAULTS.model
    app.session_state["_painted"] = DEFAULTS.key
    app.session_state["other_network"] = "simclr"
    app.run()
    assert "'simclr' is a part of the names of 8 networks: choose one" in app.error[0].value
    assert not engine.asked


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "file"])
def test_a_network_of_every_kind_can_be_asked_how_it_sees_the_picture(engine, kind):
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["model"] = DEFAULTS.model
    app.session_state["_painted"] = DEFAULTS.key
    app.session_state["other_network"] = KINDS[kind]
    app.run()
    assert not app.exception
    assert not app.error
    ((function, _, observer),) = engine.asked
    assert function is work.compare
    assert Request.from_dict(observer).weights == asked(kind).weights
    assert "Ours" in app.selectbox(key="other_network").options


def test_a_changed_checkpoint_is_asked_anew(engine, tmp_path):
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["model"] = DEFAULTS.model
    app.session_state["_painted"] = DEFAULTS.key
    app.session_state["other_network"] = KINDS["own"]
    app.run()
    app.run()
    assert len(engine.asked) == 1
    (tmp_path / "net.pt").write_bytes(b"other weights")
    app.run()
    first, second = (Request.from_dict(observer) for _, _, observer in engine.asked)
    assert first.weights != second.weights


@pytest.mark.parametrize("name", ["models.toml", "net.pt"])
def test_what_the_app_may_not_read_is_said_without_its_place(engine, tmp_path, monkeypatch, name):
    read = {"models.toml": "_read", "net.pt": "_digest"}[name]

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(models_toml, read, refuse)
    app = opened(model="own:lab")
    assert not app.exception
    assert "cannot be read (Permission denied)" in app.error[0].value
    assert str(tmp_path) not in text(app)
    app = opened()
    assert not app.exception
    assert "To the network: the same?" in text(app)


@pytest.mark.parametrize("line", ["input_size = -3", "input_size = 100000", 'file = "a\\u0000b"'])
def test_what_cannot_be_right_in_models_toml_is_said(engine, tmp_path, line):
    toml = tmp_path / "models.toml"
    rows = [row for row in toml.read_text().splitlines() if row.split()[0] != line.split()[0]]
    toml.write_text("\n".join([*rows, line]))
    app = opened()
    assert not app.exception
    assert f"[networks.lab]: {line.split()[0]}" in html.unescape(app.warning[0].value)


def test_a_class_may_have_any_name(engine):
    found = engine.result(DEFAULTS.key)
    top = (Prediction(0, "a|b", 0.5),)
    match = replace(found.match, target_top=top, iri_top=top)
    app = shown(replace(found, match=match))
    assert "| **IRI** | a&#124;b 50% | – | – |" in text(app)


def test_a_visitor_learns_nothing_of_the_servers_files(engine):
    said = set()
    for path in ("net.pt", "/etc/passwd", "/nowhere"):
        app = AppTest.from_file(APP, default_timeout=60)
        app.query_params["model"] = DEFAULTS.model
        app.session_state["_painted"] = DEFAULTS.key
        app.session_state["other_network"] = f"file:{path}"
        app.run()
        said.add(app.error[0].value)
        said.add(opened(model=f"file:{path}").error[0].value.removeprefix("Invalid settings: "))
    assert {one.rstrip(".").lower() for one in said} == {
        "model: checkpoints from files work on the command line only"
    }
    assert not engine.asked


def test_compare_looks_at_the_size_that_was_asked_for(monkeypatch, tmp_path, capsys):
    result = Engine(Store()).result(DEFAULTS.key)
    (tmp_path / "result.zip").write_bytes(result.to_bytes())
    observers = []

    def ask(_, function, result, observer):
        observers.append(observer)
        raise CommandFailed("that is all")

    monkeypatch.setattr(EngineRunner, "ask", ask)
    words = ("--arch", "timm:resnet18", "--layer", "logits", "--size", "96")
    cli.main(["compare", "result.zip", "--model", "file:net.pt", *words])
    (observer,) = (Request.from_dict(one) for one in observers)
    digest = hashlib.sha256(b"weights").hexdigest()
    assert (observer.size, observer.layer, observer.architecture, observer.weights) == (
        *(96, "logits"),
        *("timm:resnet18", digest),
    )
    assert observer.model == f"file:{Path('net.pt').resolve()}"


def test_a_request_with_input_settings_of_its_own_has_no_link():
    plain = asked("embedded")
    assert link(plain)
    for changes in ({"mean": [0.5] * 3}, {"interpolation": "lanczos"}, {"crop_pct": 0.5}):
        with pytest.raises(ValueError, match="with these settings"):
            link(replace(plain, **changes))
