"""One evaluation of a batch: a forward and a backward pass, to loss, gradient and offset."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from explorer.losses.objective import Objective
from explorer.losses.term import TermInputs
from explorer.models.layer_expression import straight_through_place
from explorer.models.layers import expression_of, measure_scales, part_of, representation
from explorer.synthesis.folding import folded
from explorer.synthesis.parametrisation import parametrisation_called
from explorer.synthesis.problem import Problem
from explorer.synthesis.straight_through import straight_through
from explorer.synthesis.surrogate import SurrogateGradients, with_surrogate_gradients
from explorer.synthesis.transforms import RandomTransforms


class Evaluation(NamedTuple):
    """What one forward and backward pass gives for N samples; nothing here takes a gradient.

    images: N×3×H×W in [0, 1], of the parameters. loss, relative_l2, score: (N,), of the images as
    they are, see `ObjectiveValue`. optimised: (N,), the loss whose gradient by the parameters is
    `gradient`, N×…; with random transforms it is that of the transformed images.
    offset: N×D, see `TermInputs`.
    """

    images: Tensor
    loss: Tensor
    relative_l2: Tensor
    score: Tensor
    optimised: Tensor
    gradient: Tensor
    offset: Tensor


class Evaluator:
    """Evaluates a batch with the network up to the layer, its batch-norms folded.

    surrogate_gradient: whether evaluations may be asked for surrogate gradients; a
    straight-through gradient takes their place. deterministic: whether every evaluation does the
    same, which random transforms do not.
    """

    def __init__(self, problem: Problem, surrogate_gradient: bool = False) -> None:
        # Now, by the network as it is: passes may be recorded, or calibrate what they pass.
        measure_scales(problem.network, problem.layer)
        self._network = folded(problem.network, problem.layer)
        self._surrogate: SurrogateGradients | None = None
        if surrogate_gradient and not problem.straight_through:
            self._network, self._surrogate = with_surrogate_gradients(self._network)
        self._layer = problem.layer
        self._expression = expression_of(problem.network, problem.layer)
        self._straight_through = (
            straight_through_place(self._expression) if problem.straight_through else None
        )
        self._targets, self._seeds = problem.targets, problem.seeds
        self._distance = problem.distance
        self._target_representation = self._representation_of_targets()
        self._objective = Objective(problem.losses, problem.targets.device)
        size = problem.seeds.shape[-2], problem.seeds.shape[-1]
        loss = problem.losses[0]
        channels = problem.network.input.channels
        self.parametrisation = parametrisation_called(loss.parametrisation, size, channels)
        rng_seeds = problem.rng_seeds or range(len(problem))
        self._transforms = RandomTransforms(loss.transforms, rng_seeds) if loss.transforms else None
        self.deterministic = self._transforms is None

    def __call__(self, parameters: Tensor, relu_width: Tensor | None) -> Evaluation:
        """One evaluation; parameters N×…, relu_width (N,) or None for exact gradients."""
        if self._surrogate is not None:
            self._surrogate.set_width(relu_width)
        with torch.enable_grad():
            parameters = parameters.detach().requires_grad_(True)
            images = self.parametrisation.images(parameters)
            if self._transforms is None:
                inputs = self._inputs(images, images)
                optimised = value = self._objective(inputs)
            else:
                with torch.no_grad():
                    value = self._objective(self._inputs(images, images))
                inputs = self._inputs(images, self._transforms(images))
                optimised = self._objective(inputs)
            (gradient,) = torch.autograd.grad(optimised.loss.sum(), parameters)
        return Evaluation(
            images=images.detach(),
            loss=value.loss.detach(),
            relative_l2=value.relative_l2.detach(),
            score=value.score.detach(),
            optimised=optimised.loss.detach(),
            gradient=gradient,
            offset=inputs.offset.detach(),
        )

    def weights(self) -> list[dict[str, float]]:
        """As `Objective.weights`."""
        return self._objective.weights()

    def nonfinite_terms(self, images: Tensor) -> list[str]:
        """As `Objective.nonfinite_terms`, for these images."""
        with torch.enable_grad():
            images = images.detach().requires_grad_(True)
            return self._objective.nonfinite_terms(self._inputs(images, images))

    def select(self, indices: Tensor) -> None:
        """Go on with the samples at these indices only, (M,) integers."""
        self._targets, self._seeds = self._targets[indices], self._seeds[indices]
        self._target_representation = self._target_representation[indices]
        self._objective.select(indices)
        if self._surrogate is not None:
            self._surrogate.select(indices)
        if self._transforms is not None:
            self._transforms.select(indices)

    @torch.no_grad()
    def _representation_of_targets(self) -> Tensor:
        def forward(layer: str) -> Tensor:
            return representation(self._network, layer, self._targets)

        if self._surrogate is None:
            return forward(self._layer)
        place = self._expression.single
        if place is None or place.part is None:
            return self._surrogate.calibrate(lambda: forward(self._layer))
        # A part of a layer ends in the ReLU that the whole layer ends in.
        whole = self._surrogate.calibrate(lambda: forward(place.layer))
        return part_of(whole, place).clone()

    def _inputs(self, images: Tensor, transformed: Tensor) -> TermInputs:
        """The images, with the representation of the transformed ones."""
        if self._straight_through is not None and torch.is_grad_enabled():
            place = self._straight_through
            whole = representation(self._network, place.layer, transformed)
            features = part_of(straight_through(whole, place.layer), place)
        else:
            features = representation(self._network, self._layer, transformed)
        return TermInputs(
            images,
            features,
            self._target_representation,
            self._targets,
            self._seeds,
            self._distance,
        )
