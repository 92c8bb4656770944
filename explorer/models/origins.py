"""Where a network's settings were taken from, in words; what is assumed is told from what is known.

No torch.
"""

from __future__ import annotations

_ASSUMED = "assumed: "


def assumed(what: str) -> str:
    """The origin of a setting that nothing states, and of which `what` is taken instead."""
    return f"{_ASSUMED}{what}"


def is_assumed(origin: str) -> bool:
    """Whether this is the origin of a setting that nothing states."""
    return origin.startswith(_ASSUMED)


def printable(text: object, longest: int = 60) -> str:
    """A text from a checkpoint for a message: one line, no control characters, not too long."""
    plain = "".join(char if char.isprintable() else " " for char in str(text)).strip()
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
