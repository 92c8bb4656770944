"""A batch of losses as one function: each sample with its own terms and weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from explorer.objectives.terms import TERMS, Scene
from explorer.objectives.variants import REPRESENTATION, Loss


class Objective:
    """Σ weight · term for N samples, whose losses may differ; terms nobody uses are not computed.

    The state it guards: the weights λ of balanced terms, set once, at the first call, to
    representation / term, so that both start equally strong (Nanda et al. 2023, public code).
    """

    def __init__(self, losses: Sequence[Loss], device: torch.device) -> None:
        self._losses = tuple(losses)
        names = dict.fromkeys(term.name for loss in losses for term in loss.terms)
        self._weights = {
            name: torch.tensor(
                [sum(t.weight for t in loss.terms if t.name == name) for loss in losses],
                device=device,
            )
            for name in names
        }
        self._to_balance = {
            name: torch.tensor(
                [any(t.name == name and t.balanced for t in loss.terms) for loss in losses],
                device=device,
            )
            for name in names
            if any(t.name == name and t.balanced for loss in losses for t in loss.terms)
        }
        self._balanced = not self._to_balance

    @property
    def uses_distance(self) -> bool:
        """Whether any sample's loss has an adversary."""
        return any(loss.uses_distance for loss in self._losses)

    def weights(self) -> list[dict[str, float]]:
        """Each sample's weights by term name, as they are in force (λ after the first call)."""
        return [
            {term.name: float(self._weights[term.name][index]) for term in loss.terms}
            for index, loss in enumerate(self._losses)
        ]

    def __call__(self, scene: Scene) -> tuple[Tensor, Tensor]:
        """(loss, relative representation distance), both (N,); differentiable in the images."""
        values = {name: TERMS[name](scene) for name in self._weights}
        if not self._balanced:
            self._balance(values)
        loss = sum(self._weights[name] * value for name, value in values.items())
        return loss, values[REPRESENTATION].detach()

    def _balance(self, values: dict[str, Tensor]) -> None:
        reference = values[REPRESENTATION].detach()
        for name, where in self._to_balance.items():
            size = reference / values[name].detach().clamp_min(1e-8)
            self._weights[name] = torch.where(
                where, self._weights[name] * size, self._weights[name]
            )
        self._balanced = True
