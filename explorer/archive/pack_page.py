"""The page of a pack: a light table of its results, for any browser, offline.

It needs nothing from elsewhere, and whatever a result says is shown as text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

from explorer.archive.summary import Summary
from explorer.archive.titles import loss_title, network_title, picture_title, seed_drawn
from explorer.decimals import decimals
from explorer.metrics.match import MatchState
from explorer.metrics.perceptual_verdict import in_words
from explorer.models import layer_expression
from explorer.request import Request

_FRONT = Path(__file__).parent / "front"


@dataclass(frozen=True)
class Card:
    """A result on the page.

    folder: of its files in the pack. thumbnail: WebP of IRI and target; None: the page shows the
    PNG files in the folder.
    """

    summary: Summary
    folder: str
    thumbnail: bytes | None
    request: Request


def page(cards: Sequence[Card]) -> str:
    """The page as HTML, the cards in this order."""
    matched = sum(card.summary.matched for card in cards)
    converged = sum(card.summary.state == MatchState.CONVERGED for card in cards)
    return Template((_FRONT / "pack.html").read_text(encoding="utf-8")).substitute(
        count=f"{len(cards):,} {'result' if len(cards) == 1 else 'results'}",
        states=f"{matched:,} matched, {converged:,} of these converged",
        style=(_FRONT / "pack.css").read_text(encoding="utf-8"),
        script=(_FRONT / "pack.js").read_text(encoding="utf-8"),
        cards="\n".join(_card(number, card) for number, card in enumerate(cards)),
    )


def made_of(summary: Summary) -> str:
    """What tells results of one target apart: network, layer, loss, seed."""
    start = f"from {picture_title(summary.seed)}"
    layer, loss = layer_expression.title(summary.layer), loss_title(summary.loss)
    facts = (network_title(summary.model), layer, loss, start, seed_drawn(summary.rng_seed))
    return ", ".join(filter(None, facts))


def person_says(summary: Summary) -> str:
    """The second verdict in a few words; it has none without a match."""
    if not summary.matched:
        return "no answer without a match"
    if summary.answer == "not measured":
        return summary.answer
    votes = f"{summary.nearer_target} of {summary.counted} kinds of measures"
    return f"{in_words(summary.answer)} ({votes})"


def network_says(summary: Summary) -> str:
    """The first verdict in a few words."""
    distance = "–" if summary.relative_l2 is None else decimals(summary.relative_l2)
    return f"{summary.state}, relative distance {distance}"


def _card(number: int, card: Card) -> str:
    summary, request = card.summary, card.request
    network, target = network_title(request.model), picture_title(request.target)
    layer, loss = layer_expression.title(summary.layer), loss_title(request.loss)
    distance = "" if summary.relative_l2 is None else f"{summary.relative_l2:.9g}"
    keys = {
        "order": number,
        "distance": distance,
        "network": network,
        "layer": layer,
        "target": target,
        "loss": loss,
        "words": summary.words,
        "state": summary.state.replace(" ", "-"),
    }
    data = " ".join(f'data-{name}="{escape(str(value))}"' for name, value in keys.items())
    facts = {
        "To the network: the same?": network_says(summary),
        "To a person: the same?": person_says(summary),
        "Network": f"{network} ({request.model})",
        "Layer": layer,
        "Loss": loss,
        "From": f"{picture_title(request.seed)}, random seed {summary.rng_seed}",
        "Steps at most": f"{summary.steps:,}",
        "Image": f"{summary.px} px",
    }
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()
    )
    files = " ".join(
        f'<a href="{escape(card.folder + name)}">{label}</a>'
        for name, label in (
            ("iri.png", "IRI"),
            ("target.png", "target"),
            ("seed.png", "seed"),
            ("result.json", "all numbers"),
        )
    )
    settings = escape(json.dumps(request.to_dict(), indent=1, ensure_ascii=False))
    return (
        f"<article {data}>{_pictures(card, network, target)}<h2>{escape(target)}</h2>"
        f"<p>{escape(made_of(summary))}</p>"
        f'<p class="verdict">To the network: {escape(network_says(summary))}<br>'
        f"To a person: {escape(person_says(summary))}</p>"
        f"<details><summary>Verdicts, settings, files</summary><dl>{rows}</dl>"
        f"<p>{files}</p><pre>{settings}</pre><p>Key: <code>{escape(summary.key)}</code></p>"
        "</details></article>"
    )


def _pictures(card: Card, network: str, target: str) -> str:
    """IRI and target next to each other: the thumbnail in the page, or both files."""
    small = ' class="small"' if card.summary.px <= 160 else ""
    iri = escape(f"IRI of {network} for {target}")
    if card.thumbnail is not None:
        source = "data:image/webp;base64," + base64.b64encode(card.thumbnail).decode()
        return (
            f'<div class="pair"><img{small} src="{source}" loading="lazy" '
            f'alt="{iri}; next to it the target"></div>'
        )
    return "".join(
        f'<img{small} src="{escape(card.folder + name)}" loading="lazy" alt="{alt}">'
        for name, alt in (("iri.png", iri), ("target.png", escape(f"Target: {target}")))
    ).join(('<div class="pair">', "</div>"))
