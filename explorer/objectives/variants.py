"""The loss variants by name, as data: which terms, with which weights. No torch here.

Formulae and weights: Nanda et al. (AAAI 2023) and its public code; `freq-tv-l6`: Mahendran and
Vedaldi (2015). `explorer.objectives.objective` turns a variant into the function it stands for.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from explorer.request import RequestError

REPRESENTATION = "representation"

SYMBOLS = {
    REPRESENTATION: "‖g(x) − g(x_t)‖₂ / ‖g(x_t)‖₂",
    "tv": "TV(x)",
    "blur": "½‖x − blur(x)‖²",
    "l1": "‖x − ½‖₁",
    "l6": "‖x‖₆",
    "to-target": "d(x, x_t)",
    "to-seed": "d(x, x_0)",
}
"""How each term is written in a formula; x is the image, x_t the target, x_0 the seed."""

FAMILIES = {
    "regularizer-free": "Only asks the network. The fair way to compare networks.",
    "human-leaning": "Also asks for a natural-looking picture. Makes every network look better.",
    "adversarial": "Also asks for a picture unlike the target. Makes every network look worse.",
}


@dataclass(frozen=True)
class Term:
    """One summand. `balanced` terms get the size |representation / term| at the first step."""

    name: str
    weight: float
    balanced: bool = False


@dataclass(frozen=True)
class Loss:
    """A named loss variant: a weighted sum of terms, with one plain sentence about it."""

    name: str
    title: str
    family: str
    help: str
    terms: tuple[Term, ...]

    @property
    def formula(self) -> str:
        """The sum as one would write it on a board."""
        text = ""
        for term in self.terms:
            sign = "−" if term.weight < 0 else "+" if text else ""
            size = "λ" if term.balanced else f"{abs(term.weight):g}"
            factor = "" if size == "1" else f"{size} · "
            text += f"{' ' if text else ''}{sign}{' ' if sign else ''}{factor}{SYMBOLS[term.name]}"
        return text

    @property
    def uses_distance(self) -> bool:
        """Whether a perceptual distance d is part of it (the adversary, which never judges)."""
        return any(term.name in ("to-target", "to-seed") for term in self.terms)

    @property
    def only_representation(self) -> bool:
        """Whether the match is all that it asks for, so that reaching the goal is the end."""
        return all(term.name == REPRESENTATION for term in self.terms)

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
                for term in self.terms
            ],
        }


_TV, _BLUR, _L1 = Term("tv", 5e-4), Term("blur", 5e-4), Term("l1", 5e-5)
_TEN = Term(REPRESENTATION, 10.0)

LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "regularizer-free",
            "Regularizer-free",
            "regularizer-free",
            "Nothing but the match at the layer: what the network ignores stays as in the seed.",
            (Term(REPRESENTATION, 1.0),),
        ),
        Loss(
            "freq",
            "Smooth picture (TV + blur + L1)",
            "human-leaning",
            "The match plus three preferences for smooth, grey-ish pictures.",
            (_TEN, _TV, _BLUR, _L1),
        ),
        Loss(
            "freq-tv",
            "Smooth picture (TV only)",
            "human-leaning",
            "The match plus a preference for neighbouring pixels that are alike.",
            (_TEN, _TV),
        ),
        Loss(
            "freq-blur",
            "Smooth picture (blur only)",
            "human-leaning",
            "The match plus a preference for pictures that blurring hardly changes.",
            (_TEN, _BLUR),
        ),
        Loss(
            "freq-lp",
            "Grey-ish picture (L1 only)",
            "human-leaning",
            "The match plus a preference for pixels near mid-grey.",
            (_TEN, _L1),
        ),
        Loss(
            "freq-tv-l6",
            "Smooth and dark picture (TV + L6)",
            "human-leaning",
            "The match plus smoothness and a limit on bright pixels (Mahendran and Vedaldi).",
            (_TEN, _TV, Term("l6", 1.0)),
        ),
        Loss(
            "adversarial",
            "Pushed away from the target",
            "adversarial",
            "The match, while a perceptual distance drives the picture away from the target.",
            (Term(REPRESENTATION, 1.0), Term("to-target", -1.0, balanced=True)),
        ),
        Loss(
            "adversarial-seed",
            "Held at the seed",
            "adversarial",
            "The match, while a perceptual distance holds the picture near the seed.",
            (Term(REPRESENTATION, 1.0), Term("to-seed", 10.0)),
        ),
    )
}


def loss_called(name: str) -> Loss:
    """The variant of this name; RequestError lists the nearest and all names."""
    if name in LOSSES:
        return LOSSES[name]
    near = difflib.get_close_matches(name, LOSSES, n=2, cutoff=0.5)
    meant = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise RequestError("loss", f"{name!r} is unknown; {meant}there are {', '.join(LOSSES)}")
