"""What strangers' uploads do to the app's memory: `python -m explorer.research.upload_attack`.

A real app, hosted, is attacked over its own protocol without a browser: by small pictures that
decode to a third of a gigabyte, all at once, and by many large files from tabs that are then
closed. Printed are the app's resident memory before, at most and after, and what was refused.
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.request import urlopen

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from explorer.files import CHECKOUT

PATIENCE_SECONDS = 240.0
TAKEN = "uploaded picture"
"""What the page's list of targets says of one."""

BOMBS = 8
FILES = 24
FILE_BYTES = 20_000_000
GONE_SECONDS = 90.0
"""After which a hosted app has let go of what a closed tab uploaded."""


class Uploader:
    """A session of the app, as a browser of its own, that uploads pictures."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = f"iri_visitor={uuid.uuid4().hex}"
        self.session = self._uploader = ""

    def __enter__(self) -> Uploader:
        self._connecting = connect(
            f"ws://127.0.0.1:{self._port}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            additional_headers={"Cookie": self._cookie},
            max_size=None,
            ping_interval=None,
        )
        self._socket: ClientConnection = self._connecting.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._connecting.__exit__(None, None, None)

    def visit(self, query: str = "", page: str = "") -> str:
        """What a page, Explore where none is named, shows at this address, as one text."""
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page
        return self._run(message)

    def put(
        self, data: bytes, name: str = "picture.png", chunked: bool = False
    ) -> tuple[int, str, str]:
        """Send a file as a browser does: the status, what was answered, and the file's name there.

        chunked: without saying how large it is. The session must have visited a page.
        """
        file, boundary = str(uuid.uuid4()), uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode()
        token = self._xsrf_token()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Cookie": f"{self._cookie}; _streamlit_xsrf={token}",
            "X-Xsrftoken": token,
        }
        body = head + data + f"\r\n--{boundary}--\r\n".encode()
        path = f"/_stcore/upload_file/{self.session}/{file}"
        try:
            sent = iter([body]) if chunked else body
            connection.request("PUT", path, sent, headers, encode_chunked=chunked)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), file
        finally:
            connection.close()

    def upload(self, data: bytes, name: str = "picture.png") -> str:
        """Send a file and have the page take it: what that then shows, or why it was refused."""
        status, answer, file = self.put(data, name)
        if status != 204:
            return answer
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id = self._uploader
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.file_id, info.name, info.size = file, name, len(data)
        info.file_urls.file_id = file
        return self._run(message)

    def _xsrf_token(self) -> str:
        with urlopen(f"http://127.0.0.1:{self._port}/_stcore/health", timeout=60) as answer:
            cookie: str = answer.headers.get("Set-Cookie", "")
        return cookie.partition("_streamlit_xsrf=")[2].partition(";")[0]

    def _run(self, asked: BackMsg) -> str:
        self._socket.send(asked.SerializeToString())
        shown: list[str] = []
        started = False
        while True:
            data = self._socket.recv(timeout=PATIENCE_SECONDS)
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                shown, started = [], True
                self.session = message.new_session.initialize.session_id
            elif kind == "delta":
                element = message.delta.new_element
                if element.WhichOneof("type") == "file_uploader":
                    self._uploader = element.file_uploader.id
                shown.append(str(message.delta))
            elif kind == "script_finished" and started:
                if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return "\n".join(shown)
                started = False


def bomb(width: int = 8000, height: int = 5000) -> bytes:
    """A small PNG of 16-bit RGBA, every pixel the same: 0.3 MB that decode to 320."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    row = b"\0" + b"\x80" * (8 * width)
    packed = zlib.compressobj(6)
    pixels = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    header = struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@dataclass(frozen=True)
class Memory:
    """Of the app's process, in MB: before, at most, and after a while."""

    before: float
    most: float
    after: float

    def __str__(self) -> str:
        return f"{self.before:.0f} → at most {self.most:.0f} → {self.after:.0f} MB"


def memory_of(pid: int, attack: Callable[[], None], after_seconds: float) -> Memory:
    """The app's memory over an attack; after: the least within `after_seconds` of its end."""
    process, done = psutil.Process(pid), threading.Event()
    sizes: list[float] = []

    def watch() -> None:
        while not done.wait(0.05):
            sizes.append(process.memory_info().rss / 1e6)

    before = process.memory_info().rss / 1e6
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        attack()
    finally:
        done.set()
        watcher.join()
    deadline, after = time.monotonic() + after_seconds, float("inf")
    while time.monotonic() < deadline and after > 1.02 * before:
        time.sleep(1)
        after = min(after, process.memory_info().rss / 1e6)
    return Memory(before, max(sizes), after)


def bombs_at_once(port: int, count: int = BOMBS, data: bytes | None = None) -> list[str]:
    """What the page shows to each of so many visitors who upload a bomb at the same moment."""
    data = data or bomb()

    def attack(_: int) -> str:
        with Uploader(port) as visitor:
            visitor.visit()
            return visitor.upload(data)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(attack, range(count)))


def large_files(port: int, count: int = FILES, size: int = FILE_BYTES) -> list[int]:
    """The answers to so many large files, each from a tab of its own; all tabs then close."""
    data, answers = os.urandom(size), []
    with ExitStack() as tabs:
        for _ in range(count):
            visitor = tabs.enter_context(Uploader(port))
            visitor.visit()
            answers.append(visitor.put(data)[0])
    return answers


@contextmanager
def hosted_app(environment: Mapping[str, str] | None = None) -> Iterator[tuple[int, int]]:
    """A hosted app with a cache of its own: its port and its process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as cache:
        process = subprocess.Popen(
            [sys.executable, "-m", "explorer", "app", "--port", str(port)],
            cwd=CHECKOUT,
            env={**os.environ, "IRI_HOSTED": "1", "IRI_CACHE_DIR": cache, **(environment or {})},
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_for(port, process)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the app did not start")


def main() -> None:
    """Attack an app and print what became of its memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--home", action="store_true", help="an app without limits")
    options = parser.parse_args()
    with hosted_app({"IRI_HOSTED": "0"} if options.home else None) as (port, pid):
        with Uploader(port) as first:  # loads what every visit needs
            first.visit()
        answers: list[str] = []
        memory = memory_of(pid, lambda: answers.extend(bombs_at_once(port)), 30)
        taken = sum(TAKEN in answer for answer in answers)
        print(f"{BOMBS} bombs at once: {memory}; {taken} decoded")
        statuses: list[int] = []
        memory = memory_of(pid, lambda: statuses.extend(large_files(port)), GONE_SECONDS)
        kept = statuses.count(204)
        print(f"{FILES} × {FILE_BYTES / 1e6:.0f} MB, tabs closed: {memory}; {kept} kept")


if __name__ == "__main__":
    main()
