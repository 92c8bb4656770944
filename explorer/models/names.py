"""Layers' names that every network has, and errors in the words of the catalogue. No torch."""

from __future__ import annotations

import difflib

from explorer.request import RequestError

PENULTIMATE = "penultimate"
LOGITS = "logits"


def unknown_layer(name: str, reference: str, names: list[str]) -> RequestError:
    """The error for a layer that is not there: the nearest names first, then some of them all."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ";"
    some = ", ".join(names[:6]) + (", …, " + ", ".join(names[-3:]) if len(names) > 9 else "")
    return RequestError(
        "layer", f"{name!r} is not a layer of {reference}{meant} {len(names)} layers: {some}"
    )


def wrong_size(reference: str, size: int, reason: object) -> RequestError:
    """The error for a picture size that a network's architecture cannot have, and why."""
    return RequestError(
        "size",
        f"{reference} cannot look at pictures of {size}×{size} px ({first_line(reason)}); leave "
        "the size out for the one at which it was trained",
    )


def first_line(reason: object, longest: int = 160) -> str:
    """The first line of what a library said, for the end of a sentence of ours."""
    text = str(reason).strip().split("\n")[0].rstrip(".")
    text = text or type(reason).__name__
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
