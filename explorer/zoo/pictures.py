"""A procedural picture set: everyday objects on coloured backgrounds, every factor labelled.

Picture number `index` of a split is the same on every machine and needs no file. Needs NumPy and
Pillow only.
"""

from collections.abc import Iterable
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from explorer.zoo.shapes import SHAPES

OBJECTS = tuple(SHAPES)
COLOURS = ("red", "orange", "yellow", "green", "turquoise", "blue", "violet", "pink")
PATTERNS = ("plain", "gradient", "stripes", "dots", "checks")
LIGHTNESSES = ("dark", "pale")
PLACES = tuple(
    f"{row} {column}"
    for row in ("top", "middle", "bottom")
    for column in ("left", "centre", "right")
)
SIZES = ("small", "medium", "large")

# Every labelled factor and the names of its values, in the order of a network's outputs.
GROUPS: dict[str, tuple[str, ...]] = {
    "object": OBJECTS,
    "object hue": COLOURS,
    "background hue": COLOURS,
    "background pattern": PATTERNS,
    "background lightness": LIGHTNESSES,
    "place": PLACES,
    "size": SIZES,
}

HUES = (0.0, 0.075, 0.15, 0.34, 0.485, 0.6, 0.75, 0.89)
_HUE_JITTER = 0.016
CENTRES = (0.25, 0.75)  # the object's centre, as a fraction of the picture's side
RADII = (0.2, 0.34)  # half the object's extent, likewise
_TILT = 30.0  # degrees either way
_SPLITS = {"train": 1, "test": 2}
_OUTLINE = 0.07


@dataclass(frozen=True)
class Labels:
    """What is in one picture; indices into the names of `GROUPS` where a factor has names.

    `x`, `y` and `radius` are fractions of the picture's side, hues lie in [0, 1), `rotation` is
    in degrees, clockwise.
    """

    object: int
    object_colour: int
    object_hue: float
    background_colour: int
    background_hue: float
    pattern: int
    lightness: int
    x: float
    y: float
    radius: float
    rotation: float
    mirrored: bool

    @property
    def place(self) -> int:
        """Which cell of a 3×3 division of the possible centres, row by row."""
        return 3 * _third(self.y, CENTRES) + _third(self.x, CENTRES)

    @property
    def size(self) -> int:
        """0 small, 1 medium, 2 large."""
        return _third(self.radius, RADII)

    def as_row(self) -> tuple[int, ...]:
        """One index per entry of `GROUPS`, in its order."""
        return (
            self.object,
            self.object_colour,
            self.background_colour,
            self.pattern,
            self.lightness,
            self.place,
            self.size,
        )


def picture(index: int, split: str = "train", size: int = 64) -> tuple[np.ndarray, Labels]:
    """Draw picture `index` ≥ 0 of a split ("train" or "test"): (uint8 size×size×3 RGB, labels).

    Another `size` gives the same picture, drawn larger or smaller. Object `index % 16` is shown.
    Raises ValueError for an unknown split, a negative index or a size under 16.
    """
    if split not in _SPLITS:
        raise ValueError(f"unknown split {split!r}; the splits are 'train' and 'test'")
    if index < 0:
        raise ValueError(f"a picture's index must be 0 or more, not {index}")
    if size < 16:
        raise ValueError(f"a picture must be at least 16 pixels wide, not {size}")
    rng = np.random.default_rng((_SPLITS[split], index))
    labels = _sample_labels(index % len(OBJECTS), rng)
    background = _draw_background(labels, size, rng)
    return _put_object(labels, background, rng), labels


def batch(
    indices: Iterable[int], split: str = "train", size: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Draw several pictures: (uint8 N×size×size×3 RGB, int64 N×len(GROUPS) label indices)."""
    pairs = [picture(int(index), split, size) for index in indices]
    images = np.stack([image for image, _ in pairs])
    return images, np.array([labels.as_row() for _, labels in pairs], dtype=np.int64)


def _third(value: float, limits: tuple[float, float]) -> int:
    low, high = limits
    return min(2, max(0, int(3 * (value - low) / (high - low))))


def _sample_labels(object_index: int, rng: np.random.Generator) -> Labels:
    colours = len(COLOURS)
    object_colour = int(rng.integers(colours))
    background_colour = int(object_colour + rng.integers(2, colours - 1)) % colours
    hues = np.array([HUES[object_colour], HUES[background_colour]])
    hues = (hues + rng.uniform(-_HUE_JITTER, _HUE_JITTER, 2)) % 1.0
    radius = rng.uniform(*RADII)
    margin = max(CENTRES[0], radius)  # the object stays inside the picture
    return Labels(
        object=object_index,
        object_colour=object_colour,
        object_hue=float(hues[0]),
        background_colour=background_colour,
        background_hue=float(hues[1]),
        pattern=int(rng.integers(len(PATTERNS))),
        lightness=int(rng.integers(len(LIGHTNESSES))),
        x=float(rng.uniform(margin, 1 - margin)),
        y=float(rng.uniform(margin, 1 - margin)),
        radius=float(radius),
        rotation=float(rng.uniform(-_TILT, _TILT)),
        mirrored=bool(rng.integers(2)),
    )


@cache
def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the pixels' centres, as fractions of the side."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    return np.meshgrid(line, line)


def _edge(distance: np.ndarray, size: int) -> np.ndarray:
    """1 inside and 0 outside a shape, soft over one pixel, from the signed distance."""
    return np.clip(0.5 - distance * size, 0.0, 1.0)


def _draw_background(labels: Labels, size: int, rng: np.random.Generator) -> np.ndarray:
    """The background as float32 size×size×3 in [0, 255]: two tones of one hue in a pattern."""
    if labels.lightness:
        first = (rng.uniform(0.3, 0.42), rng.uniform(0.92, 1.0))
        second = (first[0] + 0.22, first[1] - 0.14)
    else:
        first = (rng.uniform(0.62, 0.8), rng.uniform(0.24, 0.34))
        second = (first[0] - 0.08, first[1] + 0.2)
    near, far = (
        np.array(hsv_to_rgb(labels.background_hue, *tone), dtype=np.float32) * 255
        for tone in (first, second)
    )
    angle = rng.uniform(0, pi)
    period = rng.uniform(0.17, 0.26)
    offset = rng.uniform(0, 1, 2)
    x, y = _grid(size)
    u = x * np.float32(cos(angle)) + y * np.float32(sin(angle))
    v = y * np.float32(cos(angle)) - x * np.float32(sin(angle))
    pattern = PATTERNS[labels.pattern]
    if pattern == "plain":
        mix = np.zeros_like(u)
    elif pattern == "gradient":
        mix = (u - u.min()) / (u.max() - u.min())
        near = near * np.float32(0.85)
        far = far * np.float32(1.1)
    elif pattern == "stripes":
        mix = _edge((_wave(u, period, offset[0]) - 0.25) * period, size)
    elif pattern == "dots":
        du, dv = _wave(u, period, offset[0]), _wave(v, period, offset[1])
        mix = _edge((np.hypot(du, dv) - 0.3) * period, size)
    else:
        a = _edge((_wave(u, 2 * period, offset[0]) - 0.25) * 2 * period, size)
        b = _edge((_wave(v, 2 * period, offset[1]) - 0.25) * 2 * period, size)
        mix = a + b - 2 * a * b
    return np.clip(near + mix[..., None] * (far - near), 0, 255)


def _wave(u: np.ndarray, period: float, offset: float) -> np.ndarray:
    """Distance to the nearest whole number of periods, in periods."""
    phase = u / np.float32(period) + np.float32(offset)
    return np.abs(phase - np.round(phase))


def _tones(labels: Labels, rng: np.random.Generator) -> dict[str, tuple[int, int, int]]:
    hue = labels.object_hue
    saturation, value = rng.uniform(0.62, 0.92), rng.uniform(0.7, 0.96)
    tones = {
        "main": (saturation, value),
        "dark": (saturation, value * 0.66),
        "light": (saturation * 0.5, min(1.0, value * 1.12)),
        "line": (saturation, value * 0.42),
        "ink": (0.5, 0.2),
        "paper": (0.06, 0.96),
    }
    colours = {name: hsv_to_rgb(hue, *tone) for name, tone in tones.items()}
    return {
        name: (round(255 * red), round(255 * green), round(255 * blue))
        for name, (red, green, blue) in colours.items()
    }


@cache
def _parts(object_index: int) -> list[tuple[np.ndarray, str, float]]:
    return [(np.array(p.points).T, p.tone, p.width) for p in SHAPES[OBJECTS[object_index]]]


def _put_object(labels: Labels, background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the object with a soft shadow and side light on its background; uint8 H×W×3."""
    size = len(background)
    scale = 3 if size <= 96 else 2
    stretch = rng.uniform(0.9, 1.1)
    light = rng.uniform(-pi, 0)  # light comes from above
    tones = _tones(labels, rng)

    sheet = Image.new("RGBA", (size * scale, size * scale))
    draw = ImageDraw.Draw(sheet)
    unit = labels.radius * size * scale
    turn = labels.rotation * pi / 180
    matrix = unit * np.array([[cos(turn), -sin(turn)], [sin(turn), cos(turn)]])
    matrix = matrix @ np.diag([(-1 if labels.mirrored else 1) * stretch, 1 / stretch])
    centre = size * scale * np.array([[labels.x], [labels.y]]) - 0.5
    outline = max(1, round(_OUTLINE * unit))
    joint = "curve" if outline > 4 else None  # rounded corners are slow, and unseen on thin lines
    for points, tone, width in _parts(labels.object):
        corners = [tuple(point) for point in (matrix @ points + centre).T.tolist()]
        if width:
            thickness = round(width * unit)
            if tone != "ink":
                draw.line(corners, tones["line"], thickness + outline, joint="curve")
            draw.line(corners, tones[tone], thickness, joint="curve")
        else:
            if tone != "ink":
                draw.line([*corners, *corners[:2]], tones["line"], outline, joint=joint)
            draw.polygon(corners, tones[tone])

    sheet = sheet.convert("RGBa").reduce(scale)
    layer: np.ndarray = np.asarray(sheet, dtype=np.float32)  # colours premultiplied by the coverage
    colour, coverage = layer[..., :3], layer[..., 3:] / 255
    x, y = _grid(size)
    ramp = ((x - labels.x) * cos(light) + (y - labels.y) * sin(light)) / labels.radius
    colour = colour * (1.0 + 0.14 * np.clip(ramp, -1, 1))[..., None]
    shadow = sheet.getchannel("a").filter(ImageFilter.GaussianBlur(size / 40))
    drop = round(size / 26)
    background[drop:, drop:] *= (
        1.0 - np.asarray(shadow, dtype=np.float32)[:-drop, :-drop, None] / 640
    )
    blended = background * (1.0 - coverage) + np.minimum(colour, 255 * coverage)
    return (blended + 0.5).astype(np.uint8)
