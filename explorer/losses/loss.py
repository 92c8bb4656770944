"""What a loss is: a named sum of terms, with one plain sentence about it. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from explorer.losses.formula import Sum
from explorer.losses.terms import TERMS
from explorer.losses.terms.representation import COMPARISONS, RELATIVE_L2, REPRESENTATION

FREE, HUMAN, ADVERSARIAL = "regularizer-free", "human-leaning", "adversarial"
DIFFERENCE = "difference"

FAMILIES = {
    FREE: "Only asks the network. Compare networks by it, at equal match.",
    HUMAN: "Also asks for a natural-looking image. Can make networks look more aligned.",
    ADVERSARIAL: "Also asks for an image unlike the target. Makes networks look less aligned.",
    DIFFERENCE: "Asks what else the network accepts: of the images that match, one as different as "
    "possible. Says how much is ignored, not whether it looks like the target.",
}


@dataclass(frozen=True)
class Loss:
    """A named loss variant: a weighted sum of terms, with one plain sentence about it.

    comparison: how the representation term compares, a key of COMPARISONS.
    transforms: the random transforms that the representation must survive, TRANSFORMS as published
        or CENTRED_TRANSFORMS; None for none.
    parametrisation: what is optimised, the pixels (`pixel`) or their spectrum (`fourier`).
    largest: what the image that the search found is then moved to make as large as possible, as
        formulae write it, its match kept within ε; "" for losses that end with the search.
    needs: the field of a Request that says what the image is to differ from; "" where `largest` is.
    """

    name: str
    title: str
    family: str
    help: str
    sum: Sum
    comparison: str = RELATIVE_L2
    transforms: str | None = None
    parametrisation: str = "pixel"
    largest: str = ""
    needs: str = ""

    @property
    def base(self) -> str:
        """The name without suffixes."""
        return self.name.partition("+")[0]

    @property
    def formula(self) -> str:
        """The sum as one would write it on a board; T: random transforms, z: the spectrum."""
        text = self.sum.written(self.comparison)
        if self.largest:
            return f"max {self.largest}, where {text} ≤ ε"
        if self.transforms:
            text = text.replace("g(x)", "g(T(x))").replace("G(x)", "G(T(x))")
        return f"{text}, x = image(z)" if self.parametrisation == "fourier" else text

    @property
    def uses_distance(self) -> bool:
        """Whether a perceptual distance d is part of it: the adversary, not counted in verdicts."""
        return any(TERMS[term.name].uses_distance for term in self.sum.terms)

    @property
    def only_match(self) -> bool:
        """Whether the relative distance is all it asks for, so that reaching the goal is the end.

        With transforms the match of the image itself is but one of many, so it goes on.
        """
        return self._only_representation and not self.transforms and self.comparison == RELATIVE_L2

    @property
    def is_norm(self) -> bool:
        """Whether it is a norm, whose minimum 0 is a kink."""
        return self._only_representation and COMPARISONS[self.comparison].is_norm

    @property
    def stationary(self) -> bool:
        """Whether the same image has the same loss at every step."""
        return not self.transforms and not any(term.capped for term in self.sum.terms)

    @property
    def weights(self) -> dict[str, float | None]:
        """The size of each term's weight by name; None where it is balanced at the first step."""
        return {term.name: None if term.balanced else abs(term.weight) for term in self.sum.terms}

    @property
    def _only_representation(self) -> bool:
        return {term.name for term in self.sum.terms} == {REPRESENTATION}

    def adjusted(self, weights: Mapping[str, float], comparison: str | None = None) -> Loss:
        """The same with other weights, and another way to compare representations."""
        return replace(
            self, sum=self.sum.with_weights(weights), comparison=comparison or self.comparison
        )

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, for `python -m explorer losses --json`."""
        return {
            "name": self.name,
            "title": self.title,
            "family": self.family,
            "formula": self.formula,
            "help": self.help,
            "terms": [
                {"term": term.name, "weight": "balanced" if term.balanced else term.weight}
                for term in self.sum.terms
            ],
            "parametrisation": self.parametrisation,
            "transforms": self.transforms,
            **({"needs": self.needs} if self.needs else {}),
        }
