"""Recipes of the networks that learn from photographs, in the order `--all` trains them."""

from typing import Any, TypedDict

from explorer.research.training.recipe import OBJECT, Recipe


class _Photographs(TypedDict):
    dataset: str
    training_pictures: int
    group_weights: dict[str, float]
    weight_decay: float


class _Budget(TypedDict, total=False):
    steps: int
    epsilon: float
    replays: int
    inner_steps: int
    beta: float


class _Contrastive(TypedDict):
    objective: str
    temperature: float
    augmentation: str


class _Changed(TypedDict):
    augmentation: str


def _of(dataset: str) -> _Photographs:
    return {
        "dataset": dataset,
        "training_pictures": 0,
        "group_weights": OBJECT,
        "weight_decay": 0.05,
    }


def _grid(skips: bool) -> dict[str, Any]:
    return {
        "kind": "grid-cnn",
        "stem": 8,
        "widths": [48, 96],
        "depths": [2, 2],
        "grid": 64,
        "skips": skips,
        "outputs": 10,
    }


_RESIDUAL, _PLAIN = _grid(skips=True), _grid(skips=False)
_VGG: dict[str, Any] = {
    "kind": "stacked-cnn",
    "widths": [32, 64, 128],
    "depths": [1, 2, 1],
    "grid": 64,
    "outputs": 10,
}
_VIT: dict[str, Any] = {
    "kind": "grid-transformer",
    "patch": 8,
    "width": 96,
    "depth": 3,
    "heads": 4,
    "hidden": 288,
    "grid": 64,
    "outputs": 10,
}
_IMAGENETTE = _of("imagenette")
_CROPPED: _Changed = {"augmentation": "resized crop"}
_SIMCLR: _Contrastive = {"objective": "simclr", "temperature": 0.2, "augmentation": "simclr"}

# The factors are compared at one budget, as with the drawn pictures. The two without a suffix are
# the exception: they were trained longest, to be the best of their kind; compare the other networks
# with initialisation 2.
_STANDARD: _Budget = {"steps": 2_000}
_FREE: _Budget = {"steps": 3_200, "epsilon": 1.0, "replays": 4}

IMAGENETTE_RECIPES = (
    Recipe(
        "imagenette-residual-adv1",
        "Photographs, residual, adversarially trained",
        "Trained on photographs, each changed a little so as to raise the loss most.",
        _RESIDUAL,
        steps=10_000,
        epsilon=1.0,
        replays=4,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-residual-standard",
        "Photographs, residual, standard training",
        "Trained to name what is on a photograph, without attacks.",
        _RESIDUAL,
        steps=5_000,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-residual-simclr",
        "Photographs, residual, SimCLR",
        "Trained without labels, to tell which two crops come from the same photograph.",
        _RESIDUAL,
        **_STANDARD,
        **_SIMCLR,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-residual-simclr-adv1",
        "Photographs, residual, adversarial SimCLR",
        "SimCLR on photographs, one of the two crops changed so as to raise the loss.",
        _RESIDUAL,
        **_FREE,
        **_SIMCLR,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-residual-adv1-b",
        "Photographs, residual, adversarially trained (2)",
        "Adversarially trained from other random weights, with a third of the steps.",
        _RESIDUAL,
        rng_seed=1,
        **_FREE,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-residual-standard-b",
        "Photographs, residual, standard training (2)",
        "Standard training from other random weights, with less than half the steps.",
        _RESIDUAL,
        rng_seed=1,
        **_STANDARD,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-vgg-standard",
        "Photographs, VGG-like, standard training",
        "Stacked 3×3 convolutions with max-pooling, trained without attacks.",
        _VGG,
        **_STANDARD,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-vgg-adv1",
        "Photographs, VGG-like, adversarially trained",
        "Stacked 3×3 convolutions, trained on photographs changed so as to raise the loss.",
        _VGG,
        **_FREE,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-plain-standard",
        "Photographs, plain, standard training",
        "The residual network without its skip connections.",
        _PLAIN,
        **_STANDARD,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-plain-adv1",
        "Photographs, plain, adversarially trained",
        "No skip connections, trained on photographs changed so as to raise the loss.",
        _PLAIN,
        **_FREE,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-vit-standard",
        "Photographs, transformer, standard training",
        "Cuts the photograph into 64 patches; every patch attends to every other.",
        _VIT,
        learning_rate=1e-3,
        **_STANDARD,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-vit-adv1",
        "Photographs, transformer, adversarially trained",
        "Attends to 64 patches, trained on photographs changed so as to raise the loss.",
        _VIT,
        learning_rate=1e-3,
        **_FREE,
        **_CROPPED,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-residual-simclr-b",
        "Photographs, residual, SimCLR (2)",
        "SimCLR from other random weights.",
        _RESIDUAL,
        rng_seed=1,
        **_STANDARD,
        **_SIMCLR,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-residual-simclr-adv1-b",
        "Photographs, residual, adversarial SimCLR (2)",
        "SimCLR with one crop attacked, from other random weights.",
        _RESIDUAL,
        rng_seed=1,
        **_FREE,
        **_SIMCLR,
        **_IMAGENETTE,
    ),
)

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
_CIFAR = _of("cifar10")
_PADDED: _Changed = {"augmentation": "padded crop"}
_UNCHANGED: _Changed = {"augmentation": "none"}
_CIFAR_STANDARD: _Budget = {"steps": 3_600}
_CIFAR_FREE: _Budget = {"steps": 4_000, "epsilon": 1.0, "replays": 4}
# A step costs four times as much.
_CIFAR_INNER: _Budget = {"steps": 1_200, "epsilon": 1.0, "inner_steps": 2, "beta": 6.0}


def _cifar(
    design: str,
    ending: str,
    title: str,
    summary: str,
    budget: _Budget,
    changed: _Changed | _Contrastive,
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
        _SIMCLR,
    ),
    _cifar(
        "ResNet",
        "simclr-adv1",
        "adversarial SimCLR",
        "SimCLR on CIFAR-10, one of the two crops changed so as to raise the loss.",
        _CIFAR_FREE,
        _SIMCLR,
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

PHOTO_RECIPES = (*IMAGENETTE_RECIPES, *CIFAR_RECIPES)
