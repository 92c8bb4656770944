"""Errors that a person can act on, and how an unknown name is answered."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

LONGEST_NAME = 200
"""Characters that a name may have, and still be a slip of one that there is."""


class RequestError(ValueError):
    """A request that cannot be right: names the `field` and says in a sentence what would be."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def did_you_mean(
    name: str, names: Iterable[str], prefix: str = "", most: int = 1, cutoff: float = 0.5
) -> str:
    """`did you mean 'layer4'? ` with the nearest names, or nothing where none is near.

    prefix: written before each suggestion, such as `timm:`. most: how many are suggested at most.
    cutoff: least similarity, in [0, 1] (`difflib.get_close_matches`). What is longer than any name
    is near none: comparing 5,000 characters with all of timm's names would take seconds.
    """
    if len(name) > LONGEST_NAME:
        return ""
    near = difflib.get_close_matches(name, list(names), n=most, cutoff=cutoff)
    if not near:
        return ""
    return f"did you mean {' or '.join(repr(prefix + each) for each in near)}? "


def unknown(field: str, kind: str, name: object, names: Iterable[str]) -> RequestError:
    """The error for a name that does not exist: the nearest one first, then all of them."""
    names = list(names)
    suggestion = did_you_mean(str(name), names)
    return RequestError(
        field, f"unknown {kind} {shortened(name)}; {suggestion}choose one of {', '.join(names)}"
    )


_FOLDERS = re.compile(r"""(?<![\w:/.])/(?:[^\s/'"`:,;()]+/)+(?=[^\s/'"`:,;()])""")


def without_folders(text: str) -> str:
    """A library's message for a page: of each absolute path only the last part.

    Visitors must not learn where things are on the server; its log has the whole message.
    """
    return _FOLDERS.sub("", text)


def shortened(value: object) -> str:
    """What was given, in a sentence; its type where Python would not write it out."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}…"
