"""The gallery in a real browser: find, open, export, delete and import; the way of a search."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from stranger import running_app
from test_browser import browser, finished, page

from explorer.archive.summary import put_result
from explorer.images.encoding import from_png
from explorer.result import Result
from explorer.result.animation import frames_of
from explorer.store import Store, starter

__all__ = ["browser", "page"]  # fixtures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

VARIANTS = 25
PER_PAGE = 24


@pytest.fixture(scope="module")
def example() -> Result:
    return Result.from_bytes(starter.load(starter.entries()[0].key) or b"")


@pytest.fixture(scope="module")
def app(tmp_path_factory, example):
    """The app, with results of other budgets, and one of a checkpoint that is gone."""
    folder = tmp_path_factory.mktemp("gallery")
    store = Store(folder / "cache")
    gone = {"model": "file:/lab/net.pt", "architecture": "timm:resnet18", "weights": "a" * 64}
    for settings in ({"steps": n + 1} for n in range(VARIANTS)):
        put(store, example, settings)
    put(store, example, gone)
    put(store, example, {"target": "picture:" + "c" * 64})
    store.close()
    with running_app(folder / "cache") as running:
        yield running


def put(store: Store, example: Result, settings: dict) -> None:
    request = replace(example.request, **settings)
    put_result(store, request.key, replace(example, request=request).to_bytes())


def listed(page, count: int) -> None:
    expect(page.locator(".card")).to_have_count(count)


def test_results_are_found_opened_exported_deleted_and_imported(page, app, browser, tmp_path):
    page.goto(f"{app.url}/gallery")
    listed(page, PER_PAGE)
    page.get_by_text(f"{VARIANTS + 1 + len(starter.entries())} results, newest first").wait_for()
    page.get_by_text("1 more, made from an uploaded picture, is listed only").first.wait_for()

    page.get_by_role("button", name="Page 2").click()
    page.wait_for_url("**/gallery?page=2")
    page.get_by_role("textbox", name="Search").fill("imagenette adv1 light-noise regularizer-free")
    page.keyboard.press("Enter")
    page.wait_for_url("**/gallery?words=*")
    page.get_by_role("button", name="Page 2").click()
    listed(page, 3)
    with browser.new_context().new_page() as elsewhere:  # the link, in another session
        elsewhere.goto(page.url)
        listed(elsewhere, 3)

    page.locator(".card input").first.check()
    page.get_by_text("1 selected").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as a pack").click()
    download.value.save_as(tmp_path / "pack.zip")
    assert "index.html" in zipfile.ZipFile(tmp_path / "pack.zip").namelist()

    page.get_by_role("button", name="Delete …").click()
    page.get_by_role("button", name="Delete 1 result").click()
    listed(page, 2)
    page.get_by_text("Import a pack").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "pack.zip")
    page.get_by_text("1 imported. Signed by").wait_for()
    page.get_by_text("this installation.").wait_for()

    page.goto(f"{app.url}/gallery?words=lab/net.pt")
    listed(page, 1)
    page.locator(".card a").click()
    page.get_by_text("Its network is not here any more").wait_for()
    finished(page)
    page.get_by_role("button", name="Back to all results").click()
    page.wait_for_url("**/gallery?words=lab%2Fnet.pt")


def test_a_pack_is_sorted_and_searched_without_a_server(page, app, example, tmp_path):
    from explorer.archive.packs import export_results

    store = Store(tmp_path / "data")
    far = replace(example.match, values=example.match.values | {"relative_l2": 0.5})
    put(store, replace(example, match=far), {"target": "cat"})
    put(store, example, {"target": "coffee"})
    export_results(store, tmp_path / "pack.zip")
    zipfile.ZipFile(tmp_path / "pack.zip").extractall(tmp_path / "pack")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "pack" / "index.html").as_uri())
    titles = page.locator("article:not([hidden]) h2")
    expect(titles).to_have_text(["Cat", "Cup of coffee"])
    page.get_by_label("Sort by").select_option("distance")
    expect(titles).to_have_text(["Cup of coffee", "Cat"])
    page.get_by_label("Search").fill("CAT")
    expect(titles).to_have_text(["Cat"])
    expect(page.locator("article:not([hidden]) img")).to_have_js_property("naturalWidth", 128)
    assert all(url.startswith(("file:", "data:")) for url in asked)


def test_the_way_of_a_search_is_looked_through_in_the_browser(page, app, example):
    page.goto(f"{app.url}/gallery?words=net.pt")
    listed(page, 1)
    page.locator(".card a").click()
    slider = page.get_by_role("slider", name="Image on the way")
    slider.wait_for()
    frames = frames_of(example)
    asked = []
    page.on("websocket", lambda socket: asked.append(socket.url))
    now = page.locator(".film .now")
    for index in (0, 3, len(frames) - 1):
        slider.fill(str(index))
        expect(slider).to_have_attribute("aria-valuetext", _title(frames[index].title))
        source = now.get_attribute("src").partition(",")[2]
        with Image.open(io.BytesIO(base64.b64decode(source))) as shown:
            assert np.array_equal(np.asarray(shown.convert("RGB")), from_png(frames[index].png))
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", _title(frames[-2].title))
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Animation (WebP)").click()
    with Image.open(download.value.path()) as film:
        assert film.n_frames == len(frames)


def _title(text: str) -> re.Pattern[str]:
    return re.compile(f"^{re.escape(text)}", re.IGNORECASE)
