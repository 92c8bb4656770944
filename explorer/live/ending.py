"""Whether the server is about to end: it waits for every open connection, and streams never end."""

from __future__ import annotations

import asyncio
import signal

LOOK_SECONDS = 0.5


async def until_server_ends() -> None:
    """Return once uvicorn has been told to end."""
    while not is_ending():
        await asyncio.sleep(LOOK_SECONDS)


def is_ending() -> bool:
    """Whether the uvicorn server of this process, whose own handler takes SIGTERM, ends."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True
