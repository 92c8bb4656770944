"""Layer names that every network has, and the errors for what a network has not, or too much of.

No torch.
"""

from __future__ import annotations

from explorer.errors import RequestError, did_you_mean

PENULTIMATE = "penultimate"
LOGITS = "logits"
MEGABYTE = 1_000_000
"""In bytes, as the catalogue counts downloads."""


def unknown_layer(name: str, reference: str, names: list[str]) -> RequestError:
    """The error for a layer that is not there: the nearest names first, then some of them all."""
    suggestion = did_you_mean(name, names, most=3)
    some = ", ".join(names[:6]) + (", …, " + ", ".join(names[-3:]) if len(names) > 9 else "")
    return RequestError(
        "layer",
        f"{name!r} is not a layer of {reference}; {suggestion}it has {len(names)} layers: {some}",
    )


def no_logits(reference: str) -> RequestError:
    """The error for the logits of a network whose checkpoint has no classifier."""
    return RequestError(
        "layer",
        f"{reference} has no classifier, so it has no logits; choose '{PENULTIMATE}' or another of "
        "its layers",
    )


def wrong_size(reference: str, size: int, reason: object = None) -> RequestError:
    """The error for an image size that a network's architecture cannot have, and why.

    reason: in words that a person understands; None where there are only a library's.
    """
    why = "" if reason is None else f" ({first_line(reason)})"
    return RequestError(
        "size",
        f"{reference} cannot take images of {size}×{size} px{why}; leave the size out for that "
        "at which it was trained",
    )


def too_large_download(reference: str, size: int, limit: int) -> RequestError:
    """The error for weights of more bytes (size) than are downloaded here (limit)."""
    return RequestError(
        "model",
        f"the weights of {reference} have {size / MEGABYTE:,.0f} MB, and this app downloads at "
        f"most {limit / MEGABYTE:,.0f} MB of a network; choose a smaller one",
    )


def first_line(reason: object, longest: int = 160) -> str:
    """The first line of a library's message, for the end of a sentence."""
    text = str(reason).strip().split("\n")[0].rstrip(".")
    text = text or type(reason).__name__
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
