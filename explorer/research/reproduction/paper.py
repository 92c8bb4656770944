"""What Nanda et al. printed for CIFAR-10, and the form of their score.

Nanda, Majumdar, Kolling, Dickerson, Gummadi, Love & Weller, "Do Invariances in Deep Neural Networks
Align with Human Perception?", AAAI 2023 (arXiv 2111.14726); the numbers are those that the authors'
public notebook prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from explorer.metrics.calibration import calibration_of
from explorer.metrics.registry import PERCEPTUAL_MEASURES, paper_measures

SOURCE = (
    "Nanda et al., Do Invariances in Deep Neural Networks Align with Human Perception?, AAAI 2023 "
    "(arXiv 2111.14726), as their public notebook prints it: CIFAR-10, 100 images, "
    "regularizer-free loss, seeds N(0, 1), mean ± standard deviation over four LPIPS networks"
)
SEED = "noise"
"""The paper's default, N(0, 1), clamped to [0, 1]."""

FOUND = {
    1: "priors and transforms made every network look aligned, the adversarial term none",
    2: "the regularizer-free loss ranked adversarially trained networks above usual ones",
    3: "residual connections, a contrastive loss and ℓ₂ adversarial augmentation did best together",
}
"""What the paper concluded, by number of the claim."""

USUAL = "standard"
ATTACKED = "adversarial, ℓ₂ ε = 1"
UNAUGMENTED = "adversarial, ℓ₂ ε = 1, without the usual augmentation"


@dataclass(frozen=True)
class Row:
    """One number of the paper, in percent, and our network that is meant to be like its network.

    deviation: None where none is printed. network: "" where we have none.
    """

    training: str
    design: str
    aligned: float
    deviation: float | None
    network: str


TABLE = (
    Row(USUAL, "ResNet-18", 0.0, None, "cifar10-resnet-standard"),
    Row(USUAL, "DenseNet-121", 0.0, None, "cifar10-densenet-standard"),
    Row(USUAL, "VGG-16", 0.0, None, "cifar10-vgg-standard"),
    Row(USUAL, "Inception-v3", 0.0, None, "cifar10-inception-standard"),
    Row(ATTACKED, "ResNet-18", 76.5, 15.9, "cifar10-resnet-adv1"),
    Row(ATTACKED, "DenseNet-121", 93.5, 9.6, "cifar10-densenet-adv1"),
    Row(ATTACKED, "VGG-16", 0.25, 0.4, "cifar10-vgg-adv1"),
    Row(ATTACKED, "Inception-v3", 24.3, 25.2, "cifar10-inception-adv1"),
    Row(UNAUGMENTED, "ResNet-18", 30.0, 12.0, "cifar10-resnet-adv1-noaug"),
    Row(UNAUGMENTED, "DenseNet-121", 93.8, None, ""),
)


def row_of(network: str) -> Row | None:
    """The paper's row that one of our networks stands beside; None where there is none."""
    return next((row for row in TABLE if row.network == network), None)


def effect(training: str) -> dict[str, float]:
    """By design, how many points the paper's alignment is above that of standard training."""
    by_design = {row.design: row.aligned for row in TABLE if row.training == USUAL}
    return {
        row.design: row.aligned - by_design[row.design] for row in TABLE if row.training == training
    }


def scorers(measures: Iterable[str], side: int) -> tuple[str, ...]:
    """Those of the measures that score as in the paper: its four LPIPS networks, or what ships.

    measures: that gave answers. The four where all of them did; else of the measures that need no
    download one a family, that which the calibration ranks highest for photographs of so many px.
    """
    there = list(measures)
    four = paper_measures()
    if set(four) <= set(there):
        return four
    best: dict[str, tuple[float, str]] = {}
    for name in there:
        measure = PERCEPTUAL_MEASURES.named(name)
        if measure.needs_download:
            continue
        calibration = calibration_of(name, (side, side), SEED)
        margin = 0.0 if calibration is None else calibration.margin
        family = measure.family or name
        if family not in best or margin > best[family][0]:
            best[family] = (margin, name)
    return tuple(name for _, name in best.values())


def score(nearer: Mapping[str, np.ndarray], names: Iterable[str]) -> tuple[float, float] | None:
    """Mean and standard deviation over scorers of their shares of IRIs, in percent.

    nearer: (N,) answers by measure, 1.0 where d(IRI, target) ≤ d(IRI, seed), nan where an IRI does
    not count. None where none does.
    """
    columns = [nearer[name][np.isfinite(nearer[name])] for name in names]
    shares = [100 * column.mean() for column in columns if len(column)]
    return (float(np.mean(shares)), float(np.std(shares))) if shares else None
