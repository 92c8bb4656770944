"""What is to look the same: a layer, a part of one, or several layers with weights. No torch.

    layer3.1                       a whole layer
    layer3.1@channel=12            one channel of it; `@channel=3,5,7` are several
    layer3.1@unit=12,7,7           one number: channel, row, column
    layer3.1@centre                all channels at the centre of the map
    layer2+0.5*layer3.1@centre     up to MOST_TERMS of these, each with a weight above 0

`explorer.models.layer_place` says what the parts are, `explorer.models.layer_scales` what several
layers are together. A module's own name always means that module, whatever characters it holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from explorer.errors import RequestError, did_you_mean, shortened
from explorer.models.layer_place import CENTRE, CHANNEL, PARTS, UNIT, Part, Place, Shape
from explorer.models.names import LOGITS, PENULTIMATE, unknown_layer

LONGEST_TEXT = 500
"""Characters of a layer in a request (`explorer.request`)."""

MOST_TERMS = 8
WEIGHT_RANGE = (1e-6, 1e6)
SYNTAX = "'layer3', 'layer3@channel=12', 'layer3@unit=12,7,7', 'layer3@centre', 'layer2+0.5*layer3'"

_ALIASES = {"center": CENTRE, "channels": CHANNEL, "neuron": UNIT}
# Neither the + of an exponent (1e+3*layer2) nor one within brackets (out[a+b]) begins a term.
_PLUS = re.compile(r"\+(?!(?<=[\d.][eE]\+)\d+\s*\*)(?![^\[]*\])")
_TERM = re.compile(
    r"\s*(?:(?P<weight>[^@\[*]*?)\s*\*)?\s*(?P<layer>(?:[^@\[]|\[[^\]]*\])*?)\s*(?:@(?P<part>.*))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class LayerExpression:
    """Layers, or parts of layers, each with its weight: (place, weight above 0).

    A single one has weight 1. str() is its one normal form, without spaces.
    """

    terms: tuple[tuple[Place, float], ...]

    @classmethod
    def whole(cls, layer: str) -> LayerExpression:
        """All of one layer."""
        return cls(((Place(layer), 1.0),))

    def __str__(self) -> str:
        return "+".join(
            str(place) if weight == 1 else f"{_number(weight)}*{place}"
            for place, weight in self.terms
        )

    @property
    def title(self) -> str:
        """`layer3.1, channel 12`; `layer2 + 0.5 × layer3, centre`."""
        return " + ".join(
            place.title if weight == 1 else f"{_number(weight)} × {place.title}"
            for place, weight in self.terms
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers' names, each once."""
        return tuple(dict.fromkeys(place.layer for place, _ in self.terms))

    @property
    def single(self) -> Place | None:
        """The place, if there is only one."""
        return self.terms[0][0] if len(self.terms) == 1 else None

    @property
    def is_whole_layer(self) -> bool:
        """Whether it is one layer, all of it."""
        return self.single is not None and self.single.part is None


def parse(text: str, is_layer: Callable[[str], bool] = lambda name: False) -> LayerExpression:
    """The expression that a text stands for.

    is_layer: whether the network has a layer of exactly this name, which then is meant. Raises
    RequestError (field `layer`) for a text that is no expression; whether its layers exist is not
    asked.
    """
    if len(text) > LONGEST_TEXT:
        raise RequestError("layer", f"{shortened(text)} is longer than {LONGEST_TEXT} characters")
    return LayerExpression.whole(text) if is_layer(text) else _parse(text)


def title(text: str) -> str:
    """A request's layer to be read: `layer3.1, channel 12`, or the text where it is none."""
    try:
        return parse(text).title
    except RequestError:
        return text


def in_order(texts: Iterable[str], names: Sequence[str]) -> list[str]:
    """Layers as requests name them, from the image to the classes: by the deepest that each names.

    names: of the network's layers in order of execution. A layer that is not among them comes after
    those that are, and before `penultimate` and `logits` where these are not among them either.
    """
    places = {name: place for place, name in enumerate(names)}
    places = {PENULTIMATE: len(names) + 1, LOGITS: len(names) + 2, **places}

    def depth(text: str) -> int:
        try:
            layers = parse(text, places.__contains__).layers
        except RequestError:
            return len(names)
        return max(places.get(layer, len(names)) for layer in layers)

    return sorted(texts, key=depth)


def check(
    text: str, reference: str, shapes: Mapping[str, Shape], same_size: bool = True
) -> LayerExpression:
    """The expression, if a network has its layers and parts; RequestError (field `layer`) if not.

    reference: of the network. shapes: of its layers by name, none where they are not known before
    it is loaded; then only the form is checked. same_size: whether it takes pictures of the size at
    which the shapes hold.
    """
    expression = parse(text, lambda name: name in shapes or name in (PENULTIMATE, LOGITS))
    for place, _ in expression.terms if shapes else ():
        if place.layer in shapes and same_size:
            place.kept(shapes[place.layer])
        elif place.layer not in (*shapes, PENULTIMATE, LOGITS):
            raise unknown_in(expression, place.layer, reference, list(shapes))
    return expression


def unknown_in(
    expression: LayerExpression, layer: str, reference: str, names: list[str]
) -> RequestError:
    """The error for a layer of an expression that is not there, with its position in it."""
    error = unknown_layer(layer, reference, names)
    if expression.single is not None:
        return error
    position = 1 + [place.layer for place, _ in expression.terms].index(layer)
    return RequestError("layer", f"term {position} of {str(expression)!r}: {error.message}")


def straight_through_place(expression: LayerExpression) -> Place:
    """The place at whose ReLU the gradient is to go straight through.

    Raises RequestError (field `relu_gradient`) where there are several layers.
    """
    if expression.single is None:
        raise RequestError(
            "relu_gradient",
            f"{str(expression)!r} names several layers, and the gradient skips the ReLU that ends "
            "a single one; leave it out, or choose one layer",
        )
    return expression.single


@lru_cache(maxsize=1024)
def _parse(text: str) -> LayerExpression:
    pieces = _PLUS.split(text)
    if len(pieces) > MOST_TERMS:
        raise RequestError("layer", f"{len(pieces)} layers are too many; up to {MOST_TERMS} work")
    terms = tuple(_term(piece, text) for piece in pieces)
    if len(terms) == 1:
        return LayerExpression(((terms[0][0], 1.0),))
    places = [place for place, _ in terms]
    for place in places:
        if places.count(place) > 1:
            raise RequestError(
                "layer", f"{str(place)!r} is there more than once; give it one weight"
            )
    return LayerExpression(terms)


def _term(piece: str, text: str) -> tuple[Place, float]:
    match = _TERM.fullmatch(piece)
    if match is None or not match["layer"]:
        raise RequestError("layer", f"{text!r} is no layer; write it like {SYNTAX}")
    part = None if match["part"] is None else _part(match["part"].strip(), piece.strip())
    return Place(match["layer"], part), _weight(match["weight"])


def _weight(text: str | None) -> float:
    if text is None:
        return 1.0
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    low, high = WEIGHT_RANGE
    if not low <= weight <= high:
        raise RequestError("layer", f"a weight is a number from {low:g} to {high:g}, not {text!r}")
    return weight


def _part(text: str, piece: str) -> Part:
    word, equals, after = (each.strip() for each in text.partition("="))
    kind = _ALIASES.get(word.lower(), word.lower())
    if kind not in PARTS:
        raise RequestError(
            "layer",
            f"{word!r} is no part of a layer; {did_you_mean(word, PARTS)}write @channel=12, "
            "@unit=12,7,7 or @centre",
        )
    if kind == CENTRE:
        if equals:
            raise RequestError("layer", f"'@centre' takes no index; {piece!r} has {after!r}")
        return Part(kind)
    try:
        indices = tuple(int(index) for index in after.split(","))
    except ValueError:
        example = "12" if kind == CHANNEL else "12,7,7"
        raise RequestError(
            "layer", f"{piece!r} names no {kind}; write whole numbers, as in @{kind}={example}"
        ) from None
    return Part(kind, tuple(sorted(set(indices))) if kind == CHANNEL else indices)


def _number(weight: float) -> str:
    short = f"{weight:g}"
    return short if float(short) == weight else repr(weight)
