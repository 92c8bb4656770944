"""Visitors without a browser: websocket sessions of Streamlit's protocol, many in one process.

They answer as a browser does: the pictures are "painted" as soon as they have arrived, which has
the page send its plots.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

DEFERRED = "iri_deferred"
"""The component that waits until the browser has painted (`explorer.app.components.deferred`)."""

LIVE = "iri_live"
"""The component that watches a running job (`explorer.app.components.live`)."""

_TRIGGER = "$$STREAMLIT_INTERNAL_KEY_{}__events"


@dataclass
class Shown:
    """What one run of a page sent: its elements as they came, and what of them can be answered."""

    elements: list[bytes] = field(default_factory=list)
    buttons: dict[str, str] = field(default_factory=dict)
    deferred: tuple[str, str, str] | None = None
    """Id, fragment and token of the component that waits for the pictures to be painted."""

    watching: str | None = None
    """The token by which a browser watches the running job (`explorer.live`)."""

    def holds(self, text: str) -> bool:
        """Whether an element holds this text."""
        return any(text.encode() in element for element in self.elements)

    def sentence(self) -> str:
        """What a page without a result says: its error, else its last words."""
        said = [ForwardMsg.FromString(element).delta.new_element for element in self.elements]
        errors = [element.alert.body for element in said if element.WhichOneof("type") == "alert"]
        words = [element.markdown.body for element in said]
        return " ".join(errors) or next(filter(None, reversed(words)), "nothing")

    @property
    def text(self) -> str:
        """All elements as one text."""
        messages = map(ForwardMsg.FromString, self.elements)
        return "\n".join(str(message.delta) for message in messages)


class RawSession:
    """One session of the app at a port of this machine, as a browser of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.visitor = uuid.uuid4().hex

    async def __aenter__(self) -> RawSession:
        self._socket: ClientConnection = await connect(
            f"ws://127.0.0.1:{self._port}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            additional_headers={"Cookie": f"iri_visitor={self.visitor}"},
            max_size=None,
            ping_interval=None,
            compression=None,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def visit(self, query: str, press: str | None = None) -> Shown:
        """What Explore shows at an address, perhaps with a button (by its id) just pressed."""
        message = BackMsg()
        message.rerun_script.query_string = query.removeprefix("?")
        if press is not None:
            pressed = message.rerun_script.widget_states.widgets.add()
            pressed.id, pressed.trigger_value = press, True
        return await self._run(message)

    async def paint(self, query: str, shown: Shown) -> Shown:
        """What comes once the pictures are painted: the plots."""
        assert shown.deferred is not None, shown.text[-500:]
        component, fragment, token = shown.deferred
        message = BackMsg()
        message.rerun_script.query_string = query.removeprefix("?")
        message.rerun_script.fragment_id = fragment
        painted = message.rerun_script.widget_states.widgets.add()
        painted.id = _TRIGGER.format(component)
        painted.json_trigger_value = json.dumps([{"event": "painted", "value": token}])
        return await self._run(message)

    async def _run(self, asked: BackMsg) -> Shown:
        await self._socket.send(asked.SerializeToString())
        shown, started = Shown(), False
        while True:
            received = await self._socket.recv()
            assert isinstance(received, bytes)
            message = ForwardMsg.FromString(received)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                shown, started = Shown(), True
            elif kind == "delta":
                shown.elements.append(received)
                _note(message, shown)
            elif kind == "script_finished" and started:
                if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return shown
                started = False


def _note(message: ForwardMsg, shown: Shown) -> None:
    element = message.delta.new_element
    kind = element.WhichOneof("type")
    if kind == "button":
        shown.buttons[element.button.label] = element.button.id
    elif kind == "bidi_component" and element.bidi_component.component_name.endswith(DEFERRED):
        token = json.loads(element.bidi_component.json)["token"]
        shown.deferred = (element.bidi_component.id, message.delta.fragment_id, token)
    elif kind == "bidi_component" and element.bidi_component.component_name.endswith(LIVE):
        content = json.loads(json.loads(element.bidi_component.json)["json"])
        shown.watching = content["token"]


async def events(port: int, token: str, visitor: str) -> AsyncIterator[bytes]:
    """What the app sends to a browser that watches a job, as it comes, until the job has ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"GET /live/{token} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Cookie: iri_visitor={visitor}\r\n\r\n".encode()
        )
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(status.decode())
        while data := await reader.read(1 << 16):
            yield data
    finally:
        writer.close()


async def until_ended(port: int, token: str, visitor: str) -> None:
    """Watch a job until the app says that it has ended."""
    async for _ in events(port, token, visitor):
        pass
