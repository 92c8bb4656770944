"""A batch of losses as one function: each sample with its own terms and weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.losses.formula import COMPARISONS, REPRESENTATION, Term
from explorer.losses.terms import RELATIVE_L2, TERMS, Scene
from explorer.losses.variants import Loss

BEARABLE = 0.045
"""The relative distance up to which a picture whose push is capped counts as matched."""

EVEN = 0.025
"""The relative distance at which a capped push and the match's pull may be equally strong. Pushes
along what the network ignores are not free where that is curved, so the match ends up above it."""


@dataclass(frozen=True)
class Value:
    """What the objective says of N images.

    loss: to be descended, differentiable. relative_l2: the match, whatever the loss compares.
    score: the lower, the better the picture is by the loss's own aim; comparable between steps.
    """

    loss: Tensor
    relative_l2: Tensor
    score: Tensor


class Objective:
    """Σ weight · term for N samples, whose losses may differ; terms nobody uses are not computed.

    The state it guards: the weights λ of balanced terms, set once, at the first call, to
    representation / term, so that both start equally strong (Nanda et al. 2023, public code).

    A capped weight is min(λ, λ_k), λ_k = (EVEN / r) · ‖∇representation‖ / ‖∇term‖ with r the
    relative distance and the gradients those of the images at step k: far from the match its pull
    decides, near it the push. Of such a sample's pictures the best is the one, among those within
    BEARABLE, that was pushed furthest, else the one with the nearest match.
    """

    def __init__(self, losses: Sequence[Loss], device: torch.device) -> None:
        self._losses = tuple(losses)
        self._terms = [
            {_function_of(loss, term): term for term in loss.sum.terms} for loss in self._losses
        ]
        self._names = tuple(dict.fromkeys(name for one in self._terms for name in one))

        def column(name: str, of_term: Callable[[Term], float]) -> Tensor:
            values = [of_term(one[name]) if name in one else 0.0 for one in self._terms]
            return torch.tensor(values, device=device)

        self._weights = {name: column(name, lambda term: term.weight) for name in self._names}
        self._in_force = self._weights
        self._to_balance = self._where(column, lambda term: term.balanced)
        self._capped = self._where(column, lambda term: term.capped)
        self._comparisons = {
            loss.comparison: torch.tensor(
                [one.comparison == loss.comparison for one in self._losses], device=device
            )
            for loss in self._losses
        }

    def _where(self, column, of_term: Callable[[Term], bool]) -> dict[str, Tensor]:
        found = {name: column(name, of_term).bool() for name in self._names}
        return {name: where for name, where in found.items() if bool(where.any())}

    def weights(self) -> list[dict[str, float]]:
        """Each sample's weights by term name: λ after the first call, before any cap."""
        return [
            {term.name: float(self._weights[name][index]) for name, term in one.items()}
            for index, one in enumerate(self._terms)
        ]

    def keep(self, places: Tensor) -> None:
        """Go on with the samples at these places only, (M,) integers."""
        chosen = places.tolist()
        self._losses = tuple(self._losses[place] for place in chosen)
        self._terms = [self._terms[place] for place in chosen]
        self._names = tuple(dict.fromkeys(name for one in self._terms for name in one))
        used = {*self._names, *(loss.comparison for loss in self._losses)}

        def kept(columns: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: column[places] for name, column in columns.items() if name in used}

        self._weights, self._to_balance = kept(self._weights), kept(self._to_balance)
        self._capped, self._comparisons = kept(self._capped), kept(self._comparisons)
        self._in_force = self._weights

    def __call__(self, scene: Scene) -> Value:
        """Loss, match and score, each (N,)."""
        values = {name: TERMS[name](scene) for name in self._names}
        if self._to_balance:
            self._balance(scene, values)
        relative = values.get(RELATIVE_L2)
        if relative is None:
            with torch.no_grad():
                relative = TERMS[RELATIVE_L2](scene)
        relative = relative.detach()
        if self._capped and torch.is_grad_enabled():
            self._cap(scene, values, relative)
        loss = sum(
            torch.where(weight == 0, 0.0, weight * values[name])
            for name, weight in self._in_force.items()
        )
        return Value(loss, relative, self._score(loss.detach(), values, relative))

    def not_finite(self, scene: Scene) -> list[str]:
        """The terms that are infinite or not a number for a sample, or whose gradients are."""
        found = []
        for name in self._names:
            value = TERMS[name](scene)[self._weights[name] != 0].sum()
            (gradient,) = torch.autograd.grad(value, scene.images, retain_graph=True)
            if not (torch.isfinite(value) and torch.isfinite(gradient).all()):
                found.append(REPRESENTATION if name in COMPARISONS else name)
        return found

    def _compared(self, scene: Scene, values: dict[str, Tensor]) -> Tensor:
        """Each sample's own representation term, also where its weight is 0."""
        return sum(
            torch.where(where, values[name] if name in values else TERMS[name](scene), 0.0)
            for name, where in self._comparisons.items()
        )

    def _balance(self, scene: Scene, values: dict[str, Tensor]) -> None:
        reference = self._compared(scene, values).detach()
        for name, where in self._to_balance.items():
            size = reference / values[name].detach().clamp_min(1e-8)
            self._weights[name] = torch.where(
                where, self._weights[name] * size, self._weights[name]
            )
        self._to_balance = {}

    def _cap(self, scene: Scene, values: dict[str, Tensor], relative: Tensor) -> None:
        lengths = {}
        for name, value in values.items():
            values[name], lengths[name] = _differentiated(value, scene.images)
        for name in self._comparisons.keys() - values.keys():
            _, lengths[name] = _differentiated(TERMS[name](scene), scene.images)
        pull = self._compared(scene, lengths)
        self._in_force = dict(self._weights)
        for name, where in self._capped.items():
            cap = EVEN / relative.clamp_min(1e-6) * pull / lengths[name].clamp_min(1e-12)
            weight = self._weights[name]
            held = torch.copysign(torch.minimum(weight.abs(), cap), weight)
            self._in_force[name] = torch.where(where, held, weight)

    def _score(self, loss: Tensor, values: dict[str, Tensor], relative: Tensor) -> Tensor:
        score = loss
        for name, where in self._capped.items():
            pushed = self._weights[name].sign() * values[name].detach()
            aim = torch.where(relative <= BEARABLE, pushed.clamp_max(0.0), relative)
            score = torch.where(where, aim, score)
        return score


def _function_of(loss: Loss, term: Term) -> str:
    """The name among TERMS of the function that stands for this term of this loss."""
    return loss.comparison if term.name == REPRESENTATION else term.name


def _differentiated(values: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """The same N values with the same gradient, which is computed here and not once more when the
    loss is differentiated; and the ℓ₂ length of each sample's gradient.
    """
    (gradient,) = torch.autograd.grad(values.sum(), images, retain_graph=True)
    along = ((images - images.detach()) * gradient).flatten(1).sum(1)
    return values.detach() + along, torch.linalg.vector_norm(gradient.flatten(1), dim=1)
