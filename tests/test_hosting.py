"""What a hosted app allows strangers, by settings, in the form and by raw requests."""

import http.client
import io
import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import numpy as np
import psutil
import pytest
from PIL import Image
from stranger import ROOT, running_app, until

from explorer.app import session, sharing
from explorer.app.panels.network_picker import which_may_be_typed
from explorer.app.uploads import UPLOADS, Uploads
from explorer.cli import main
from explorer.errors import RequestError, without_folders
from explorer.hosting import Hosting, check_hosting, hosting
from explorer.hosting.settings import DEMO
from explorer.images.apart import Decoder
from explorer.images.errors import PictureError
from explorer.images.reading import digest, normalise
from explorer.jobs import visitor_limits, work
from explorer.jobs.queue import QueueFull
from explorer.jobs.tasks import Failure
from explorer.jobs.visitor_limits import VisitorsEngine, check_request
from explorer.models import allowed, catalogue
from explorer.models.sources import timm_hub
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.research.upload_attack import TAKEN, Uploader, bomb, memory_of
from explorer.store.store import Store
from explorer.study.database import open_database
from explorer.study.records import StudyError

EMBEDDED = "embedded:residual-multi-adv2"
HOME = str(Path.home())


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    for name in ("IRI_HOSTED", "IRI_HOSTING"):
        monkeypatch.delenv(name, raising=False)
    hosting.cache_clear()
    yield
    hosting.cache_clear()


@pytest.fixture
def hosted(monkeypatch):
    monkeypatch.setenv("IRI_HOSTED", "1")
    hosting.cache_clear()


def hosting_of(text: str, monkeypatch, folder: Path) -> Hosting:
    file = folder / "hosting.toml"
    file.write_text(text)
    monkeypatch.setenv("IRI_HOSTING", str(file))
    check_hosting()
    return hosting()


# Settings


def test_at_home_nothing_is_limited_and_a_hosted_app_limits_all(monkeypatch):
    at_home = hosting()
    assert not at_home.hosted
    named = [name for name in at_home.limits if name not in ("metrics_port", "free_disk_bytes")]
    assert [name for name in named if getattr(at_home, name) is not None] == []
    monkeypatch.setenv("IRI_HOSTED", "1")
    check_hosting()
    assert hosting().hosted
    assert [name for name in named if getattr(hosting(), name) is None] == []


def test_a_file_changes_what_it_names_and_nothing_else(monkeypatch, tmp_path):
    monkeypatch.setenv("IRI_HOSTED", "1")
    check_hosting()
    demo = hosting()
    text = 'max_steps = "none"\nmax_px = 512\nnetworks = ["timm:resnet*"]\nmetrics_port = 9108\n'
    given = hosting_of(text, monkeypatch, tmp_path)
    assert given.max_steps is None
    assert (given.max_px, given.networks, given.metrics_port) == (512, ("timm:resnet*",), 9108)
    assert given.hosted
    assert given.max_waiting == demo.max_waiting
    monkeypatch.delenv("IRI_HOSTED")
    lab = hosting_of("hosted = false\nmax_running = 1\n", monkeypatch, tmp_path)
    assert lab == Hosting(max_running=1)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("max_stepps = 3", "did you mean 'max_steps'"),
        ("max_steps = 0", "max_steps = 0 is not a whole number from 1 to 50,000"),
        ("max_px = -5", "from 16 to 1,024"),
        ("max_px = true", "max_px = True is not a whole number"),
        ("max_steps = 3.5", "max_steps = 3.5 is not"),
        ("upload_bytes = nan", "upload_bytes = nan is not"),
        ('free_disk_bytes = "none"', "free_disk_bytes = 'none' is not"),
        ("metrics_port = 70000", "from 1 to 65,535"),
        ('hosted = "yes"', "hosted = 'yes' is not true or false"),
        ('networks = "timm:*"', 'a list of texts, such as ["timm:resnet*"]'),
        ("networks = [1]", "a list of texts"),
        ('allowed_hosts = ["https://x.org/"]', "a host without a port"),
        ("metrics_address = 1", "an address of this machine"),
        ("max_steps", "is not TOML"),
        ("hosted = false", "IRI_HOSTED says 1"),
    ],
)
def test_settings_that_cannot_be_used_are_said_in_a_sentence(text, sentence, monkeypatch, tmp_path):
    monkeypatch.setenv("IRI_HOSTED", "1")
    with pytest.raises(RequestError) as caught:
        hosting_of(text, monkeypatch, tmp_path)
    assert caught.value.field == "IRI_HOSTING"
    assert sentence in caught.value.message
    assert str(tmp_path) not in caught.value.message


def test_the_app_does_not_start_with_settings_that_cannot_be_used(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("IRI_HOSTING", str(tmp_path / "missing.toml"))
    assert main(["app"]) == 2
    said = capsys.readouterr().err
    assert "IRI_HOSTING: the file missing.toml cannot be read" in said
    monkeypatch.delenv("IRI_HOSTING")
    monkeypatch.setenv("IRI_HOSTED", "perhaps")
    assert main(["app"]) == 2
    assert "'perhaps' is neither 1 nor 0" in capsys.readouterr().err
    monkeypatch.delenv("IRI_HOSTED")
    monkeypatch.setenv("IRI_NULL_FOLDER", str(tmp_path / "photos"))
    assert main(["app"]) == 2
    assert "IRI_NULL_FOLDER: there is no folder" in capsys.readouterr().err


def test_the_command_line_is_the_operators_and_has_no_limits(hosted, capsys):
    assert main(["models", "--source", "timm", "--json"]) == 0
    assert "vit_giant_patch14_dinov2" in capsys.readouterr().out
    assert hosting() == Hosting()
    assert "IRI_HOSTED" not in os.environ


def test_the_documented_settings_are_those_that_there_are(monkeypatch, tmp_path):
    text = (ROOT / "docs" / "hosting.md").read_text()
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)))
    assert named == [each.name for each in fields(Hosting)]
    example = text.partition("```toml\n")[2].partition("```")[0]
    assert hosting_of(example, monkeypatch, tmp_path).max_steps == 1_000
    for name in ("max_steps", "max_px", "all_upload_bytes", "max_network_bytes", "upload_bytes"):
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}`"))
        assert f"| {getattr(DEMO, name):,} |" in row


# Networks


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("timm:vit_giant_patch14_dinov2.lvd142m", "is not offered here"),
        ("timm:resnet18", "is not offered here"),
        ("timm:hf-hub:somebody/anything", "is not offered here"),
        ("timm:hf-hub:../..", "is not offered here"),
        ("robust:resnet50_l2_eps0.01", "is not offered here"),
        ("torchvision:vgg16", "553 MB, and this app downloads at most 250 MB"),
        ("robust:vgg16_bn_l2_eps3", "1,107 MB"),
        ("resnet18", "'resnet18' is not offered here; choose a network that ships with this app"),
        ("timn:resnet18", "'timn:resnet18' is not offered here; choose a network that ships"),
        ("embeded:x", "did you mean 'embedded:'? choose a network that ships with this app"),
        ("file:/etc/passwd", "command line only"),
        ("module:x", "command line only"),
    ],
)
def test_strangers_choose_from_a_list_and_below_a_size(hosted, reference, sentence):
    with pytest.raises(RequestError, match=re.escape(sentence)):
        catalogue.check_visitor_may_name(reference)


@pytest.mark.parametrize(
    "reference",
    [
        EMBEDDED,
        "compressed:squeezenet1_0",
        "torchvision:resnet50",
        "torchvision:resnet50/IMAGENET1K_V2",
        "robust:resnet18_l2_eps3",
        "timm:resnet18.fb_ssl_yfcc100m_ft_in1k",
    ],
)
def test_what_ships_and_the_curated_list_is_allowed(hosted, reference):
    catalogue.check_visitor_may_name(reference)


def test_an_operator_allows_more_by_pattern_still_below_the_size(monkeypatch, tmp_path):
    hosting_of('networks = ["timm:resnet*", "timm:hf-hub:lab/*"]', monkeypatch, tmp_path)
    catalogue.check_visitor_may_name("timm:resnet18")
    catalogue.check_visitor_may_name("timm:hf-hub:lab/mine")
    for other in ("timm:hf-hub:other/mine", "timm:resnetv2_152x4_bit.goog_in21k"):
        with pytest.raises(RequestError):
            catalogue.check_visitor_may_name(other)
    assert 10 < allowed.searchable() < 300
    assert allowed.search("resnet18")
    assert not allowed.search("vit giant")


def test_the_picker_offers_what_may_be_named_and_no_more(hosted):
    offered = [entry.reference for entry in catalogue.offered()[0]]
    assert len(offered) > 60
    for reference in offered:
        catalogue.check_visitor_may_name(reference)
    assert "torchvision:vgg16/IMAGENET1K_V1" not in offered
    hosting.cache_clear()


def test_lists_that_take_typed_names_say_which(hosted, monkeypatch, tmp_path):
    assert "offers those of the list" in which_may_be_typed()
    hosting_of('networks = ["timm:resnet*"]', monkeypatch, tmp_path)
    assert "those of the list and timm:resnet*" in which_may_be_typed()


def test_a_repository_that_is_not_allowed_is_not_even_asked_for_its_commit(hosted, monkeypatch):
    def unreachable(*_):
        raise AssertionError("a repository was asked")

    monkeypatch.setattr(timm_hub, "from_hub", unreachable)
    with pytest.raises(RequestError, match="not offered here"):
        catalogue.pin(NetworkReference("timm:hf-hub:somebody/anything"))


# What is computed


@pytest.fixture
def engine(monkeypatch):
    """That of an app's visitors; what would reach its queue is noted instead."""
    queued = []
    for name in ("submit", "call"):
        monkeypatch.setattr(
            visitor_limits.Engine, name, lambda self, *args, **kwargs: queued.append(args)
        )
    return VisitorsEngine(Store()), queued


def test_the_engine_takes_no_request_of_visitors_above_a_limit(hosted, engine):
    asked, queued = engine
    for request, sentence in (
        (Request(EMBEDDED, steps=2_001), "2,001 are more than 2,000"),
        (Request(EMBEDDED, size=512), "larger than 320 px"),
        (Request("timm:resnet18"), "not offered here"),
        (Request("timm:vit_small_patch14_dinov2.lvd142m"), "518 px are larger"),
        (Request(EMBEDDED, loss="controversial", observer="timm:resnet18"), "not offered here"),
    ):
        with pytest.raises(QueueFull, match=re.escape(sentence)):
            asked.submit([Request(EMBEDDED), request])
    assert queued == []
    asked.submit([Request(EMBEDDED, steps=2_000)])
    assert len(queued) == 1


def test_the_engine_takes_no_question_about_a_network_that_is_not_allowed(hosted, engine):
    asked, queued = engine
    giant = NetworkReference("timm:eva_giant_patch14_224.clip_ft_in1k")
    with pytest.raises(QueueFull, match="not offered here"):
        asked.call(work.layers, giant)
    with pytest.raises(QueueFull, match="not offered here"):
        asked.call(work.observe, Request(giant.model).to_dict(), [])
    with pytest.raises(QueueFull, match="not offered here"):
        asked.call(work.compare, b"", observer=Request(giant.model).to_dict())
    assert queued == []
    asked.call(work.layers, NetworkReference("torchvision:resnet50"))
    asked.call(work.device_memory)
    assert len(queued) == 2


def test_at_home_the_engine_takes_everything(engine):
    asked, queued = engine
    asked.submit(Request("timm:resnet18", steps=50_000, size=1024))
    asked.call(work.layers, NetworkReference("timm:eva_giant_patch14_224.clip_ft_in1k"))
    assert len(queued) == 2
    check_request(Request(EMBEDDED, steps=50_000))


# Uploads


def picture(side: int = 64, noise: bool = False) -> bytes:
    rng = np.random.default_rng(0)
    pixels = (
        rng.integers(0, 256, (side, side, 3), np.uint8)
        if noise
        else np.full((side, side, 3), 90, np.uint8)
    )
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


@pytest.fixture
def decoder():
    made = []

    def of(**options) -> Decoder:
        made.append(Decoder(**options))
        return made[-1]

    yield of
    for each in made:
        each.close()


def test_the_decoder_answers_as_reading_does_and_keeps_its_process(decoder):
    apart = decoder()
    data = picture(40, noise=True)
    assert apart.read(data) == (digest(data), normalise(data))
    first = apart.pid
    for bad in (b"", b"nothing", data[:200]):
        with pytest.raises(PictureError) as here:
            normalise(bad)
        with pytest.raises(PictureError) as there:
            apart.read(bad)
        assert str(there.value) == str(here.value)
    assert apart.pid == first
    os.kill(first, signal.SIGKILL)
    assert apart.read(data)[0] == digest(data)
    assert apart.pid != first


def test_the_decoder_knows_no_secrets_and_no_torch(decoder, monkeypatch):
    monkeypatch.setenv("IRI_DATABASE_URL", "postgresql://somebody:secret@localhost/")
    apart = decoder()
    apart.read(picture())
    process = psutil.Process(apart.pid)
    assert "secret" not in str(process.environ())
    assert not any(
        "torch" in file.path or "streamlit" in file.path for file in process.memory_maps()
    )


@pytest.mark.parametrize(
    "program",
    [
        "import os, sys; sys.stdin.buffer.read(10); os.abort()",
        "import time; time.sleep(60)",
        "import sys; sys.exit('no')",
    ],
    ids=["crash", "hang", "no start"],
)
def test_whatever_happens_to_the_decoder_becomes_a_sentence(decoder, program):
    apart = decoder(seconds=1.0, program=["-c", program])
    with pytest.raises(PictureError, match="could not be decoded"):
        apart.read(picture())
    assert apart.pid is None


def test_the_decoders_memory_is_limited(decoder):
    limited = (
        "from explorer.images import decoder; decoder.MEMORY_BYTES = 192 * 2**20; decoder.main()"
    )
    apart = decoder(program=["-c", limited])
    with pytest.raises(PictureError, match="too much memory"):
        apart.read(bomb(6000, 5000))
    assert apart.read(picture())


def test_a_visitor_holds_at_most_so_many_bytes_of_pictures(monkeypatch, tmp_path, hosted):
    hosting_of("upload_bytes = 1_000_000", monkeypatch, tmp_path)
    state = {}
    monkeypatch.setattr(session.st, "session_state", state)
    names = [session.add_upload(picture(side, noise=True)).name for side in (380, 390, 400)]
    kept = state["_uploads"]
    assert list(kept) == names[1:]
    assert sum(map(len, kept.values())) <= 1_000_000
    assert UPLOADS.held()[""] == sum(map(len, kept.values()))


# A hosted app, by a stranger's raw requests

LIMITS = """
upload_bytes = 3_000_000
all_upload_bytes = 8_000_000
abandon_seconds = 5
allowed_hosts = ["iri.example.org"]
metrics_port = {port}
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosted")
    port = _free_port()
    file = folder / "limits.toml"
    file.write_text(LIMITS.format(port=port))
    (folder / "models.toml").touch()
    environment = {
        "IRI_HOSTING": str(file),
        "IRI_NULL_FOLDER": "",
        "IRI_MODELS_TOML": str(folder / "models.toml"),
    }
    with running_app(folder / "cache", environment) as running:
        running.metrics_port = port
        with Uploader(running.port) as first:
            first.visit()
        yield running


def _free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def get(port: int, path: str, host: str = "localhost", method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def test_the_log_says_which_limits_are_in_force(app):
    log = app.log.read_text()
    assert "Limits of this app: hosted = true" in log
    assert "upload_bytes = 3000000" in log


def test_bombs_of_several_strangers_at_once_stay_out_of_the_apps_memory(app):
    data = bomb(5000, 4000)  # 160 MB each, decoded
    shown = []

    def attack(_: int) -> str:
        with Uploader(app.port) as visitor:
            visitor.visit()
            return visitor.upload(data)

    def all_at_once() -> None:
        with ThreadPoolExecutor(3) as pool:
            shown.extend(pool.map(attack, range(3)))

    memory = memory_of(app.process.pid, all_at_once, 20)
    assert sum(TAKEN in each for each in shown) == 3
    assert memory.most - memory.before < 60
    assert memory.after < 1.1 * memory.before


def test_uploads_are_limited_by_visitor_and_by_all_and_go_with_their_tabs(app):
    with Uploader(app.port) as greedy:
        greedy.visit()
        assert greedy.put(b"x" * 2_000_000)[0] == 204
        status, answer, _ = greedy.put(b"x" * 2_000_000)
        assert status == 413
        assert "this app keeps 3 MB of each visitor" in answer
        assert greedy.put(b"x" * 2_000_000, chunked=True)[0] == 413  # it says no size
        others = [Uploader(app.port) for _ in range(3)]
        try:
            answers = []
            for each in others:
                each.__enter__()
                each.visit()
                answers.append(each.put(b"x" * 2_500_000))
            assert [status for status, _, _ in answers] == [204, 204, 413]
            assert "as many uploads as it has room for" in answers[2][1]
            assert 7_000_000 <= _metrics(app)["iri_upload_bytes"] < 7_100_000  # and small pictures
        finally:
            for each in others:
                each.__exit__()
    until(lambda: _metrics(app)["iri_upload_bytes"] == 0, 25)
    with Uploader(app.port) as later:
        later.visit()
        assert TAKEN in later.upload(picture())
        assert _metrics(app)["iri_upload_bytes"] < 10_000  # the file itself is not kept


def _metrics(app) -> dict[str, float]:
    text = urlopen(f"http://127.0.0.1:{app.metrics_port}/metrics", timeout=20).read().decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_metrics_are_served_on_their_own_port_and_on_no_other(app):
    numbers = _metrics(app)
    assert {
        "iri_jobs_waiting",
        "iri_jobs_running",
        'iri_jobs_total{outcome="done"}',
        'iri_jobs_total{outcome="abandoned"}',
        "iri_worker_seconds_total",
        "iri_cache_hits_total",
        "iri_cache_misses_total",
        "iri_sessions",
        'iri_memory_bytes{process="app"}',
        'iri_memory_bytes{process="workers"}',
    } <= set(numbers)
    resident = psutil.Process(app.process.pid).memory_info().rss
    assert numbers['iri_memory_bytes{process="app"}'] == pytest.approx(resident, rel=0.2)
    with Uploader(app.port) as visitor:
        visitor.visit()
        assert _metrics(app)["iri_sessions"] == numbers["iri_sessions"] + 1
    for path in ("/metrics", "/_stcore/metrics", "/any/_stcore/metrics"):
        assert "iri_" not in get(app.port, path)[1].replace("iri_visitor", "")
    assert get(app.port, "/_stcore/metrics")[0] == 404
    listening = [
        each.laddr
        for each in psutil.Process(app.process.pid).net_connections("tcp")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == app.metrics_port
    ]
    assert [each.ip for each in listening] == ["127.0.0.1"]


def test_the_app_answers_by_the_names_of_its_settings_only(app):
    assert get(app.port, "/", "evil.example.com")[0] == 400
    assert get(app.port, "/_stcore/health", "evil.example.com")[0] == 400
    assert get(app.port, "/", "iri.example.org")[0] == 200
    assert get(app.port, "/_stcore/health")[1] == "ok"
    assert get(app.port, "/_stcore/stream", "evil.example.com")[0] == 400


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("model=timm:vit_giant_patch14_dinov2.lvd142m", "is not offered here"),
        ("model=timm:hf-hub:somebody/anything", "is not offered here"),
        ("model=torchvision:vgg16", "downloads at most 250 MB"),
        ("model=timm:vit_small_patch14_dinov2.lvd142m", "larger than 320 px"),
        ("effort=long", "normal (500)"),
        ("size=1024", "320"),
    ],
)
def test_an_address_asks_for_no_more_than_is_allowed(app, query, sentence):
    with Uploader(app.port) as visitor:
        shown = visitor.visit(query)
    assert sentence in shown
    _is_plain(shown)


@pytest.mark.parametrize(
    ("page", "query", "sentence"),
    [
        ("compare", "vary=networks&values=timm:eva_giant_patch14_224.clip_ft_in1k", "not offered"),
        ("compare", "vary=losses&size=1024", "320"),
        ("compare", "vary=layers&model=timm:hf-hub:somebody/anything", "not offered"),
        ("sweep", "", "up to 24, in one table"),
    ],
)
def test_other_pages_ask_for_no_more_either(app, page, query, sentence):
    with Uploader(app.port) as visitor:
        shown = visitor.visit(query, page)
    assert sentence in shown
    _is_plain(shown)


def _is_plain(text: str) -> None:
    """No traceback, and no path of this machine."""
    assert "Traceback" not in text
    for path in (str(ROOT), HOME + "/", sys.prefix, "site-packages"):
        assert path not in text


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "OPTIONS"])
def test_odd_addresses_are_answered_without_an_error_of_the_server_or_a_path(app, method):
    paths = [
        "/_stcore/upload_file/x/y",
        "/_stcore/upload_file/../../etc/passwd",
        "/media/../../../etc/passwd",
        "/media/nothing.png",
        "/component/nothing/x.js",
        "/_stcore/bidi-components/nothing/../../x.js",
        "/static/../../app.py",
        "/app/static/%2e%2e/%2e%2e/app.py",
        "/vote/%00",
        "/vote/pictures/../../x",
        "/live/nothing",
        "/" + "x" * 3000,
    ]
    for path in paths:
        status, text = get(app.port, path, method=method)
        assert status < 500, (path, text[:300])
        _is_plain(text)
        assert "root:" not in text


def test_an_upload_of_nobody_or_given_up_half_way_keeps_nothing_and_is_no_error(app):
    before = _metrics(app)["iri_upload_bytes"]
    with Uploader(app.port) as visitor:
        visitor.visit()
        session_of = visitor.session
        token = visitor._xsrf_token()
        headers = {
            "Cookie": f"{visitor._cookie}; _streamlit_xsrf={token}",
            "X-Xsrftoken": token,
            "Content-Length": "100000",
        }
        for method, path, kind in (
            ("PUT", f"/_stcore/upload_file/{session_of}/a", "multipart/form-data; boundary=x"),
            ("POST", "/vote/api/join", "application/json"),
        ):
            leaving = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
            leaving.request(method, path, b"--x\r\n", headers | {"Content-Type": kind})
            time.sleep(0.2)
            leaving.close()
    visitor.session = "0" * 32
    assert visitor.put(b"x" * 100_000)[0] == 400
    time.sleep(0.3)
    assert _metrics(app)["iri_upload_bytes"] == before
    assert "ClientDisconnect" not in app.log.read_text()


def test_an_upload_that_outlives_its_tab_is_refused_in_a_sentence(monkeypatch):
    uploads = Uploads()
    ticket = uploads.begin("session", "visitor", "file")
    assert uploads.why_not(ticket, 1) is None
    uploads._forget(SimpleNamespace(close_session=lambda session: None), "session")
    assert "tab of this upload was closed" in (uploads.why_not(ticket, 2) or "")
    uploads.end(ticket)
    assert uploads.held() == {}


# What a page says


def test_a_null_folder_that_is_not_there_shows_no_path(monkeypatch, tmp_path):
    from explorer import validation

    monkeypatch.setenv("IRI_NULL_FOLDER", str(tmp_path / "photos"))
    with pytest.raises(RequestError) as caught:
        validation.with_null(Request(EMBEDDED))
    assert "'photos'" in caught.value.message
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("[Errno 28] No space left on device: '/srv/iri/cache/x.db'", "'x.db'"),
        ("cannot open /home/lab/models/net.pth, sorry", "open net.pth, sorry"),
        ("see https://example.org/a/b and timm:resnet18/x", "https://example.org/a/b and timm"),
        ("1/2 of a/b/c", "1/2 of a/b/c"),
    ],
)
def test_a_librarys_message_says_no_folder(message, shown):
    assert shown in without_folders(message)
    assert not re.search("/srv|/home", without_folders(message))


def test_a_job_that_fails_and_a_database_that_cannot_be_used_show_no_path(tmp_path):
    error = PermissionError(13, "Permission denied", str(tmp_path / "weights.pth"))
    assert "'weights.pth'" in Failure.of(error).message
    assert str(tmp_path) not in Failure.of(error).message
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match=r"The database x\.sqlite3 cannot be used") as caught:
        open_database(f"sqlite:///{tmp_path}/file/x.sqlite3")
    assert str(tmp_path) not in str(caught.value)


def test_a_visitor_of_a_hosted_app_manages_nothing(hosted, monkeypatch):
    context = SimpleNamespace(ip_address=None, headers=SimpleNamespace(to_dict=dict))
    monkeypatch.setattr(sharing.st, "context", context)
    assert not sharing.may_manage()
    monkeypatch.setenv("IRI_HOSTED", "0")
    hosting.cache_clear()
    assert sharing.may_manage()
