"""Some hundred hostile inputs: a sentence at most comes of each, and the app goes on.

The inputs are in hostile.py, drawn with a fixed seed. One app answers all that goes over the
network; what a page adds nothing to is given to the functions that read it.
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

import hostile
import pytest
from google.protobuf.message import DecodeError
from hostile import EVIL, HostileEngine, heard, markup_in, opened, paths_in, strings_of
from stranger import ROOT, App, running_app
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from explorer import cli
from explorer.analysis.examples import EXAMPLES
from explorer.app import session
from explorer.app.lesson import address as lesson_address
from explorer.app.pages import PAGES
from explorer.app.panels import compare_address, gallery_filters, sidebar, sweep_text
from explorer.app.url_state import Readers
from explorer.archive.packs import export_results, import_results
from explorer.archive.titles import network_title, picture_title
from explorer.errors import RequestError
from explorer.hosting import hosting
from explorer.images.errors import PictureError
from explorer.images.reading import read_picture
from explorer.models import layer_expression, models_toml
from explorer.models.hubs import HubUnreachable
from explorer.models.layer_titles import is_main, layer_title
from explorer.research.upload_attack import Uploader
from explorer.result import Result
from explorer.store import CacheError, Store, starter
from explorer.sweep.plan import MOST_ON_PAGE, plan
from explorer.sweep.source import Source
from explorer.validation import Request, validate


def _packed() -> dict[str, bytes]:
    """Two results that do not ship with the app, by their keys."""
    results = [Result.from_bytes(starter.load(request.key) or b"") for _, request in EXAMPLES[:2]]
    others = [replace(each, request=replace(each.request, steps=777)) for each in results]
    return {each.request.key: each.to_bytes() for each in others}


PACKED = _packed()
NETWORK = EXAMPLES[0][1].model
PATH = re.compile(rf"{re.escape(str(ROOT))}|/(?:root|home|tmp|usr|site-packages)/")
TRACEBACK = "Traceback (most recent call last)"


def is_sentence(error: object, *but: object) -> None:
    """No path, no traceback, not the whole of what was sent; but: paths that it may name."""
    text = str(error)
    for each in but:
        text = text.replace(str(each), "")
    assert text
    assert not PATH.search(text), text
    assert TRACEBACK not in text
    assert len(text) < 6_000, f"{text[:200]}… of {len(text)} characters"


def test_there_are_four_hundred_of_them(good_pack):
    parts = {
        "addresses": len(list(hostile.addresses(PARAMETERS))),
        "pictures": len(list(hostile.pictures())),
        "packs": len(list(hostile.packs(good_pack))),
        "TOML": len(list(hostile.networks_tomls())) + len(hostile.HOSTING),
        "sweeps": 2 * len(hostile.SWEEPS),
        "messages": sum(
            len(list(each))
            for each in (hostile.raw_messages(), hostile.messages([]), hostile.other_messages())
        ),
        "requests": len(hostile.REQUESTS),
        "words": len(hostile.WORDS),
    }
    assert sum(parts.values()) >= 400, parts
    assert min(parts.values()) >= 25, parts


def test_the_tests_that_the_security_document_names_are_there():
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_]+)::([a-z_0-9]+)`", text)
    assert len(named) > 20
    for file, name in named:
        assert f"def test_{name}(" in (ROOT / f"tests/test_{file}.py").read_text(), name


# What functions read


def test_pictures():
    read = 0
    for name, data in hostile.pictures():
        begun = time.monotonic()
        try:
            read += read_picture(data).size > 0
        except PictureError as error:
            is_sentence(error)
        assert time.monotonic() - begun < 5, name
    assert read >= 9, "whole ones are read"


@pytest.fixture(scope="module")
def good_pack(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("packs")
    store = Store(folder / "cache")
    for key, data in PACKED.items():
        store.put(key, data)
    assert export_results(store, folder / "pack.zip") == len(PACKED)
    return (folder / "pack.zip").read_bytes()


def test_packs(good_pack, tmp_path):
    path, store = tmp_path / "pack.zip", Store(tmp_path / "cache")
    for _, data in hostile.packs(good_pack):
        path.write_bytes(data)
        try:
            report = import_results(store, path)
        except CacheError as error:
            is_sentence(error, path)
        else:
            for _, why in report.refused:
                is_sentence(why)
        assert set(store.keys()) <= set(PACKED)
    assert {each.name for each in tmp_path.iterdir()} <= {"pack.zip", "cache", "cache.signing-key"}
    path.write_bytes(good_pack)
    import_results(store, path)
    assert sorted(store.keys()) == sorted(PACKED)


@pytest.fixture
def settings_are_forgotten():
    yield
    hosting.cache_clear()


def test_files_of_settings(tmp_path, monkeypatch, settings_are_forgotten):
    path = tmp_path / "settings.toml"
    monkeypatch.setenv("IRI_MODELS_TOML", str(path))
    monkeypatch.setenv("IRI_HOSTING", str(path))
    for read, forget, texts in (
        (models_toml.networks, models_toml._read.cache_clear, list(hostile.networks_tomls())),
        (hosting, hosting.cache_clear, hostile.HOSTING),
    ):
        for text in texts:
            path.write_text(text)
            forget()
            with pytest.raises(RequestError) as caught:
                read()
            is_sentence(caught.value)
    for data in (b"\xff\xfe\x00", b"\xed\xa0\x80 = 1"):
        path.write_bytes(data)
        models_toml._read.cache_clear()
        with pytest.raises(RequestError, match="TOML"):
            models_toml.networks()


def test_sweeps():
    whole = f"model = '{NETWORK}'\ntarget = 'cat'\nseed = 'noise'\n"
    for text in hostile.SWEEPS:
        for start in ("", f"[[sweep]]\n{whole}", f"{whole}[[sweep]]\n"):
            try:
                planned = plan(Source(start + text, "sweep.toml"), MOST_ON_PAGE)
            except (RequestError, HubUnreachable) as error:
                is_sentence(error)
            else:
                assert len(planned.requests) <= MOST_ON_PAGE
        for parameter in (text, sweep_text.encoded(text), sweep_text.encoded(text)[:-9]):
            with suppress(ValueError):
                sweep_text.decoded(parameter)


def test_words_of_the_command_line(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for words in hostile.WORDS:
        try:
            code = cli.main(list(words))
        except SystemExit as ended:
            code = ended.code
        assert code in (1, 2), words
        said = capsys.readouterr()
        assert TRACEBACK not in said.out + said.err, words
        assert said.err.strip(), words
    assert not list(tmp_path.iterdir())


# Addresses

PARAMETERS = {
    "explore": list(sidebar.readers()),
    "compare": [*compare_address.readers(), "values", "again"],
    "gallery": list(gallery_filters._READERS),
    "lesson": ["step", "data", "photo", "start", "fixed"],
    "class": ["code", "secret", "keys", "address"],
    "sweep": ["sweep"],
    "examples": ["x"],
}
ON_PAGES = {"explore": 2, "compare": 4, "gallery": 6, "lesson": 6, "class": 5, "sweep": 7}
"""Of how many addresses one is opened; what reads parameters is given every one."""


def test_what_reads_addresses():
    """Readers refuse with ValueError, titles and checks with a sentence, in little time."""
    all_readers: list[Readers] = [
        *(sidebar.readers(), compare_address.readers(), gallery_filters._READERS)
    ]
    begun = time.monotonic()
    for value in hostile.VALUES:
        for readers in all_readers:
            for read in readers.values():
                with suppress(ValueError):
                    read(value)
        assert isinstance(layer_title(value), str)
        is_main(value[:500], "")
        for title in (picture_title, network_title, layer_expression.title):
            assert isinstance(title(value), str)
        for name in ("model", "layer", "target", "seed", "loss", "optimiser", "adversary"):
            try:
                validate(Request(**{"model": NETWORK, name: value}))
            except (RequestError, PictureError, HubUnreachable) as error:
                is_sentence(error)
        for problem in lesson_address.read({"step": value, "data": value}).problems:
            is_sentence(problem)
    assert time.monotonic() - begun < 20


def test_addresses(monkeypatch, tmp_path):
    from explorer.study.store import Study

    engine = HostileEngine(Store(tmp_path / "cache"), lambda key: None)
    study = Study(f"sqlite:///{tmp_path / 'study.sqlite3'}")
    monkeypatch.setattr(session, "engine", lambda: engine)
    monkeypatch.setattr(session, "study", lambda: study)
    seen = 0
    for at, (page, address) in enumerate(hostile.addresses(PARAMETERS)):
        if at % ON_PAGES.get(page, 20):
            continue
        with heard() as messages:
            begun = time.monotonic()
            shown = opened(page, address)
            assert not shown.exception, (page, address)
            assert time.monotonic() - begun < 10, (page, address)
        assert not markup_in(messages), (page, address)
        assert not paths_in(messages), (page, address)
        seen += 1
    assert seen >= 50
    study.disconnect()


# What a running app is sent


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[App]:
    with running_app(tmp_path_factory.mktemp("hostile") / "cache", {"IRI_HOSTED": "1"}) as found:
        yield found


def is_well(app: App) -> None:
    """It answers, and quickly."""
    assert urllib.request.urlopen(f"{app.url}/_stcore/health", timeout=10).read() == b"ok"
    assert app.process.poll() is None


@pytest.mark.slow
def test_http_requests(app):
    """None is answered with a server's error, a path or a foreign text as markup."""
    for method, path, headers, body in hostile.REQUESTS:
        connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=20)
        sent = f"{method} /{path} {headers}"[:200]
        try:
            connection.putrequest(method, f"/{path}", skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value.encode())
            if body and "Content-Length" not in headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            said = b"" if "event-stream" in answer.getheader("Content-Type", "") else answer.read()
        except (http.client.HTTPException, ConnectionError, ValueError):
            continue  # the server would not hear the end of it
        finally:
            connection.close()
        assert answer.status < 500 or (answer.status, method) == (501, "TRACE"), sent
        text = said.decode(errors="replace")
        assert TRACEBACK not in text, sent
        assert not re.search(rf"{re.escape(str(ROOT))}|root:x:0", text), sent
        if "html" in answer.getheader("Content-Type", ""):
            assert f'src="http://{EVIL}' not in text, sent
            assert f'href="http://{EVIL}' not in text, sent
    is_well(app)


def received(app: App, *sent: bytes | str | BackMsg, seconds: float = 0.2) -> list[ForwardMsg]:
    """What comes back after these messages, until a page is drawn or nothing comes any more."""
    messages: list[ForwardMsg] = []
    with (
        suppress(ConnectionClosed),
        connect(
            f"ws://127.0.0.1:{app.port}/_stcore/stream", subprotocols=["streamlit"], max_size=None
        ) as connection,
    ):
        for each in sent:
            connection.send(each.SerializeToString() if isinstance(each, BackMsg) else each)
        last = sent[-1]
        waits_for_page = isinstance(last, BackMsg) and last.HasField("rerun_script")
        if waits_for_page:  # nothing comes of a part of a page that there is not
            seconds = 0.5 if last.rerun_script.fragment_id else 30
        with suppress(TimeoutError, DecodeError):
            while True:
                data = connection.recv(timeout=seconds)
                messages.append(ForwardMsg.FromString(data))  # type: ignore[arg-type]
                if messages[-1].WhichOneof("type") == "script_finished" and waits_for_page:
                    break
    return messages


def widgets_in(messages: list[ForwardMsg]) -> list[str]:
    """The ids of what a page can be told by."""
    found = []
    for message in messages:
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        identity = getattr(getattr(element, kind), "id", "") if kind else ""
        found += [identity] if identity else []
    return found


def hold_nothing(messages: list[ForwardMsg], sent: object) -> None:
    """No traceback, no path, no foreign text as markup."""
    assert not paths_in(messages), sent
    assert not markup_in(messages), sent
    for message in messages:
        for path, text in strings_of(message):
            assert TRACEBACK not in text, sent
            assert not path.endswith("stack_trace"), (sent, text[:300])


@pytest.mark.slow
def test_websocket_messages(app):
    for each in hostile.raw_messages():
        hold_nothing(received(app, each, seconds=0.05), each[:40])
    is_well(app)
    for each in hostile.other_messages():
        answers = received(app, each)
        hold_nothing(answers, each)
        for answer in answers:
            operation = answer.backend_operation_response
            assert operation.error_msg or not operation.request_id, "nothing is done for strangers"
    is_well(app)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["explore", "compare", "gallery", "class", "sweep"])
def test_states_of_widgets(app, page):
    name = "" if PAGES[page].default else page
    visit = BackMsg(rerun_script={"page_name": name})
    ids = widgets_in(received(app, visit))
    assert len(ids) > 3
    for at, each in enumerate(hostile.messages(ids)):
        if page != "explore" and at % 2:
            continue
        if not each.rerun_script.page_name:
            each.rerun_script.page_name = name
        hold_nothing(received(app, each), each)
    is_well(app)


@pytest.mark.slow
def test_a_page_of_another_site_opens_no_session(app):
    for origin in (f"http://{EVIL}", "null", f"http://127.0.0.1.{EVIL}:{app.port}"):
        with pytest.raises(InvalidStatus) as caught:
            connect(
                f"ws://127.0.0.1:{app.port}/_stcore/stream",
                subprotocols=["streamlit"],
                origin=origin,
            )
        assert caught.value.response.status_code == 403


class Thief(Uploader):
    """A session that names a file of somebody else's as its own."""

    def __init__(self, port: int, file: str) -> None:
        super().__init__(port)
        self._file = file

    def put(self, *_: object, **__: object) -> tuple[int, str, str]:
        return 204, "", self._file


@pytest.mark.slow
def test_the_name_of_a_neighbours_upload_opens_nothing(app):
    picture = dict(hostile.pictures())["whole PNG"]
    with Uploader(app.port) as owner:
        owner.visit()
        status, _, file = owner.put(picture)
        assert status == 204
        with Thief(app.port, file) as thief:
            thief.visit()
            assert "uploaded picture" not in thief.upload(picture)
        owner.put = lambda *_: (204, "", file)
        assert "uploaded picture" in owner.upload(picture)


@pytest.mark.slow
def test_a_storm_of_runs_and_of_sessions(app):
    """A hundred runs are asked for at once, and fifty sessions that say nothing are opened."""
    storm = [BackMsg(rerun_script={"query_string": f"rng={at}"}) for at in range(100)]
    hold_nothing(received(app, *storm), "a storm")
    for _ in range(50):
        received(app, b"", seconds=0)
    is_well(app)
    shown = received(app, BackMsg(rerun_script={"query_string": f"words={quote(EVIL)}"}))
    assert any("To the network" in str(each) for each in shown)


@pytest.mark.slow
def test_what_all_of_them_left(app):
    """The last test here. What Streamlit refuses is logged; nothing of ours may have failed."""
    assert app.processes()[0].memory_info().rss < 600 * 2**20
    received(app, "text, where Streamlit expects bytes")
    log = app.log.read_text(errors="replace")
    failures = re.findall(rf"^{re.escape(TRACEBACK)}:?\n(?:[ \t].*\n)+.*", log, re.MULTILINE)
    raised_in = [re.findall(r'^ +File "(.+?)", line', each, re.MULTILINE) for each in failures]
    assert raised_in, "those of Streamlit's own are found"
    ours = [
        failure
        for failure, files in zip(failures, raised_in, strict=True)
        if files and files[-1].startswith((f"{ROOT}/explorer/", f"{ROOT}/app.py"))
    ]
    assert not ours, "\n".join(ours)
