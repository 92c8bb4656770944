"""Whether two names stand for the same picture: compared by pixels, whatever the names."""

from __future__ import annotations

from collections.abc import Iterable

from . import gallery

UPLOAD_PREFIX = "picture:"
"""Before the SHA-256 of an uploaded picture's pixels, in its name."""


def upload_name(digest: str) -> str:
    """The name of an uploaded picture with this `explorer.images.digest`."""
    return UPLOAD_PREFIX + digest


def content_name(name: str) -> str:
    """What the copies of a picture have in common: the name of an upload of the same pixels.

    Names that stand for no picture, such as those of noise targets, stay as they are.
    """
    return upload_name(gallery.digest(name)) if name in gallery.names() else name


def same_picture(first: str, second: str) -> bool:
    """Whether two names, of the gallery or of uploads, stand for the same pixels."""
    if first.startswith(UPLOAD_PREFIX) == second.startswith(UPLOAD_PREFIX):
        return first == second  # the gallery's pictures differ
    return content_name(first) == content_name(second)


def is_one_of(name: str, others: Iterable[str]) -> bool:
    """Whether any of the other names stands for the same picture as this one."""
    return any(same_picture(name, each) for each in others)
