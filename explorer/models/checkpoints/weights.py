"""The state dict in a checkpoint: the dict, and the prefix of names in it, that fit best.

Nothing is taken from lists of usual keys and prefixes: what fits is told by names and shapes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from torch import Tensor

from explorer.errors import RequestError, did_you_mean
from explorer.models.checkpoints.reading import Checkpoint
from explorer.models.checkpoints.state_dicts import (
    COUNTER,
    WRAPPERS,
    common_prefixes,
    some,
    split,
    state_dicts,
    without_wrappers,
)

_T = TypeVar("_T")

Shape = tuple[int, ...]

Convert = Callable[[dict[str, Tensor]], dict[str, Tensor] | None]

_AVERAGES = frozenset(
    ("ema", "average", "averaged", "avg", "swa", "momentum", "shadow", "target", "slow", "key", "k")
)
"""Words in the keys and prefixes of weights that are an average of others over the training."""


@dataclass(frozen=True, eq=False)
class FoundWeights:
    """The weights in a checkpoint that fit an architecture best.

    state: tensors by the architecture's names, those under the prefix that it lacks included.
    key: of the dict, such as `model/state_dict`; "" is the checkpoint itself. prefix: what the
        names in it begin with, such as `module.encoder_q.`.
    outside: every other tensor by its dotted name; those of the same dict keep theirs, those of
        other dicts have the keys of these in front.
    alternatives: where else weights fit just as well, written as a weights_key.
    converted: whether the names were rewritten from another layout.
    """

    state: dict[str, Tensor]
    key: str
    prefix: str
    outside: dict[str, Tensor]
    alternatives: tuple[str, ...] = ()
    converted: bool = False

    def where(self, shown: str) -> str:
        """For sentences: `state_dict of net.pt, without the prefix module.`."""
        place = f"{self.key} of {shown}" if self.key else shown
        return f"{place}, without the prefix {self.prefix}" if self.prefix else place


@dataclass(frozen=True)
class _Place:
    """A dict and a prefix. body, head: how many expected names fit under it; order: of the dict."""

    key: str
    prefix: str
    body: int
    head: int
    order: int

    @property
    def label(self) -> str:
        return "/".join(part for part in (self.key, self.prefix.rstrip(".")) if part)

    @property
    def preference(self) -> tuple[int, ...]:
        """Least for the best place, see `find`."""
        words = set(re.split(r"[^a-z]+", self.label.lower()))
        of_teacher, of_student = "teacher" in words, "student" in words
        rank = 3 if words & _AVERAGES else 1 if of_teacher else 2 if of_student else 0
        depth = self.label.replace("/", ".").count(".")
        return (-self.body, rank, -self.head, depth, self.order)


def find(
    checkpoint: Checkpoint,
    expected: Mapping[str, Shape],
    weights_key: str | None = None,
    head: str | None = None,
    architecture: str = "the architecture",
    convert: Convert | None = None,
) -> FoundWeights:
    """The weights in a checkpoint that fit best the names and shapes that are expected.

    Of the dicts and prefixes under which most names fit in their shapes, the head's apart, those of
    an average over the training come last, and a teacher before a student; then those are preferred
    where the head fits, too, then the least nested, then the first.
    head: name of the module that makes the class scores. weights_key: the key of the dict to look
    in, such as `model/state_dict`, a prefix after it, such as `state_dict/module.encoder_k`, or
    None. architecture: what messages call it. convert: rewrites a state dict from another layout;
        it is tried where names are missing, and taken where more fit then.

    Raises RequestError (field `weights_key`) that lists the keys for one that there is not, (field
    `model`) for a checkpoint without tensors and (field `architecture`) where nothing fits.
    """
    dicts = dict(state_dicts(checkpoint.content))
    if not dicts:
        raise RequestError("model", f"{checkpoint.shown} {_without_tensors(checkpoint.content)}")
    wrappers = WRAPPERS - {part for name in expected for part in name.split(".")}
    places = [
        place
        for order, (key, state) in enumerate(dicts.items())
        for place in _places(key, order, state, expected, head, wrappers)
    ]
    wanted = (weights_key or "").strip("/").removesuffix(".")
    inner = {place for place in places if _is_inner(place, dicts[place.key], expected)}
    places = [place for place in places if place not in inner or place.label == wanted]
    if weights_key is not None:
        places = _under(weights_key, places, dicts, checkpoint.shown)
    best, *others = sorted(places, key=lambda place: place.preference) or [_Place("", "", 0, 0, 0)]
    converted = None
    if convert is not None and best.body + best.head < _needed(expected):
        chosen = dicts if weights_key is None else _dicts_under(weights_key, dicts)
        converted = _converted(chosen, best, expected, head, wrappers, convert)
    if converted is not None:
        best, others = converted[0], []
    elif not places:
        raise _nothing_fits(checkpoint.shown, dicts, expected, architecture)
    state, outside = split(dicts[best.key], best.prefix, wrappers)
    for key, other in dicts.items():
        if key != best.key:
            path = key.replace("/", ".") + "." if key else ""
            outside |= {f"{path}{name}": tensor for name, tensor in other.items()}
    alternatives = [
        place.label
        for place in others
        if place.body == best.body
        and not _shares(split(dicts[place.key], place.prefix, wrappers)[0], state, expected)
    ]
    if converted is not None:
        state = converted[1]
    return FoundWeights(
        state, best.key, best.prefix, outside, tuple(alternatives), converted is not None
    )


def _places(
    key: str,
    order: int,
    state: Mapping[str, Tensor],
    expected: Mapping[str, Shape],
    head: str | None,
    wrappers: Collection[str],
) -> Iterator[_Place]:
    """Every prefix of a dict's names under which anything fits."""
    body: Counter[str] = Counter()
    of_head: Counter[str] = Counter()
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[-1] == COUNTER:
            continue
        for start in range(len(parts)):
            if parts[start] in wrappers:
                continue
            inner = without_wrappers(".".join(parts[start:]), wrappers)
            if expected.get(inner) == tuple(tensor.shape):
                counts = of_head if head and inner.startswith(f"{head}.") else body
                counts["".join(f"{part}." for part in parts[:start])] += 1
    for prefix in dict.fromkeys((*body, *of_head)):
        yield _Place(key, prefix, body[prefix], of_head[prefix], order)


def _is_inner(place: _Place, state: Mapping[str, Tensor], expected: Mapping[str, Shape]) -> bool:
    """Whether a prefix is of a part of another network, such as one of its blocks.

    Fewer than half of the expected names fit under it, and the convolution that takes pictures is
    outside.
    """
    if 2 * place.body >= _needed(expected) or not any(map(_takes_pictures, expected.values())):
        return False
    stems = [name for name, tensor in state.items() if _takes_pictures(tuple(tensor.shape))]
    return bool(stems) and not any(name.startswith(place.prefix) for name in stems)


def _takes_pictures(shape: Shape) -> bool:
    """Whether a tensor has the shape of a convolution on RGB or grey pictures, or is depthwise."""
    return len(shape) == 4 and shape[1] in (1, 3)


def _needed(expected: Collection[str]) -> int:
    return sum(name.rpartition(".")[2] != COUNTER for name in expected)


def _converted(
    dicts: Mapping[str, Mapping[str, Tensor]],
    best: _Place,
    expected: Mapping[str, Shape],
    head: str | None,
    wrappers: Collection[str],
    convert: Convert,
) -> tuple[_Place, dict[str, Tensor]] | None:
    """The place whose state dict fits best once it is rewritten; None where none fits better."""
    found: list[tuple[_Place, dict[str, Tensor]]] = []
    most = max(map(len, dicts.values()), default=0)
    for order, (key, state) in enumerate(dicts.items()):
        if 4 * len(state) < most:
            continue  # of an optimiser, one for each parameter
        for prefix in dict.fromkeys([best.prefix, *common_prefixes(state)]):
            rewritten = convert(split(state, prefix, wrappers)[0])
            for place in _places(key, order, rewritten or {}, expected, head, wrappers):
                if place.prefix == "" and place.body > best.body:
                    found.append((replace(place, prefix=prefix), rewritten or {}))
    return min(found, key=lambda pair: pair[0].preference, default=None)


def _shares(
    state: Mapping[str, Tensor], other: Mapping[str, Tensor], names: Collection[str]
) -> bool:
    """Whether two state dicts have the same memory under these names: one network held twice."""
    return all(
        state[name].data_ptr() == other[name].data_ptr()
        for name in names
        if name in state and name in other
    )


def _dicts_under(weights_key: str, dicts: Mapping[str, _T]) -> dict[str, _T]:
    """The dicts of tensors at a key and below it."""
    wanted = weights_key.strip("/")
    return {key: state for key, state in dicts.items() if f"{key}/".startswith(f"{wanted}/")}


def _under(
    weights_key: str, places: list[_Place], dicts: Mapping[str, object], shown: str
) -> list[_Place]:
    """The places that a weights_key may mean: one by its label, or all in a dict and below it."""
    wanted = weights_key.strip("/").removesuffix(".")
    exact = [place for place in places if place.label == wanted]
    if exact:
        return exact
    if _dicts_under(wanted, dicts):
        return [place for place in places if place.key in _dicts_under(wanted, dicts)]
    ranked = sorted(places, key=lambda place: place.preference)
    fitting = [place.label for place in ranked if 2 * place.body > ranked[0].body]
    known = list(dict.fromkeys([*fitting[:6], *dicts]))
    named = [repr(key) for key in known if key]
    listed = ", ".join(named[:8]) + (", …" if len(named) > 8 else "")
    choice = f"choose one of {listed}" if named else "its weights have no key, so leave it out"
    raise RequestError(
        "weights_key",
        f"{shown} has no weights under {weights_key!r}; "
        f"{did_you_mean(weights_key, filter(None, known))}{choice}",
    )


def _without_tensors(content: object) -> str:
    if isinstance(content, dict) and content:
        keys = some(list(map(str, content)))
        return f"holds no state dict (tensors by names); its keys are {keys}"
    return f"holds no state dict (tensors by names), but a {type(content).__name__}"


def _nothing_fits(
    shown: str, dicts: Mapping[str, Mapping[str, Tensor]], expected: Mapping[str, Shape], to: str
) -> RequestError:
    largest = max(dicts, key=lambda key: len(dicts[key]))
    inside = f" under {largest!r}" if largest else ""
    return RequestError(
        "architecture",
        f"nothing in {shown} fits {to}. Most tensors are{inside}: {some(list(dicts[largest]))}; "
        f"the architecture's are {some(list(expected))}",
    )
