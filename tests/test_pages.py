"""The pages, run by Streamlit's own test harness: what a visitor reads in each state."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cache import starter
from explorer.jobs import work
from explorer.jobs.job import FAILED, RUNNING, Job
from explorer.pages import session
from explorer.pages.controls import DEFAULTS
from explorer.starter_pack import EXAMPLES

APP = str(Path(__file__).parent.parent / "app.py")


class IdleEngine:
    """The store of the real engine, with jobs that a test sets and no worker."""

    def __init__(self, real) -> None:
        self.result = real.result
        self.store = real.store
        self.asked: list = []
        self.jobs: dict[str, Job] = {}
        self.submitted: list = []
        self.under_way = 1

    def job(self, key: str) -> Job | None:
        return self.jobs.get(key)

    def submit(self, request, pictures, watcher) -> None:
        self.submitted.append(request)

    def start(self) -> None: ...

    def ask(self, function, *arguments) -> Future:
        self.asked.append(arguments)
        return Future()

    def cancel(self, key: str, watcher: str) -> None: ...


@pytest.fixture
def engine(monkeypatch):
    from cache.store import Store
    from explorer.jobs.engine import Engine

    idle = IdleEngine(Engine(Store()))
    monkeypatch.setattr(session, "engine", lambda: idle)
    return idle


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def text(app: AppTest) -> str:
    return "\n".join(one.value for one in [*app.markdown, *app.caption, *app.error])


def test_first_paint_shows_a_finished_example_with_both_verdicts(engine):
    app = opened()
    assert not app.exception
    assert "To the network: the same?" in text(app)
    assert "To a person: the same?" in text(app)
    assert not engine.submitted


def test_the_plots_wait_until_the_browser_has_painted_the_pictures(engine):
    app = opened()
    assert not app.get("plotly_chart")
    app.session_state["_painted"] = DEFAULTS.key
    app.run()
    assert not app.exception
    assert len(app.get("plotly_chart")) == 4
    assert "| measure | to target |" in text(app)
    app.selectbox(key="model").select("embedded:residual-multi-standard").run()
    assert "To a person: the same?" in text(app)
    assert not app.get("plotly_chart")


def test_the_address_fills_the_panel_and_keeps_stable_words(engine):
    app = opened(model="embedded:residual-multi-standard", layer="stage1.0", rng="7")
    assert app.selectbox(key="model").value == "embedded:residual-multi-standard"
    assert app.selectbox(key="layer").value == "stage1.0"
    assert app.number_input(key="rng").value == 7
    assert "Not made yet" in text(app)
    app.selectbox(key="target").select("cat").run()
    assert app.query_params["target"] == "cat"
    assert app.query_params["layer"] == "stage1.0"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("loss", "freq-tvv", "did you mean 'freq-tv'"),
        ("target", "astronot", "astronaut"),
        ("layer", "stage9", "is not a layer of"),
        ("model", "embedded:resnet", "there are 'embedded:residual-multi-adv2'"),
        ("model", "file:/etc/passwd", "architecture"),
        ("model", "nowhere:net", "no source that is known"),
        ("seed", "astronaut", "it is the target itself"),
    ],
)
def test_a_link_that_cannot_be_right_is_answered_in_a_sentence(engine, name, value, said):
    app = opened(**{name: value})
    assert not app.exception
    assert said in app.error[0].value


def test_numbers_out_of_range_in_a_link_are_brought_into_range(engine):
    app = opened(goal="7", rng="-3", effort="endless")
    assert not app.exception
    assert app.number_input(key="goal").value == 1.0
    assert app.number_input(key="rng").value == 0
    assert app.select_slider(key="effort").value == "normal"


def test_generate_submits_the_request_that_the_panel_shows(engine):
    app = opened(target="coffee", seed="white")
    app.button(key="generate_here").click().run()
    (request,) = engine.submitted
    assert (request.target, request.seed) == ("coffee", "white")


def test_again_asks_for_the_next_random_number(engine):
    app = opened()
    app.button(key="again").click().run()
    assert [request.rng_seed for request in engine.submitted] == [1]
    assert app.query_params["rng"] == "1"


def test_a_running_job_shows_how_far_it_is_and_can_be_cancelled(engine):
    key = submitted_key(engine)
    engine.jobs[key] = Job(key, RUNNING, "making the image", 40, 500, ((40, 0.25),), eta_seconds=9)
    app = opened(target="coffee", seed="white")
    assert not app.exception
    assert app.button(key="cancel")
    assert "distance so far" not in text(app)


def test_a_failed_job_says_why_and_offers_another_try(engine):
    key = submitted_key(engine)
    engine.jobs[key] = Job(key, FAILED, error="the worker stopped while it made this")
    app = opened(target="coffee", seed="white")
    assert "the worker stopped while it made this" in app.error[0].value
    assert app.button(key="generate_here").label == "Try again"


def submitted_key(engine) -> str:
    opened(target="coffee", seed="white").button(key="generate_here").click().run()
    return engine.submitted[0].key


def test_every_example_of_the_pack_is_what_the_code_would_ask_for(engine):
    assert [entry.key for entry in starter.entries()] == [one.key for _, one in EXAMPLES]
    assert not starter.damaged()
    for _, request in EXAMPLES:
        assert engine.result(request.key) is not None


@pytest.mark.parametrize("page", ["examples", "reading"])
def test_the_other_pages_open(engine, page):
    app = opened()
    app.switch_page(f"explorer/pages/{page}.py").run()
    assert not app.exception
    assert app.title


# The network and its layer


def options(app: AppTest, key: str) -> list[str]:
    return app.selectbox(key=key).options


def test_the_shelf_is_offered_by_group_and_the_rest_is_found_by_typing(engine):
    app = opened()
    every = options(app, "model")
    assert 30 < len(every) < 120
    app.selectbox(key="_group").select("self-supervised").run()
    some = options(app, "model")
    assert len(some) < len(every)
    assert any("MoCo v2" in name for name in some)
    assert app.selectbox(key="model").value == DEFAULTS.model
    app.text_input(key="_search").input("beit base 224").run()
    found = "timm:beit_base_patch16_224.in22k_ft_in22k"
    app.button(key=f"_found_{found}").click().run()
    assert not app.exception
    assert app.query_params["model"] == found
    assert "(timm:beit" not in text(app)
    assert "86.5 M parameters" in text(app)
    assert "downloads" in text(app)


def test_the_layers_have_plain_names_and_say_where_they_are(engine):
    app = opened(layer="stage1.1")
    assert "stage 1, block 2, after addition · stage1.1 · 32×16×16" in options(app, "layer")
    assert "stem › **stage 1** › stage 2 › head" in text(app)
    assert "of 48, 8,192 numbers" in text(app)
    assert not any("conv1" in name for name in options(app, "layer"))
    app.toggle(key="_every_layer").set_value(True).run()
    assert any("stage 1, block 1, convolution 1" in name for name in options(app, "layer"))
    assert app.selectbox(key="layer").value == "stage1.1"


def test_layers_that_the_store_knows_are_not_asked_for_again(engine):
    model = "torchvision:resnet18/IMAGENET1K_V1"
    app = opened(model=model)
    assert "reading the layers" in text(app)
    assert engine.asked == [(model, None, None, None)]
    rows = [["layer1", "Sequential", [64, 56, 56]], ["penultimate", "input", [512]]]
    engine.store.put(work.layers_key(model, None, None, None), json.dumps(rows).encode())
    app = opened(model=model)
    assert "stage 1 · layer1 · 64×56×56" in options(app, "layer")
    assert len(engine.asked) == 1


def test_a_size_of_ones_own_is_part_of_the_request_and_of_the_address(engine):
    app = opened(size="96", target="coffee", seed="white")
    app.button(key="generate_here").click().run()
    assert engine.submitted[-1].size == 96
    assert app.query_params["size"] == "96"
    assert engine.asked[-1][-1] == 96


def test_the_operators_networks_are_offered_under_their_own_heading(engine, tmp_path, monkeypatch):
    (tmp_path / "net.pt").write_bytes(b"weights")
    path = tmp_path / "models.toml"
    path.write_text(
        "[networks.lab]\nfile = 'net.pt'\narchitecture = 'timm:resnet18'\ntitle = 'Ours'\n"
    )
    monkeypatch.setenv("IRI_MODELS_TOML", str(path))
    app = opened(model="own:lab", target="coffee")
    assert not app.exception
    assert "Ours · own:lab" in options(app, "model")
    app.button(key="generate_here").click().run()
    assert engine.submitted[-1].model == "own:lab"
    path.write_text("[networks")
    app = opened()
    assert not app.exception
    assert "cannot be read" in app.warning[0].value
