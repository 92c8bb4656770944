"""`iri animate RESULT --out FILE`: the way of a search as a GIF or a WebP file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from explorer.cli.arguments import file_path, real_number, some_text
from explorer.cli.command import Command
from explorer.cli.outputs import check_file
from explorer.cli.stored_results import stored_result
from explorer.errors import RequestError, unknown


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "result",
        type=some_text,
        metavar="RESULT",
        help="a folder that `generate --out` wrote, a result's zip, or the key of a result in the "
        "cache (its first 8 digits are enough)",
    )
    parser.add_argument(
        "--out",
        type=file_path,
        required=True,
        metavar="FILE",
        help="ends in .webp (exact pixels) or .gif (at most 256 colours a frame)",
    )
    parser.add_argument(
        "--fps", type=real_number(), default=3.0, help="frames a second (default: 3)"
    )
    parser.add_argument(
        "--hold",
        type=real_number(),
        default=2.0,
        help="for how many seconds more the last frame is shown (default: 2)",
    )
    parser.add_argument(
        "--px",
        type=real_number(),
        default=256,
        help="images with smaller sides are enlarged by a whole factor to at most this (default: "
        "256)",
    )


def _run(options: argparse.Namespace) -> None:
    from explorer.files import write_atomically
    from explorer.jobs.settings import check_settings
    from explorer.result import ResultError
    from explorer.result.animation import (
        FORMATS,
        FRAMES_RANGE,
        HOLD_RANGE,
        SHOWN_RANGE,
        animation,
        frames_of,
    )
    from explorer.store import Store

    out: Path = options.out
    kind = out.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise unknown("out", "ending", out.suffix, [f".{name}" for name in FORMATS])
    ranges = {"fps": FRAMES_RANGE, "hold": HOLD_RANGE, "px": SHOWN_RANGE}
    for name, (low, high) in ranges.items():
        if not low <= getattr(options, name) <= high:
            raise RequestError(name, f"{getattr(options, name):g} is not from {low:g} to {high:g}")
    check_file("out", out)
    check_settings()
    store = Store()
    try:
        result = stored_result("result", options.result, store)
    finally:
        store.close()
    try:
        data = animation(result, kind, options.fps, options.hold, int(options.px))
    except ResultError as error:
        raise RequestError("result", str(error)) from error
    write_atomically(out, data)
    frames = len(frames_of(result))
    if options.json:
        print(json.dumps({"file": str(out), "frames": frames, "bytes": len(data)}))
    else:
        print(f"{out}: {frames} frames, {len(data) / 1000:.0f} kB")


COMMAND = Command(
    "animate", "the way of a search as a GIF or WebP file", _run, _add_options, prints_json=True
)
