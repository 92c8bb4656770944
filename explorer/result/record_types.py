"""Whether the fields of a record that was read from a file have the types that it declares."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from explorer.result.checks import ResultError

_T = TypeVar("_T")

LARGEST_NUMBER = 2**63
"""No whole number of a result is as large."""

_IN_WORDS: dict[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "null",
    tuple: "a list",
    Mapping: "an object",
}


def typed(record: _T, place: str = "") -> _T:
    """The record itself; ResultError names the first field whose value has another type.

    place: of the record in result.json, such as `match.null`; "" for the outermost object. A tuple
    of records is checked one by one. What a field declares as Any is not looked at.
    """
    for wrong in _wrong(record, tuple if isinstance(record, tuple) else type(record), place):
        raise ResultError(wrong)
    return record


def _wrong(value: object, kind: Any, place: str) -> Iterator[str]:
    """What is wrong with a value that should be of a type, in sentences."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    fitting = next((each for each in kinds if _fits(value, each)), None)
    if fitting is None:
        expected = " or ".join(map(_in_words, kinds))
        yield f"{place!r} in its result.json is {str(value)[:40]!r}; it must be {expected}"
    elif is_dataclass(value):
        kind_of_record: Any = type(value)
        hints = _hints(kind_of_record)
        for each in fields(value):
            name = f"{place}.{each.name}" if place else each.name
            yield from _wrong(getattr(value, each.name), hints[each.name], name)
    elif isinstance(value, tuple):
        of_each = get_args(fitting)
        for number, each in enumerate(value):
            inner = _inner(each, of_each, number)
            yield from _wrong(each, inner, f"{place}[{number}]" if place else f"[{number}]")
    elif isinstance(value, Mapping) and get_args(fitting):
        of_values = get_args(fitting)[1]
        for name, each in value.items() if of_values is not Any else ():
            yield from _wrong(each, of_values, f"{place}.{name}" if place else str(name))


def _inner(value: object, of_each: tuple[Any, ...], number: int) -> Any:
    """The type that a value at this place of a tuple should have; its own where none is said."""
    if not of_each:
        return type(value)
    return of_each[0] if of_each[-1] is Ellipsis else of_each[number]


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of a type, without a look at what is in it."""
    if kind is Any:
        return True
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    kind = get_origin(kind) or kind
    if kind in (int, float):
        if isinstance(value, int) and not isinstance(value, bool):
            return abs(value) < LARGEST_NUMBER
        return kind is float and isinstance(value, float)
    return isinstance(value, kind)


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    return _IN_WORDS.get(get_origin(kind) or kind, "an object")


@lru_cache(maxsize=64)
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)
