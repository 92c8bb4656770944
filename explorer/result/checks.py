"""What is refused in the files of a result, in words that name the part that is damaged."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, TypeVar

import numpy as np

_T = TypeVar("_T")


class ResultError(ValueError):
    """What is no Result, with the reason."""


def part(name: str, read: Callable[[Any], _T], plain: object) -> _T:
    """What `read` makes of a part of result.json; ResultError names the part where it cannot."""
    try:
        return read(plain)
    except ResultError:
        raise
    except Exception as error:  # of a damaged part, any kind
        raise ResultError(
            f"its result.json is damaged or incomplete: {name!r} cannot be read"
        ) from error


def plain_json(data: bytes) -> dict[str, Any]:
    """The object in result.json; ResultError where there is none, or a number is not finite."""
    try:
        content = json.loads(data)
    except Exception as error:  # not text, not JSON, or nested too deeply
        raise ResultError("its result.json is damaged: it is not JSON") from error
    if not isinstance(content, dict):
        raise ResultError("its result.json is damaged: it holds no object")
    check_finite(content)
    return content


def check_finite(content: Mapping[str, Any]) -> None:
    """ResultError where a number is NaN or infinite, which JSON has not; it says where."""
    place = next(_not_finite(content, ""), None)
    if place is not None:
        raise ResultError(f"{place} in its result.json is not finite, and JSON has no such number")


def _not_finite(plain: object, place: str) -> Iterator[str]:
    if isinstance(plain, float):
        if not isfinite(plain):
            yield place
    elif isinstance(plain, Mapping):
        for name, each in plain.items():
            yield from _not_finite(each, f"{place}.{name}" if place else str(name))
    elif isinstance(plain, list | tuple):
        for number, each in enumerate(plain):
            yield from _not_finite(each, f"{place}[{number}]")


def image_in(data: bytes) -> np.ndarray:
    """The array in iri.npy; ResultError where there is none, or its values are not in [0, 1]."""
    try:
        image: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
        within = image.dtype.kind == "f" and bool(np.all((image >= 0) & (image <= 1)))
    except Exception as error:  # numpy raises many kinds
        raise ResultError("its iri.npy is damaged: it holds no array") from error
    if image.dtype.kind == "f" and not within:  # other types are refused by the Result
        raise ResultError("its iri.npy is damaged: its values are not all within [0, 1]")
    return image


def amount(name: str, value: object) -> float:
    """A finite number of at least 0; ResultError names it otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ResultError(f"{name} in its result.json is no finite number")
    if value < 0:
        raise ResultError(f"{name} in its result.json is {value:g}; it must be at least 0")
    return value


def count(name: str, value: object) -> int:
    """A whole number of at least 0; ResultError names it otherwise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ResultError(f"{name} in its result.json is no whole number")
    return int(amount(name, value))
