"""How each shipped network is trained, as data."""

from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a network's weights, up to numeric noise.

    `steps` counts updates of the weights. In adversarial training each batch is used `replays`
    times running, and every pass updates both the weights and the perturbation ("free" adversarial
    training, Shafahi et al. 2019). `epsilon` is the radius of the ℓ₂ ball around pictures in
    [0, 1]; it grows from 0 over the first third of the steps.
    """

    name: str
    title: str
    summary: str
    architecture: dict
    steps: int
    epsilon: float = 0.0
    replays: int = 1
    labels: str = "multi"
    group_weights: dict[str, float] = field(default_factory=lambda: dict(MULTI))
    training_pictures: int = 30_000
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.0
    averaging: float = 0.999
    rng_seed: int = 0

    @property
    def objective(self) -> str:
        return "adversarial l2" if self.epsilon else "standard"

    @property
    def logit_groups(self) -> dict[str, list[int]]:
        """Label group → [first, one past last] of its logits; the objects come first."""
        groups, start = {}, 0
        for group in self.group_weights:
            groups[group] = [start, start + len(GROUPS[group])]
            start += len(GROUPS[group])
        return groups


def _residual(groups: dict[str, float]) -> dict:
    return {
        "kind": "grid-cnn",
        "stem": 8,
        "widths": [32, 64],
        "depths": [2, 2],
        "grid": 64,
        "skips": True,
        "outputs": sum(len(GROUPS[group]) for group in groups),
    }


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="residual-multi-standard",
            title="Residual, trained as usual",
            summary="Learned to name the thing, its colours and its place. "
            "Nobody tried to fool it.",
            architecture=_residual(MULTI),
            steps=1600,
        ),
        Recipe(
            name="residual-multi-adv2",
            title="Residual, attack-trained",
            summary="Each picture was changed while it learned, a little and so "
            "as to confuse it most.",
            architecture=_residual(MULTI),
            steps=6800,
            epsilon=2.0,
            replays=4,
        ),
    )
}
