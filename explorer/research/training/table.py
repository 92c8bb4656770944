"""The shipped networks side by side as Markdown, from their cards; `docs/zoo/networks.md`."""

from collections.abc import Iterable

from explorer.models.catalogue import card, embedded_names
from explorer.research.training.recipes import RECIPES
from explorer.zoo.pictures import GROUPS

_HEAD = """# The networks that ship

Written by `python -m explorer zoo table` from the cards in `explorer/zoo/weights/`.
"""

_MADE = (
    *("network", "design", "objective", "ε", "labels", "augmentation"),
    *("steps × batch", "random seed", "minutes", "parameters"),
)
_SHARES = """\
Percent of held-out pictures whose thing is named rightly, clean and attacked with radius ε, and the
same for the other factors where the network names them. A network without labels was not taught
to name anything: the untrained one guesses, and a contrastive one has a linear probe.
"""


def markdown() -> str:
    """How every shipped network was made and how well it does, in the recipes' order."""
    there = embedded_names()
    cards = [card(name) for name in RECIPES if name in there]
    return "\n".join([_HEAD, *_made(cards), "", *_does(cards)]) + "\n"


def _made(cards: list[dict]) -> Iterable[str]:
    yield "## How they were made\n"
    yield from _rows(
        _MADE,
        (
            (
                f"`{card['name']}`",
                card["family"],
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


def _does(cards: list[dict]) -> Iterable[str]:
    yield "## How well they do\n"
    yield _SHARES
    radii, groups = ("0.5", "1", "2"), [group for group in GROUPS if group != "object"]
    yield from _rows(
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


def _rows(head: tuple, rows: Iterable[tuple]) -> Iterable[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(map(str, row))} |"
