"""A phone in a real browser, 390 px wide: from the code to the last answer, whatever happens."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from itertools import pairwise

import pytest
from playwright.sync_api import expect
from stranger import PATIENCE_SECONDS, ROOT, App, _is_healthy, running_app, until
from test_browser import PATIENCE_MS, browser

from explorer.study.design import main_images, suited, trials_of
from explorer.study.records import Design, Kind, Task, Timing
from explorer.study.stimulus_set import default_set
from explorer.study.store import Study

__all__ = ["browser"]  # fixture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STIMULI = default_set()
DESIGN = suited(Design(main=4, practice=1, catch=1), STIMULI)
TRIALS = 6


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("phone") / "cache") as running:
        yield running


@pytest.fixture(scope="module")
def study(app):
    """The database of the app, opened by another process: this one."""
    folder = app.log.parent / "cache" / "study"
    opened = Study(f"sqlite:///{folder / 'study.sqlite3'}")
    yield opened
    opened.disconnect()


@pytest.fixture
def session(study):
    return study.open_session("Perception", STIMULI, DESIGN)


@pytest.fixture
def phone(browser):
    """A page of a phone's browser, that asks nobody but the app."""
    context = browser.new_context(
        viewport={"width": 390, "height": 664}, is_mobile=True, has_touch=True
    )
    context.set_default_timeout(PATIENCE_MS)  # also of pages that a test opens
    opened = context.new_page()
    problems, asked = [], set()
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: asked.add(re.sub(r"(?<=\w)/.*", "", request.url)))
    yield opened
    context.close()
    assert not problems
    assert len(asked) == 1, asked


def join(phone, app, code: str) -> None:
    phone.goto(f"{app.url}/vote/{code}")
    phone.get_by_role("button", name="I agree, start").tap()


def options(phone):
    """The buttons of the trial that is asked, once they take an answer."""
    found = phone.locator("#options:not(.unseen) button:not([disabled])")
    found.first.wait_for()
    return found


def practise(phone) -> None:
    options(phone).first.tap()
    phone.get_by_role("button", name="Start").tap()


def look_again(phone) -> None:
    """As somebody who takes up the phone: it asks at once, not a few seconds later."""
    phone.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def heading(phone, text: str):
    return phone.get_by_role("heading", name=text)


def rows(study, code: str, round: int = 1, vote: int | None = None) -> dict[int, str]:
    found = study.answers(code, round, vote)
    assert len({(each.participant, each.vote, each.trial) for each in found}) == len(found)
    return {each.trial: each.position for each in found}


def test_a_phone_goes_from_the_code_to_the_last_answer(phone, app, study, session):
    phone.goto(f"{app.url}/vote")
    field = phone.get_by_label("Code of the session")
    field.fill("QQQQQQ")
    phone.get_by_role("button", name="Go on").tap()
    expect(phone.get_by_role("alert")).to_contain_text("no session with the code")
    field.fill(session.code.lower())
    phone.get_by_role("button", name="Go on").tap()
    expect(phone.get_by_text("no name and no address")).to_be_visible()
    assert study.progress(session.code).joined == 0
    phone.get_by_role("button", name="I agree, start").tap()

    chosen = {}
    options(phone).nth(1).tap()  # practice, which says what was right
    expect(phone.locator("#feedback")).to_contain_text(re.compile("Right|Not quite: it is picture"))
    chosen[0] = 1
    phone.keyboard.press("Enter")
    for number, answer in enumerate(("1", "2", "ArrowLeft", "ArrowRight", "tap"), start=1):
        expect(phone.locator("#progress")).to_contain_text(f"Image {number} of 5")
        shown = options(phone)
        for picture in phone.locator("#stage img, #options img").all():
            expect(picture).to_be_in_viewport(ratio=1)  # nobody has to scroll
            expect(picture).not_to_have_js_property("naturalWidth", 0)
        chosen[number] = {"1": 0, "ArrowLeft": 0}.get(answer, 1)
        phone.keyboard.press(answer) if answer != "tap" else shown.nth(1).tap()
    heading(phone, "Thank you!").wait_for()
    assert rows(study, session.code) == chosen
    for answer in study.answers(session.code, 1):
        assert 150 < answer.response_ms < 1000 * PATIENCE_SECONDS


def test_sixteen_words_are_seen_at_once_with_their_image_and_have_a_key_each(phone, app, study):
    design = Design(task=Task.RECOGNITION, main=2, practice=0, catch=0, choices=16, words="sixteen")
    code = study.open_session("Words", STIMULI, design).code
    join(phone, app, f"{code[:3].lower()}%20{code[3:]}")  # as somebody types it
    shown = options(phone)
    expect(shown).to_have_count(16)
    expect(shown.last).to_be_in_viewport(ratio=1)
    expect(phone.locator("#image")).to_be_in_viewport(ratio=1)
    assert phone.evaluate("document.documentElement.scrollHeight <= innerHeight")
    phone.keyboard.press("g")
    until(lambda: rows(study, code) == {0: 15})
    again = phone.context.new_page()
    again.goto(f"{app.url}/vote/{code}")
    options(again)
    again.keyboard.press("9")
    until(lambda: rows(study, code) == {0: 15, 1: 8})


def test_answers_wait_on_the_phone_for_the_network_and_a_reload_goes_on(phone, app, study, session):
    join(phone, app, session.code)
    practise(phone)
    options(phone).first.tap()
    until(lambda: len(rows(study, session.code)) == 2)
    phone.wait_for_load_state("networkidle")
    phone.context.set_offline(True)
    for _ in range(2):
        options(phone).last.tap()
    expect(phone.get_by_text("No connection")).to_be_visible()
    expect(phone.locator("#progress")).to_contain_text("Image 4 of 5")
    assert len(rows(study, session.code)) == 2
    phone.context.set_offline(False)
    until(lambda: len(rows(study, session.code)) == 4)
    expect(phone.get_by_text("No connection")).to_be_hidden()

    phone.reload()
    expect(phone.locator("#progress")).to_contain_text("Image 4 of 5")
    for _ in range(2):
        options(phone).first.tap()
    heading(phone, "Thank you!").wait_for()
    assert rows(study, session.code) == {0: 0, 1: 0, 2: 1, 3: 1, 4: 0, 5: 0}


def test_answers_that_the_page_could_not_send_are_sent_when_it_is_opened_again(
    phone, app, study, session
):
    """As after an empty battery: the page is gone before the answer was acknowledged."""
    join(phone, app, session.code)
    practise(phone)
    phone.route("**/vote/api/answers", lambda route: route.abort())
    options(phone).first.tap()
    expect(phone.get_by_text("No connection")).to_be_visible()
    again = phone.context.new_page()
    phone.close()
    again.goto(f"{app.url}/vote/{session.code}")
    until(lambda: rows(study, session.code) == {0: 0, 1: 0})
    expect(again.locator("#progress")).to_contain_text("Image 2 of 5")

    again.context.set_offline(True)
    options(again).first.tap()
    study.second_vote(session.code, session.secret)
    again.context.set_offline(False)
    heading(again, "Too late").wait_for()
    expect(again.get_by_text("1 answer does not count.")).to_be_visible()
    expect(again.get_by_text("This vote of round 1 has ended.")).to_be_visible()
    again.get_by_role("button", name="Go on").tap()
    expect(again.locator("#progress")).to_contain_text("Image 1 of 5")
    options(again).first.tap()
    until(lambda: rows(study, session.code, vote=2) == {0: 0})


def test_a_phone_follows_its_lecturer_by_itself(phone, app, study, session):
    code, secret = session.code, session.secret
    join(phone, app, code)
    practise(phone)
    study.pause(code, secret)
    options(phone).first.tap()
    heading(phone, "Paused").wait_for()
    expect(phone.get_by_text("1 answer is still to be sent")).to_be_visible()
    asked = []
    phone.on("request", lambda request: asked.append(request.url))
    phone.wait_for_timeout(3000)
    assert 0 < len(asked) < 10, "a phone waits patiently"
    study.resume(code, secret)
    until(lambda: len(rows(study, code)) == 2)
    options(phone)
    study.reveal(code, secret)
    options(phone).first.tap()  # too late
    heading(phone, "The results are on the screen").wait_for()
    assert len(rows(study, code)) == 2
    study.second_vote(code, secret)
    look_again(phone)
    for _ in range(TRIALS - 1):
        options(phone).last.tap()
    heading(phone, "Thank you!").wait_for()
    assert rows(study, code, 1, 2) == dict.fromkeys(range(TRIALS - 1), 1)
    study.close(code, secret)
    look_again(phone)
    heading(phone, "This session has ended").wait_for()
    study.delete(code, secret)
    look_again(phone)
    phone.get_by_role("alert").get_by_text("no session with the code").wait_for()


# Each part of the stage when it is seen, and whether the options are.
WATCH_STAGE = """
window.seen = [];
const look = () => {
  const part = document.querySelector("#stage .seen")?.id ?? "";
  const asked = !document.querySelector("#options").classList.contains("unseen");
  const last = window.seen.at(-1);
  if (!last || last.part !== part || last.asked !== asked) {
    // The time of the frame: a busy browser runs what belongs to a frame later than it says.
    window.seen.push({ part, asked, time: document.timeline.currentTime });
    const images = window.seen.filter((each) => each.part === "image").length;
    // A browser that is busy shows the second image longer, as the answer has to say.
    const now = performance.now();
    if (part === "image" && images === 2) while (performance.now() - now < 1200);
  }
};
const every = { subtree: true, attributes: true, attributeFilter: ["class"] };
new MutationObserver(look).observe(document, every);
"""


def test_timed_images_are_seen_for_their_time_and_masked(phone, app, study):
    timing = Timing(fixation_ms=200, image_ms=300, mask_ms=300)
    design = suited(Design(main=3, practice=0, catch=0, timing=timing), STIMULI)
    session = study.open_session("Timed", STIMULI, design)
    phone.add_init_script(WATCH_STAGE)
    join(phone, app, session.code)
    options(phone)
    phone.reload()  # the first image is shown again
    for _ in range(3):
        options(phone).first.tap()
    heading(phone, "Thank you!").wait_for()
    colours = phone.locator("#mask").evaluate(
        "mask => new Set(mask.getContext('2d').getImageData(0, 0, 128, 128).data).size"
    )
    assert colours > 100
    seen = [each for each in phone.evaluate("window.seen") if each["part"] or each["asked"]]
    assert [each["part"] for each in seen] == ["fixation", "image", "mask", ""] * 3
    assert [each["asked"] for each in seen] == [False, False, False, True] * 3
    for trial in range(3):
        times = [each["time"] for each in seen[4 * trial : 4 * trial + 4]]
        lasted = [later - earlier for earlier, later in pairwise(times)]
        assert all(ms >= least - 20 for ms, least in zip(lasted, (200, 300, 300), strict=True))
        answer = study.answers(session.code, 1)[trial]
        assert answer.shown_ms >= (560, 1000, 280)[trial]
        shown_last = answer.shown_ms if trial else times[2] - times[1] - 20
        assert answer.response_ms >= shown_last + 280
        assert trial or answer.shown_ms - shown_last >= 280


def test_whoever_is_alone_sees_how_they_compare(phone, app, study):
    phone.goto(f"{app.url}/vote")
    phone.get_by_role("link", name="Take the test alone").tap()
    phone.get_by_role("button", name="I agree, start").tap()
    for _ in range(2):
        options(phone).first.tap()
        phone.locator("#next").tap()
    while not phone.locator("#personal").is_visible():
        ready = phone.locator("#options button:not([disabled]), #personal:not([hidden])").first
        ready.wait_for()
        if phone.locator("#personal").is_hidden():
            phone.keyboard.press("1")
    code = study.alone()
    main = [each for each in study.answers(code, 1) if each.kind is Kind.MAIN]
    share = sum(each.value == "target" for each in main) / len(main)
    percent = int(100 * share + 0.5)  # halves go up, as in JavaScript
    expect(phone.locator("#personal-text")).to_contain_text(f"You found {percent} %")
    expect(phone.locator(".row")).not_to_have_count(0)
    phone.get_by_role("button", name="Take it again").tap()
    phone.get_by_role("button", name="I agree, start").tap()
    options(phone).first.tap()
    (seed,) = list(study.rng_seeds(code).values())[1:]
    current = study.session(code).current
    trial = trials_of(current.design, study.stimulus_set(current.set_id), seed)[0]
    right = "Right." if trial.options[0].value == trial.correct else "Not quite: it is picture 2."
    expect(phone.locator("#feedback")).to_have_text(right)
    first, second = (
        main_images(current.design, study.stimulus_set(current.set_id), seed)
        for seed in study.rng_seeds(code).values()
    )
    assert len(first & second) <= 2


def test_a_killed_app_that_starts_again_finds_every_phone_where_it_was(phone, tmp_path):
    with running_app(tmp_path / "cache") as first:
        study = Study(f"sqlite:///{tmp_path / 'cache' / 'study' / 'study.sqlite3'}")
        session = study.open_session("Perception", STIMULI, DESIGN)
        join(phone, first, session.code)
        practise(phone)
        options(phone).first.tap()
        until(lambda: len(rows(study, session.code)) == 2)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        options(phone).last.tap()
        expect(phone.get_by_text("No connection")).to_be_visible()
        second = restarted(first, tmp_path)
        look_again(phone)
        try:
            until(lambda: len(rows(study, session.code)) == 3)
            for _ in range(3):
                options(phone).first.tap()
            heading(phone, "Thank you!").wait_for()
            assert rows(study, session.code) == {0: 0, 1: 0, 2: 1, 3: 0, 4: 0, 5: 0}
        finally:
            second.terminate()
            second.wait()
            study.disconnect()


def restarted(app: App, folder) -> subprocess.Popen:
    """The app again, at the same port and with the same cache."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={app.port}"],
        cwd=ROOT,
        env=os.environ | {"IRI_CACHE_DIR": str(folder / "cache")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    until(lambda: _is_healthy(app.url))
    return process
