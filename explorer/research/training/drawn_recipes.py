"""Recipes of the networks that learn from drawn pictures, whose every factor is labelled.

In the order in which `--all` trains them.
"""

from typing import Any, TypedDict

from explorer.research.training.recipe import MULTI, OBJECT, Recipe, outputs_of


class _Budget(TypedDict, total=False):
    steps: int
    epsilon: float
    replays: int


class _Rate(TypedDict):
    learning_rate: float
    weight_decay: float


class _Contrastive(TypedDict):
    objective: str
    temperature: float


def _residual(groups: dict[str, float] = MULTI) -> dict[str, Any]:
    return {
        "kind": "grid-cnn",
        "stem": 8,
        "widths": [32, 64],
        "depths": [2, 2],
        "grid": 64,
        "skips": True,
        "outputs": outputs_of(groups),
    }


_VGG: dict[str, Any] = {
    "kind": "stacked-cnn",
    "widths": [24, 48, 96],
    "depths": [1, 2, 1],
    "grid": 64,
    "outputs": outputs_of(MULTI),
}
_VIT: dict[str, Any] = {
    "kind": "grid-transformer",
    "patch": 8,
    "width": 96,
    "depth": 3,
    "heads": 4,
    "hidden": 288,
    "grid": 64,
    "outputs": outputs_of(MULTI),
}
_VIT_RATE: _Rate = {"learning_rate": 1e-3, "weight_decay": 0.05}

# 1600 steps for standard training, 2400 with attacks (a step costs the same). The exception is
# `residual-multi-adv2`: it was trained nearly three times as long, to be the best of its kind.
_STANDARD: _Budget = {"steps": 1600}
_FREE: _Budget = {"steps": 2400, "epsilon": 2.0, "replays": 4}
_FREE_LONG: _Budget = {"steps": 6800, "epsilon": 2.0, "replays": 4}
_SIMCLR: _Contrastive = {"objective": "simclr", "temperature": 0.2}

DRAWN_RECIPES = (
    Recipe(
        "residual-multi-standard",
        "Drawn pictures, residual, standard training",
        "Trained to name the object, its colours and its place, without attacks.",
        _residual(),
        **_STANDARD,
    ),
    Recipe(
        "residual-multi-adv2",
        "Drawn pictures, residual, adversarially trained",
        "Each training picture was changed a little, in the way that raises the loss most.",
        _residual(),
        **_FREE_LONG,
    ),
    Recipe(
        "residual-untrained",
        "Drawn pictures, residual, untrained",
        "Not trained: its weights are the random numbers of its initialisation.",
        _residual(),
        steps=0,
    ),
    Recipe(
        "residual-object-standard",
        "Drawn pictures, residual, object labels only",
        "Trained to name the object and nothing else: no labels of colours or places.",
        _residual(OBJECT),
        group_weights=OBJECT,
        **_STANDARD,
    ),
    Recipe(
        "residual-simclr",
        "Drawn pictures, residual, SimCLR",
        "Trained without labels, to tell which two crops come from the same picture.",
        _residual(),
        augmentation="simclr",
        **_SIMCLR,
        **_STANDARD,
    ),
    Recipe(
        "residual-object-adv2",
        "Drawn pictures, object only, adversarially trained",
        "Trained on the object's name only, on pictures changed so as to raise the loss.",
        _residual(OBJECT),
        group_weights=OBJECT,
        **_FREE,
    ),
    Recipe(
        "residual-simclr-adv2",
        "Drawn pictures, residual, adversarial SimCLR",
        "SimCLR with one of the two crops changed so as to raise the contrastive loss.",
        _residual(),
        augmentation="simclr",
        **_SIMCLR,
        **_FREE,
    ),
    Recipe(
        "vgg-multi-standard",
        "Drawn pictures, VGG-like, standard training",
        "Stacked 3×3 convolutions with max-pooling.",
        _VGG,
        **_STANDARD,
    ),
    Recipe(
        "vgg-multi-adv2",
        "Drawn pictures, VGG-like, adversarially trained",
        "Stacked 3×3 convolutions; each picture was changed so as to raise the loss.",
        _VGG,
        **_FREE,
    ),
    Recipe(
        "vit-multi-adv2",
        "Drawn pictures, transformer, adversarially trained",
        "Attends to 64 patches; each picture was changed so as to raise the loss.",
        _VIT,
        **_VIT_RATE,
        **_FREE,
    ),
)
