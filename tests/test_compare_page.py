"""The Compare page in Streamlit's own test harness: what a visitor reads in each state."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest
from test_pages import APP, IdleEngine, text

from explorer.analysis.examples import EXAMPLES
from explorer.app import session
from explorer.app.links import link
from explorer.app.naming import loss_title
from explorer.app.pages import PAGES
from explorer.app.panels import compare_cells, compare_table
from explorer.errors import RequestError
from explorer.images import gallery
from explorer.jobs.engine import Engine
from explorer.jobs.job import FAILED, RUNNING, WAITING, Job
from explorer.store.store import Store
from explorer.validation import validate

FIRST = EXAMPLES[0][1]
"""A finished example, whose settings the page starts with."""


@pytest.fixture
def engine(monkeypatch, tmp_path):
    idle = IdleEngine(Engine(Store(tmp_path)))
    monkeypatch.setattr(session, "engine", lambda: idle)
    compare_cells._read.cache_clear()
    return idle


def opened(**address: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    app.switch_page(str(PAGES["compare"].script))
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def _groups(app: AppTest) -> list[dict]:
    data = next(one for one in app.get("bidi_component") if "badges" in str(one.proto))
    return json.loads(json.loads(data.proto.json)["json"])


def tiles(app: AppTest) -> list[dict]:
    """The images on the page, without seed and target."""
    found = [tile for group in _groups(app) for tile in group["tiles"]]
    return [tile for tile in found if tile["key"] not in ("seed", "target")]


def test_finished_images_are_there_at_once_and_the_missing_are_made_in_one_go(engine):
    first = opened()
    assert not first.exception
    assert not any("Not generated" in tile["note"] for tile in tiles(first)), "all of it ships"
    assert not [each for each in first.button if each.key == "generate_all"]

    app = opened(vary="losses", values="regularizer-free,adversarial,adversarial-seed")
    assert not app.exception
    shown = {tile["title"]: tile for tile in tiles(app)}
    assert shown["Regularizer-free"]["badges"][0]["text"].startswith("Converged (0.0")
    assert shown["Pushed away from the target"]["hollow"], "an example that had not converged"
    assert shown["Held at the seed"]["note"] == "Not generated yet."
    assert not engine.submitted
    assert len(app.get("plotly_chart")) == 1
    hollow = sum(tile["hollow"] for tile in shown.values())
    assert f"Left out of the bars: {hollow} matched above " in text(app)

    app.button(key="generate_all").click().run()
    (requests,) = engine.submitted
    missing = [title for title, tile in shown.items() if tile["note"] == "Not generated yet."]
    assert [loss_title(each.loss) for each in requests] == missing
    assert {replace(each, loss="freq", adversary=None) for each in requests} == {
        replace(validate(replace(FIRST, loss="freq", nearest=None)), adversary=None)
    }


def test_jobs_are_watched_cancelled_and_their_failures_shown(engine):
    address = link(FIRST) | {"vary": "losses", "values": "freq,freq-tv"}
    running, failed = (
        validate(replace(FIRST, loss=loss, nearest=None)).key for loss in ("freq", "freq-tv")
    )
    engine.jobs[failed] = Job(failed, WAITING, ahead=1)
    waiting = opened(**(address | {"values": "freq-tv"}))
    assert "1 job ahead" in waiting.get("progress")[0].proto.text
    engine.jobs[running] = Job(running, RUNNING, step=30, steps=100, curve=((30, 0.25),))
    engine.jobs[failed] = Job(failed, FAILED, error="the worker stopped")
    cancelled = []
    engine.cancel = lambda key, subscriber: cancelled.append(key)
    app = opened(**address)
    assert not app.exception
    first, second = tiles(app)
    assert first["note"] == "Step 30, relative distance 0.250"
    assert first["progress"] == pytest.approx(0.27)
    assert second["note"] == "Failed: The worker stopped."
    assert not app.get("plotly_chart"), "no plot while images are still being made"
    assert "They were asked for elsewhere" in "".join(each.value for each in app.caption)
    asked = frozenset({app.session_state["_visitor"]})
    engine.jobs[running] = replace(engine.jobs[running], subscribers=asked)
    app.run().button(key="cancel_all").click().run()
    assert cancelled == [running]


@pytest.mark.parametrize("vary", ["losses", "networks", "layers", "seeds", "targets"])
def test_each_question_has_values_that_can_be_made_and_a_link_restores_its_state(engine, vary):
    app = opened(**link(FIRST), vary=vary)
    assert not app.exception
    assert all(tile["href"] for tile in tiles(app)), [tile["note"] for tile in tiles(app)]
    address = dict(app.query_params)
    assert address["vary"] == vary
    assert "values" not in address, "what is at its default is left out"
    again = opened(**address)
    assert tiles(again) == tiles(app)


def test_a_link_names_values_targets_and_groups_and_explore_takes_the_rest(engine):
    model = "embedded:residual-multi-adv2,embedded:residual-multi-standard"
    address = {"vary": "networks", "values": model, "again": "cat,dog", "group": "architecture"}
    app = opened(**link(FIRST), **address)
    assert not app.exception
    assert len(tiles(app)) == 6
    written = dict(app.query_params)
    assert {name: written[name] for name in address} == address
    assert tiles(app)[0]["href"].startswith("./?model=embedded%3Aresidual-multi-adv2&target=")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"vary": "targets", "values": "cat,no-such"}, "No such file or gallery image"),
        ({"vary": "networks", "values": "file:/etc/passwd"}, "work on the command line only"),
        ({"vary": "layers", "values": "stage1,stage9"}, "is not a layer"),
        ({"vary": "losses", "values": "freq,mystery"}, "nknown loss 'mystery'"),
        ({"vary": "nonsense", "values": "adversarial-seed"}, "Not generated yet."),
    ],
)
def test_bad_values_say_why_and_the_others_stay(engine, address, said):
    app = opened(**link(FIRST), **address)
    assert not app.exception
    assert any(said in tile["note"] for tile in tiles(app))


def test_what_an_address_names_and_cannot_be_is_said_until_the_settings_change(engine):
    app = opened(**link(FIRST), vary="nonsense", group="x", goal="9", effort="huge", rng="many")
    assert not app.exception
    (warning,) = app.warning
    for said in (
        "`vary=nonsense` is left out; it may be one of losses, networks, layers, seeds and ",
        "`group=x` is left out; it may be one of architecture, training, augmentation and none.",
        "`goal=9` is taken as 1.0; it may be a number from 0 to 1.",
        "`effort=huge` is left out; it may be one of quick, normal, thorough and long.",
        "`rng=many` is left out; it may be a whole number from 0 to 4,294,967,295.",
    ):
        assert said in warning.value
    assert not app.run().exception
    assert len(app.warning) == 1, "it stays while nothing changes"
    app.number_input(key="goal").set_value(0.5).run()
    assert not app.warning
    assert not opened(**link(FIRST), vary="seeds", again="3").warning


def test_a_number_of_draws_beyond_its_range_is_said(engine):
    (warning,) = opened(**link(FIRST), vary="targets", values="cat,dog", again="99").warning
    assert "`again=99` is taken as 8; it may be a whole number from 1 to 8." in warning.value


@pytest.mark.parametrize(
    ("address", "images", "said"),
    [
        ({"vary": "seeds", "again": "99"}, 22, "`again=99` is taken as 7; it may be at most 7 "),
        ({"vary": "seeds", "values": "noise,uniform,white", "again": "99"}, 17, "is taken as 8"),
        ({"vary": "seeds", "values": "noise", "again": "-3"}, 1, "`again=-3` is taken as 1"),
        ({"vary": "seeds", "values": "noise", "again": "many"}, 2, "`again=many` is left out"),
        (
            {"vary": "losses", "values": "freq,freq-tv", "again": ",".join(gallery.names()[1:31])},
            24,
            "`again` is cut from 30 names to 11, as 24 images at most",
        ),
        (
            {"vary": "targets", "values": ",".join(gallery.names()[:30])},
            24,
            "`values` is cut from 30 names to 24",
        ),
    ],
)
def test_an_address_that_asks_for_too_much_is_brought_to_what_fits(engine, address, images, said):
    model = {"model": "embedded:residual-multi-standard"}
    app = opened(**model, **address)
    assert not app.exception
    assert not app.error
    assert len(tiles(app)) == images
    (warning,) = app.warning
    assert said in warning.value
    assert not opened(**dict(app.query_params)).warning, "what is written is right"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"foo": "bar"}, "`foo=bar` is left out; this page has no such setting."),
        ({"efort": "quick"}, "this page has no such setting; did you mean 'effort'?"),
        ({"losses": "x"}, "`losses=x` is left out; what varies is set by `vary=losses&values=x`."),
        ({"layers": "stem,x", "vary": "layers"}, "`layers=stem,x` is left out; what varies"),
        ({"target": "nothing", "vary": "targets"}, "`target=nothing` is left out: no such file"),
        ({"seed": "nothing", "vary": "seeds"}, "`seed=nothing` is left out: no such file"),
        ({"layer": "nolayer", "vary": "layers"}, "'nolayer' is not a layer of "),
        ({"loss": "noloss", "vary": "losses"}, "`loss=noloss` is left out: unknown loss 'noloss'."),
        ({"model": "no:net", "vary": "networks"}, "`model=no:net` is left out: unknown source"),
        ({"continues": "a" * 99}, "a comparison starts from seed images."),
    ],
)
def test_what_of_an_address_is_in_no_image_is_said(engine, address, said):
    app = opened(**link(FIRST) | address)
    assert not app.exception
    (warning,) = app.warning
    assert said in warning.value
    (name,) = address.keys() - {"vary"}
    assert dict(app.query_params).get(name) != address[name]
    rest = {each: text for each, text in link(FIRST).items() if each != name}
    without = opened(**rest | {"vary": address.get("vary", "losses")})
    assert not without.warning
    assert tiles(app) == tiles(without)


def test_many_unknown_names_are_counted(engine):
    (warning,) = opened(**{f"x{number}": "1" for number in range(40)}).warning
    assert warning.value.count("x") < 10
    assert "35 more unknown names are left out, too." in warning.value


@pytest.mark.parametrize("vary", ["losses", "networks", "layers", "seeds", "targets"])
def test_an_address_without_a_network_starts_from_the_first_example(engine, vary):
    assert dict(opened(vary=vary).query_params) == dict(
        opened(**link(FIRST), vary=vary).query_params
    )
    chosen = opened(vary=vary, target="cat", rng="3")
    expected = link(FIRST) | {"vary": vary, "target": "cat", "rng": "3"}
    assert dict(chosen.query_params) == expected


def test_networks_stand_in_groups_and_a_link_can_ask_for_none(engine):
    app = opened(**link(FIRST), vary="networks")
    titles = [group["title"] for group in _groups(app)]
    assert titles[:2] == ["The same for all", "Adversarial ℓ₂"]
    assert "Standard" in titles
    plain = opened(**link(FIRST), vary="networks", group="none")
    assert [group["title"] for group in _groups(plain)] == [""]
    assert dict(plain.query_params)["group"] == "none"
    keys = {tile["key"] for tile in tiles(app)}
    assert keys == {tile["key"] for tile in tiles(plain)}


def test_an_unknown_name_is_said_where_it_was_given(engine):
    engine.answer.set_exception(RequestError("model", "timm has no 'nonesuch'"))  # of a worker
    for name, said in (("none-such", "is no timm name"), ("nonesuch", "timm has no")):
        named = opened(**link(FIRST), vary="networks", values=f"timm:{name},{FIRST.model}")
        assert not named.error
        notes = {tile["title"]: tile["note"] for tile in tiles(named)}
        assert said in notes.pop(f"timm:{name}")
        assert not any(name in note for note in notes.values())
        for vary in ("losses", "layers"):
            app = opened(**(link(FIRST) | {"model": f"timm:{name}"}), vary=vary)
            assert not app.exception
            assert [said in each.value for each in app.sidebar.error] == [True]
            assert len(app.error) == 1, "not on top of the page, too"
            assert "The network cannot be used: the sidebar says why." in text(app)
    several = opened(**link(FIRST), vary="networks", values=f"vgg,{FIRST.model}")
    several.multiselect(key="values-networks").set_value(["vgg", "mart", FIRST.model]).run()
    titles = [tile["title"] for tile in tiles(several)]
    assert len(titles) == 3, titles
    assert "mart" not in titles, "one network alone has it in its name"
    assert [tile["note"] for tile in tiles(several)][titles.index("vgg")].startswith(
        "'vgg' is a part of the names of 11 networks: choose one of the list"
    )
    one = opened(**link(FIRST), vary="networks", values="nonsense:net", again="cat,dog")
    assert not one.error
    assert all("unknown source" in tile["note"].lower() for tile in tiles(one))


def test_what_is_wrong_with_all_images_is_said_once(engine):
    app = opened(**(link(FIRST) | {"model": "nonsense:net"}), vary="losses")
    assert not app.exception
    (error,) = app.error
    assert "nonsense" in error.value
    assert not any("badges" in str(one.proto) for one in app.get("bidi_component"))
    assert "Vary one thing, keep all else" in text(app)


def test_too_many_images_are_refused_in_a_sentence(engine):
    app = opened(**link(FIRST), vary="seeds", values="noise,uniform,light-noise,grey-noise")
    app.number_input(key="again-seeds").set_value(8).run()
    assert not app.exception
    assert "these are 32 images; 24 at most" in text(app).lower()
    assert not engine.submitted


def test_a_ladder_with_one_finished_layer_says_so_and_names_the_layer(engine):
    app = opened(**link(FIRST), vary="layers")
    assert not app.exception
    assert f"1 of the {len(tiles(app))} layers has an answer." in text(app)
    table = next(one for one in app.get("bidi_component") if "The numbers" in str(one.proto))
    columns = json.loads(json.loads(table.proto.json)["json"])["columns"]
    assert columns[0]["title"] == "Layer"
    (chart,) = app.get("plotly_chart")
    legend = [each.get("name") for each in json.loads(chart.proto.spec)["data"] if _in_legend(each)]
    assert legend == ["converged"], "no line through a single point"


def _in_legend(trace: dict) -> bool:
    return trace.get("showlegend", True)


def test_layers_stand_in_network_order_whichever_is_named_first(engine):
    values = "logits,stage2@centre,stem,penultimate"
    app = opened(**link(FIRST), vary="layers", values=values)
    ordered = ["stem", "stage2@centre", "penultimate", "logits"]
    assert [tile["title"] for tile in tiles(app)] == ordered
    assert app.query_params["values"] == ",".join(ordered)


def test_the_table_has_a_line_per_image_and_the_csv_every_column(engine):
    result = compare_cells.compared(FIRST)
    odd = replace(result, request=replace(FIRST, layer="@SUM(A1)"))
    assert ",'@SUM(A1)," in compare_table.to_csv([odd])
    lines = compare_table.to_csv([result]).splitlines()
    assert lines[0].split(",") == [*compare_table.COLUMNS, "key"]
    row = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    whole = engine.result(FIRST.key)
    assert float(row["relative_distance"]) == whole.match.relative_l2
    assert (row["state"], row["key"]) == ("converged", FIRST.key)
    assert int(row["measures_nearer_target"]) == whole.person.nearer_target


def test_explore_leads_to_compare_and_back(engine):
    app = AppTest.from_file(APP, default_timeout=60).run()
    app.button(key="compare_with_others").click().run()
    assert not app.exception
    assert app.title[0].value == "Compare"
    assert link(FIRST).items() <= dict(app.query_params).items()


def test_back_from_an_image_leads_to_the_comparison_that_it_was_opened_from(engine):
    app = opened(**link(FIRST), vary="targets", values="cat,dog")
    before, images = dict(app.query_params), tiles(app)
    app.query_params = link(FIRST) | {"loss": "freq", "target": "dog"}
    app.run()
    assert not app.exception
    assert dict(app.query_params) == before
    assert tiles(app) == images


def test_the_page_needs_no_data_frames():
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({APP!r}, default_timeout=60)\n"
        f"app.switch_page({str(PAGES['compare'].script)!r}).run()\n"
        "assert app.title[0].value == 'Compare' and not app.exception\n"
        "print([name for name in ('pandas', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr[-2000:]


@pytest.mark.parametrize(
    ("page", "address", "said"),
    [
        (
            "gallery",
            {"match": "foo", "page": "0", "layer": "x"},
            [
                "`match=foo` is left out; it may be one of matched, converged and not-matched.",
                "`page=0` is left out; it may be a whole number from 1.",
                "`layer=x` is left out; this page has no such setting; did you mean 'at&#95;",
            ],
        ),
        (
            "explore",
            {"goal": "9", "effort": "huge", "sed": "cat", "utm_source": "mail"},
            [
                "`goal=9` is taken as 1.0; it may be a number from 0 to 1.",
                "`effort=huge` is left out; it may be one of ",
                "`sed=cat` is left out; this page has no such setting; did you mean 'seed'?",
            ],
        ),
        ("sweep", {"steps": "9"}, ["`steps=9` is left out; this page has no such setting."]),
    ],
)
def test_other_pages_say_what_of_an_address_is_left_out_until_something_changes(
    engine, page, address, said
):
    engine.worker_count = lambda: 1
    app = AppTest.from_file(APP, default_timeout=60)
    if page != "explore":
        app.switch_page(str(PAGES[page].script))
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    (warning,) = app.warning
    assert all(each in warning.value for each in said), warning.value
    assert "utm_source" not in warning.value
    assert app.run().warning
    if page == "gallery":
        assert not app.text_input(key="words").set_value("cat").run().warning
