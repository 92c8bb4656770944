"""What is compared of finished IRIs, and what the comparison says. No torch.

Only IRIs that converged are averaged: others differ in how far their search came, too. How many
are left out is always said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from explorer.metrics.alignment import Share, aligned_share
from explorer.metrics.equal_match import MatchRange
from explorer.metrics.match import MatchState
from explorer.metrics.null import Distribution
from explorer.metrics.perceptual_verdict import Comparison, PerceptualVerdict
from explorer.models import layer_expression
from explorer.request import Request
from explorer.result import Result

_MOST_TIES = 3
"""So many values of a comparison are named as those with the least or the largest share."""


@dataclass(frozen=True)
class Compared:
    """What is compared of one finished IRI.

    relative_l2: at the matched layer; null: the same of unrelated images. moved: from the seed,
    root mean square of pixels in [0, 1]; None in results that did not record it. iri_png: rounded
    to 8 bits. seconds: of search and measuring. layers: names of the network's, in order of
    execution.
    """

    request: Request
    state: MatchState
    relative_l2: float | None
    null: Distribution
    person: PerceptualVerdict
    perceptual: tuple[Comparison, ...]
    moved: float | None
    steps: int
    seconds: float
    iri_png: bytes
    layers: tuple[str, ...] = ()

    @classmethod
    def of(cls, result: Result) -> Compared:
        """That of a result."""
        provenance = result.provenance
        return cls(
            request=result.request,
            state=result.state,
            relative_l2=result.match.relative_l2,
            null=result.null.relative_l2,
            person=result.person,
            perceptual=result.perceptual,
            moved=None if result.moved is None else result.moved.rms,
            steps=provenance.steps,
            seconds=provenance.seconds_making + provenance.seconds_measuring,
            iri_png=result.iri_png,
            layers=tuple(each.name for each in result.layers),
        )

    @property
    def matched(self) -> bool:
        """Whether it is the same to the network, converged or not."""
        return self.state is not MatchState.NOT_MATCHED

    @property
    def converged(self) -> bool:
        """Whether it matched and is at its goal."""
        return self.state is MatchState.CONVERGED

    @property
    def share(self) -> float | None:
        """The share of kinds of measures that call it nearer its target than its seed, in [0, 1].

        None where there is no answer: without a match, or where too few measures can tell.
        """
        if not self.matched or self.person.answer == "not measured":
            return None
        return self.person.nearer_target / self.person.counted


@dataclass(frozen=True)
class Group:
    """The IRIs of one value of a comparison, and what their measures say together.

    share: mean of the `share` of those that converged, with its bootstrap interval. wrong: mean
    share of wrong targets that their measures call nearer than the seed, the control; None where
    it is not known. results: all of them.
    """

    name: str
    share: Share
    wrong: float | None
    results: tuple[Compared, ...]

    @classmethod
    def of(cls, name: str, results: Iterable[Compared]) -> Group:
        """That of these results."""
        results = tuple(results)
        used = [each for each in results if each.converged and each.share is not None]
        wrong = [each.person.wrong_nearer for each in used if each.person.wrong_nearer is not None]
        shares = np.array([each.share for each in used], dtype=float)
        return cls(name, aligned_share(shares), float(np.mean(wrong)) if wrong else None, results)


def left_out(results: Sequence[Compared]) -> str:
    """A sentence on those that no average holds; "" where it holds all."""
    open_ones = [each for each in results if not each.converged]
    matched = sum(each.matched for each in open_ones)
    silent = sum(each.converged and each.share is None for each in results)
    parts = []
    if matched:
        parts.append(f"{matched} matched above {_their(matched)} goal (hollow)")
    if len(open_ones) > matched:
        parts.append(f"{len(open_ones) - matched} not matched")
    if silent:
        parts.append(f"{silent} converged, but too few measures can tell")
    return f"Left out of the bars: {'; '.join(parts)}." if parts else ""


def _their(count: int) -> str:
    return "its" if count == 1 else "their"


def equal_match(results: Sequence[Compared]) -> str:
    """A sentence where those that matched are not at equal match; else ""."""
    return MatchRange.of(each.relative_l2 for each in results if each.matched).warning


def spread(groups: Sequence[Group], what: str) -> str:
    """What the bars say, in a sentence: by how much the share depends on what varies.

    what: what varies, such as "the loss".
    """
    known = [each for each in groups if each.share.value is not None]
    if not known:
        return "No image converged with an answer, so nothing can be read from the bars yet."
    low = min(known, key=lambda each: each.share.value or 0.0)
    high = max(known, key=lambda each: each.share.value or 0.0)
    if len(known) == 1:
        return (
            f"Only {low.name} converged with an answer: {_percent(low)} of the measures call its "
            "image nearer the target than the seed."
        )
    if low.share.value == high.share.value:
        scope = f"Whatever {what}"
        if len(known) < len(groups):
            scope = f"For the {len(known)} of {len(groups)} that converged with an answer"
        return (
            f"{scope}, {_percent(low)} of the measures call the image nearer its target than its "
            "seed."
        )
    lowest, highest = (
        in_a_row([each.name for each in known if each.share.value == end.share.value], _MOST_TIES)
        for end in (low, high)
    )
    return (
        f"By {what} alone, the share of measures that call the image nearer its target goes from "
        f"{_percent(low)} ({lowest}) to {_percent(high)} ({highest})."
    )


def by_factor(groups: Sequence[Group], factors: Sequence[str], title: str) -> str:
    """The mean share per level of a factor, in a sentence; "" where fewer than two have one.

    factors: the level of each group.
    """
    levels: dict[str, list[float]] = {}
    for group, level in zip(groups, factors, strict=True):
        if group.share.value is not None:
            levels.setdefault(level, []).append(group.share.value)
    if len(levels) < 2:
        return ""
    ordered = sorted(levels.items(), key=lambda each: -float(np.mean(each[1])))
    means = [f"{level} {np.mean(shares):.0%} ({len(shares)})" for level, shares in ordered]
    return f"Mean by {title.lower()} (number of networks): {', '.join(means)}."


def in_network_order(layers: Iterable[str], results: Sequence[Compared]) -> list[str]:
    """Layers as requests name them, from the image to the classes, as far as results tell."""
    known = max((each.layers for each in results), key=len, default=())
    return layer_expression.in_order(layers, known)


def where_it_falls_apart(groups: Sequence[Group], of: int) -> str:
    """What a ladder of layers says, in a sentence or two.

    groups: its finished layers, in any order. of: how many layers the ladder has.
    """
    layers = [each.results[0].request.layer if each.results else "" for each in groups]
    order = in_network_order(layers, [one for each in groups for one in each.results])
    shares = [
        (each.name, share)
        for _, each in sorted(zip(layers, groups, strict=True), key=lambda one: order.index(one[0]))
        if (share := next((one.share for one in each.results), None)) is not None
    ]
    if not shares:
        return "No layer has an answer yet."
    names, held = [name for name, _ in shares], [name for name, share in shares if share > 0.5]
    if len(shares) < of:
        known = f"{len(shares)} of the {of} layers {_have(len(shares))} an answer."
        return f"{_along(names, held)} {known}"
    if len(held) in (0, of):
        which = "At every layer most" if held else "At no layer do most"
        return f"{which} measures call the image nearer its target."
    return _along(names, held)


def _along(names: Sequence[str], held: Sequence[str]) -> str:
    """Of layers with an answer, at which most measures call the image nearer its target: `held`."""
    lost = [name for name in names if name not in held]
    if not lost:
        return f"At {', '.join(held)} most measures call the image nearer its target."
    if not held:
        return f"No majority of measures calls the image nearer its target at {', '.join(lost)}."
    if [*held, *lost] != list(names):
        return f"Most measures call the image nearer its target at {', '.join(held)} only."
    further = f"at {lost[0]}" if len(lost) == 1 else f"from {lost[0]} on"
    return (
        f"Most measures call the image nearer its target up to {held[-1]}; {further} they no "
        "longer do."
    )


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def in_a_row(names: Sequence[str], most: int | None = None) -> str:
    """`A, B and C`; of more than `most`, `A, B and 2 more`."""
    shown = list(names) if most is None or len(names) <= most else list(names[: most - 1])
    left = len(names) - len(shown)
    *before, last = [*shown, f"{left} more"] if left else shown
    return f"{', '.join(before)} and {last}" if before else last


def _percent(group: Group) -> str:
    return f"{group.share.value:.0%}"
