"""Images made to differ, on the page: a set that fills, its links, and a controversial pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer.analysis.diverse import DEFAULT_COUNT, members
from explorer.app import session
from explorer.app.links import DEFAULTS, link
from explorer.cli import scripts
from explorer.jobs.engine import Engine
from explorer.jobs.job import FAILED, RUNNING, Job
from explorer.result import Result
from explorer.result.difference import DifferenceMade, Observed
from explorer.store.store import Store
from explorer.validation import validate

APP = str(Path(__file__).parent.parent / "explorer/app/script/main.py")
OBSERVER = "embedded:residual-multi-standard"


class StoppedEngine:
    """Results and jobs by key, and what was submitted; there is no worker."""

    under_way = 0

    def __init__(self) -> None:
        real = Engine(Store())
        self.store, self.first = real.store, real.result(DEFAULTS.key)
        self.results: dict[str, Result] = {DEFAULTS.key: self.first}
        self.jobs: dict[str, Job] = {}
        self.submitted: list = []

    def result(self, key: str) -> Result | None:
        return self.results.get(key)

    def job(self, key: str) -> Job | None:
        return self.jobs.get(key)

    def submit(self, request, pictures, **who) -> None:
        self.submitted.append(request)
        self.jobs[request.key] = Job(request.key, RUNNING, step=5, steps=500)

    def start(self) -> None: ...

    def touch(self, keys) -> None: ...

    def cancel(self, key: str, subscriber: str) -> None: ...

    def finish(self, request, **made) -> None:
        self.jobs.pop(request.key, None)
        self.results[request.key] = replace(
            self.first,
            request=request,
            iri=1 - self.first.iri,
            searched_png=self.first.iri_png,
            tightening=None,
            difference=DifferenceMade(0.02, 120, "stalled", 1.0, (0.2, 0.5), 0.019, **made),
        )


@pytest.fixture
def engine(monkeypatch) -> StoppedEngine:
    engine = StoppedEngine()
    monkeypatch.setattr(session, "engine", lambda: engine)
    return engine


def opened(address: dict[str, str]) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def text(app: AppTest) -> str:
    return "\n".join(each.value for each in [*app.markdown, *app.caption, *app.error])


def printed(script: str, result: Result) -> str:
    """What a script's line that prints says of a result, after state and distance."""
    line = next(line for line in script.splitlines() if line.lstrip().startswith("print("))
    return str(eval(line.partition("relative_l2, ")[2].strip()[:-1], {"result": result}))


def test_a_diverse_set_fills_one_after_the_other_and_its_members_are_links(engine):
    requests = members(DEFAULTS, DEFAULT_COUNT)
    app = opened({"model": DEFAULTS.model})
    assert "Other images are the same to the network, too." in text(app)
    app.button(key="diverse_generate").click().run()
    assert engine.submitted == [requests[1]]
    for number in range(1, DEFAULT_COUNT):
        keys = sorted(each.key for each in requests[:number])
        engine.finish(requests[number], away_from=tuple((key, 0.5) for key in keys))
        app.run()
        assert not app.exception
    assert engine.submitted == requests[1:]
    assert "Pairs are **" in text(app)
    app.button(key="diverse_open_2").click().run()
    assert not app.exception
    assert "Not asked" in text(app)
    assert app.session_state["loss"] == "diverse"
    script = scripts.python([requests[2]])
    compile(script, "script", "exec")
    said = printed(script, engine.results[requests[2].key])
    assert "0.500 per pixel (RMS) from the nearest of 2 IRIs, on average 0.500" in said
    assert "not asked: the image was made to differ" in said
    all_of_them = scripts.python(requests)
    assert printed(all_of_them, engine.results[requests[2].key]) in said
    assert engine.first.person.sentence in printed(all_of_them, engine.first)
    assert "pictures_with(others, pictures)" in script
    assert f"--away-from {','.join(requests[2].away_from)}" in scripts.commands([requests[2]])
    # Its address is enough, in a session that knows nothing.
    other = opened(link(requests[2]))
    assert "Away from 2 earlier IRIs of this target." in text(other)
    assert "Pairs are **" in text(other)


def test_a_set_that_fails_says_so_and_stops(engine):
    app = opened({"model": DEFAULTS.model})
    app.button(key="diverse_generate").click().run()
    (request,) = engine.submitted
    engine.jobs[request.key] = Job(request.key, FAILED, error="the worker stopped")
    app.run()
    app.run()
    assert not app.exception
    assert engine.submitted == [request]
    assert app.button(key="diverse_generate")


def test_a_controversial_pair_is_judged_by_both_nulls_and_asked_for_both_ways(engine):
    asked = validate(replace(DEFAULTS, nearest=None, loss="controversial", observer=OBSERVER))
    match, null = engine.first.match, engine.first.null
    values = {**match.values, "relative_l2": null.relative_l2.max + 1, "cosine": 0.0}
    far = replace(match, values=values, same_class=False)
    engine.finish(asked, observed=Observed(OBSERVER, "penultimate", far, far, null))
    said = printed(scripts.python([asked]), engine.results[asked.key])
    assert f"To {OBSERVER} at penultimate different? Same to one network, different to" in said
    app = opened(link(asked))
    assert "A controversial pair" in text(app)
    assert "different to the other: relative distance" in text(app)
    assert "made to differ, not to look like anything" in text(app)
    app.button(key="swap").click().run()
    assert not app.exception
    (swapped,) = engine.submitted
    assert (swapped.model, swapped.observer) == (OBSERVER, DEFAULTS.model)


def test_what_is_no_pair_is_said(engine):
    asked = validate(replace(DEFAULTS, nearest=None, loss="controversial", observer=OBSERVER))
    match, null = engine.first.match, engine.first.null
    engine.finish(asked, observed=Observed(OBSERVER, "penultimate", match, match, null))
    assert "No controversial pair" in text(opened(link(asked)))


def test_the_family_is_chosen_in_the_sidebar(engine):
    app = opened({"model": DEFAULTS.model, "loss": "controversial"})
    chosen = app.selectbox(key="observer").value
    assert chosen != DEFAULTS.model
    assert app.query_params["observer"] in (chosen, [chosen])
    assert "Not generated yet." in text(app)
    app = opened({"model": DEFAULTS.model, "loss": "diverse"})
    assert "needs one: the keys of earlier results" in text(app)
