"""Parts of a layer: some channels, one unit, or the centre of the map. No torch.

All indices count from 0. A unit is named by channel, row and column; of a vector by its number, of
tokens (T×D) by token and feature, and the channels of tokens are their features. The centre of H×W
places is row H // 2, column W // 2 (the lower right of the middle four where H and W are even), as
in Lucid's neuron objective.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from explorer.errors import RequestError

CHANNEL, UNIT, CENTRE = "channel", "unit", "centre"
PARTS = (CHANNEL, UNIT, CENTRE)

Shape = tuple[int, ...]
"""Of the representation of one image."""

_AXES = {1: ("number",), 2: ("token", "feature"), 3: ("channel", "row", "column")}


@dataclass(frozen=True)
class Part:
    """Which numbers of a layer: some channels, one unit, or all channels at the centre of the map.

    kind: one of PARTS. indices: of the channels, rising; of the unit by axis, channel first; none
    for the centre.
    """

    kind: str
    indices: tuple[int, ...] = ()

    def __str__(self) -> str:
        indices = ",".join(map(str, self.indices))
        return f"@{self.kind}={indices}" if self.indices else f"@{self.kind}"

    @property
    def title(self) -> str:
        """`channel 12`, `unit 12, 7, 7`, `centre`."""
        indices = ", ".join(map(str, self.indices))
        kind = f"{self.kind}s" if self.kind == CHANNEL and len(self.indices) > 1 else self.kind
        return f"{kind} {indices}".strip()


@dataclass(frozen=True)
class Place:
    """A layer, or (part) some of its numbers."""

    layer: str
    part: Part | None = None

    def __str__(self) -> str:
        return self.layer if self.part is None else f"{self.layer}{self.part}"

    @property
    def title(self) -> str:
        """`layer3.1, channel 12`."""
        return self.layer if self.part is None else f"{self.layer}, {self.part.title}"

    def kept(self, shape: Shape) -> tuple[tuple[int, ...] | None, ...]:
        """By axis of the layer's shape the indices that are kept, None for all.

        Raises RequestError (field `layer`) where a layer of this shape has no such part.
        """
        if self.part is None:
            return (None,) * len(shape)
        axes = axes_of(shape)
        wanted = self._by_axis(self.part, shape, axes)
        for axis, size in zip(axes, shape, strict=True):
            for index in wanted.get(axis, ()):
                if not 0 <= index < size:
                    raise RequestError(
                        "layer",
                        f"{axis} {index} is not in {self.layer!r}, whose shape is {_shape(shape)}; "
                        f"{axis}s are counted from 0 to {size - 1}",
                    )
        return tuple(wanted.get(axis) for axis in axes)

    def _by_axis(self, part: Part, shape: Shape, axes: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """The indices that are kept by the name of their axis."""
        if part.kind == UNIT and axes:
            order = unit_axes(shape)
            if len(part.indices) != len(order):
                raise RequestError(
                    "layer",
                    f"a unit of {self.layer!r}, whose shape is {_shape(shape)}, is named by "
                    f"{', '.join(order)}: {len(order)} indices, not {len(part.indices)}",
                )
            return {axis: (index,) for axis, index in zip(order, part.indices, strict=True)}
        if part.kind == CHANNEL and "channel" in axes:
            return {"channel": part.indices}
        if part.kind == CHANNEL and "feature" in axes:
            return {"feature": part.indices}
        if part.kind == CENTRE and "row" in axes:
            return {axis: (shape[axes.index(axis)] // 2,) for axis in ("row", "column")}
        has = {CHANNEL: "channels", CENTRE: "rows and columns"}.get(part.kind, "units to name")
        instead = "; one of its numbers is '@unit=12'" if len(shape) == 1 else ""
        raise RequestError(
            "layer", f"{self.layer!r} has the shape {_shape(shape)}, without {has}{instead}"
        )


def axes_of(shape: Shape) -> tuple[str, ...]:
    """What the axes of a representation are, in their order; () for more than three.

    Three are C×H×W; where only the first two are equal they are H×W×C, as in Swin transformers.
    """
    axes = _AXES.get(len(shape), ())
    if len(shape) == 3 and shape[0] == shape[1] != shape[2]:
        return "row", "column", "channel"
    return axes


def unit_axes(shape: Shape) -> tuple[str, ...]:
    """The axes in the order in which a unit's indices are given; () for more than three."""
    return _AXES.get(len(shape), ())


def _shape(shape: Shape) -> str:
    return "×".join(map(str, shape))
