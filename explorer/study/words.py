"""The words that recognition offers: what pictures show, one word for a picture."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType

from explorer.images import gallery
from explorer.study.records import Stimulus

SIXTEEN = (
    *("airplane", "bear", "bicycle", "bird", "boat", "bottle", "car", "cat"),
    *("chair", "clock", "dog", "elephant", "keyboard", "knife", "oven", "truck"),
)
"""The categories of Geirhos et al. (2018), which Feather et al. (2023) offered to people."""

_CATEGORIES = MappingProxyType(
    {
        "biplane": "airplane",
        "boats": "boat",
        "cat": "cat",
        "dog": "dog",
        "heron": "bird",
        "osprey": "bird",
        "owl": "bird",
        "parrot": "bird",
    }
)
"""The category of each gallery picture that shows one of the sixteen."""


class Words(StrEnum):
    """Which words recognition offers.

    LABELS: what the set's target pictures show. SIXTEEN: the categories of Feather et al. NETWORK:
    the classes that the networks give the target pictures.
    """

    LABELS = "labels"
    SIXTEEN = "sixteen"
    NETWORK = "network"


def label_of(target_name: str) -> str | None:
    """The word for what a picture of the gallery shows; None for other pictures."""
    if target_name not in gallery.names():
        return None
    return gallery.describe(target_name).title.lower()


def word_of(stimulus: Stimulus, words: Words, of_target: bool = False) -> str | None:
    """The right word for an IRI, or for its target picture itself; None where there is none.

    By Words.NETWORK the right word for an IRI is the network's class. Whether that is what the
    target picture shows nobody has said, so that of the target picture itself the label is right.
    """
    if words is Words.SIXTEEN:
        return _CATEGORIES.get(stimulus.target_name)
    if words is Words.NETWORK and not of_target:
        return stimulus.network_class
    return stimulus.label


def vocabulary(stimuli: Iterable[Stimulus], words: Words) -> tuple[str, ...]:
    """All words that may be offered, in alphabetical order."""
    if words is Words.SIXTEEN:
        return SIXTEEN
    return tuple(sorted({word for each in stimuli if (word := word_of(each, words))}))
