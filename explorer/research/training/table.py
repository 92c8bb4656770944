"""The shipped networks side by side as Markdown, from their cards; `docs/zoo/networks.md`."""

from typing import Any

from explorer.research.markdown import table
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
Percent of test pictures whose object is classified correctly, clean and attacked with radius ε (ℓ₂,
PGD with 10 steps), and the same for the other factors of drawn pictures where the network has
logits for them. A network without labels was not trained to classify: the untrained one guesses,
and a contrastive one has a linear probe.
"""


def markdown() -> str:
    """How every shipped network was trained and how well it does, in the recipes' order."""
    there = names()
    cards = [read(name) for name in RECIPES if name in there]
    sections = (_HEAD, "## How they were trained\n", _training(cards))
    return "\n".join((*sections, "", "## Accuracy\n", _NOTE, _accuracy(cards))) + "\n"


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


def _accuracy(cards: list[dict[str, Any]]) -> str:
    radii, groups = ("0.5", "1", "2"), [group for group in GROUPS if group != "object"]
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
