"""Losses as sums of weighted terms that one writes as on a board: `10 * MATCH + 5e-4 * TV`.

Data only, no torch: `explorer.losses.terms` holds the record and the function behind each name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from explorer.losses.terms import TERMS
from explorer.losses.terms.representation import COMPARISONS, RELATIVE_L2, REPRESENTATION


@dataclass(frozen=True)
class WeightedTerm:
    """One summand.

    name: a key of TERMS. balanced: the weight is multiplied by λ = |representation / term|, taken
    at the first step. capped: the weight is never more than the match can bear at the step
    (`explorer.losses.objective`).
    """

    name: str
    weight: float = 1.0
    balanced: bool = False
    capped: bool = False


@dataclass(frozen=True)
class Sum:
    """A weighted sum of terms, each name once: `10 * MATCH + 5e-4 * TV`, `MATCH - λ * …`."""

    terms: tuple[WeightedTerm, ...]

    def __add__(self, other: Sum) -> Sum:
        names = {term.name for term in self.terms}
        if any(term.name in names for term in other.terms):
            raise ValueError("each term may occur once in a sum")
        return Sum(self.terms + other.terms)

    def __neg__(self) -> Sum:
        return -1.0 * self

    def __sub__(self, other: Sum) -> Sum:
        return self + -other

    def __rmul__(self, factor: float) -> Sum:
        return Sum(tuple(replace(term, weight=factor * term.weight) for term in self.terms))

    def with_weights(self, weights: Mapping[str, float]) -> Sum:
        """The sum with these sizes of weights instead; 0 removes a term, a new name adds one.

        A term that repels goes on repelling. A term given a weight is neither balanced nor capped.
        """
        terms = [
            WeightedTerm(term.name, _signed(term.name, weights[term.name]))
            if term.name in weights
            else term
            for term in self.terms
        ]
        present = {term.name for term in self.terms}
        terms += [
            WeightedTerm(name, _signed(name, weights[name]))
            for name in TERMS
            if name in weights and name not in present
        ]
        return Sum(tuple(term for term in terms if term.weight))

    def written(self, comparison: str = RELATIVE_L2) -> str:
        """The sum as one would write it on a board."""
        text = ""
        for term in self.terms:
            symbol = TERMS[term.name].symbol
            if term.name == REPRESENTATION:
                symbol = COMPARISONS[comparison].formula
            sign = "−" if term.weight < 0 else "+" if text else ""
            size = "λ" if term.balanced else f"{abs(term.weight):g}"
            size = f"min({size}, λ_k)" if term.capped else size
            factor = "" if size == "1" else f"{size} · "
            text += f"{' ' if text else ''}{sign}{' ' if sign else ''}{factor}{symbol}"
        return text


def term(name: str) -> Sum:
    """The sum of this one term, with weight 1."""
    return Sum((WeightedTerm(name),))


def balanced(sum_: Sum) -> Sum:
    """The same, each weight to be multiplied by |representation / term| at the first step."""
    return Sum(tuple(replace(term, balanced=True) for term in sum_.terms))


def capped(sum_: Sum) -> Sum:
    """The same, each weight held down to what the match can bear at the step."""
    return Sum(tuple(replace(term, capped=True) for term in sum_.terms))


def _signed(name: str, size: float) -> float:
    return -size if TERMS[name].repels else size


MATCH = term(REPRESENTATION)
TV, BLUR, L1, L6 = term("tv"), term("blur"), term("l1"), term("l6")
TO_TARGET, TO_SEED = term("to-target"), term("to-seed")
