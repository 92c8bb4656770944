"""Recipes of the networks that learn from CIFAR-10, in the order `--all` trains them."""

from typing import Any

from explorer.research.training.photo_recipe_parts import (
    SIMCLR,
    Augmented,
    Budget,
    Contrastive,
    photographs_of,
)
from explorer.research.training.recipe import Recipe

_POOLED: dict[str, dict[str, Any]] = {
    "ResNet": {"kind": "pooled-resnet", "widths": [32, 64, 128], "depths": [1, 1, 1]},
    "VGG": {"kind": "pooled-vgg", "widths": [32, 64, 128], "depths": [2, 2, 2]},
    "DenseNet": {"kind": "pooled-densenet", "stem": 32, "growth": 16, "depths": [3, 3, 3]},
    "Inception": {
        "kind": "pooled-inception",
        "stem": 32,
        "widths": [16, 32, 48],
        "depths": [1, 2, 1],
    },
}
_CIFAR = photographs_of("cifar10")
_PADDED: Augmented = {"augmentation": "padded crop"}
_UNCHANGED: Augmented = {"augmentation": "none"}
_CIFAR_STANDARD: Budget = {"steps": 3_600}
_CIFAR_FREE: Budget = {"steps": 4_000, "epsilon": 1.0, "replays": 4}
# A step costs four times as much.
_CIFAR_INNER: Budget = {"steps": 1_200, "epsilon": 1.0, "inner_steps": 2, "beta": 6.0}


def _cifar(
    design: str,
    ending: str,
    title: str,
    summary: str,
    budget: Budget,
    changed: Augmented | Contrastive,
    objective: str = "cross-entropy",
) -> Recipe:
    architecture = {**_POOLED[design], "features": 512, "outputs": 10}
    how: dict[str, Any] = {"objective": objective, **budget, **changed, **_CIFAR}
    name = f"cifar10-{design.lower()}-{ending}"
    return Recipe(name, f"CIFAR-10, {design}, {title}", summary, architecture, **how)


def _pair(design: str) -> tuple[Recipe, Recipe]:
    """The design with standard and with adversarial training."""
    return (
        _cifar(
            design,
            "standard",
            "standard training",
            f"A small {design}, trained on CIFAR-10 without attacks.",
            _CIFAR_STANDARD,
            _PADDED,
        ),
        _cifar(
            design,
            "adv1",
            "adversarially trained",
            f"A small {design}, trained on CIFAR-10 with pictures changed so as to raise the loss.",
            _CIFAR_FREE,
            _PADDED,
        ),
    )


def _unaugmented(design: str) -> Recipe:
    return _cifar(
        design,
        "adv1-noaug",
        "adversarial, not augmented",
        f"A small {design}, adversarially trained on pictures neither shifted nor mirrored.",
        _CIFAR_FREE,
        _UNCHANGED,
    )


CIFAR_RECIPES = (
    *_pair("ResNet"),
    _unaugmented("ResNet"),
    *_pair("VGG"),
    _unaugmented("VGG"),
    _cifar(
        "ResNet",
        "simclr",
        "SimCLR",
        "Trained on CIFAR-10 without labels, to tell which two crops belong together.",
        _CIFAR_STANDARD,
        SIMCLR,
    ),
    _cifar(
        "ResNet",
        "simclr-adv1",
        "adversarial SimCLR",
        "SimCLR on CIFAR-10, one of the two crops changed so as to raise the loss.",
        _CIFAR_FREE,
        SIMCLR,
    ),
    _cifar(
        "ResNet",
        "trades",
        "TRADES",
        "Trained on clean pictures of CIFAR-10, and to answer alike when they are attacked.",
        _CIFAR_INNER,
        _PADDED,
        objective="trades",
    ),
    _cifar(
        "ResNet",
        "mart",
        "MART",
        "Adversarially trained on CIFAR-10, with more weight on what it gets wrong.",
        _CIFAR_INNER,
        _PADDED,
        objective="mart",
    ),
    *_pair("DenseNet"),
    *_pair("Inception"),
)
