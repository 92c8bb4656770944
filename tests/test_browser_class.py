"""A class in a real browser: open, join from phones, reveal, vote again, export, delete."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import urllib.request
import zipfile
from contextlib import closing, contextmanager
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect
from stranger import running_app
from test_browser import PATIENCE_MS, browser, page

from explorer.study.stimulus_set import default_set

__all__ = ["browser", "page"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STIMULI = default_set()
IRIS = {each.iri for each in STIMULI.stimuli}
TARGETS = {each.target for each in STIMULI.stimuli}
PEOPLE = 5


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    everywhere = {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}  # as for phones
    with running_app(tmp_path_factory.mktemp("class") / "cache", everywhere) as running:
        yield running


class Phone:
    """A phone that speaks to the server as the phones' page does."""

    def __init__(self, root: str, code: str) -> None:
        self.root, self.token = f"{root}/vote/api", ""
        self.token = self._ask("join", {"code": code})["token"]

    def answer_all(self, target: bool) -> int:
        """Answer everything: of each IRI the target or the seed, of other images what they are."""
        state = self._ask("trials")
        answers = [
            {
                "round": state["round"],
                "vote": state["vote"],
                "trial": trial["number"],
                "position": self._position(trial, target),
            }
            for trial in state["trials"]
        ]
        receipts = self._ask("answers", {"answers": answers})["receipts"]
        assert {receipt["status"] for receipt in receipts} == {"accepted"}
        return len(receipts)

    @staticmethod
    def _position(trial: dict, target: bool) -> int:
        wants_target = target if trial["image"] in IRIS else trial["image"] in TARGETS
        is_target = [option["picture"] in TARGETS for option in trial["options"]]
        return is_target.index(wants_target)

    def _ask(self, name: str, content: dict | None = None) -> dict:
        request = urllib.request.Request(
            f"{self.root}/{name}",
            None if content is None else json.dumps(content).encode(),
            {"Content-Type": "application/json", "X-Token": self.token},
        )
        with urllib.request.urlopen(request, timeout=60) as answered:
            return json.load(answered)


@contextmanager
def unreadable(app):
    """The database cannot be read for a while, as during a restart of PostgreSQL."""
    file = app.log.parent / "cache" / "study" / "study.sqlite3"
    with closing(sqlite3.connect(file, timeout=60)) as connection:
        connection.execute("ALTER TABLE sessions RENAME TO away")
        yield
        connection.execute("ALTER TABLE away RENAME TO sessions")


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def joined(page):
    return page.locator(".counts dd").first


def test_a_class_votes_discusses_votes_again_and_takes_its_answers_home(page, app, browser):
    page.goto(f"{app.url}/class")
    page.get_by_role("textbox", name="Title").fill("Owls in noise")
    page.get_by_role("textbox", name="Title").press("Enter")
    press(page, "Open the session")
    expect(page.get_by_role("heading", name="Owls in noise")).to_be_visible()
    code = re.search("code=([A-Z0-9]+)", page.url)[1]

    # Everybody can reach the address that is shown, and the projector needs no secret.
    address = page.locator(".address").inner_text()
    assert "localhost" not in address
    with urllib.request.urlopen(f"http://{address}/{code}", timeout=60) as answered:
        assert answered.status == 200
        assert "html" in answered.headers["Content-Type"]
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    projector = context.new_page()
    projector.set_default_timeout(PATIENCE_MS)
    projector.goto(f"{app.url}/class?{urlencode({'code': code})}")
    expect(projector.locator(".code")).to_have_text(code)
    expect(joined(projector)).to_have_text("0")
    expect(projector.get_by_role("button", name="Reveal results")).to_have_count(0)
    assert projector.locator("img.qr").evaluate("image => image.naturalWidth") > 0
    assert projector.evaluate("document.documentElement.scrollWidth") <= 390

    # Nobody reloads anything: both pages follow.
    phones = [Phone(app.url, code) for _ in range(PEOPLE)]
    answered = sum(phone.answer_all(target=place > 0) for place, phone in enumerate(phones))
    for each in (page, projector):
        expect(joined(each)).to_have_text(str(PEOPLE))
        expect(each.locator(".counts dd").last).to_have_text(f"{answered:,}")
        expect(each.get_by_text("What this class says")).to_have_count(0)

    # Both pages outlast an outage, whether they are loaded before or during it.
    with unreadable(app):
        for each in (page, projector):
            expect(each.get_by_text("The database cannot be read now")).to_be_visible()
            expect(each.get_by_text("no such table")).to_have_count(0)
        page.reload()
        expect(page.get_by_text("This page goes on by itself.")).to_be_visible()
        expect(page.get_by_role("button", name="another session")).to_have_count(0)
    for each in (page, projector):
        expect(joined(each)).to_have_text(str(PEOPLE))
        expect(each.get_by_text("The database cannot be read now")).to_have_count(0)

    press(page, "Reveal results")
    expect(projector.get_by_text("What this class says")).to_be_visible()
    expect(projector.get_by_text(f"of {PEOPLE} people")).to_be_visible()
    assert projector.evaluate("document.documentElement.scrollWidth") <= 390

    press(page, "Second vote")
    expect(projector.get_by_text("Round 1, second vote")).to_be_visible()
    expect(projector.get_by_text("What this class says")).to_have_count(0)
    answered += sum(phone.answer_all(target=True) for phone in phones)
    press(page, "Reveal results")
    expect(projector.locator("p", has_text="After discussion:")).to_contain_text("became 100%")
    projector.locator(".js-plotly-plot").nth(1).wait_for()

    with page.expect_download() as caught:
        press(page, "Export")
    with zipfile.ZipFile(caught.value.path()) as archive:
        (table,) = (name for name in archive.namelist() if name.endswith(".csv"))
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(table), encoding="utf-8")))
    assert len(rows) == answered

    press(page, "Next round …")
    press(page, "Open the next round")
    expect(projector.get_by_text("Round 2.")).to_be_visible()
    expect(projector.get_by_text("Results of earlier rounds")).to_be_visible()

    press(page, "Delete …")
    press(page, "Delete it with all answers")
    expect(page.get_by_text("The session and all its answers are deleted.")).to_be_visible()
    expect(projector.get_by_text(code).last).to_be_visible()
    expect(projector.locator(".counts")).to_have_count(0)
    context.close()
