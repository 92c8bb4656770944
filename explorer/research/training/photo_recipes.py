"""Recipes of the networks that learn from photographs."""

from typing import Any, TypedDict

from explorer.research.training.recipe import OBJECT, Recipe


class _Photographs(TypedDict):
    dataset: str
    training_pictures: int
    augmentation: str
    group_weights: dict[str, float]
    weight_decay: float


_RESIDUAL: dict[str, Any] = {
    "kind": "grid-cnn",
    "stem": 8,
    "widths": [48, 96],
    "depths": [2, 2],
    "grid": 64,
    "skips": True,
    "outputs": 10,
}
_IMAGENETTE: _Photographs = {
    "dataset": "imagenette",
    "training_pictures": 0,
    "augmentation": "crop",
    "group_weights": OBJECT,
    "weight_decay": 0.05,
}

# In epochs of 9,469 photographs: 6,000 steps with four replays of each batch are 10, 3,000 steps
# without are 20.
PHOTO_RECIPES = (
    Recipe(
        "imagenette-residual-adv1",
        "Imagenette, residual, adversarially trained",
        "Trained on photographs, each changed a little in the way that raises the loss most.",
        _RESIDUAL,
        steps=6_000,
        epsilon=1.0,
        replays=4,
        **_IMAGENETTE,
    ),
    Recipe(
        "imagenette-residual-standard",
        "Imagenette, residual, standard training",
        "Trained to name what is on a photograph, without attacks.",
        _RESIDUAL,
        steps=3_000,
        **_IMAGENETTE,
    ),
)
