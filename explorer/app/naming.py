"""Titles that people read: of pictures, networks and whole requests."""

from __future__ import annotations

import re

from explorer.images import gallery, noise_targets, seeds
from explorer.losses.variants import LOSSES
from explorer.models import catalogue, layer_expression
from explorer.request import Request

_MARKUP = re.compile(r"[\\`*_\[\]<>$|~#&]|:(?=\S)|^(?:[-+=]|\d+(?=[.)]))")
_ACTIVE = re.compile(
    r"[^\s|`]*(?:https?://|www\.|[-.\w+]@[-\w]+\.|:material_|:streamlit:)[^\s|`]*"
    r"|(?<!\S)(?:<->|->|<-|--|>=|<=|~=)(?!\S)",
    re.IGNORECASE,
)
"""What Streamlit makes links, icons and arrows of even where its characters are escaped."""

_ICON = ":material/"

_LIBRARIES = ("timm", "torch", "torchvision", "safetensors")


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
        f"**{literal(network_title(request.model))}**, "
        f"layer {code(layer_expression.title(request.layer))}, "
        f"from *{literal(picture_title(request.seed))}* "
        f"to *{literal(picture_title(request.target))}*, "
        f"loss *{LOSSES[request.loss].title.lower()}*{adjusted}, "
        f"up to {request.steps:,} steps{goes_on}."
    )


def literal(text: str) -> str:
    """Markdown that shows a text as it is, on one line: a message, or a name that somebody gave.

    Nothing in it becomes a link, a picture, a colour or an icon. Addresses are set as code.
    """
    text, shown, end = " ".join(text.split()), [], 0
    for match in _ACTIVE.finditer(text):
        # In code, too, Streamlit reads the beginning of an icon's name.
        whole = match[0].partition(_ICON)[0]
        shown += [_escaped(text[end : match.start()]), f"`{whole}`" if whole else ""]
        end = match.start() + len(whole)
        if whole != match[0]:
            return "".join([*shown, _escaped(_ICON), literal(text[end + len(_ICON) :])])
    return "".join([*shown, _escaped(text[end:])])


def code(text: str) -> str:
    """Markdown that shows a reference or an expression as code, whatever is in it."""
    text = " ".join(text.split())
    return literal(text) if not text or re.search(r"[`|]|:material", text) else f"`{text}`"


def _escaped(text: str) -> str:
    return _MARKUP.sub(lambda match: "".join(f"&#{ord(char)};" for char in match[0]), text)


def number(value: float | None, digits: int = 3) -> str:
    """A number to read; a measure of a constant or zero representation is undefined."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def sentence(text: str) -> str:
    """An error message as a sentence: it starts with a capital and ends with a full stop.

    A name, such as `timm` or `own:lab`, stays as it is.
    """
    text = capitalised(text)
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


def capitalised(text: str) -> str:
    """The text with a capital at its start, unless it starts with a name."""
    first = text.split(" ", 1)[0].rstrip(",;:.?!")
    is_name = first in _LIBRARIES or re.search(r"[\d:._/]", first) is not None
    return text if is_name else text[:1].upper() + text[1:]
