"""A batch of losses as one function: each sample with its own terms and weights."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from explorer.losses.formula import WeightedTerm
from explorer.losses.term import TermInputs
from explorer.losses.terms import TERMS
from explorer.losses.terms.representation import COMPARISONS, RELATIVE_L2, REPRESENTATION
from explorer.losses.variants import Loss

CAPPED_MATCH_DISTANCE = 0.045
"""The relative distance up to which an image whose push is capped counts as matched."""

EQUAL_FORCE_DISTANCE = 0.025
"""The relative distance at which a capped push and the match's pull may be equally strong. Pushes
along what the network ignores are not free where that is curved, so the match ends up above it."""


@dataclass(frozen=True)
class Component:
    """A term as a loss computes it; `comparison` is that of the representation term, else None."""

    term: str
    comparison: str | None = None

    def __call__(self, inputs: TermInputs) -> Tensor:
        """Its value for each sample, (N,), without weight."""
        if self.comparison is not None:
            return COMPARISONS[self.comparison].function(inputs)
        return TERMS[self.term].function(inputs)


MATCH = Component(REPRESENTATION, RELATIVE_L2)


@dataclass(frozen=True)
class ObjectiveValue:
    """The objective's value for N images, each (N,).

    loss: to be minimised, differentiable. relative_l2: the match, whatever the loss compares.
    score: the lower, the better the image is by the loss's own aim; comparable between steps.
    """

    loss: Tensor
    relative_l2: Tensor
    score: Tensor


class Objective:
    """Σ weight · term for N samples, whose losses may differ; unused terms are not computed.

    The state it guards: the weights λ of balanced terms, set once, at the first call, to
    representation / term, so that both start equally strong (Nanda et al. 2023, public code).

    A capped weight is min(λ, λ_k), λ_k = (EQUAL_FORCE_DISTANCE / r) · ‖∇representation‖ / ‖∇term‖
    with r the relative distance and the gradients those of the images at step k: far from the match
    its pull decides, near it the push. Of such a sample's images the best is the one, among those
    within CAPPED_MATCH_DISTANCE, that was pushed furthest, else the one with the nearest match.
    """

    def __init__(self, losses: Sequence[Loss], device: torch.device) -> None:
        self._losses = tuple(losses)
        self._terms = [
            {_component(loss, term): term for term in loss.sum.terms} for loss in self._losses
        ]
        self._components = _used(self._terms)

        def column(component: Component, of_term: Callable[[WeightedTerm], float | bool]) -> Tensor:
            values = [
                float(of_term(terms[component])) if component in terms else 0.0
                for terms in self._terms
            ]
            return torch.tensor(values, device=device)

        def chosen(of_term: Callable[[WeightedTerm], bool]) -> dict[Component, Tensor]:
            """Which samples' terms, (N,) booleans, of the components for which there are any."""
            columns = {each: column(each, of_term).bool() for each in self._components}
            return {each: where for each, where in columns.items() if bool(where.any())}

        self._weights = {each: column(each, lambda term: term.weight) for each in self._components}
        self._current_weights = self._weights
        self._to_balance = chosen(lambda term: term.balanced)
        self._capped = chosen(lambda term: term.capped)
        self._comparisons = {
            Component(REPRESENTATION, name): torch.tensor(
                [loss.comparison == name for loss in self._losses], device=device
            )
            for name in dict.fromkeys(loss.comparison for loss in self._losses)
        }

    def weights(self) -> list[dict[str, float]]:
        """Each sample's weights by term name: λ after the first call, before any cap."""
        return [
            {term.name: float(self._weights[each][index]) for each, term in terms.items()}
            for index, terms in enumerate(self._terms)
        ]

    def select(self, indices: Tensor) -> None:
        """Go on with these samples only, (M,) integers."""
        numbers = indices.tolist()
        self._losses = tuple(self._losses[number] for number in numbers)
        self._terms = [self._terms[number] for number in numbers]
        self._components = _used(self._terms)
        used = {*self._components, *(Component(REPRESENTATION, a.comparison) for a in self._losses)}

        def selected(columns: dict[Component, Tensor]) -> dict[Component, Tensor]:
            return {each: column[indices] for each, column in columns.items() if each in used}

        self._weights, self._to_balance = selected(self._weights), selected(self._to_balance)
        self._capped, self._comparisons = selected(self._capped), selected(self._comparisons)
        self._current_weights = self._weights

    def __call__(self, inputs: TermInputs) -> ObjectiveValue:
        """Loss, match and score, each (N,)."""
        values = {each: each(inputs) for each in self._components}
        if self._to_balance:
            self._balance(inputs, values)
        relative = values.get(MATCH)
        if relative is None:
            with torch.no_grad():
                relative = MATCH(inputs)
        relative = relative.detach()
        if self._capped and torch.is_grad_enabled():
            self._cap(inputs, values, relative)
        loss = _total(
            torch.where(weight == 0, 0.0, weight * values[each])
            for each, weight in self._current_weights.items()
        )
        return ObjectiveValue(loss, relative, self._score(loss.detach(), values, relative))

    def nonfinite_terms(self, inputs: TermInputs) -> list[str]:
        """The terms that are infinite or not a number for a sample, or whose gradients are."""
        names = []
        for each in self._components:
            value = each(inputs)[self._weights[each] != 0].sum()
            (gradient,) = torch.autograd.grad(value, inputs.images, retain_graph=True)
            if not (torch.isfinite(value) and torch.isfinite(gradient).all()):
                names.append(each.term)
        return names

    def _by_comparison(self, values: dict[Component, Tensor]) -> Tensor:
        """Each sample's value of its own comparison, (N,)."""
        return _total(
            torch.where(where, values[each], 0.0) for each, where in self._comparisons.items()
        )

    def _balance(self, inputs: TermInputs, values: dict[Component, Tensor]) -> None:
        compared = {each: each(inputs) for each in self._comparisons.keys() - values.keys()}
        reference = self._by_comparison(values | compared).detach()
        for each, where in self._to_balance.items():
            ratio = reference / values[each].detach().clamp_min(1e-8)
            self._weights[each] = torch.where(
                where, self._weights[each] * ratio, self._weights[each]
            )
        self._to_balance = {}

    def _cap(self, inputs: TermInputs, values: dict[Component, Tensor], relative: Tensor) -> None:
        lengths = {}
        for each, value in values.items():
            values[each], lengths[each] = _differentiated(value, inputs.images)
        for each in self._comparisons.keys() - values.keys():
            _, lengths[each] = _differentiated(each(inputs), inputs.images)
        pull = self._by_comparison(lengths)
        self._current_weights = dict(self._weights)
        for each, where in self._capped.items():
            push = lengths[each].clamp_min(1e-12)
            cap = EQUAL_FORCE_DISTANCE / relative.clamp_min(1e-6) * pull / push
            weight = self._weights[each]
            limited = torch.copysign(torch.minimum(weight.abs(), cap), weight)
            self._current_weights[each] = torch.where(where, limited, weight)

    def _score(self, loss: Tensor, values: dict[Component, Tensor], relative: Tensor) -> Tensor:
        score = loss
        for each, where in self._capped.items():
            pushed = self._weights[each].sign() * values[each].detach()
            matched = relative <= CAPPED_MATCH_DISTANCE
            score = torch.where(where, torch.where(matched, pushed.clamp_max(0.0), relative), score)
        return score


def _component(loss: Loss, term: WeightedTerm) -> Component:
    return Component(term.name, loss.comparison if term.name == REPRESENTATION else None)


def _used(terms: Sequence[dict[Component, WeightedTerm]]) -> tuple[Component, ...]:
    """The components of any sample, each once, in the order in which they first occur."""
    return tuple(dict.fromkeys(each for sample in terms for each in sample))


def _total(values: Iterable[Tensor]) -> Tensor:
    return reduce(operator.add, values)


def _differentiated(values: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """The same N values with the same gradient, which is computed here and not once more when the
    loss is differentiated; and the ℓ₂ length of each sample's gradient.
    """
    (gradient,) = torch.autograd.grad(values.sum(), images, retain_graph=True)
    linear = ((images - images.detach()) * gradient).flatten(1).sum(1)
    return values.detach() + linear, torch.linalg.vector_norm(gradient.flatten(1), dim=1)
