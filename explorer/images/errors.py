"""What these modules raise when a picture or a name cannot be used."""

from __future__ import annotations

from collections.abc import Iterable

from explorer.errors import did_you_mean


class PictureError(ValueError):
    """A picture, gallery name or seed kind that cannot be used; the message is a sentence."""


def unknown_name(kind: str, name: object, names: Iterable[str]) -> PictureError:
    """The error for a name that is not in the list, with the nearest names and the whole list."""
    names, shown = list(names), str(name)[:60]
    suggestion = did_you_mean(shown.lower(), names, most=3, cutoff=0.6)
    return PictureError(f"unknown {kind} {shown!r}; {suggestion}choose one of {', '.join(names)}")
