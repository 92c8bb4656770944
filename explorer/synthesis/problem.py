"""What is to be synthesised: the batch of samples that one call of the loop works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from explorer.losses.term import Distance
from explorer.losses.variants import Loss
from explorer.models.network import Network


@dataclass(frozen=True, eq=False)
class Problem:
    """N images to be made identical to their targets at a layer of one network.

    layer: an expression (`explorer.models.layer_expression`).
    targets, seeds: N×3×H×W in [0, 1] on the network's device. losses, goals: one of each per
    sample; a goal is the relative distance at which the sample is done. All losses share one
    parametrisation, and either all have the same random transforms or none.
    distance: the perceptual distance of adversarial losses. rng_seeds: of the generators that draw
    each sample's random transforms; 0, 1, 2, … if there are none.
    straight_through: whether gradients skip the ReLU that the layer ends in.
    starts: the images N×3×H×W in [0, 1] from which an earlier search goes on; None: the seeds.
    """

    network: Network
    layer: str
    targets: Tensor
    seeds: Tensor
    losses: Sequence[Loss]
    goals: Sequence[float]
    distance: Distance | None = None
    rng_seeds: Sequence[int] = ()
    straight_through: bool = False
    starts: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def part(self, first: int, last: int) -> Problem:
        """The samples from `first` up to, but not including, `last`."""
        return self.selected(range(first, last))

    def selected(self, samples: Sequence[int]) -> Problem:
        """The samples of these numbers, from 0, in their order."""
        chosen = list(samples)
        rng_seeds = self.rng_seeds or range(len(self))
        return replace(
            self,
            targets=self.targets[chosen],
            seeds=self.seeds[chosen],
            starts=None if self.starts is None else self.starts[chosen],
            losses=[self.losses[each] for each in chosen],
            goals=[self.goals[each] for each in chosen],
            rng_seeds=[rng_seeds[each] for each in chosen],
        )
