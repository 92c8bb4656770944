"""The way of a search as a moving picture: its key frames as a GIF or a WebP file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from explorer.images.encoding import from_png
from explorer.result import Result, ResultError
from explorer.result.pictures import check_png

FORMATS = {
    "webp": "exact pixels",
    "gif": "at most 256 colours a frame",
}
"""The formats by the ending of their files, with what becomes of the pixels."""

SHOWN_PX = 256
"""Smaller images are enlarged to about this side, each pixel to a square of pixels."""

FRAMES_PER_SECOND = 3.0
HOLD_SECONDS = 2.0
"""For which the last frame stays before the animation begins again."""

FRAMES_RANGE = (0.2, 25.0)
"""Frames a second that may be asked for."""

HOLD_RANGE = (0.0, 60.0)
SHOWN_RANGE = (16, 1024)
MOST_FRAMES = 200

_COLOURS = Image.Quantize.MAXCOVERAGE  # the method that comes nearest to every pixel's colour


@dataclass(frozen=True)
class Frame:
    """One image on the way. step: after so many steps. title: what it is."""

    step: int
    png: bytes
    title: str


def frames_of(result: Result) -> tuple[Frame, ...]:
    """The key frames of a search, then the image as searched and the finished one, in that order.

    Empty where the result has no key frames.
    """
    frames = [Frame(step, png, f"step {step:,}") for step, png in result.frames]
    if not frames:
        return ()
    last = max(result.provenance.steps, frames[-1].step)
    final = "the finished image"
    if result.searched_png is not None:
        frames.append(Frame(last, result.searched_png, "as searched"))
        final = "nearest to its seed" if result.difference is None else "most different"
    if frames[-1].png != result.iri_png:
        frames.append(Frame(last, result.iri_png, final))
    return tuple(frames)


def animation(
    result: Result,
    kind: str,
    frames_per_second: float = FRAMES_PER_SECOND,
    hold_seconds: float = HOLD_SECONDS,
    shown_px: int = SHOWN_PX,
) -> bytes:
    """The key frames and the finished image one after the other, for ever, as the bytes of a file.

    kind: a name of FORMATS; `webp` is lossless. hold_seconds: how much longer the last frame is
    shown. shown_px: images with smaller sides are enlarged by a whole factor, to at most this.
    Raises ResultError where there are no key frames, or they are not of the IRI's size.
    """
    frames = frames_of(result)
    if not frames:
        raise ResultError("it has no key frames, so there is nothing to animate")
    if len(frames) > MOST_FRAMES:
        raise ResultError(f"it has {len(frames)} key frames; at most {MOST_FRAMES} are animated")
    _, height, width = result.iri.shape
    for frame in frames:
        check_png(f"image at {frame.title}", frame.png, width, height)
    factor = max(1, shown_px // max(height, width))
    size = (width * factor, height * factor)
    pictures = [
        Image.fromarray(from_png(frame.png)).resize(size, Image.Resampling.NEAREST)
        for frame in frames
    ]
    each = round(1000 / frames_per_second)
    durations = [each] * (len(pictures) - 1) + [each + round(1000 * hold_seconds)]
    return _encoded(pictures, durations, kind)


def _encoded(pictures: Sequence[Image.Image], durations: list[int], kind: str) -> bytes:
    """Pictures of one size, each shown for so many milliseconds, as a file that repeats."""
    file = io.BytesIO()
    more = {"save_all": True, "append_images": pictures[1:], "duration": durations, "loop": 0}
    if kind == "webp":
        pictures[0].save(file, "WEBP", lossless=True, quality=60, method=3, **more)
    else:
        reduced = [each.quantize(256, _COLOURS, dither=Image.Dither.NONE) for each in pictures]
        more["append_images"] = reduced[1:]
        reduced[0].save(file, "GIF", optimize=False, disposal=1, **more)
    return file.getvalue()
