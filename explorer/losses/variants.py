"""The loss variants by name, as data: which terms, with which weights. No torch here.

Formulae and weights: Nanda et al. (AAAI 2023) and its public code; `freq-tv-l6`: Mahendran and
Vedaldi (2015). `explorer.losses.objective` turns a variant into the function it stands for.
A name is BASE, BASE+transforms or BASE+centred-transforms, each of which +fourier may follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from explorer.errors import RequestError, did_you_mean
from explorer.losses.formula import (
    BLUR,
    L1,
    L6,
    MATCH,
    TO_SEED,
    TO_TARGET,
    TV,
    Sum,
    balanced,
    capped,
)
from explorer.losses.terms import TERMS
from explorer.losses.terms.representation import COMPARISONS, RELATIVE_L2, REPRESENTATION
from explorer.registry import Registry
from explorer.request import CENTRED_TRANSFORMS, FOURIER_SUFFIX, TRANSFORMS, Request

FREE, HUMAN, ADVERSARIAL = "regularizer-free", "human-leaning", "adversarial"

FAMILIES = {
    FREE: "Only asks the network. Compare networks by it, at equal match.",
    HUMAN: "Also asks for a natural-looking image. Makes most networks look more aligned.",
    ADVERSARIAL: "Also asks for an image unlike the target. Makes networks look less aligned.",
}


@dataclass(frozen=True)
class Loss:
    """A named loss variant: a weighted sum of terms, with one plain sentence about it.

    comparison: how the representation term compares, a key of COMPARISONS.
    transforms: the random transforms that the representation must survive, TRANSFORMS as published
        or CENTRED_TRANSFORMS; None for none.
    parametrisation: what is optimised, the pixels (`pixel`) or their spectrum (`fourier`).
    """

    name: str
    title: str
    family: str
    help: str
    sum: Sum
    comparison: str = RELATIVE_L2
    transforms: str | None = None
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
        }


_BASES = (
    Loss(
        name=FREE,
        title="Regularizer-free",
        family=FREE,
        help="Nothing but the match at the layer: no preference for any kind of image.",
        sum=MATCH,
    ),
    Loss(
        name="freq",
        title="Smooth image (TV + blur + L1)",
        family=HUMAN,
        help="The match plus three preferences for smooth, grey-ish images.",
        sum=10 * MATCH + 5e-4 * TV + 5e-4 * BLUR + 5e-5 * L1,
    ),
    Loss(
        name="freq-tv",
        title="Smooth image (TV only)",
        family=HUMAN,
        help="The match plus a preference for neighbouring pixels that are alike.",
        sum=10 * MATCH + 5e-4 * TV,
    ),
    Loss(
        name="freq-blur",
        title="Smooth image (blur only)",
        family=HUMAN,
        help="The match plus a preference for images that blurring hardly changes.",
        sum=10 * MATCH + 5e-4 * BLUR,
    ),
    Loss(
        name="freq-lp",
        title="Grey-ish image (L1 only)",
        family=HUMAN,
        help="The match plus a preference for pixels near mid-grey.",
        sum=10 * MATCH + 5e-5 * L1,
    ),
    Loss(
        name="freq-tv-l6",
        title="Smooth and dark image (TV + L6)",
        family=HUMAN,
        help="The match plus smoothness and a limit on bright pixels (Mahendran and Vedaldi).",
        sum=10 * MATCH + 5e-4 * TV + L6,
    ),
    Loss(
        name="adversarial",
        title="Pushed away from the target",
        family=ADVERSARIAL,
        help="A perceptual distance drives the image away from the target, as far as the match "
        "allows.",
        sum=MATCH - capped(balanced(TO_TARGET)),
    ),
    Loss(
        name="adversarial-published",
        title="Pushed away from the target, as published",
        family=ADVERSARIAL,
        help="A perceptual distance drives the image away from the target, whatever that costs.",
        sum=MATCH - balanced(TO_TARGET),
    ),
    Loss(
        name="adversarial-seed",
        title="Held at the seed",
        family=ADVERSARIAL,
        help="The match, while a perceptual distance holds the image near the seed.",
        sum=MATCH + 10 * TO_SEED,
    ),
    # New variants: here.
)


def with_suffixes(loss: Loss) -> tuple[Loss, ...]:
    """The loss and, unless it is adversarial, its variants with transforms and Fourier images."""
    if loss.family == ADVERSARIAL:
        return (loss,)
    pixel = (
        loss,
        _with_transforms(loss, TRANSFORMS, "random transforms"),
        _with_transforms(loss, CENTRED_TRANSFORMS, "centred random transforms"),
    )
    return (*pixel, *map(_with_fourier, pixel))


def _with_transforms(loss: Loss, transforms: str, title: str) -> Loss:
    return replace(
        loss,
        name=f"{loss.name}+{transforms}",
        title=f"{loss.title}, {title}",
        family=HUMAN,
        help=f"{loss.help} The match must also survive small {title} of the image.",
        transforms=transforms,
    )


def _with_fourier(loss: Loss) -> Loss:
    return replace(
        loss,
        name=loss.name + FOURIER_SUFFIX,
        title=f"{loss.title}, Fourier",
        family=HUMAN,
        help=f"{loss.help} Its spectrum is optimised instead of its pixels.",
        parametrisation="fourier",
    )


LOSSES: Registry[Loss] = Registry(
    "loss", "loss", (variant for base in _BASES for variant in with_suffixes(base))
)


def base_names() -> tuple[str, ...]:
    """The losses' names without suffixes."""
    return tuple(dict.fromkeys(loss.base for loss in LOSSES.values()))


def loss_named(
    name: str,
    weights: Mapping[str, float] | None = None,
    representation: str | None = None,
) -> Loss:
    """The variant of this name, with the caller's own weights and comparison where given.

    weights: by term, at least 0; 0 removes the term. RequestError (field `loss`, `term_weights` or
    `representation`) lists the nearest and all names, or says that nothing is left.
    """
    if name not in LOSSES:
        raise _unknown_loss(name)
    for term in weights or {}:
        TERMS.named(term)
    if representation is not None:
        COMPARISONS.named(representation)
    loss = LOSSES[name].adjusted(weights or {}, representation)
    if not loss.sum.terms:
        raise RequestError("term_weights", "all weights are 0, so the loss is empty")
    return loss


def loss_of(request: Request) -> Loss:
    """The loss that a request asks for, its own weights and comparison included."""
    return loss_named(request.loss, dict(request.term_weights or ()), request.representation)


def _unknown_loss(name: str) -> RequestError:
    """The error for a name that is no loss; suffixes in the wrong order get theirs suggested."""
    base, *suffixes = name.split("+")
    ordered = "+".join([base, *sorted(suffixes, key=lambda suffix: f"+{suffix}" == FOURIER_SUFFIX)])
    suggestion = did_you_mean(name, [ordered] if ordered in LOSSES else LOSSES, most=2)
    return RequestError(
        "loss",
        f"unknown loss {name!r}; {suggestion}choose one of {', '.join(base_names())}; all but the "
        f"adversarial ones also with +{TRANSFORMS} or +{CENTRED_TRANSFORMS}, {FOURIER_SUFFIX}, or "
        "one of the former and the latter in this order",
    )
