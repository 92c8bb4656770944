"""The alignment of results over a set of targets, by the measures that can tell for such targets.

A request says of an uploaded target no more than its pixels, so that its result has the votes of
the measures that can tell for photographs; a set of targets knows what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer.analysis.targets import TargetSet
from explorer.metrics.alignment import Alignment, alignment
from explorer.metrics.calibration import PHOTOGRAPH
from explorer.metrics.votes import with_votes

if TYPE_CHECKING:
    from explorer.metrics.perceptual_verdict import Comparison
    from explorer.result import Result


def alignment_of(targets: TargetSet, results: Sequence[Result]) -> Alignment:
    """That of these results' IRIs."""
    return alignment([_voting(targets, each, each.perceptual) for each in results])


def alignment_as_searched(targets: TargetSet, results: Sequence[Result]) -> Alignment | None:
    """That of their images as the search left them; None where not all were brought nearer."""
    searched = [
        _voting(targets, result, result.tightening.searched_perceptual)
        for result in results
        if result.tightening is not None
    ]
    return alignment(searched) if searched and len(searched) == len(results) else None


def _voting(
    targets: TargetSet, result: Result, comparisons: Sequence[Comparison]
) -> Sequence[Comparison]:
    """A result's comparisons, with the votes of those that can tell for this kind of target."""
    from explorer.analysis.batch_images import seed_kind_of  # brings torch

    if targets.kind == PHOTOGRAPH:
        return comparisons
    height, width = result.iri.shape[-2:]
    return with_votes(comparisons, (height, width), seed_kind_of(result.request), targets.kind)
