"""Strangers' pictures decoded apart: one at a time, in a process of their own with little memory.

A picture of one megabyte can decode to a third of a gigabyte. Whatever happens to that process
(`explorer.images.decoder`), the one that asks goes on and says what was wrong with the picture.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache

from explorer.files import CHECKOUT
from explorer.images import decoder
from explorer.images.errors import PictureError
from explorer.images.reading import check_bytes

SECONDS = 30.0
"""Within which a picture is decoded; the largest take three on a core of their own."""

QUEUE_SECONDS = 60.0
"""How long a picture waits for those before it."""

PROGRAM = ("-m", "explorer.images.decoder")

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "TMPDIR")
"""Of the environment: a process that reads strangers' files gets nobody's passwords."""


class Decoder:
    """Decodes pictures one after the other; its process starts with the first, and again as needed.

    seconds: within which a picture must be decoded. queue_seconds: how long it waits for others.
    program: arguments of Python that run `explorer.images.decoder`. Safe to call from any thread.
    """

    def __init__(
        self,
        seconds: float = SECONDS,
        queue_seconds: float = QUEUE_SECONDS,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._program = program
        self._seconds = seconds
        self._queue_seconds = queue_seconds
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, data: bytes) -> tuple[str, bytes]:
        """`digest` and `normalise` of `explorer.images.reading`, of an untrusted picture file.

        Raises PictureError as those do, for a picture whose decoding took too long, too much memory
        or ended the process, and where too many others are waiting.
        """
        check_bytes(data)
        if not self._one_at_a_time.acquire(timeout=self._queue_seconds):
            raise PictureError("many pictures are being read just now; try again in a minute.")
        try:
            before, started_at = self.pid, time.monotonic()
            answer = self._ask(data)
            if answer is None and before and time.monotonic() - started_at < self._seconds:
                answer = self._ask(data)  # it may have been ending, or worn out by others
        finally:
            self._one_at_a_time.release()
        if answer is None:
            raise PictureError(
                "the picture could not be decoded within the time and memory that are given to "
                "one; open it in a viewer and save it again, smaller."
            )
        kind, body = answer
        if kind != decoder.PICTURE:
            raise PictureError(body.decode())
        return body[: decoder.DIGEST_BYTES].decode("ascii"), body[decoder.DIGEST_BYTES :]

    @property
    def pid(self) -> int | None:
        """Of the process, None where there is none now."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def close(self) -> None:
        """End the process; another starts with the next picture."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _ask(self, data: bytes) -> tuple[bytes, bytes] | None:
        """The answer; None where the process ended over it, or was ended."""
        if self.pid is None:
            self.close()
            self._process = _start(self._program)
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        alarm = threading.Timer(self._seconds, process.kill)
        alarm.daemon = True
        alarm.start()
        try:
            process.stdin.write(decoder.LENGTH.pack(decoder.FILE, len(data)))
            process.stdin.write(data)
            process.stdin.flush()
            answer = decoder.read_message(process.stdout)
        except OSError:  # it has ended
            answer = None
        finally:
            alarm.cancel()
        if answer is None:
            self.close()
        return answer


def _start(program: Sequence[str]) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    try:
        return subprocess.Popen(
            [sys.executable, *program],
            cwd=CHECKOUT,
            env={**environment, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the app alone
        )
    except OSError as error:
        raise PictureError("no picture can be read just now; try again in a minute.") from error


@cache
def decoder_of_this_process() -> Decoder:
    """The one decoder for everybody; it ends with this process."""
    shared = Decoder()

    def end() -> None:
        with suppress(OSError):
            shared.close()

    atexit.register(end)
    return shared
