"""What strangers can do: visit by websocket without a browser, and knock at every open port."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parent.parent
PATIENCE_SECONDS = 120
CONNECT_SECONDS = 5


def until(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until the condition holds, and say what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)
    return found


class App:
    """A running app. `log` is the file that holds what it prints, `base` the path of its pages."""

    def __init__(self, process: subprocess.Popen, port: int, log: Path, base: str = "") -> None:
        self.process = process
        self.port = port
        self.log = log
        self.base = base

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base}"

    def processes(self) -> list[psutil.Process]:
        """The app itself and all that it started."""
        app = psutil.Process(self.process.pid)
        return [app, *app.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """Those that are `explorer worker`, without any that has ended."""
        found = []
        for child in self.processes()[1:]:
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if child.status() != psutil.STATUS_ZOMBIE and "worker" in child.cmdline():
                    found.append(child)
        return found


@contextmanager
def running_app(
    cache: Path, environment: Mapping[str, str] | None = None, base: str = ""
) -> Iterator[App]:
    """`streamlit run app.py` as a user would start it, on a free port, with a cache of its own.

    base: the path below which it is served, such as "/demo".
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    cache.mkdir(parents=True, exist_ok=True)
    log = cache.parent / "app.log"
    with log.open("wb") as printed:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "app.py"),
                *(f"--server.port={port}", f"--server.baseUrlPath={base}"),
            ],
            cwd=ROOT,
            # Rich wraps the paths of tracebacks, so that what reads the log would miss them.
            env=os.environ
            | {"IRI_CACHE_DIR": str(cache), "STREAMLIT_LOGGER_ENABLE_RICH": "false"}
            | dict(environment or {}),
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    app = App(process, port, log, base)
    try:
        until(lambda: _is_healthy(app.url) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield app
    except BaseException:
        print(f"the app's log:\n{log.read_text()[-4000:]}", file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


@contextmanager
def visitor(app: App, browser: str = "") -> Iterator[Visitor]:
    """A new session of the app. browser: the name in its cookie, 32 hexadecimal digits."""
    address = f"{app.url.replace('http', 'ws')}/_stcore/stream"
    cookie = {"Cookie": f"iri_visitor={browser}"} if browser else None
    with connect(
        address, subprotocols=["streamlit"], max_size=None, additional_headers=cookie
    ) as connection:
        yield Visitor(connection)


def _is_healthy(url: str) -> bool:
    try:
        return urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).read() == b"ok"
    except OSError:
        return False


class Visitor:
    """One websocket session: it asks for pages, presses buttons, and reads what comes back."""

    def __init__(self, connection: ClientConnection) -> None:
        self._socket = connection
        self._buttons: dict[str, str] = {}
        self.token: str | None = None
        """By which the browser watches the job of the page that was shown last."""

    @property
    def buttons(self) -> set[str]:
        """The labels of the buttons that were shown last."""
        return set(self._buttons)

    def send(self, **message: Any) -> None:
        """One message of the protocol, whatever it is."""
        self._socket.send(BackMsg(**message).SerializeToString())

    def visit(self, query: str = "", press: str | None = None) -> str:
        """What Explore shows at this address, as one text, perhaps with a button just pressed."""
        message = BackMsg()
        message.rerun_script.query_string = query.removeprefix("?")
        if press is not None:
            pressed = message.rerun_script.widget_states.widgets.add()
            pressed.id, pressed.trigger_value = self._buttons[press], True
        self._socket.send(message.SerializeToString())
        return self._read()

    def _read(self) -> str:
        """All that one run of the page sends, until it ends."""
        shown, started = [], False
        while True:
            message = ForwardMsg.FromString(self._socket.recv(timeout=PATIENCE_SECONDS))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                shown, started, self.token = [], True, None
                self._buttons = {}
            elif kind == "delta":
                element = message.delta.new_element
                if element.WhichOneof("type") == "button":
                    self._buttons[element.button.label] = element.button.id
                self.token = _token(element) or self.token
                shown.append(str(message.delta))
            elif kind == "script_finished" and started:
                if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return "\n".join(shown)
                started = False


def _token(element: Any) -> str | None:
    """The token in the component that draws a running job (`explorer.app.components.live`)."""
    if not element.bidi_component.component_name.endswith("iri_live"):
        return None
    return json.loads(json.loads(element.bidi_component.json)["json"])["token"]


def job_now(app: App, token: str) -> dict[str, Any]:
    """What a browser is told of the job that a token allows to watch, where it asks once."""
    with urllib.request.urlopen(f"{app.url}/live/{token}/now", timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def job_events(app: App, token: str) -> Iterator[dict[str, Any]]:
    """What a browser is told of a job, event by event, until the job or the connection ends."""
    with urllib.request.urlopen(f"{app.url}/live/{token}", timeout=PATIENCE_SECONDS) as stream:
        for line in stream:
            if line.startswith(b"data: ") and line.strip() != b"data: {}":
                yield json.loads(line[6:])


def listening(process: psutil.Process) -> list[tuple[str, int]]:
    """Address and port of each socket at which the process takes connections."""
    try:
        connections = process.net_connections(kind="inet")
    except psutil.NoSuchProcess:  # it has ended meanwhile
        return []
    return [(*one.laddr,) for one in connections if one.status == psutil.CONN_LISTEN]


def ports(process: psutil.Process) -> set[int]:
    return {port for _, port in listening(process)}


def strike(
    addresses: Iterable[str], mark: Path, connection_args: Mapping[str, Any] | None = None
) -> None:
    """Have whoever serves these Dask addresses touch a file of ours, by every way that Dask has.

    All at once, since each refusal takes its time. connection_args: the certificates presented to
    tls:// addresses; none by default.
    """

    async def all_at_once() -> None:
        await asyncio.gather(
            *(
                _strike(address, handler, mark, connection_args)
                for address in addresses
                for handler in ("run", "run_function")  # a worker's and a scheduler's
            )
        )

    asyncio.run(all_at_once())


async def _strike(
    address: str, handler: str, mark: Path, connection_args: Mapping[str, Any] | None
) -> None:
    from distributed import rpc
    from distributed.protocol.pickle import dumps

    shown = dict(connection_args or {}) if address.startswith("tls") else {}
    stranger = rpc(address, timeout=CONNECT_SECONDS, connection_args=shown or None)
    # However it is refused: what counts is whether the file is there.
    with suppress(Exception):
        call = getattr(stranger, handler)(function=dumps(mark.touch), wait=True)
        await asyncio.wait_for(call, CONNECT_SECONDS)
    await stranger.close_rpc()
