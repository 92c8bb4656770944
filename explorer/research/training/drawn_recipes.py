"""Recipes of the networks that learn from drawn pictures, in the order `--all` trains them."""

from typing import Any, TypedDict

from explorer.research.training.recipe import MULTI, OBJECT, Recipe, outputs_of


class _Budget(TypedDict, total=False):
    steps: int
    epsilon: float
    replays: int
    inner_steps: int
    beta: float


class _Rate(TypedDict):
    learning_rate: float
    weight_decay: float


class _Contrastive(TypedDict):
    objective: str
    temperature: float


def _residual(groups: dict[str, float] = MULTI, skips: bool = True) -> dict[str, Any]:
    return {
        "kind": "grid-cnn",
        "stem": 8,
        "widths": [32, 64],
        "depths": [2, 2],
        "grid": 64,
        "skips": skips,
        "outputs": outputs_of(groups),
    }


_PLAIN = _residual(skips=False)
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

# The factors are compared at one budget: 1600 steps for standard training, 2400 with attacks (a
# step costs the same). A step of TRADES or MART costs three to four times as much, so they get half
# as many. `residual-multi-adv2` is the exception: it was trained nearly three times as long, to be
# the best of its kind; compare the others with `residual-multi-adv2-b` and `-c`.
_STANDARD: _Budget = {"steps": 1600}
_FREE: _Budget = {"steps": 2400, "epsilon": 2.0, "replays": 4}
_FREE_HALF: _Budget = {"steps": 2400, "epsilon": 1.0, "replays": 4}
_FREE_LONG: _Budget = {"steps": 6800, "epsilon": 2.0, "replays": 4}
_INNER: _Budget = {"steps": 1200, "epsilon": 2.0, "inner_steps": 2, "beta": 6.0}
_SIMCLR: _Contrastive = {"objective": "simclr", "temperature": 0.2}

DRAWN_RECIPES = (
    Recipe(
        "residual-multi-standard",
        "Residual, standard training",
        "Trained to name the object, its colours and its place, without attacks.",
        _residual(),
        **_STANDARD,
    ),
    Recipe(
        "residual-multi-adv2",
        "Residual, adversarially trained",
        "Each training picture was changed a little, in the way that raises the loss most.",
        _residual(),
        **_FREE_LONG,
    ),
    Recipe(
        "residual-untrained",
        "Residual, untrained",
        "Not trained: its weights are the random numbers of its initialisation.",
        _residual(),
        steps=0,
    ),
    Recipe(
        "plain-multi-standard",
        "Plain, standard training",
        "The residual network without its skip connections.",
        _PLAIN,
        **_STANDARD,
    ),
    Recipe(
        "residual-object-standard",
        "Residual, object labels only",
        "Trained to name the object and nothing else: no labels of colours or places.",
        _residual(OBJECT),
        group_weights=OBJECT,
        **_STANDARD,
    ),
    Recipe(
        "residual-simclr",
        "Residual, SimCLR",
        "Trained without labels, to tell which two crops come from the same picture.",
        _residual(),
        augmentation="simclr",
        **_SIMCLR,
        **_STANDARD,
    ),
    Recipe(
        "residual-multi-adv2-b",
        "Residual, adversarially trained, initialisation 2",
        "Adversarially trained from other random weights, with a third of the training.",
        _residual(),
        rng_seed=1,
        **_FREE,
    ),
    Recipe(
        "plain-multi-adv2",
        "Plain, adversarially trained",
        "No skip connections; each training picture was changed so as to raise the loss.",
        _PLAIN,
        **_FREE,
    ),
    Recipe(
        "residual-object-adv2",
        "Residual, object only, adversarially trained",
        "Trained on the object's name only, on pictures changed so as to raise the loss.",
        _residual(OBJECT),
        group_weights=OBJECT,
        **_FREE,
    ),
    Recipe(
        "residual-simclr-adv2",
        "Residual, adversarial SimCLR",
        "SimCLR with one of the two crops changed so as to raise the contrastive loss.",
        _residual(),
        augmentation="simclr",
        **_SIMCLR,
        **_FREE,
    ),
    Recipe(
        "vgg-multi-standard",
        "VGG-like, standard training",
        "Stacked 3×3 convolutions with max-pooling.",
        _VGG,
        **_STANDARD,
    ),
    Recipe(
        "vit-multi-standard",
        "Transformer, standard training",
        "Cuts the picture into 64 patches; every patch attends to every other.",
        _VIT,
        **_VIT_RATE,
        **_STANDARD,
    ),
    Recipe(
        "residual-multi-standard-b",
        "Residual, standard training, initialisation 2",
        "The same training from other random weights: what differs is chance.",
        _residual(),
        rng_seed=1,
        **_STANDARD,
    ),
    Recipe(
        "residual-multi-standard-aug",
        "Residual, augmented",
        "Every picture was shifted, mirrored or recoloured a little in every epoch.",
        _residual(),
        augmentation="usual",
        **_STANDARD,
    ),
    Recipe(
        "vgg-multi-adv2",
        "VGG-like, adversarially trained",
        "Stacked 3×3 convolutions; each picture was changed so as to raise the loss.",
        _VGG,
        **_FREE,
    ),
    Recipe(
        "vit-multi-adv2",
        "Transformer, adversarially trained",
        "Attends to 64 patches; each picture was changed so as to raise the loss.",
        _VIT,
        **_VIT_RATE,
        **_FREE,
    ),
    Recipe(
        "residual-multi-trades",
        "Residual, TRADES",
        "Trained on clean pictures, and to answer alike when they are attacked.",
        _residual(),
        objective="trades",
        **_INNER,
    ),
    Recipe(
        "residual-multi-adv1",
        "Residual, adversarially trained, ε = 1",
        "Each training picture was changed so as to raise the loss, half as far.",
        _residual(),
        **_FREE_HALF,
    ),
    Recipe(
        "residual-multi-mart",
        "Residual, MART",
        "Adversarially trained with more weight on the pictures that it gets wrong.",
        _residual(),
        objective="mart",
        **_INNER,
    ),
    Recipe(
        "residual-simclr-nocolour",
        "Residual, SimCLR without colour augmentation",
        "Trained to tell which crops belong together; their colours were never changed.",
        _residual(),
        augmentation="simclr without colour",
        **_SIMCLR,
        **_STANDARD,
    ),
    Recipe(
        "residual-multi-adv2-c",
        "Residual, adversarially trained, initialisation 3",
        "Adversarially trained once more from other random weights.",
        _residual(),
        rng_seed=2,
        **_FREE,
    ),
    Recipe(
        "residual-multi-standard-simclraug",
        "Residual, strongly augmented",
        "Every picture was cropped, mirrored and recoloured anew in every epoch.",
        _residual(),
        augmentation="simclr",
        **_STANDARD,
    ),
    Recipe(
        "residual-simclr-b",
        "Residual, SimCLR, initialisation 2",
        "SimCLR from other random weights.",
        _residual(),
        rng_seed=1,
        augmentation="simclr",
        **_SIMCLR,
        **_STANDARD,
    ),
    Recipe(
        "residual-multi-adv2-aug",
        "Residual, augmented, adversarially trained",
        "Pictures shifted, mirrored, recoloured, and then changed so as to raise the loss.",
        _residual(),
        augmentation="usual",
        **_FREE,
    ),
    Recipe(
        "plain-multi-adv2-b",
        "Plain, adversarially trained, initialisation 2",
        "No skip connections, adversarially trained, from other random weights.",
        _PLAIN,
        rng_seed=1,
        **_FREE,
    ),
    Recipe(
        "residual-multi-standard-c",
        "Residual, standard training, initialisation 3",
        "The same training once more from other random weights.",
        _residual(),
        rng_seed=2,
        **_STANDARD,
    ),
    Recipe(
        "residual-simclr-adv2-b",
        "Residual, adversarial SimCLR, initialisation 2",
        "SimCLR with one crop attacked, from other random weights.",
        _residual(),
        rng_seed=1,
        augmentation="simclr",
        **_SIMCLR,
        **_FREE,
    ),
)
