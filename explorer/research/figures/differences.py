"""The figures of docs/new-pictures.md: diverse sets and controversial pairs on embedded networks.

python -m explorer.research.figures.differences [TARGETS]
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from explorer.analysis.diverse import DiverseSet, diverse_set
from explorer.images import gallery
from explorer.metrics.match import at_goal
from explorer.request import Request
from explorer.research.markdown import table

if TYPE_CHECKING:
    from explorer.result import Result

ROBUST, USUAL = "imagenette-residual-adv1", "imagenette-residual-standard"
SHEET = "new-pictures.png"
SEEDS = ("grey-noise", "noise")
SET_TARGETS = ("cat", "astronaut")
TARGETS = 10
"""Controversial pairs are made of the first so many gallery pictures, in the order of names."""

CELL, LABEL, MARGIN = 64, 13, 6


def sets_of(model: str) -> dict[tuple[str, str], DiverseSet]:
    """Diverse sets of four by target and seed kind."""
    found = {}
    for target in SET_TARGETS:
        for seed in SEEDS:
            request = Request(model=f"embedded:{model}", target=target, seed=seed)
            found[target, seed] = one = diverse_set(request)
            print(model, target, seed, one.spread, one.spread_from_seeds, file=sys.stderr)
    return found


def pairs_of(model: str, observer: str, count: int) -> list[Result]:
    """Controversial images of the first gallery pictures, from grey noise."""
    from explorer import generate_batch

    requests = [
        Request(
            model=f"embedded:{model}",
            target=target,
            loss="controversial",
            observer=f"embedded:{observer}",
            rng_seed=number,
        )
        for number, target in enumerate(gallery.names()[:count])
    ]
    results = generate_batch(requests)
    for each in results:
        made = each.difference
        assert made is not None
        assert made.observed is not None
        print(each.request.target, each.state, made.observed.sentence(each.matched))
    return results


def rows_of_sets(model: str, found: dict[tuple[str, str], DiverseSet]) -> list[list[str]]:
    """A line for each target and seed kind."""
    rows = []
    for (target, seed), one in found.items():
        seeds_iris, of_seeds = one.spread_from_seeds, one.spread_of_seeds
        assert seeds_iris is not None
        assert of_seeds is not None
        within = sum(at_goal(each.match.relative_l2, each.request.goal) for each in one.results)
        spreads = (one.spread, seeds_iris, of_seeds)
        texts = [f"{each.mean:.3f} ({each.least:.3f})" for each in spreads]
        rows.append([f"`{model}`", target, seed, f"{within} of {len(one.results)}", *texts])
    return rows


def row_of_pairs(model: str, observer: str, results: Sequence[Result]) -> list[str]:
    """How many are within the goal to the network, and beyond the observer's null."""
    made = [each.difference for each in results if each.difference is not None]
    seen = [each.observed for each in made if each.observed is not None]
    null = seen[0].null.relative_l2
    distances = [each.match_8bit.relative_l2 or 0.0 for each in seen]
    count = len(results)
    return [
        f"`{model}`",
        f"`{observer}`",
        f"{sum(each.converged for each in results)} of {count}",
        f"{median(each.searched_relative_l2 or 0.0 for each in seen):.2f}",
        f"{median(distances):.2f} ({min(distances):.2f} to {max(distances):.2f})",
        f"{null.quantiles['q50']:.2f}, {null.max:.2f}",
        f"{sum(each > null.quantiles['q50'] for each in distances)} of {count}",
        f"{median(each.match_8bit.values.get('cosine') or 0.0 for each in seen):.2f}",
        f"{seen[0].null.distributions['cosine'].quantiles['q50']:.2f}",
        f"{sum(each.match_8bit.same_class is False for each in seen)} of {count}",
    ]


def sheet(
    sets: Mapping[str, DiverseSet], pairs: Mapping[str, Sequence[Result]], path: Path
) -> None:
    """A line of pictures for each set (target, then the set), and for some pairs of each way."""
    font = ImageFont.load_default(size=10)
    lines: list[tuple[str, list[tuple[str, np.ndarray]]]] = []
    for model, one in sets.items():
        cells = [("target", _pixels(one.results[0].target_png))]
        for each in one.results:
            away = [] if each.difference is None else [d for _, d in each.difference.away_from]
            cells.append((f"{min(away):.2f}" if away else "IRI", _pixels(each.iri_png)))
        lines.append((f"diverse: {model}", cells))
    for way, results in pairs.items():
        cells = []
        for each in results[:3]:
            assert each.difference is not None
            cells.append((each.request.target, _pixels(each.target_png)))
            assert each.difference.observed is not None
            distance = each.difference.observed.match_8bit.relative_l2
            cells.append((f"{distance:.1f}", _pixels(each.iri_png)))
        lines.append((f"controversial: {way}", cells))
    width = max(len(cells) for _, cells in lines) * (CELL + MARGIN) + MARGIN
    height = len(lines) * (CELL + 2 * LABEL + MARGIN) + MARGIN
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    for row, (title, cells) in enumerate(lines):
        top = MARGIN + row * (CELL + 2 * LABEL + MARGIN)
        draw.text((MARGIN, top), title, fill="black", font=font)
        for column, (caption, pixels) in enumerate(cells):
            left = MARGIN + column * (CELL + MARGIN)
            picture.paste(Image.fromarray(pixels), (left, top + LABEL))
            draw.text((left, top + LABEL + CELL), caption, fill="black", font=font)
    picture.save(path, optimize=True)


def _pixels(png: bytes) -> np.ndarray:
    from explorer.images.encoding import from_png

    return from_png(png)


def main(count: int) -> None:
    """Print both tables, and write the contact sheet."""
    both = (ROBUST, USUAL)
    pairs = {f"{a} | {b}": pairs_of(a, b, count) for a, b in (both, both[::-1])}
    header = ["network", "observer", "within the goal", "observer, as searched", "observer"]
    header += ["its null: median, largest", "beyond the median", "cosine", "its null's median"]
    header += ["another class"]
    ways = [row_of_pairs(a, b, pairs[f"{a} | {b}"]) for a, b in (both, both[::-1])]
    print(table(header, ways), flush=True)
    sets = {model: sets_of(model) for model in both}
    header = ["network", "target", "seed", "within the goal", "diverse set", "random seeds' IRIs"]
    rows = [row for model, found in sets.items() for row in rows_of_sets(model, found)]
    print(table([*header, "these seeds"], rows))
    first = {model: found[SET_TARGETS[0], SEEDS[0]] for model, found in sets.items()}
    named = {f"same to {a}, different to {b}": pairs[f"{a} | {b}"] for a, b in (both, both[::-1])}
    sheet(first, named, Path("docs") / SHEET)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TARGETS)
