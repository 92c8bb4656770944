"""Figures of the reproduction and of the paper that step 7 states; a test keeps them up to date."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RECORDED: Mapping[str, Any] = json.loads(
    (Path(__file__).parent / "effects.json").read_text(encoding="utf-8")
)
COMMAND: str = _RECORDED["command"]
"""What made the report."""


@dataclass(frozen=True)
class Effect:
    """By how many points of alignment one kind of network is above another, as the report says.

    text: how the report names it. points, low, high: with the 95 % interval. verdict: `holds`,
    `does not hold` or `can't tell`. comparisons: of how many pairs it is the mean. targets: so many
    count, at most. searched: points, low and high of the images as searched; empty where there is
    none. budgets: in words where the sides were trained for different times. equal_match: whether
    the two sides are about as near to their targets. designs_differ: whether designs that the
    claim compares differ in more than their skip connections.
    """

    text: str
    data_set: str
    points: int
    low: int
    high: int
    verdict: str
    comparisons: int
    targets: int
    searched: tuple[int, ...]
    budgets: str
    equal_match: bool
    designs_differ: bool

    @property
    def title(self) -> str:
        """For a reader of the lesson."""
        return f"{_title(self.text)} ({self.data_set})"

    @property
    def holds(self) -> bool:
        """Whether the whole interval is above what the report's rules ask for."""
        return self.verdict == "holds"

    @property
    def reservations(self) -> tuple[str, ...]:
        """What is to be read with it, a clause each."""
        said = [f"up to {self.targets} photographs"]
        if self.searched:
            points, low, high = self.searched
            said.append(f"as searched {points:+d} points ({low} to {high})")
        if self.budgets:
            said.append(f"trained for {self.budgets}")
        if not self.equal_match:
            said.append("not at equal match, so that a part may be the search's")
        return tuple(said)


EFFECTS = tuple(
    Effect(**{**each, "searched": tuple(each["searched"])}) for each in _RECORDED["effects"]
)

SKIPS = "skips minus no skips, adversarially trained"
CONTRASTIVE = "contrastive minus labels, adversarially trained"
ADVERSARIAL = "`imagenette-residual-adv1` minus `imagenette-residual-standard`"

_TITLES: Mapping[str, Mapping[str, str]] = {
    "architecture": {
        re.escape(SKIPS): "Skip connections, or none",
        r"residual CNN minus (.+), adversarially trained": r"Residual CNN, or \1",
    },
    "training": {
        re.escape(ADVERSARIAL): "Adversarial, or standard training",
        "`imagenette-residual-simclr-adv1` minus `imagenette-residual-simclr`": "Adversarial "
        "SimCLR, or SimCLR",
        "`cifar10-resnet-adv1` minus `cifar10-resnet-standard`": "Adversarial, or standard "
        "training",
        re.escape(CONTRASTIVE): "SimCLR, or labels, both adversarial",
        r"(TRADES|MART) minus adversarial training": r"\1, or adversarial training",
    },
    "augmentation": {
        "usual augmentation minus none, adversarially trained": "The usual augmentation, or none",
    },
}
"""By factor: what the report may measure of it, as a pattern, and its title."""

_PAIR = re.compile("`.+` minus `.+`")


def effects_of(factor: str) -> list[Effect]:
    """What the report measured of a factor that the lesson shows."""
    return [
        effect
        for pattern in _TITLES[factor]
        for effect in EFFECTS
        if re.fullmatch(pattern, effect.text)
    ]


def adversarial_pairs() -> list[Effect]:
    """The effect of each pair of networks that differ in adversarial training."""
    return [effect for effect in EFFECTS if _PAIR.fullmatch(effect.text)]


def imagenette(text: str) -> Effect | None:
    """An effect for the networks of Imagenette by the report's name; None where it has none."""
    found = (each for each in EFFECTS if each.data_set == "Imagenette" and each.text == text)
    return next(found, None)


def _title(text: str) -> str:
    for titles in _TITLES.values():
        for pattern, title in titles.items():
            if found := re.fullmatch(pattern, text):
                return found.expand(title)
    return text


PAPER = {
    "cifar10-resnet-standard": "0",
    "cifar10-resnet-adv1": "76.5 ± 15.9",
    "cifar10-resnet-adv1-noaug": "30 ± 12",
    "cifar10-vgg-adv1": "0.25 ± 0.4",
    "cifar10-densenet-adv1": "93.5 ± 9.6",
    "cifar10-inception-adv1": "24.3 ± 25.2",
}
"""Alignment in % that Nanda et al. published for their network of this kind, by ours."""
