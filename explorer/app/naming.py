"""Titles that people read: of pictures, networks and whole requests."""

from __future__ import annotations

import re

from explorer.images import gallery, noise_targets, seeds
from explorer.losses.variants import LOSSES
from explorer.models import catalogue, layer_expression
from explorer.request import Request

_MARKUP = re.compile(r"[\\`*_\[\]<>$|~:#&]")


def picture_title(name: str) -> str:
    """The title of a gallery picture, a seed kind, a noise target or an upload."""
    if name.startswith("picture:"):
        return f"uploaded picture {name.removeprefix('picture:')[:6]}"
    if name in seeds.kinds():
        return seeds.describe(name).title
    if noise_targets.is_noise_target(name):
        return noise_targets.title(name)
    return gallery.describe(name).title if name in gallery.names() else name


def network_title(reference: str) -> str:
    """The catalogue's title, or the reference itself."""
    entry = catalogue.find(reference)
    return reference if entry is None else entry.title


def describe(request: Request) -> str:
    """The request in a sentence, as Markdown."""
    goes_on = "; goes on from an earlier result" if request.continues else ""
    adjusted = " (adjusted)" if request.term_weights or request.representation else ""
    return (
        f"**{network_title(request.model)}**, layer `{layer_expression.title(request.layer)}`, "
        f"from *{picture_title(request.seed)}* to *{picture_title(request.target)}*, "
        f"loss *{LOSSES[request.loss].title.lower()}*{adjusted}, "
        f"up to {request.steps:,} steps{goes_on}."
    )


def literal(text: str) -> str:
    """Markdown that shows a text as it is, such as a class name from somebody's checkpoint."""
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)


def number(value: float | None, digits: int = 3) -> str:
    """A number to read; a measure of a constant or zero representation is undefined."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def sentence(text: str) -> str:
    """An error message as a sentence: it starts with a capital and ends with a full stop."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."
