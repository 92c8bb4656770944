"""Titles that people read: of pictures, networks, losses and whole requests."""

from __future__ import annotations

import re

from explorer.archive.titles import loss_title, network_title, picture_title
from explorer.decimals import decimals
from explorer.models import layer_expression
from explorer.request import Request

_MARKUP = re.compile(r"[\\`*_\[\]<>$|~#&]|:(?=\S)|^(?:[-+=]|\d+(?=[.)]))")
_WORD = re.compile(r"[^\s|`]+")
_ACTIVE = re.compile(
    r"https?://|www\.|[-.\w+]@[-\w]+\.|:material_|:streamlit:|^(?:<->|->|<-|--|>=|<=|~=)$",
    re.IGNORECASE,
)
_ARROWS = ("<->", "->", "<-", "--", ">=", "<=", "~=")
"""What Streamlit makes links, icons and arrows of even where its characters are escaped.

Searched for word by word, so that a text takes time in proportion to its length.
"""

_ICON = ":material/"

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls, overrides of the direction of writing, and surrogates, which no message can hold."""

_LIBRARIES = ("timm", "torch", "torchvision", "safetensors")

__all__ = [
    "capitalised",
    "code",
    "describe",
    "literal",
    "loss_title",
    "network_title",
    "number",
    "picture_title",
    "sentence",
]


def describe(request: Request) -> str:
    """The request in a sentence, as Markdown."""
    goes_on = "; goes on from an earlier result" if request.continues else ""
    adjusted = " (adjusted)" if request.term_weights or request.representation else ""
    return (
        f"**{literal(network_title(request.model))}**, "
        f"layer {code(layer_expression.title(request.layer))}, "
        f"from *{literal(picture_title(request.seed))}* "
        f"to *{literal(picture_title(request.target))}*, "
        f"loss *{literal(loss_title(request.loss).lower())}*{adjusted}, "
        f"up to {request.steps:,} steps{goes_on}."
    )


def literal(text: str) -> str:
    """Markdown that shows a text as it is, on one line: a message, or a name that somebody gave.

    Nothing in it becomes a link, a picture, a colour or an icon. Addresses are set as code. What
    no screen shows (control characters, marks that turn the direction of what follows, halves of
    characters) stands as �.
    """
    # In code, too, Streamlit reads the beginning of an icon's name.
    return _escaped(_ICON).join(map(_without_icons, _visible(text).split(_ICON)))


def _without_icons(text: str) -> str:
    shown, end = [], 0
    for word in _WORD.finditer(text):
        if _is_active(text, word):
            shown += [_escaped(text[end : word.start()]), f"`{word[0]}`"]
            end = word.end()
    return "".join([*shown, _escaped(text[end:])])


def code(text: str) -> str:
    """Markdown that shows a reference or an expression as code, whatever is in it."""
    text = _visible(text)
    return literal(text) if not text or re.search(r"[`|]|:material", text) else f"`{text}`"


def _is_active(text: str, word: re.Match[str]) -> bool:
    found = _ACTIVE.search(word[0])
    if found is None or found[0] not in _ARROWS:
        return found is not None
    before, after = text[word.start() - 1 : word.start()], text[word.end() : word.end() + 1]
    return before in ("", " ") and after in ("", " ")


def _visible(text: str) -> str:
    """The text on one line, without what would hide or turn the text around it."""
    return _UNSEEN.sub("�", " ".join(text.split()))


def _escaped(text: str) -> str:
    return _MARKUP.sub(lambda match: "".join(f"&#{ord(char)};" for char in match[0]), text)


def number(value: float | None, digits: int = 3) -> str:
    """A number to read; a measure of a constant or zero representation is undefined."""
    return "undefined" if value is None else decimals(value, digits)


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
