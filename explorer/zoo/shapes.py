"""The sixteen objects of the drawn pictures, each a list of filled outlines and strokes.

Coordinates: x to the right, y down, the object within [-1, 1] on both axes. A part is filled with
a tone of the object's colour ("main", "dark", "light") or with neutral "ink" or "paper".
"""

from dataclasses import dataclass
from math import cos, pi, sin

Point = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """An outline to fill or, with a `width`, a line to follow."""

    points: tuple[Point, ...]
    tone: str
    width: float = 0.0


def _fill(tone: str, *points: Point) -> Part:
    return Part(points, tone)


def _box(tone: str, left: float, top: float, right: float, bottom: float) -> Part:
    return _fill(tone, (left, top), (right, top), (right, bottom), (left, bottom))


def _arc(
    x: float,
    y: float,
    rx: float,
    ry: float,
    start: float = 0.0,
    stop: float = 360.0,
    tilt: float = 0.0,
    n: int = 24,
) -> tuple[Point, ...]:
    """Points of an elliptic arc, angles in degrees, clockwise from the right."""
    c, s = cos(tilt * pi / 180), sin(tilt * pi / 180)
    points = []
    for i in range(n + (stop - start < 360)):
        a = (start + (stop - start) * i / n) * pi / 180
        u, v = rx * cos(a), ry * sin(a)
        points.append((x + c * u - s * v, y + s * u + c * v))
    return tuple(points)


def _oval(
    tone: str, x: float, y: float, rx: float, ry: float | None = None, tilt: float = 0.0
) -> Part:
    return Part(_arc(x, y, rx, rx if ry is None else ry, tilt=tilt), tone)


def _dot(tone: str, x: float, y: float, r: float) -> Part:
    return Part(_arc(x, y, r, r, n=12), tone)


def _stroke(tone: str, width: float, *points: Point) -> Part:
    return Part(points, tone, width)


def _star(tone: str, outer: float, inner: float) -> Part:
    radii = (outer, inner) * 5
    angles = [pi * i / 5 - pi / 2 for i in range(10)]
    points = [(r * cos(a), 0.08 + r * sin(a)) for r, a in zip(radii, angles, strict=True)]
    return _fill(tone, *points)


def _heart(tone: str) -> Part:
    points = []
    for i in range(36):
        t = 2 * pi * i / 36
        x = 16 * sin(t) ** 3
        y = 13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t)
        points.append((x / 17, -(y + 2.5) / 17))
    return _fill(tone, *points)


def _umbrella_canopy() -> Part:
    scallops: list[Point] = []
    for x in (0.62, 0.0, -0.62):
        scallops += _arc(x, 0.05, 0.31, 0.16, 0, -180, n=8)
    return _fill("main", *_arc(0, 0.05, 0.93, 0.88, 180, 359.9), *scallops)


SHAPES: dict[str, tuple[Part, ...]] = {
    "house": (
        _box("dark", 0.34, -0.72, 0.56, -0.2),
        _box("light", -0.66, -0.1, 0.66, 0.86),
        _fill("main", (-0.92, -0.06), (0, -0.88), (0.92, -0.06)),
        _box("dark", -0.14, 0.3, 0.2, 0.86),
        _box("paper", -0.5, 0.12, -0.26, 0.38),
        _box("paper", 0.32, 0.12, 0.54, 0.38),
    ),
    "tree": (
        _box("dark", -0.13, 0.55, 0.13, 0.98),
        _fill("main", (-0.74, 0.64), (0, -0.12), (0.74, 0.64)),
        _fill("main", (-0.6, 0.2), (0, -0.52), (0.6, 0.2)),
        _fill("main", (-0.44, -0.28), (0, -0.96), (0.44, -0.28)),
    ),
    "car": (
        _fill("light", (-0.62, 0.05), (-0.38, -0.46), (0.3, -0.46), (0.62, 0.05)),
        _fill("paper", (-0.46, 0.0), (-0.3, -0.34), (-0.07, -0.34), (-0.07, 0.0)),
        _fill("paper", (0.05, 0.0), (0.05, -0.34), (0.24, -0.34), (0.44, 0.0)),
        _fill(
            "main",
            (-0.98, 0.08),
            (-0.9, 0.0),
            (0.62, 0.0),
            (0.92, 0.1),
            (0.98, 0.22),
            (0.98, 0.45),
            (-0.98, 0.45),
        ),
        _oval("ink", -0.54, 0.45, 0.25),
        _oval("ink", 0.54, 0.45, 0.25),
        _dot("paper", -0.54, 0.45, 0.11),
        _dot("paper", 0.54, 0.45, 0.11),
    ),
    "fish": (
        _fill("dark", (0.4, 0.0), (0.98, -0.46), (0.84, 0.0), (0.98, 0.46)),
        _fill("dark", (-0.25, -0.3), (0.2, -0.66), (0.3, -0.2)),
        _oval("main", -0.17, 0.0, 0.78, 0.43),
        _stroke("dark", 0.06, *_arc(-0.62, 0.0, 0.28, 0.34, -62, 62, n=8)),
        _fill("light", (0.0, 0.05), (0.3, -0.06), (0.3, 0.22)),
        _dot("paper", -0.62, -0.1, 0.12),
        _dot("ink", -0.64, -0.1, 0.06),
    ),
    "flower": (
        _stroke("dark", 0.1, (0, 0.0), (0.03, 0.5), (0, 1.0)),
        _fill("dark", (0.02, 0.85), (0.2, 0.5), (0.58, 0.44), (0.42, 0.76)),
        *(
            _oval("main", 0.36 * cos(a * pi / 3), -0.3 + 0.36 * sin(a * pi / 3), 0.27)
            for a in range(6)
        ),
        _oval("paper", 0, -0.3, 0.22),
        _dot("ink", 0, -0.3, 0.07),
    ),
    "boat": (
        _stroke("ink", 0.08, (0.0, -0.95), (0.0, 0.4)),
        _fill("light", (0.08, -0.88), (0.08, 0.24), (0.8, 0.24)),
        _fill("paper", (-0.08, -0.62), (-0.08, 0.24), (-0.62, 0.24)),
        _fill("main", (-0.96, 0.36), (0.96, 0.36), (0.62, 0.86), (-0.62, 0.86)),
    ),
    "face": (
        _oval("main", 0, 0, 0.9),
        _oval("ink", -0.32, -0.24, 0.11, 0.17),
        _oval("ink", 0.32, -0.24, 0.11, 0.17),
        _stroke("ink", 0.12, *_arc(0, 0.08, 0.52, 0.46, 15, 165, n=12)),
    ),
    "mushroom": (
        _fill("paper", (-0.22, 0.0), (0.22, 0.0), (0.32, 0.9), (-0.32, 0.9)),
        _fill("main", *_arc(0, 0.1, 0.92, 0.96, 180, 359.9)),
        _dot("paper", -0.42, -0.22, 0.16),
        _dot("paper", 0.1, -0.52, 0.17),
        _dot("paper", 0.5, -0.14, 0.14),
    ),
    "star": (_star("main", 1.0, 0.42), _star("light", 0.5, 0.21)),
    "heart": (_heart("main"), _oval("light", -0.45, -0.42, 0.2, 0.13, tilt=-40)),
    "mug": (
        _stroke("main", 0.17, *_arc(0.48, 0.08, 0.4, 0.36, -80, 80, n=14)),
        _fill(
            "main",
            (-0.72, -0.6),
            (0.5, -0.6),
            (0.5, 0.7),
            *_arc(-0.11, 0.7, 0.61, 0.16, 0, 180, n=10),
            (-0.72, 0.7),
        ),
        _oval("light", -0.11, -0.6, 0.61, 0.18),
        _oval("ink", -0.11, -0.58, 0.48, 0.11),
    ),
    "umbrella": (
        _stroke("ink", 0.1, (0, -0.1), (0, 0.74), *_arc(0.17, 0.74, 0.17, 0.2, 180, 0, n=8)),
        _umbrella_canopy(),
        _fill("light", *_arc(0, 0.05, 0.31, 0.88, 180, 359.9), *_arc(0, 0.05, 0.31, 0.16, 0, -180)),
        _stroke("ink", 0.08, (0, -0.98), (0, -0.82)),
    ),
    "ring": (
        _stroke("main", 0.22, *_arc(0, 0.3, 0.54, 0.54), (0.54, 0.3)),
        _fill("paper", (-0.28, -0.94), (0.28, -0.94), (0.5, -0.68), (0, -0.14), (-0.5, -0.68)),
        _fill("light", (-0.2, -0.68), (0.2, -0.68), (0, -0.14)),
    ),
    "arrow": (
        _fill(
            "main",
            (-0.95, -0.24),
            (0.1, -0.24),
            (0.1, -0.66),
            (0.95, 0.0),
            (0.1, 0.66),
            (0.1, 0.24),
            (-0.95, 0.24),
        ),
    ),
    "butterfly": (
        _stroke("ink", 0.06, (-0.02, -0.4), (-0.26, -0.86)),
        _stroke("ink", 0.06, (0.02, -0.4), (0.26, -0.86)),
        _oval("main", -0.5, -0.3, 0.52, 0.36, tilt=35),
        _oval("main", 0.5, -0.3, 0.52, 0.36, tilt=-35),
        _oval("dark", -0.4, 0.38, 0.38, 0.3, tilt=-40),
        _oval("dark", 0.4, 0.38, 0.38, 0.3, tilt=40),
        _dot("light", -0.6, -0.36, 0.17),
        _dot("light", 0.6, -0.36, 0.17),
        _oval("ink", 0, 0.05, 0.1, 0.56),
    ),
    "cat": (
        _fill("main", (-0.82, 0.1), (-0.78, -0.95), (-0.1, -0.45)),
        _fill("main", (0.82, 0.1), (0.78, -0.95), (0.1, -0.45)),
        _oval("main", 0, 0.14, 0.84, 0.74),
        _fill("light", (-0.64, -0.35), (-0.66, -0.7), (-0.36, -0.46)),
        _fill("light", (0.64, -0.35), (0.66, -0.7), (0.36, -0.46)),
        _oval("paper", -0.33, 0.0, 0.17, 0.15),
        _oval("paper", 0.33, 0.0, 0.17, 0.15),
        _oval("ink", -0.33, 0.0, 0.07, 0.14),
        _oval("ink", 0.33, 0.0, 0.07, 0.14),
        _fill("ink", (-0.13, 0.26), (0.13, 0.26), (0, 0.4)),
        _stroke("ink", 0.05, (0.3, 0.4), (0.96, 0.28)),
        _stroke("ink", 0.05, (0.3, 0.5), (0.94, 0.58)),
        _stroke("ink", 0.05, (-0.3, 0.4), (-0.96, 0.28)),
        _stroke("ink", 0.05, (-0.3, 0.5), (-0.94, 0.58)),
        _stroke("ink", 0.05, (-0.22, 0.56), (0, 0.46), (0.22, 0.56)),
    ),
}
