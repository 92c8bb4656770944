"""From the words on a command line to values: types for argparse, whose errors are sentences."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def whole_number(low: int | None = None, high: int | None = None) -> Callable[[str], int]:
    """A type for argparse: an integer, from `low` to `high` where these are given."""

    def parse(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{word!r} is not a whole number") from None
        _check_range(word, value, low, high)
        return value

    return parse


def real_number(low: float | None = None) -> Callable[[str], float]:
    """A type for argparse: a number, at least `low` where that is given."""

    def parse(word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{word!r} is not a number") from None
        _check_range(word, value, low, None)
        return value

    return parse


def yes_or_no(word: str) -> bool:
    """`yes` or `no`, as a truth value."""
    if word not in ("yes", "no"):
        raise argparse.ArgumentTypeError(f"{word!r} is neither yes nor no")
    return word == "yes"


def channel_values(words: str) -> tuple[float, ...]:
    """`0.5,0.5,0.5` → (0.5, 0.5, 0.5): a number per channel, or one for a grey network."""
    try:
        values = tuple(float(word) for word in words.split(","))
    except ValueError:
        values = ()
    if len(values) not in (1, 3):
        raise argparse.ArgumentTypeError(
            f"{words!r} is not a number per channel; write three like 0.485,0.456,0.406, or one "
            "for a grey network"
        )
    return values


def random_seeds(words: str) -> list[int]:
    """`0,1,2` → [0, 1, 2]."""
    try:
        return [int(word) for word in words.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{words!r} is not a random seed; write a whole number, or several like 0,1,2"
        ) from None


def keys(words: str) -> tuple[str, ...]:
    """`KEY,KEY` → (KEY, KEY); whether they are keys is for the Request to say."""
    return tuple(word.strip() for word in words.split(","))


def file_path(word: str) -> Path:
    """The path of a file or folder; an empty one, such as that of an unset variable, is refused."""
    return Path(some_text(word))


def some_text(word: str) -> str:
    """The word itself; an empty one is refused."""
    if not word.strip():
        raise argparse.ArgumentTypeError("it is empty; give a value or leave the option out")
    return word


def _check_range(word: str, value: float, low: float | None, high: float | None) -> None:
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        allowed = f"at least {low}" if high is None else f"{low} to {high}"
        raise argparse.ArgumentTypeError(f"{word} is out of range; it must be {allowed}")
