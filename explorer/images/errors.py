"""What these modules raise when a picture or a name cannot be used."""

import difflib
from collections.abc import Iterable


class PictureError(ValueError):
    """A picture, gallery name or seed kind that cannot be used; the message is a sentence."""


def unknown_name(what: str, name: object, known: Iterable[str]) -> PictureError:
    """The error for a name that is not in the list, with the nearest names and the whole list."""
    known = list(known)
    shown = str(name)[:60]
    near = difflib.get_close_matches(shown.lower(), known, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else "."
    return PictureError(f"unknown {what} {shown!r}{hint} There are: {', '.join(known)}.")
