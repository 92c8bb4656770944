"""Hostile inputs, seeded: what strangers may send, and what must not come of it.

MARK stands for any foreign text: `markup_in` says where it reached a browser as more than text.
"""

from __future__ import annotations

import io
import json
import random
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from stranger import ROOT
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner
from streamlit.util import calc_hash

from explorer.jobs.job import Job
from explorer.result import Result, files_in

APP = str(ROOT / "explorer/app/script/main.py")
EVIL = "evil.example"
MARK = (
    f'![x](http://{EVIL}/x.png) [l](http://{EVIL}) <img src="http://{EVIL}/y.png"> '
    f'<a href="http://{EVIL}">a</a> <b>b</b> **b** :red[x] $x$ :material/home: | www.{EVIL}'
)
DIGITS = "9" * 5_000
SEED = 28

PLAIN = (
    # Options of pickers and what is written in a field are text in Streamlit's front end (seen in
    # Chromium by test_text.py); components of the app's own set `textContent`.
    *("selectbox.options", "selectbox.raw_value", "selectbox.default_value"),
    *("multiselect.options", "multiselect.raw_values", "multiselect.default_values"),
    *("text_input.value", "text_input.default", "text_area.value", "text_area.default"),
    *("text.body", "code.code_text", "json.body", "bidi_component.json", "arrow_data_frame"),
    *("page_info_changed.query_string", "new_session.page_script_hash"),
    *("session_id", "app_pages.page_name", "app_pages.url_pathname"),
    *("alt", "id", "url", "widget_id", "element_id", "query_string"),
)
"""Fields of messages that browsers show as they are: their ends."""

_CODE = re.compile("`[^`]+`")
_LIVE = re.compile(
    rf"\]\(|<img|<a |<b>|:red\[|:material/home|\$x\$|\*\*b\*\*|https?://{EVIL}|www\.{EVIL}"
)


def strings_of(message: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a protobuf message, with the path of the field that holds it."""
    for field, value in message.ListFields():
        here = f"{path}.{field.name}"
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            for key, item in value.items():
                yield from ((here, str(each)) for each in (key, item))
        elif kind is not None:
            for each in value if field.is_repeated else [value]:
                yield from strings_of(each, here)
        elif field.type == field.TYPE_STRING:
            for each in value if field.is_repeated else [value]:
                yield here, each


def markup_in(messages: Iterable[Any]) -> set[tuple[str, str]]:
    """Where MARK is more than text in what a browser is sent: the field and the place in it."""
    found = set()
    for message in messages:
        for path, text in strings_of(message):
            if EVIL not in text or path.endswith(PLAIN):
                continue
            if path.endswith("plotly_chart.spec"):
                text = " ".join(re.findall(r"<[a-zA-Z][^>]*>", json.dumps(json.loads(text))))
                text = re.sub(r"</?(?:b|br|extra|i)>", "", text)
            live = _LIVE.search(_CODE.sub("", text))
            if live:
                found.add((path, text[max(0, live.start() - 80) : live.end() + 40]))
    return found


def paths_in(messages: Iterable[Any]) -> set[tuple[str, str]]:
    """Where a path of this machine is told. Streamlit itself names the script to every browser."""
    return {
        (path, text[:200])
        for message in messages
        for path, text in strings_of(message)
        if str(ROOT) in text and not path.endswith("main_script_path")
    }


@contextmanager
def heard() -> Iterator[list[Any]]:
    """All messages that pages send to their browsers meanwhile."""
    messages: list[Any] = []
    run = LocalScriptRunner.run

    def listened(self: LocalScriptRunner, *args: Any, **more: Any) -> Any:
        tree = run(self, *args, **more)
        messages.extend(self.forward_msgs())
        return tree

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalScriptRunner, "run", listened)
        yield messages


def opened(
    page: str = "explore", address: Mapping[str, Any] | None = None, **state: Any
) -> AppTest:
    """A page at an address, in a session that holds this state."""
    app = AppTest.from_file(APP, default_timeout=120)
    if page != "explore":
        app._page_hash = calc_hash(page)
    for name, value in (address or {}).items():
        app.query_params[name] = value
    for name, value in state.items():
        app.session_state[name] = value
    return app.run()


class Answer(Future):
    """An answer of the worker's that is there already."""

    key = "call:hostile"

    def __init__(self, value: Any = None, error: Exception | None = None) -> None:
        super().__init__()
        if error is None:
            self.set_result(value)
        else:
            self.set_exception(error)


class HostileEngine:
    """The real store, jobs and answers that a test sets, and no worker."""

    def __init__(self, store: Any, result: Any) -> None:
        self.store = store
        self.result = result
        self.jobs: dict[str, Job] = {}
        self.answer: Future = Future()
        self.answer.key = Answer.key  # type: ignore[attr-defined]
        self.under_way = 1

    def job(self, key: str) -> Job | None:
        return self.jobs.get(key)

    def submit(self, *_: Any, **__: Any) -> list[Job]:
        return []

    def call(self, *_: Any, **__: Any) -> Future:
        return self.answer

    def listen(self, *_: Any, **__: Any) -> Any:
        return lambda: None

    def start(self, *_: Any, **__: Any) -> None: ...

    def cancel(self, *_: Any, **__: Any) -> None: ...

    def touch(self, *_: Any, **__: Any) -> None: ...

    def worker_count(self) -> int:
        return 1

    def metrics(self) -> dict[str, float]:
        return {}


def forged(result: Result, mark: str = MARK) -> Result:
    """The result with the mark for every text that somebody else may have written into it."""
    files = files_in(result.to_bytes())
    content = json.loads(files["result.json"])

    def read() -> Result:
        return Result.from_files(files | {"result.json": json.dumps(content).encode()})

    count = 0
    for holder, name in list(_places(content)):
        before, holder[name] = holder[name], mark
        try:
            read()
        except (ValueError, KeyError, TypeError):
            holder[name] = before
        else:
            count += 1
    assert count > 30, "the mark is in hardly anything"
    content["versions"] = {mark: mark}
    if content.get("network"):
        content["network"]["notes"] = [mark]
        content["network"]["origins"] = {**content["network"]["origins"], mark: mark}
    return read()


def _places(plain: Any) -> Iterator[tuple[Any, Any]]:
    """Every text in nested lists and objects: what holds it, and under which name."""
    items = plain.items() if isinstance(plain, dict) else enumerate(plain)
    for name, value in items:
        if name in ("request", "key") and isinstance(plain, dict) and "request" in plain:
            continue
        if isinstance(value, str):
            yield plain, name
        elif isinstance(value, dict | list):
            yield from _places(value)


def named_layers(result: Result, name: str) -> Result:
    """The result with one more layer of this name."""
    return replace(result, layers=(replace(result.layers[0], name=name), *result.layers[1:]))


# Addresses

VALUES = (
    *(MARK, DIGITS, f"-{DIGITS}", "nan", "inf", "-inf", "1e400", "-1", "0", "", " 1 ", "1_000"),
    *("\0", "a\0b", "\u202egpj", "\u2067x\u200f", "\ufffe\uffff", "٣", "²", "ℵ", "𝔸" * 400),
    *("a" * 20_000, "%00", "../../etc/passwd", "file:/etc/passwd", "own:x", f"timm:{DIGITS}"),
    *("{}", "null", "true", ",".join("a" * 2_000), f"features.{DIGITS}.x", f"layers.{DIGITS}"),
    *(f"penultimate@channel={DIGITS}", "1e400*penultimate", "+".join(["penultimate"] * 400)),
    *("noise-99999999999999999999", f"noise-{DIGITS}", f"picture:{'0' * 64}", "'\"`;<script>"),
    *(":material/" * 2_000, "https://x." * 2_000, "python:x.py:f", "0x10", "yes,no", "\t\n\r"),
)
"""Of any parameter of any page."""


def addresses(parameters: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """Pages with one to three parameters each, every value at every page."""
    drawn = random.Random(SEED)
    for page, names in parameters.items():
        names = list(names)
        for value in VALUES:
            chosen = drawn.sample(names, min(len(names), drawn.randint(1, 3)))
            yield page, dict.fromkeys(chosen, value)


# Pictures


def _png(width: int, height: int, depth: int = 8, colour: int = 2, data: bytes = b"") -> bytes:
    """A PNG file whose header promises this much."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    packed = zlib.compress(data)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b""))
    )


def pictures() -> Iterator[tuple[str, bytes]]:
    """Names and contents of files that say they are pictures."""
    drawn = random.Random(SEED)
    whole: dict[str, bytes] = {}
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA"):
        buffer = io.BytesIO()
        Image.effect_mandelbrot((40, 40), (-2, -1.5, 1, 1.5), 20).convert("RGB").save(buffer, kind)
        whole[kind] = buffer.getvalue()
    for kind, data in whole.items():
        yield f"whole {kind}", data
        yield f"half a {kind}", data[: len(data) // 2]
        yield f"{kind}, nothing but a header", data[:24]
        for at in range(2):
            spoilt = bytearray(data)
            for _ in range(12):
                spoilt[drawn.randrange(8, len(spoilt))] = drawn.randrange(256)
            yield f"{kind}, bytes changed {at}", bytes(spoilt)
        yield f"{kind} followed by HTML", data + b"<script>alert(1)</script>"
    for width, height in ((30_000, 30_000), (2**31 - 1, 2**31 - 1), (0, 0), (1, 2**20), (2**20, 1)):
        yield f"a PNG of {width}×{height}", _png(width, height)
    yield "a PNG bomb", _png(20_000, 20_000, data=bytes(4_000_000))
    yield "a PNG of 16 bits", _png(6_000, 6_000, 16, 6, bytes(1_000_000))
    yield "a PNG of a colour that there is not", _png(8, 8, 8, 5)
    yield "SVG", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    yield "HTML", f"<html><img src='http://{EVIL}/x.png'></html>".encode()
    yield "nothing", b""
    yield "zeros", bytes(4096)
    yield "noise", drawn.randbytes(4096)
    yield "a zip", b"PK\x03\x04" + drawn.randbytes(200)
    yield "a PDF", b"%PDF-1.7\n" + drawn.randbytes(200)
    yield "EPS", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n"
    yield "PostScript in GIF", b"GIF89a%!PS" + drawn.randbytes(64)
    yield "a JPEG whose notes are nonsense", _with_exif(whole["JPEG"], drawn.randbytes(600))
    yield "a JPEG whose notes are hostile", _with_exif(whole["JPEG"], MARK.encode() * 20)
    yield "PCX", b"\x0a\x05\x01\x08" + bytes(124)
    yield "ICNS", b"icns\xff\xff\xff\xff" + bytes(64)
    yield "FLI", bytes(4) + b"\x11\xaf" + bytes(200)
    yield "PSD", b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 30_000, 30_000, 8, 3)


def _with_exif(jpeg: bytes, content: bytes) -> bytes:
    notes = b"Exif\0\0" + content
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(notes) + 2) + notes + jpeg[2:]


# Packs


def packs(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Packs that are none, around one that is: a zip file of results and their manifest."""
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    results = [name for name in files if name.endswith(".zip")] or list(files)
    first = results[0]

    def zipped(members: Iterable[tuple[str, bytes]], comment: bytes = b"") -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = comment
            for name, data in members:
                archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()

    yield "nothing", b""
    yield "no zip", b"PK\x03\x04" + bytes(400)
    yield "half", good[: len(good) // 2]
    yield "an empty zip", zipped([])
    yield "a zip in a zip", zipped([("pack.zip", good)])
    for name in (
        "/etc/passwd",
        "../../evil",
        "..\\..\\evil",
        "C:\\evil",
        "a\0b",
        MARK,
        "a" * 60_000,
    ):
        yield f"a file named {name[:20]!r}", zipped([*files.items(), (name, b"x")])
    yield "a bomb", zipped([*files.items(), ("results/bomb.npy", bytes(80 * 2**20))])
    yield "many bombs", zipped([(f"results/{at:064x}.zip", bytes(2**21)) for at in range(64)])
    yield "many files", zipped([(f"results/{at:064x}.zip", b"") for at in range(3_000)])
    for name, data in list(files.items())[:4]:
        yield f"without {name[:20]}", zipped(each for each in files.items() if each[0] != name)
        yield f"{name[:20]} twice", _twice(files, name, data)
        yield f"{name[:20]} empty", zipped((files | {name: b""}).items())
        yield f"{name[:20]} deep", zipped((files | {name: b"[" * 100_000}).items())
        yield f"{name[:20]} huge number", zipped((files | {name: DIGITS.encode()}).items())
        yield f"{name[:20]} a mark", zipped((files | {name: MARK.encode()}).items())
        yield f"{name[:20]} no UTF-8", zipped((files | {name: b"\xff\xfe\xed\xa0\x80"}).items())
    renamed = {(f"{'f' * 64}.zip" if name == first else name): data for name, data in files.items()}
    yield "another key", zipped(renamed.items())
    yield "a comment", zipped(files.items(), MARK.encode())
    yield "a symbolic link", _linked(files)


def _twice(files: Mapping[str, bytes], name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for each, content in [*files.items(), (name, data)]:
            archive.writestr(each, content)
    return buffer.getvalue()


def _linked(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        link = zipfile.ZipInfo("results/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return buffer.getvalue()


# TOML

NETWORK = {"file": "'net.pt'", "architecture": "'timm:resnet18'"}

NETWORKS = (
    *("input_size = -5", "input_size = 0", f"input_size = {'9' * 30}", "input_size = 1.5"),
    *("std = [0, 0, 0]", "std = [-1, 1, 1]", "std = [nan, 1, 1]", "mean = [nan, nan, nan]"),
    *("mean = [inf, 0, 0]", "mean = []", "mean = [1, 2]", "mean = 'a'", "mean = [1e400, 0, 0]"),
    *("mean = [0.5]\nstd = [0.5, 0.5, 0.5]", "mean = [124, 116, 104]", "crop_pct = nan"),
    *("crop_pct = 0", "crop_pct = 2", "crop_mode = 'x'", "interpolation = 'nearest-ish'"),
    *("epsilon = nan", "epsilon = -1", "epsilon = inf", "norm = 'x'", "paper = 'javascript:x'"),
    *(f"paper = '''https://a) {MARK}'''", "residual = 1", "classes = [1]", "classes = 'a'"),
    *("architecture = 'timm:nonesuch'", "architecture = 'nonesuch'", "architecture = ''"),
    *("architecture = 'torchvision:zzz'", "architecture = 'embedded:x'", "architecture = 'timm:'"),
    *("architecture = 'file:/etc/passwd'", "architecture = 'python:/nonesuch.py:f'"),
    *("architecture = 'timm:../x'", "architecture = 3", "file = ''", 'file = "a\\u0000b"'),
    *("file = 3", "title = 3", "nonesuch = 1", "networks = 1", "weights_key = 1"),
)
"""Lines of an entry of models.toml, each wrong."""

TOML = (
    *("networks = 3", "networks = [1]", "[networks]\nx = 1", "[networks.'A b']", "[[networks.x]]"),
    *("=", "[", "a = 1\na = 1", "\0", "x = 1979-99-99", "[networks.x", "'''", "a = {b = {}"),
    *("[" * 3_000, f"[networks.x]\ninput_size = {'9' * 5_000}"),
)
"""Whole files, each wrong."""


def networks_tomls() -> Iterator[str]:
    """Contents of models.toml, each wrong."""
    for line in NETWORKS:
        rows = NETWORK | {name: value for name, _, value in [line.partition(" = ")]}
        yield "[networks.lab]\n" + "\n".join(f"{name} = {value}" for name, value in rows.items())
    yield from TOML


SWEEPS = (
    *(
        "",
        "=",
        "model = 3",
        "model = []",
        "[vary]",
        "[vary]\nlayer = []",
        "steps = -1",
        "steps = nan",
    ),
    *(f"steps = {'9' * 30}", f"rng_seed = {DIGITS[:4000]}", "goal = inf", "model = ['a'] * 9"),
    *("null_folder = '/etc'", "classes_file = '/etc/passwd'", "model = 'file:/etc/passwd'"),
    *(f"model = '''{MARK}'''", f"layer = '''{MARK}'''", f"target = '''{MARK}'''"),
    *(f"'''{MARK}''' = 1", "[include]\nfile = '/etc/passwd'", "target = '/etc/passwd'"),
    *("target = '../../etc/passwd'", "target_folder = '/etc'", "seed = 'file:/etc/passwd'"),
    *(f"rng_seed = [{','.join(map(str, range(400)))}]", "rng_seed = 'range(10**9)'"),
    *(
        "a = '" + "x" * 50_000 + "'",
        "[" * 3_000,
        "model = 'embedded:residual-multi-adv2'\nsteps = []",
    ),
    *(
        "goal = { from = 0, to = 1, count = 1000000000 }",
        "steps = { from = 1, to = 9, factor = 1 }",
    ),
    *(
        "goal = { from = nan, to = inf, count = 3 }",
        "layer = { all = true }",
        "weights = { tv = nan }",
    ),
    *(
        "[[request]]",
        "[[request]]\nmodel = 1",
        "random = { count = -1 }",
        "\ud7ff = 1",
        "x = 'a\\u0000'",
    ),
)
"""Sweep files, each wrong or hostile."""

HOSTING = (
    *(
        "hosted = 3",
        "max_waiting = -1",
        "max_steps = nan",
        "max_px = 'x'",
        "networks = 1",
        "=",
        "x = 1",
    ),
    *("upload_bytes = 1", "abandon_seconds = inf", "allowed_hosts = [1]", "metrics_port = 70000"),
    *("networks = ['']", "allowed_hosts = 'a b'", "max_running = 0", "free_disk_bytes = -1", "\0"),
    *("metrics_address = 3", f"max_requests = {'9' * 30}", "hosted = 'yes'", "max_waiting = true"),
)
"""Files of limits, each wrong."""

# Words of the command line

WORDS = (
    *(["generate"], ["generate", "--model", MARK], ["generate", "--model", "embedded:" + DIGITS]),
    *(["layers", MARK], ["layers", "file:/etc/passwd"], ["layers", "embedded:\0"], ["layers", ""]),
    *(["models", "--source", MARK], ["nonesuch"], ["--nonesuch"], ["cache", "import", "/dev/null"]),
    *(["cache", "import", "/etc/passwd"], ["cache", "export", "--out", "/nonesuch/x/y.zip"]),
    *(["sweep", "/etc/passwd", "--out", "/tmp/x"], ["sweep", "/nonesuch", "--out", "/tmp/x"]),
    *(["generate", "--model", "embedded:residual-multi-adv2", "--steps", "9" * 400],),
    *(["generate", "--model", "embedded:residual-multi-adv2", "--goal", "nan"],),
    *(["generate", "--model", "embedded:residual-multi-adv2", "--layer", "x" * 5_000],),
    *(["generate", "--model", "embedded:residual-multi-adv2", "--target", "/etc/passwd"],),
    *(["generate", "--model", "embedded:residual-multi-adv2", "--target", "a\0b"],),
    *(["generate", "--model", "embedded:residual-multi-adv2", "--rng", DIGITS],),
    *(["app", "--port", DIGITS], ["app", "--address", MARK], ["worker", MARK], ["gallery", MARK]),
    *(["losses", "--json", "x"], ["compare", "/etc/passwd"], ["align", MARK], ["measures", "\0"]),
)
"""Each wrong."""


def plain(text: str) -> str:
    """Markdown of `literal` as people read it."""
    return unescape(text.replace("`", ""))


# Messages over the websocket

WIDGET_VALUES = (
    *({"string_value": MARK}, {"string_value": "\0" * 99}, {"int_value": 2**53}, {"int_value": -1}),
    *({"double_value": float("nan")}, {"double_value": 1e308}, {"bool_value": True}),
    *({"trigger_value": True}, {"bytes_value": b"\xff" * 999}, {"json_value": "[" * 999}),
    *({"json_value": '{"open": {"a": 1}, "selected": 7}'}, {"json_trigger_value": MARK}),
    *({"json_trigger_value": '[{"event": "open", "value": {"x": 1}}]'},),
    *({"string_array_value": {"data": [MARK, "", "0"]}}, {"double_array_value": {"data": [1e308]}}),
    *({"int_array_value": {"data": [99, -1]}}, {"string_trigger_value": {"data": MARK}}),
    *(
        {
            "file_uploader_state_value": {
                "uploaded_file_info": [{"file_id": "a" * 36, "name": MARK}]
            }
        },
    ),
    *({"arrow_value": {"data": b"x"}}, {"chat_input_value": {"data": MARK}}, {}),
)
"""States of a widget, most of another kind of widget."""


def raw_messages() -> Iterator[bytes | str]:
    """What is no message of the protocol, or hardly one."""
    drawn = random.Random(SEED)
    yield from ("", "hello", "{}", MARK, b"", b"\0", b"\xff" * 64, bytes(2**20))
    yield from (drawn.randbytes(drawn.randint(1, 400)) for _ in range(24))
    # Fields that there are not, lengths that are too long, a field within itself.
    yield from (b"\xfa\xff\x7f\x01a", b"\x5a\xff\xff\xff\xff\x07", b"\x5a\x02\x0a\x7f" * 99)


UNKNOWN = ("", MARK, "$$ID-0-None", f"$$ID-{'0' * 32}-layer")
"""Ids of widgets that there are not. Streamlit ends the run of such a session's page."""


def messages(ids: Iterable[str]) -> Iterator[BackMsg]:
    """Messages of the protocol that no browser sends; ids: of widgets that there are."""
    ids = list(ids)
    for values in WIDGET_VALUES:
        message = BackMsg(rerun_script={"query_string": ""})
        for each in ids:
            states = message.rerun_script.widget_states.widgets
            states.append(WidgetState(id=each, **values))
        yield message
    for script in (
        *({"widget_states": {"widgets": [{"id": name, "int_value": 1}]}} for name in UNKNOWN),
        {"query_string": f"model={quote(MARK)}&" * 400},
        {"query_string": "a=1&" * 50_000},
        {"query_string": "%ff%00&&&=&=%ED%A0%80=" * 99},
        {"page_script_hash": MARK},
        {"page_script_hash": "0" * 32},
        {"page_name": "../../../../etc/passwd"},
        {"page_name": MARK},
        {"page_name": "class", "query_string": "code=%00&secret=%00"},
        {"fragment_id": MARK},
        {"fragment_id": "0" * 32, "is_auto_rerun": True},
        {"cached_message_hashes": ["0" * 64] * 2_000},
        {"context_info": {"timezone": "../../etc", "locale": MARK, "url": "javascript:alert(1)"}},
        {"context_info": {"timezone_offset": -(2**31), "url": "http://[", "is_embedded": True}},
        {"context_info": {"url": f"http://{EVIL}:99999999/class", "color_scheme": MARK}},
    ):
        yield BackMsg(rerun_script=script)


def other_messages() -> Iterator[BackMsg]:
    """Messages of the protocol that ask for something else than a page."""
    yield BackMsg(clear_cache=True)
    yield BackMsg(stop_script=True)
    yield BackMsg(load_git_info=True)
    yield BackMsg(set_run_on_save=True)
    yield BackMsg(app_heartbeat=True)
    yield BackMsg(debug_disconnect_websocket=True)
    yield BackMsg(debug_shutdown_runtime=True)
    yield BackMsg(file_urls_request={"request_id": MARK, "file_names": ["../../x", MARK] * 500})
    for asked in (
        {"install_skills": {}},
        {"dismiss_skills_nudge": {}},
        {"deferred_file": {"file_id": "0" * 32}},
        {"deferred_file": {"file_id": "../../../etc/passwd"}},
        {"dataframe_chunk": {"source_id": MARK, "offset": 2**31 - 1, "limit": 2**31 - 1}},
        {},
    ):
        yield BackMsg(backend_operation_request={"request_id": MARK, "session_id": "", **asked})


# HTTP

PHONES = "vote/api"
REQUESTS: tuple[tuple[str, str, dict[str, str], bytes], ...] = (
    *(
        (method, path, {}, b"")
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
        for path in ("", f"{PHONES}/join", "vote/AAAA", "live/x", "_stcore/upload_file/a/b")
    ),
    *(
        ("GET", path, {}, b"")
        for path in (
            "vote/..%2f..%2fetc%2fpasswd",
            "vote/pictures/..%2f..%2fx.png",
            "vote/pictures/a.png",
            f"vote/pictures/{'0' * 64}.png",
            "vote/front/x/..%2fphone.html",
            "vote/front//etc/passwd",
            "vote/%00",
            f"vote/{'a' * 5_000}",
            "vote/%ff%fe",
            "vote/<script>",
            f"vote/{quote(MARK)}",
            "live/",
            "live/..%2f..",
            f"live/{'a' * 5_000}",
            "live/%00/now",
            "live/x/now",
            "live/%ff",
            "media/../../etc/passwd",
            "media/x.png",
            "app/static/../../app.py",
            "_stcore/metrics",
            "component/x/../../etc/passwd",
            "component/iri/index.html",
            "_stcore/host-config",
            "static/..%2f..%2f..%2fapp.py",
            "%2e%2e/%2e%2e/etc/passwd",
            "//etc/passwd",
            "?model=%00",
            f"{PHONES}/session/..%2f..",
            f"{PHONES}/session/{'9' * 5_000}",
            f"{PHONES}/session/%00",
            f"{PHONES}/session/{quote(MARK)}",
        )
    ),
    *(
        ("POST", f"{PHONES}/{name}", {"Content-Type": kind}, body)
        for name, kind in (("join", "application/json"), ("answers", "text/plain"))
        for body in (
            b"",
            b"null",
            b"[]",
            b"{",
            b"1e999",
            b'{"code": 1}',
            b'{"code": "\\ud800"}',
            b"[" * 50_000,
            b'{"code": null, "screen": {}}',
            b'{"answers": 1}',
            b'{"answers": [1]}',
            b"\xff\xfe",
            b'{"answers": [{"round": NaN, "vote": 1, "trial": 1, "choice": 0}]}',
            DIGITS.encode(),
            b'{"answers": [' + b"{}," * 5_000 + b"{}]}",
            b'{"code": "' + b"a" * 100_000 + b'"}',
            json.dumps({"code": MARK, "screen": MARK, "browser": MARK}).encode(),
        )
    ),
    *(
        ("GET", f"{PHONES}/{name}", {"X-Token": token}, b"")
        for name in ("state", "trials", "personal")
        for token in ("", "x", "a" * 201, MARK, "é", "a" * 7_000)
    ),
    *(("GET", "", {"Range": "bytes=0-,5-1,-9999999999999"}, b"") for _ in range(1)),
    *(
        ("GET", "", {name: value}, b"")
        for name, value in (
            ("Cookie", f"iri_visitor={MARK}"),
            ("Cookie", "a=b;" * 1_500),
            ("Host", MARK),
            ("X-Forwarded-For", MARK),
            ("X-Forwarded-Proto", "javascript"),
            ("Accept", "*" * 7_000),
            ("If-None-Match", MARK),
            ("Content-Length", "-1"),
            ("Transfer-Encoding", "x"),
            ("Expect", "100-continue"),
            ("Upgrade", "websocket"),
            ("Content-Encoding", "br"),
        )
    ),
    *(
        ("PUT", path, {"Content-Type": "multipart/form-data; boundary=x"}, body)
        for path in ("_stcore/upload_file/a/b", "_stcore/upload_file/..%2f/..%2f")
        for body in (b"--x", b"--x\r\n\r\n\r\n--x--", bytes(4_096))
    ),
)
"""Method, path, headers and body."""
