"""Layers' names that every network has, and the error for one that it has not. No torch."""

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
