"""One pass over a batch of images: what the network and the loss say of them, and the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from explorer.losses.objective import Objective
from explorer.losses.term import Distance, TermInputs
from explorer.losses.variants import Loss
from explorer.models.layers import representation
from explorer.models.network import Network
from explorer.synthesis.corners import with_soft_corners
from explorer.synthesis.folding import folded
from explorer.synthesis.parametrisation import parametrisation_called
from explorer.synthesis.relu import passing_every_gradient
from explorer.synthesis.stem import with_quick_stem
from explorer.synthesis.transforms import RandomTransforms


class Pass(NamedTuple):
    """What one pass says of N samples; nothing here takes a gradient.

    images: N×3×H×W in [0, 1], what the parameters stand for. loss, relative_l2, score: (N,), of
    the images as they are, see `Value`. descended: (N,), the loss that `gradient`, N×… by the
    parameters, belongs to; with random transforms it is that of the images as they were moved.
    offset: N×D, see `TermInputs`.
    """

    images: Tensor
    loss: Tensor
    relative_l2: Tensor
    score: Tensor
    descended: Tensor
    gradient: Tensor
    offset: Tensor


class Looking:
    """Looks at a batch of samples, pass by pass, through the lightest network that says the same.

    targets, seeds: N×3×H×W in [0, 1]. soft: whether gradients may be looked for through soft
    corners. alike: whether every pass does the same, which random transforms don't.
    """

    def __init__(
        self,
        network: Network,
        layer: str,
        targets: Tensor,
        seeds: Tensor,
        losses: Sequence[Loss],
        distance: Distance | None,
        rng_seeds: Sequence[int],
        relu_passes: bool,
        soft: bool,
    ) -> None:
        self._network, self._corners = with_quick_stem(folded(network, layer)), None
        if soft and not relu_passes:
            self._network, self._corners = with_soft_corners(self._network)
        self._layer, self._relu_passes = layer, relu_passes
        self._targets, self._seeds, self._distance = targets, seeds, distance
        self._wanted = self._target_representation()
        self._objective = Objective(losses, targets.device)
        self.form = parametrisation_called(losses[0].parametrisation, tuple(seeds.shape[-2:]))
        self._moved = RandomTransforms(rng_seeds) if losses[0].transforms else None
        self.alike = self._moved is None

    def __call__(self, parameters: Tensor, width: Tensor | None) -> Pass:
        """One pass; parameters N×…, width (N,) of the soft corners, None for sharp ones."""
        if self._corners is not None:
            self._corners.soften(width)
        with torch.enable_grad():
            parameters = parameters.detach().requires_grad_(True)
            images = self.form.images(parameters)
            if self._moved is None:
                scene = self._seen(images, images)
                descended = judged = self._objective(scene)
            else:
                with torch.no_grad():
                    judged = self._objective(self._seen(images, images))
                scene = self._seen(images, self._moved(images))
                descended = self._objective(scene)
            (gradient,) = torch.autograd.grad(descended.loss.sum(), parameters)
        said = (judged.loss, judged.relative_l2, judged.score, descended.loss)
        return Pass(
            images.detach(),
            *(one.detach() for one in said),
            gradient,
            scene.offset.detach(),
        )

    def weights(self) -> list[dict[str, float]]:
        """As `Objective.weights`."""
        return self._objective.weights()

    def blame(self, images: Tensor) -> str:
        """The end of a sentence that says which terms of the loss are no numbers."""
        with torch.enable_grad():
            images = images.detach().requires_grad_(True)
            terms = self._objective.nonfinite_terms(self._seen(images, images))
        return f", because of the term {' and '.join(map(repr, terms))}" if terms else ""

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""
        self._targets, self._seeds = self._targets[places], self._seeds[places]
        self._wanted = self._wanted[places]
        self._objective.select(places)
        for part in (self._corners, self._moved):
            if part is not None:
                part.keep(places)

    @torch.no_grad()
    def _target_representation(self) -> Tensor:
        def run() -> Tensor:
            return representation(self._network, self._layer, self._targets)

        return run() if self._corners is None else self._corners.learn(run)

    def _seen(self, images: Tensor, shown: Tensor) -> TermInputs:
        """The images, judged by what the network makes of `shown`."""
        made = representation(self._network, self._layer, shown)
        if self._relu_passes and torch.is_grad_enabled():
            made = passing_every_gradient(made, self._layer)
        return TermInputs(images, made, self._wanted, self._targets, self._seeds, self._distance)
