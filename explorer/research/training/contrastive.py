"""What contrastive training needs besides its loss: a projection, and a head fitted afterwards."""

import numpy as np
import torch
from torch import Tensor, nn

from explorer.research.training.augmentation import centre_window
from explorer.research.training.data import TrainingData
from explorer.research.training.inputs import normalise, to_tensor
from explorer.research.training.losses import cross_entropy
from explorer.research.training.recipe import Recipe
from explorer.zoo.small_network import SmallNetwork

_PROBE_PICTURES = 16_000
_PROBE_STEPS = 150
_PROBE_DECAY = 1e-4
_CHUNK = 256


class Projected(nn.Module):
    """A network whose features are projected to the sphere's space of the contrastive loss.

    The projection (two layers, Chen et al. 2020) is thrown away after training.
    """

    def __init__(self, network: SmallNetwork, hidden: int = 256, outputs: int = 64):
        super().__init__()
        self.network = network
        self.projection = nn.Sequential(
            nn.Linear(network.head.in_features, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.projection(self.network.features(x))


def fit_head(network: SmallNetwork, recipe: Recipe, data: TrainingData, device: str) -> float:
    """Fit `head` on the frozen features of training pictures to all label groups; the last loss.

    A linear probe: multinomial regression with a little weight decay, by L-BFGS, on standardised
    features; the standardisation is folded into the head's weights.
    """
    count = min(_PROBE_PICTURES, data.training_count)
    # Drawn at random: data sets come sorted by class.
    drawn = np.random.default_rng(recipe.rng_seed).permutation(data.training_count)[:count]
    examples = data.training(np.sort(drawn))
    images = centre_window(examples.images, data.side)
    network.eval()
    with torch.no_grad():
        features = torch.cat(
            [
                network.features(normalise(to_tensor(images[i : i + _CHUNK], device)))
                for i in range(0, count, _CHUNK)
            ]
        )
    mean, deviation = features.mean(dim=0), features.std(dim=0).clamp_min(1e-3)
    features = (features - mean) / deviation
    labels = torch.from_numpy(examples.labels).to(device)
    probe = nn.Linear(features.shape[1], network.head.out_features, device=device)
    nn.init.zeros_(probe.weight)
    nn.init.zeros_(probe.bias)
    optimiser = torch.optim.LBFGS(
        probe.parameters(), max_iter=_PROBE_STEPS, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = cross_entropy(probe(features), labels, recipe)
        value = value + _PROBE_DECAY * probe.weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    with torch.no_grad():
        network.head.weight.copy_(probe.weight / deviation)
        network.head.bias.copy_(probe.bias - probe.weight @ (mean / deviation))
        return float(cross_entropy(probe(features), labels, recipe))
