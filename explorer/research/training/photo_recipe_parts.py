"""What the recipes of networks that learn from photographs share."""

from typing import TypedDict

from explorer.research.training.recipe import OBJECT


class Photographs(TypedDict):
    """Which data set, and what all networks of one share."""

    dataset: str
    training_pictures: int
    group_weights: dict[str, float]
    weight_decay: float


class Budget(TypedDict, total=False):
    """How long, and by which attacks."""

    steps: int
    epsilon: float
    replays: int
    inner_steps: int
    beta: float


class Contrastive(TypedDict):
    """SimCLR's objective with its augmentation."""

    objective: str
    temperature: float
    augmentation: str


class Augmented(TypedDict):
    """A key of `augmentation.AUGMENTATIONS`."""

    augmentation: str


def photographs_of(dataset: str) -> Photographs:
    """All training photographs of a data set, labelled with what they show."""
    return {
        "dataset": dataset,
        "training_pictures": 0,
        "group_weights": OBJECT,
        "weight_decay": 0.05,
    }


SIMCLR: Contrastive = {"objective": "simclr", "temperature": 0.2, "augmentation": "simclr"}
