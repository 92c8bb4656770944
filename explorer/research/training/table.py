"""The shipped networks side by side as Markdown, from their cards; `docs/zoo/networks.md`."""

from collections.abc import Iterable, Sequence
from typing import Any

from explorer.research.markdown import table
from explorer.research.training.recipe import DRAWN
from explorer.research.training.recipes import RECIPES
from explorer.zoo.cards import names, read
from explorer.zoo.pictures import GROUPS

_HEAD = """# The networks that ship

Written by `python -m explorer zoo table` from the cards in `explorer/zoo/weights/`.
"""

_COLUMNS = (
    *("network", "design", "data", "objective", "ε", "labels", "augmentation"),
    *("steps × batch", "random seed", "minutes", "parameters"),
)
_NOTE = """\
Percent of test pictures that are classified correctly, clean and attacked with radius ε (ℓ₂, PGD
with 10 steps). A network without labels was not trained to classify: the untrained one guesses,
and a contrastive one has a linear probe.
"""
_FACTORS = """\
The same for the objects of drawn pictures, and for their other factors where the network has logits
for them.
"""


def markdown() -> str:
    """How every shipped network was trained and how well it does, in the recipes' order."""
    there = names()
    cards = [read(name) for name in RECIPES if name in there]
    drawn = [card for card in cards if card["recipe"]["dataset"] == DRAWN]
    photographs = [card for card in cards if card not in drawn]
    factors = [group for group in GROUPS if group != "object"]
    short = [f"- `{card['name']}`: {card['shortfall']}" for card in cards if card["shortfall"]]
    sections = (
        *(_HEAD, "## How they were trained\n", _training(cards), ""),
        *("## Accuracy on photographs\n", _NOTE, _accuracy(photographs), ""),
        *((*short, "") if short else ()),
        *("## Accuracy on drawn pictures\n", _FACTORS, _accuracy(drawn, factors)),
    )
    return "\n".join(sections) + "\n"


def _training(cards: list[dict[str, Any]]) -> str:
    return table(
        _COLUMNS,
        (
            (
                f"`{card['name']}`",
                card["family"],
                card["recipe"]["dataset"],
                card["objective"],
                f"{card['epsilon']:g}" if card["epsilon"] else "",
                card["labels"],
                card["recipe"]["augmentation"],
                f"{card['steps']:,} × {card['batch_size']}" if card["steps"] else "",
                card["rng_seed"],
                f"{card['seconds'] / 60:.0f}",
                f"{card['parameters']:,}",
            )
            for card in cards
        ),
    )


def _accuracy(cards: Iterable[dict[str, Any]], groups: Sequence[str] = ()) -> str:
    radii = ("0.5", "1", "2")
    return table(
        ("network", "clean", *(f"ε = {radius}" for radius in radii), *groups),
        (
            (
                f"`{card['name']}`",
                f"{card['accuracy']['clean']:.1f}",
                *(f"{card['accuracy']['pgd'][radius]:.1f}" for radius in radii),
                *(
                    f"{share:.1f}" if share is not None else ""
                    for share in map(card["accuracy"]["clean_by_group"].get, groups)
                ),
            )
            for card in cards
        ),
    )
