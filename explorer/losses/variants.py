"""The loss variants by name, as data: which terms, with which weights. No torch here.

Formulae and weights: Nanda et al. (AAAI 2023) and its public code; `freq-tv-l6`: Mahendran and
Vedaldi (2015). `explorer.losses.objective` turns a variant into the function it stands for.
A name is BASE, BASE+transforms, BASE+fourier or BASE+transforms+fourier.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from explorer.losses.formula import (
    BLUR,
    COMPARISONS,
    DISTANCES,
    L1,
    L6,
    MATCH,
    REPRESENTATION,
    SYMBOLS,
    TO_SEED,
    TO_TARGET,
    TV,
    Sum,
    balanced,
    capped,
)
from explorer.request import FOURIER_SUFFIX, TRANSFORMS_SUFFIX, Request, RequestError

FREE, HUMAN, ADVERSARIAL = "regularizer-free", "human-leaning", "adversarial"

FAMILIES = {
    FREE: "Only asks the network. The fair way to compare networks.",
    HUMAN: "Also asks for a natural-looking picture. Makes every network look better.",
    ADVERSARIAL: "Also asks for a picture unlike the target. Makes every network look worse.",
}


@dataclass(frozen=True)
class Loss:
    """A named loss variant: a weighted sum of terms, with one plain sentence about it.

    comparison: how the representation term compares, a key of COMPARISONS.
    transforms: whether the representation must survive random transforms.
    parametrisation: what is moved, `pixel` or `fourier`.
    """

    name: str
    title: str
    family: str
    help: str
    sum: Sum
    comparison: str = "relative-l2"
    transforms: bool = False
    parametrisation: str = "pixel"

    @property
    def base(self) -> str:
        """The name without suffixes."""
        return self.name.partition("+")[0]

    @property
    def formula(self) -> str:
        """The sum as one would write it on a board; T: random transforms, z: the spectrum."""
        text = self.sum.written(self.comparison)
        if self.transforms:
            text = text.replace("g(x)", "g(T(x))").replace("G(x)", "G(T(x))")
        return f"{text}, x = image(z)" if self.parametrisation == "fourier" else text

    @property
    def uses_distance(self) -> bool:
        """Whether a perceptual distance d is part of it (the adversary, which never judges)."""
        return any(term.name in DISTANCES for term in self.sum.terms)

    @property
    def only_match(self) -> bool:
        """Whether the relative distance is all it asks for, so that reaching the goal is the end.

        With transforms the match of the picture itself is but one of many, so it goes on.
        """
        names = {term.name for term in self.sum.terms}
        plain = not self.transforms and self.comparison == "relative-l2"
        return names == {REPRESENTATION} and plain

    @property
    def is_norm(self) -> bool:
        """Whether it is a norm, whose minimum 0 is a kink."""
        names = {term.name for term in self.sum.terms}
        return names == {REPRESENTATION} and self.comparison in ("relative-l2", "gram")

    @property
    def steady(self) -> bool:
        """Whether the same picture has the same loss at every step."""
        return not self.transforms and not any(term.capped for term in self.sum.terms)

    @property
    def weights(self) -> dict[str, float | None]:
        """The size of each term's weight by name; None where it is balanced at the first step."""
        return {term.name: None if term.balanced else abs(term.weight) for term in self.sum.terms}

    def adjusted(self, weights: Mapping[str, float], comparison: str | None = None) -> Loss:
        """The same with other weights, and another way to compare representations."""
        return replace(
            self, sum=self.sum.weighing(weights), comparison=comparison or self.comparison
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
        }


_HUMAN = {
    "freq": (
        "Smooth picture (TV + blur + L1)",
        "The match plus three preferences for smooth, grey-ish pictures.",
        10 * MATCH + 5e-4 * TV + 5e-4 * BLUR + 5e-5 * L1,
    ),
    "freq-tv": (
        "Smooth picture (TV only)",
        "The match plus a preference for neighbouring pixels that are alike.",
        10 * MATCH + 5e-4 * TV,
    ),
    "freq-blur": (
        "Smooth picture (blur only)",
        "The match plus a preference for pictures that blurring hardly changes.",
        10 * MATCH + 5e-4 * BLUR,
    ),
    "freq-lp": (
        "Grey-ish picture (L1 only)",
        "The match plus a preference for pixels near mid-grey.",
        10 * MATCH + 5e-5 * L1,
    ),
    "freq-tv-l6": (
        "Smooth and dark picture (TV + L6)",
        "The match plus smoothness and a limit on bright pixels (Mahendran and Vedaldi).",
        10 * MATCH + 5e-4 * TV + L6,
    ),
}

_FREE = Loss(
    FREE,
    "Regularizer-free",
    FREE,
    "Nothing but the match at the layer: what the network ignores stays as in the seed.",
    MATCH,
)
_BASES = (
    _FREE,
    *(Loss(name, title, HUMAN, text, terms) for name, (title, text, terms) in _HUMAN.items()),
    Loss(
        "adversarial",
        "Pushed away from the target",
        ADVERSARIAL,
        "A perceptual distance drives the picture away from the target, as far as the match bears.",
        MATCH - capped(balanced(TO_TARGET)),
    ),
    Loss(
        "adversarial-published",
        "Pushed away from the target, as published",
        ADVERSARIAL,
        "A perceptual distance drives the picture away from the target, whatever that costs.",
        MATCH - balanced(TO_TARGET),
    ),
    Loss(
        "adversarial-seed",
        "Held at the seed",
        ADVERSARIAL,
        "The match, while a perceptual distance holds the picture near the seed.",
        MATCH + 10 * TO_SEED,
    ),
)


def _with_suffixes(loss: Loss) -> list[Loss]:
    """The loss and, unless it is adversarial, its variants with transforms and by its spectrum."""
    found = [loss]
    if loss.family == ADVERSARIAL:
        return found
    moved = replace(
        loss,
        name=loss.name + TRANSFORMS_SUFFIX,
        title=f"{loss.title}, moved about",
        family=HUMAN,
        help=f"{loss.help} The match must also survive small random moves of the picture.",
        transforms=True,
    )
    return [
        loss,
        moved,
        *(
            replace(
                one,
                name=one.name + FOURIER_SUFFIX,
                title=f"{one.title}, by its spectrum",
                family=HUMAN,
                help=f"{one.help} Its spectrum is moved instead of its pixels.",
                parametrisation="fourier",
            )
            for one in (loss, moved)
        ),
    ]


LOSSES = {loss.name: loss for base in _BASES for loss in _with_suffixes(base)}
BASES = tuple(loss.name for loss in _BASES)


def loss_called(
    name: str,
    weights: Mapping[str, float] | None = None,
    representation: str | None = None,
) -> Loss:
    """The variant of this name, with weights of one's own and another comparison if wanted.

    weights: by term, at least 0; 0 removes the term. RequestError (field `loss`, `term_weights` or
    `representation`) lists the nearest and all names, or says that nothing is left.
    """
    if name not in LOSSES:
        base, *suffixes = name.split("+")
        ordered = "+".join([base, *sorted(suffixes, reverse=True)])
        near = [ordered] if ordered in LOSSES else difflib.get_close_matches(name, LOSSES, 2, 0.5)
        meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise RequestError(
            "loss",
            f"{name!r} is unknown; {meant}there are {', '.join(BASES)}; all but the adversarial "
            f"ones also with {TRANSFORMS_SUFFIX}, {FOURIER_SUFFIX} or both in this order",
        )
    for term in weights or {}:
        if term not in SYMBOLS:
            near = difflib.get_close_matches(term, SYMBOLS, n=1, cutoff=0.5)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise RequestError(
                "term_weights", f"there is no term {term!r}; {meant}there are {', '.join(SYMBOLS)}"
            )
    if representation is not None and representation not in COMPARISONS:
        raise RequestError(
            "representation", f"{representation!r} is unknown; there are {', '.join(COMPARISONS)}"
        )
    loss = LOSSES[name].adjusted(weights or {}, representation)
    if not loss.sum.terms:
        raise RequestError("term_weights", "all weights are 0, so the loss asks for nothing at all")
    return loss


def loss_of(request: Request) -> Loss:
    """The loss that a request asks for, its own weights and comparison included."""
    return loss_called(request.loss, dict(request.term_weights or ()), request.representation)
