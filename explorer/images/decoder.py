"""The process that decodes strangers' pictures: `python -m explorer.images.decoder`.

It reads files from its standard input, one after the other, and answers each with the picture or
what is wrong with it. Its memory is limited, so that a small file that decodes to gigabytes, or a
fault in a decoder, ends here and in no other process. It ends when its input does.
"""

from __future__ import annotations

import resource
import select
import struct
import sys
from contextlib import suppress
from typing import IO

from explorer.images.encoding import to_png
from explorer.images.errors import PictureError
from explorer.images.reading import pixel_digest, read_picture

MEMORY_BYTES = 768 * 2**20
"""Of its own data. The largest pictures that are read, 40 megapixels of 16 bits, need 400 MB."""

CPU_SECONDS = 3600
IDLE_SECONDS = 120.0
LENGTH = struct.Struct(">cQ")
"""Before each message: what it is, and how many bytes follow."""

FILE, PICTURE, PROBLEM = b"F", b"P", b"E"
DIGEST_BYTES = 64


def main() -> None:
    """Answer until the input ends, or nothing was asked for a while."""
    _limit()
    source, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints is no answer
    while select.select([source], [], [], IDLE_SECONDS)[0]:
        message = read_message(source)
        if message is None:
            return
        kind, body = _answer(message[1])
        answers.write(LENGTH.pack(kind, len(body)) + body)
        answers.flush()


def _answer(data: bytes) -> tuple[bytes, bytes]:
    try:
        picture = read_picture(data)
        return PICTURE, pixel_digest(picture).encode("ascii") + to_png(picture)
    except PictureError as error:
        return PROBLEM, str(error).encode()
    except MemoryError:
        return PROBLEM, b"the picture needs too much memory; make it smaller first."


def _limit() -> None:
    """Where a system knows no such limit, the process works without it."""
    for limit, most in (
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))


def read_message(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """What it is and its bytes, or None where the stream ended."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    kind, size = LENGTH.unpack(header)
    body = stream.read(size)
    return (kind, body) if len(body) == size else None


if __name__ == "__main__":
    main()
