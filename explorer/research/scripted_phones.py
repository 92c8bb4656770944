"""Phones of a scripted class: each asks the server for what the page in a browser asks for."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any

JOINING_SECONDS = 20.0
"""Within which everybody joins, as after the code has appeared on the projector."""

IDLE_SECONDS = 4.0  # the server closes a connection after five
TWICE, CUT = 0.02, 0.02
"""Shares of answers that are sent twice at once, and whose acknowledgement never arrives."""


@dataclass
class Measured:
    """What the class measured. latencies: seconds of each request, by what it was for.

    acknowledged: per answer, when the server said that it is stored (seconds since 1970).
    """

    latencies: dict[str, list[float]] = field(default_factory=dict)
    acknowledged: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, seconds: float) -> None:
        self.latencies.setdefault(kind, []).append(seconds)


class Connection:
    """One HTTP/1.1 connection, opened again where the server has closed it meanwhile."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._used_at = 0.0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(
        self, path: str, token: str = "", content: dict[str, Any] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        await self.send(path, token, content)
        assert self._reader is not None
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        found = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
        body = await self._reader.readexactly(int(found[1]) if found else 0)
        self._used_at = time.monotonic()
        return int(head.split(" ", 2)[1]), body

    async def send(self, path: str, token: str = "", content: dict[str, Any] | None = None) -> None:
        """Send a request, without waiting for its answer."""
        if self._writer is None or time.monotonic() - self._used_at > IDLE_SECONDS:
            await self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        body = b"" if content is None else json.dumps(content).encode()
        lines = [f"{'GET' if content is None else 'POST'} {path} HTTP/1.1", "Host: localhost"]
        lines += [f"X-Token: {token}"] if token else []
        if content is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self._writer.drain()

    async def close(self) -> None:
        """Hang up, whatever is under way."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class Phone:
    """One phone on its way through a session: page, pictures, trials."""

    def __init__(self, port: int, code: str, number: int, measured: Measured) -> None:
        self._port, self._code, self._measured = port, code, measured
        self._rng = Random(f"phone {number}")
        self._connection = Connection(port)
        self._token = ""

    async def take_part(self, seconds: float) -> None:
        """Join, then answer all trials; the last about `seconds` after the class began."""
        await asyncio.sleep(self._rng.uniform(0, JOINING_SECONDS))
        page = (await self._ask("page", f"/vote/{self._code}")).decode()
        for name in re.findall(r'(?:src|href)="(front/[^"]+)"', page):
            await self._ask("page", f"/vote/{name}")
        await self._ask("session", f"/vote/api/session/{self._code}")
        joined = await self._ask("join", "/vote/api/join", {"code": self._code})
        self._token = json.loads(joined)["token"]
        await self._ask("state", "/vote/api/state")
        told = json.loads(await self._ask("trials", "/vote/api/trials"))
        pictures = asyncio.create_task(self._fetch_pictures(told["trials"]))
        pause = (seconds - JOINING_SECONDS) / (len(told["trials"]) + 1)
        for trial in told["trials"]:
            await asyncio.sleep(pause * self._rng.lognormvariate(-0.08, 0.4))
            await self._answer(told, trial)
        await pictures
        await self._ask("state", "/vote/api/state")
        await self._connection.close()

    async def _fetch_pictures(self, trials: list[dict[str, Any]]) -> None:
        connection = Connection(self._port)
        wanted = [
            sha256
            for trial in trials
            for sha256 in (trial["image"], *(each["picture"] for each in trial["options"]))
        ]
        for sha256 in dict.fromkeys(wanted):
            await self._ask("picture", f"/vote/pictures/{sha256}.png", connection=connection)
        await connection.close()

    async def _answer(self, told: dict[str, Any], trial: dict[str, Any]) -> None:
        answer = {
            "round": told["round"],
            "vote": told["vote"],
            "trial": trial["number"],
            "position": self._rng.randrange(len(trial["options"])),
            "response_ms": self._rng.uniform(500, 4000),
            "clock": time.time(),
        }
        content = {"answers": [answer]}
        chance = self._rng.random()
        if chance < CUT:
            await self._connection.send("/vote/api/answers", self._token, content)
            await self._connection.close()
        elif chance < CUT + TWICE:
            other = Connection(self._port)
            await other.send("/vote/api/answers", self._token, content)
            await asyncio.sleep(0)
            await self._record(content)
            await other.close()
            return
        await self._record(content)

    async def _record(self, content: dict[str, Any]) -> None:
        (receipt,) = json.loads(await self._ask("answer", "/vote/api/answers", content))["receipts"]
        status = receipt["status"]
        self._measured.statuses[status] = self._measured.statuses.get(status, 0) + 1
        if status != "refused":
            self._measured.acknowledged.append(time.time())

    async def _ask(
        self,
        kind: str,
        path: str,
        content: dict[str, Any] | None = None,
        connection: Connection | None = None,
    ) -> bytes:
        started_at = time.perf_counter()
        status, body = await (connection or self._connection).ask(path, self._token, content)
        self._measured.add(kind, time.perf_counter() - started_at)
        if status != 200:
            raise RuntimeError(f"{path}: status {status}, {body[:200]!r}")
        return body


async def take_class(port: int, code: str, phones: int, seconds: float) -> Measured:
    """So many phones take part at once; all have answered everything when this returns."""
    measured = Measured()
    async with asyncio.TaskGroup() as tasks:
        for number in range(phones):
            tasks.create_task(Phone(port, code, number, measured).take_part(seconds))
    return measured
