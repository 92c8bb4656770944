"""What a training recipe says: everything that decides a network's weights, as data."""

from dataclasses import dataclass, field
from typing import Any

from explorer.zoo.pictures import GROUPS

# How much each label group counts in the loss.
MULTI = {
    "object": 1.0,
    "object hue": 0.4,
    "background hue": 0.4,
    "background pattern": 0.3,
    "background lightness": 0.2,
    "place": 0.3,
    "size": 0.2,
}
OBJECT = {"object": 1.0}
DRAWN = "drawn"


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a network's weights, up to numeric noise.

    dataset: "drawn" (`explorer.zoo.pictures`) or a key of `datasets.DATASETS`.
    objective: a key of `losses.LOSSES`. "cross-entropy" and "simclr" with an `epsilon` are "free"
    adversarial training (Shafahi et al. 2019): each batch is used `replays` times running, and
    every pass updates both the weights and the perturbation. "trades" and "mart" look for their
    perturbation by `inner_steps` steps of ascent, and weigh their second term with `beta`.
    epsilon: radius of the ℓ₂ ball around pictures in [0, 1]; it grows from 0 over the first third.
    augmentation: a key of `augmentation.AUGMENTATIONS`.
    temperature: of the contrastive loss.
    steps: updates of the weights; none for a network that is left untrained.
    training_pictures: how many drawn pictures; 0 stands for all training pictures of the data set.
    averaging: decay of the moving average of the weights, which is what ships.
    shortfall: where the network is worse than it was meant to be, by how much and why.
    """

    name: str
    title: str
    summary: str
    architecture: dict[str, Any]
    steps: int
    objective: str = "cross-entropy"
    epsilon: float = 0.0
    replays: int = 1
    inner_steps: int = 0
    beta: float = 0.0
    temperature: float = 0.0
    augmentation: str = "none"
    group_weights: dict[str, float] = field(default_factory=lambda: dict(MULTI))
    training_pictures: int = 30_000
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.0
    averaging: float = 0.999
    rng_seed: int = 0
    dataset: str = DRAWN
    shortfall: str = ""

    @property
    def labels(self) -> str:
        """What it is taught: "object", "multi" (every factor) or "none"."""
        if self.objective == "simclr" or not self.steps:
            return "none"
        return "multi" if len(self.group_weights) > 1 else "object"

    @property
    def logit_groups(self) -> dict[str, list[int]]:
        """Label group → [first, one past last] of its logits; the objects come first.

        Photographs are labelled with what they show: their one group is "object", too.
        """
        if self.dataset != DRAWN:
            return {"object": [0, self.architecture["outputs"]]}
        groups, start = {}, 0
        for group in self.group_weights:
            groups[group] = [start, start + len(GROUPS[group])]
            start += len(GROUPS[group])
        return groups


def outputs_of(groups: dict[str, float]) -> int:
    """How many logits a network of drawn pictures has that names these label groups."""
    return sum(len(GROUPS[group]) for group in groups)
