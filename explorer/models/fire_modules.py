"""SqueezeNet's layer names by Fire module, for layer titles. No torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_FEATURE = re.compile(r"features\.(\d+)(?![^.#\[])")


def in_blocks(name: str, names: Sequence[str]) -> str:
    """A SqueezeNet's `features.3` as `blocks.0`, its first Fire module; any other name as it is.

    What comes before the first Fire module is the stem; a pooling belongs to the block before it.
    """
    match = _FEATURE.match(name)
    fire = _fire_modules(tuple(names)) if match and names else ()
    if match is None or not fire:
        return name
    place, rest = int(match[1]), name[match.end() :]
    before = sum(each <= place for each in fire)
    if not before:
        return f"stem.{place}{rest}"
    return f"blocks.{before - 1}{'' if place in fire else '.pool'}{rest}"


@lru_cache(maxsize=100)
def _fire_modules(names: tuple[str, ...]) -> tuple[int, ...]:
    """The places among `features` of a SqueezeNet's Fire modules."""
    found = (re.fullmatch(r"features\.(\d+)\.squeeze", name) for name in names)
    return tuple(sorted({int(match[1]) for match in found if match}))
