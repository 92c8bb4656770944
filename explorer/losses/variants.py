"""The loss variants by name, as data: which terms, with which weights. No torch here.

Formulae and weights: Nanda et al. (AAAI 2023) and its public code; `freq-tv-l6`: Mahendran and
Vedaldi (2015). `explorer.losses.objective` turns a variant into the function it stands for.
A name is BASE, BASE+transforms or BASE+centred-transforms, each of which +fourier may follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from explorer.errors import RequestError, did_you_mean
from explorer.losses.differences import DIFFERENCE_LOSSES
from explorer.losses.formula import (
    BLUR,
    L1,
    L6,
    MATCH,
    TO_SEED,
    TO_TARGET,
    TV,
    balanced,
    capped,
)
from explorer.losses.loss import ADVERSARIAL, FAMILIES, FREE, HUMAN, Loss
from explorer.losses.terms import TERMS
from explorer.losses.terms.representation import COMPARISONS
from explorer.registry import Registry
from explorer.request import CENTRED_TRANSFORMS, FOURIER_SUFFIX, TRANSFORMS, Request

__all__ = [
    "ADVERSARIAL",
    "FAMILIES",
    "FREE",
    "HUMAN",
    "LOSSES",
    "Loss",
    "base_names",
    "loss_named",
    "loss_of",
    "with_suffixes",
]

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
    if name not in LOSSES and name not in DIFFERENCE_LOSSES:
        raise _unknown_loss(name)
    for term in weights or {}:
        TERMS.named(term)
    if representation is not None:
        COMPARISONS.named(representation)
    known = LOSSES if name in LOSSES else DIFFERENCE_LOSSES
    loss = known[name].adjusted(weights or {}, representation)
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
    every = [*LOSSES, *DIFFERENCE_LOSSES]
    suggestion = did_you_mean(name, [ordered] if ordered in LOSSES else every, most=2)
    return RequestError(
        "loss",
        f"unknown loss {name!r}; {suggestion}choose one of "
        f"{', '.join([*base_names(), *DIFFERENCE_LOSSES])}; all but the adversarial ones and those "
        f"of a difference also with +{TRANSFORMS} or +{CENTRED_TRANSFORMS}, {FOURIER_SUFFIX}, or "
        "one of the former and the latter in this order",
    )
