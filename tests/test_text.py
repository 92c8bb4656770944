"""Text of strangers is text: in Markdown, in figures, in documents, in a browser."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import time
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from hostile import (
    EVIL,
    MARK,
    VALUES,
    Answer,
    HostileEngine,
    forged,
    heard,
    markup_in,
    named_layers,
    opened,
    paths_in,
)
from markdown_it import MarkdownIt
from stranger import running_app

from explorer.analysis.examples import EXAMPLES
from explorer.analysis.network_comparison import NetworkComparison
from explorer.app import naming, session
from explorer.app.content_policy import HEADERS
from explorer.app.links import link
from explorer.app.panels.sweep_text import encoded
from explorer.archive.packs import export_results
from explorer.errors import RequestError
from explorer.images.encoding import to_png
from explorer.jobs import job as states
from explorer.jobs.job import Job
from explorer.jobs.work import NetworkLayers
from explorer.metrics.first_look import FirstLook
from explorer.network_reference import NetworkReference
from explorer.plots.class_shares import ConditionShare, Estimate, condition_shares
from explorer.plots.comparison import Bar, Dot, alignment_bars, match_scatter
from explorer.plots.eyes import ObserverCell, observer_heat_map
from explorer.plots.ladder import Rung, ladder_figure
from explorer.result import Result
from explorer.store import Store, starter
from explorer.study.design import suited
from explorer.study.jspsych import write_experiment
from explorer.study.records import Design
from explorer.study.stimulus_set import default_set
from explorer.study.store import Study

REQUEST = EXAMPLES[0][1]
PLACE = link(REQUEST)
LINES = (
    *(MARK, "own:grey", "x:red[y]", ":material/home:", ":material_home:", ":smile:", "a | b"),
    *("[a](https://evil.example)", "https://evil.example/a_b", "www.evil.example", "me@a.example"),
    *("<b>bold</b> $x$ `code` ~~s~~ |", "- a -- b -> c", "1. one", "# a", "> a", "a\n===", "---"),
    *("&lt;b&gt;", "\\*a\\*", "[^1]", "[x]: http://a.example", "<https://a.example>", "``a``"),
    *("`![x](http://evil.example)", "a` ![x](http://evil.example) `", "|a|b|\n|-|-|", "+ a"),
    *(f"\n\n{MARK}", f"    {MARK}", f"`{MARK}`", f"\u2028{MARK}", f":material/{MARK}"),
)


@pytest.fixture(scope="module")
def result() -> Result:
    return forged(Result.from_bytes(starter.load(REQUEST.key) or b""))


@pytest.fixture
def engine(monkeypatch, tmp_path, result):
    found = HostileEngine(Store(tmp_path / "cache"), lambda key: result)
    monkeypatch.setattr(session, "engine", lambda: found)
    return found


@pytest.fixture
def study(monkeypatch, tmp_path):
    kept = Study(f"sqlite:///{tmp_path / 'study.sqlite3'}")
    monkeypatch.setattr(session, "study", lambda: kept)
    yield kept
    kept.disconnect()


# The function itself


@pytest.mark.parametrize("shown", [naming.literal, naming.code])
def test_markdown_of_a_foreign_text_holds_nothing_but_its_text(shown):
    """Compared with a parser of Markdown that is not Streamlit's."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for line in LINES:
        first, inline, last = parser.parse(f"Said: {shown(line)}")
        assert (first.type, last.type) == ("paragraph_open", "paragraph_close"), line
        kinds = {child.type for child in inline.children or []}
        assert kinds <= {"text", "text_special", "code_inline"}, line
        said = "".join(child.content for child in inline.children or [])
        assert said == " ".join(f"Said: {line}".split()), "and all of it"
        starting = parser.parse(shown(line))
        assert [each.type for each in starting][:1] in (["paragraph_open"], []), line


@pytest.mark.parametrize("shown", [naming.literal, naming.code])
def test_long_texts_take_time_in_proportion(shown):
    """A letter 20,000 times took a minute; ten times as much is to take less than a second."""
    for part in ("a", "-", "@", "a@b", "www.", "`", "-- ", ":material/", "[x](y) ", "https://x "):
        begun = time.monotonic()
        assert shown(part * (200_000 // len(part)))
        assert time.monotonic() - begun < 2, part


def test_what_turns_or_hides_a_text_is_seen():
    for hidden in ("\0", "\x1b", "\u202e", "\u2066", "\ud800", "\udfff"):
        for shown in (naming.literal, naming.code):
            text = html.unescape(shown(f"a{hidden}b"))
            assert text.replace("`", "") == "a�b"
            text.encode()
    assert naming.literal("שלום, мир, 世界") == "שלום, мир, 世界"


# Pages


def test_a_forged_results_texts_are_text(engine):
    with heard() as messages:
        page = opened(address=PLACE, _painted=REQUEST.key)
        assert not page.exception
        page.button(key="opinion_target").click().run()
        assert not page.exception
    assert any(EVIL in str(each) for each in messages), "they are shown"
    assert not markup_in(messages)


def test_a_stored_result_that_explore_has_no_settings_for_is_text(engine, result):
    for changes in (
        {"steps": 77, "away_from": ("a" * 64,)},
        {"model": f"timm:{MARK}"},
        {"model": f"own:{MARK}", "weights": "0" * 64, "layer": MARK},
        {"layer": MARK, "adversary": MARK, "optimiser": MARK},
        {"loss": MARK},
        {"observer": f"timm:{MARK}", "observer_layer": MARK, "continues": "a" * 64},
    ):
        made = replace(result, request=replace(result.request, **changes))
        engine.result = lambda key, made=made: made
        engine.store.put(made.request.key, made.to_bytes())
        with heard() as messages:
            shown = opened("gallery", {"result": made.request.key}, _painted=made.request.key)
            assert not shown.exception, changes
            assert not opened("gallery").exception, changes
        assert not markup_in(messages), changes


PREVIEW = to_png(np.zeros((64, 64, 3), np.uint8))
LOOK = FirstLook(0.01, 0.02, MARK, MARK, True)
OTHER_LOOK = replace(LOOK, same_class=False)


@pytest.mark.parametrize(
    "job",
    [
        Job("", states.RUNNING, MARK, 3, 100),
        Job("", states.RUNNING, MARK, 100, 100, preview=PREVIEW, look=LOOK),
        Job("", states.RUNNING, MARK, 1, 9, preview=PREVIEW, look=OTHER_LOOK, note=MARK),
        Job("", states.WAITING, MARK, error=MARK, ahead=3, wait_seconds=9.0),
        Job("", states.FAILED, MARK, error=MARK),
        Job("", states.FAILED, MARK, error=MARK, field=MARK),
        Job("", states.CANCELLED, MARK, error=MARK, note=MARK),
        Job("", states.DONE, MARK, note=MARK),
    ],
    ids=lambda job: f"{job.state}{' with a look' if job.look else ''}",
)
def test_what_a_worker_says_of_a_job_is_text(engine, result, job):
    """Stages, errors, notes and class names may hold what a checkpoint's file holds."""
    engine.jobs[REQUEST.key] = replace(job, key=REQUEST.key)
    engine.result = lambda key: result if job.state == states.DONE else None
    with heard() as messages:
        assert not opened(address=PLACE).exception
        assert not opened("compare", {**PLACE, "vary": "losses"}).exception
    assert not markup_in(messages)


def test_layers_and_the_errors_of_a_network_are_text(engine):
    engine.result = lambda key: None
    names = [f"{at}.{MARK}" for at in range(3)]
    rows = [(name, MARK, (8, 2, 2)) for name in names]
    place = {"model": "timm:resnet18", "layer": names[1]}
    answers = (
        Answer(NetworkLayers(rows, (224, 224), 3)),
        Answer(error=RequestError(MARK, MARK)),
        Answer(error=RuntimeError(MARK)),
    )
    for answer in answers:
        engine.answer = answer
        with heard() as messages:
            for page in ("explore", "compare"):
                assert not opened(page, place).exception
        assert any(EVIL in str(each) for each in messages)
        assert not markup_in(messages)


def test_another_networks_answer_is_text(engine, result):
    marked = NetworkComparison(
        *(result.request.key, MARK, MARK, NetworkReference("timm:resnet18"), MARK, (64, 64)),
        *(result.match, result.null, named_layers(result, MARK).layers, 1.0, result.state, 0.1),
    )
    for answer in (Answer(marked), Answer(error=RuntimeError(MARK))):
        engine.answer = answer
        with heard() as messages:
            page = opened(address=PLACE, _painted=REQUEST.key, other_network="timm:resnet18")
            assert not page.exception
        assert not markup_in(messages)


def test_the_gallery_and_compare_show_a_forged_result_as_text(engine, result):
    engine.store.put(result.request.key, result.to_bytes())
    places = (
        ("gallery", {"words": MARK}),
        ("gallery", {}),
        ("compare", {**PLACE, "vary": "losses"}),
    )
    with heard() as messages:
        for page, address in places:
            assert not opened(page, address).exception
    assert not markup_in(messages)


def test_the_name_of_a_file_is_text(engine):
    """Of pictures, packs, sweeps and sets of images, whether they can be read or not."""
    engine.result = lambda key: None
    places = (("explore", ""), ("gallery", "pack_file0"), ("sweep", ""), ("class", ""))
    with heard() as messages:
        for page, _ in places:
            shown = opened(page)
            for uploader in shown.get("file_uploader"):
                kind = uploader.proto.type[0] if uploader.proto.type else ".png"
                uploader.set_value((f"{MARK}{kind}", MARK.encode(), "image/png"))
            shown.run()
            assert not shown.exception
    assert not markup_in(messages)
    assert not paths_in(messages)


def test_a_packs_refused_files_are_text(engine, result, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"results/{MARK}", b"x")
        archive.writestr("pack.json", json.dumps({MARK: MARK}))
    shown = opened("gallery")
    for uploader in shown.get("file_uploader"):
        uploader.set_value((f"{MARK}.zip", buffer.getvalue(), "application/zip"))
    with heard() as messages:
        shown.run()
        assert not shown.exception
    assert not markup_in(messages)


def test_a_classes_title_and_images_are_text(engine, study):
    images = replace(default_set(), title=MARK, name=MARK)
    shown = study.open_session(MARK, images, suited(Design(main=6, practice=1, catch=2), images))
    code, secret = shown.code, shown.secret
    with heard() as messages:
        for address in ({"code": code}, {"code": code, "secret": secret}, {"code": MARK}):
            assert not opened("class", address).exception
        study.reveal(code, secret)
        for address in ({"code": code, "secret": MARK}, {"code": code, "address": MARK}):
            assert not opened("class", address).exception
    assert any(EVIL in str(each) for each in messages)
    assert not markup_in(messages)


def test_what_is_wrong_in_a_sweeps_text_is_text(engine):
    texts = (f"model = '''{MARK}'''", f"'''{MARK}''' = 1", f"steps = '''{MARK}'''", MARK)
    with heard() as messages:
        for text in texts:
            for parameter in (text, encoded(text)):
                assert not opened("sweep", {"sweep": parameter}).exception
    assert not markup_in(messages)


@pytest.mark.parametrize("value", [MARK, *VALUES[-6:]], ids=range(7))
def test_nothing_in_an_address_is_markup(engine, study, value):
    engine.result = lambda key: None
    with heard() as messages:
        for page, names in {
            "explore": (
                "model",
                "layer",
                "target",
                "seed",
                "loss",
                "observer",
                "away",
                "continues",
            ),
            "compare": ("values", "again", "vary", "group", "nonesuch"),
            "gallery": ("network", "words"),
            "lesson": ("step", "fixed", "data"),
            "class": ("code", "keys", "address"),
        }.items():
            for name in names if value == MARK else names[:2]:
                assert not opened(page, {name: value}).exception, (page, name)
    assert not markup_in(messages)
    assert not paths_in(messages)


# Figures and documents


def test_plotly_reads_no_markup_in_names():
    estimate = Estimate(0.5, 0.4, 0.6, 9)
    dot = Dot("k", 0.5, 0.1, True, MARK)
    figures = (
        alignment_bars([Bar(MARK, 0.5, 0.4, 0.6, 0.1, (dot,))]),
        match_scatter([dot]),
        ladder_figure([Rung(MARK, "k", 0.1, True, (0.1, 0.2, 0.3), 0.1, 0.2, 0.3)], "measure"),
        observer_heat_map([MARK], [[ObserverCell(0.5, "1", f"{MARK}\n{MARK}")]]),
        condition_shares([ConditionShare(MARK, MARK, estimate)], "answers", 0.5),
    )
    for chart in figures:
        text = json.dumps(json.loads(chart.to_json()))
        assert EVIL in text
        assert not re.search(r"<(?!/?(?:b|br|extra)>)", text)


class Elements(HTMLParser):
    """What an HTML document loads or leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not any(name.startswith("on") for name, _ in attrs)


def test_a_packs_page_and_a_jspsych_page_show_texts_as_text(engine, result, tmp_path):
    named = replace(result, request=replace(result.request, layer=MARK, model=f"timm:{MARK}"))
    for each in (result, named):
        engine.store.put(each.request.key, each.to_bytes())
    export_results(engine.store, tmp_path / "pack.zip")
    images = replace(default_set(), title=MARK)
    write_experiment(tmp_path / "web", images, suited(Design(), images), title=MARK, lists=1)
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".html")]
        pages = [archive.read(name).decode() for name in names]
    pages += [path.read_text() for path in (tmp_path / "web").rglob("*.html")]
    assert sum(EVIL in page for page in pages) > 1
    for page in pages:
        elements = Elements()
        elements.feed(page)
        assert not [each for each in elements.addresses if EVIL in each]


# A browser


@pytest.mark.browser
@pytest.mark.slow
def test_a_browser_loads_nothing_from_elsewhere_and_draws_no_element_of_a_strangers(
    tmp_path_factory, result
):
    from playwright.sync_api import sync_playwright

    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("there is no Chromium on this machine")
    folder = tmp_path_factory.mktemp("text")
    other = replace(result, request=replace(result.request, rng_seed=5))
    Store(folder / "cache").put(other.request.key, other.to_bytes())
    places = (
        ("", {"model": MARK}),
        ("", {"model": PLACE["model"], "layer": MARK}),
        ("", {**link(REQUEST), "rng": "5"}),
        ("compare", {"vary": "networks", "values": MARK}),
        ("gallery", {"words": MARK}),
        ("lesson", {"step": MARK}),
        (quote(MARK, safe=""), {}),
    )
    shows = {"gallery": "No result passes", places[-1][0]: "To the network: the same?"}
    asked: list[str] = []
    refused: dict[str, str | None] = {}
    with running_app(folder / "cache") as app, sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = running.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(60_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
        for name, parameters in places:
            answer = page.goto(f"{app.url}/{name}?{urlencode(parameters)}")
            assert answer is not None
            assert answer.headers["content-security-policy"] == HEADERS["Content-Security-Policy"]
            page.get_by_text(shows.get(name, EVIL)).first.wait_for(state="attached")
            page.wait_for_timeout(500)
            drawn = page.evaluate(
                """() => [...document.querySelectorAll("img, a, b, iframe, script")]
                    .map(each => each.src || each.href || each.textContent)"""
            )
            # Headings link to themselves, at this address.
            foreign = [each for each in drawn if not each.startswith(app.url)]
            assert not [each for each in foreign if EVIL in each or each == "b"], name
        # What would come of an image that was overlooked: the page's policy does not let it load.
        page.evaluate(
            f"""() => new Promise(done => {{
                const image = new Image();
                image.onload = image.onerror = done;
                image.src = "http://{EVIL}/overlooked.png";
            }})"""
        )
        running.close()
    foreign = [each for each in asked if not each.startswith((app.url, "data:", "blob:", "ws:"))]
    assert foreign == [f"http://{EVIL}/overlooked.png"]
    assert "csp" in (refused[foreign[0]] or "").lower()
