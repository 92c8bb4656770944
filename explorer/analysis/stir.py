"""STIR as a use case: do two networks share their invariances?

Nanda et al. (ICML 2022); the similarity itself is `explorer.metrics.stir`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.analysis.align import (
    Counts,
    batch_size,
    network_of,
    requests_for,
    targets_for,
    without_target,
)
from explorer.analysis.arguments import as_search
from explorer.analysis.runner import InProcess, IriSet, Runner
from explorer.analysis.targets import TargetSet
from explorer.errors import RequestError
from explorer.metrics.equal_match import MatchRange
from explorer.metrics.invariance import FEWEST_IMAGES
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.result.provenance import NetworkUsed

if TYPE_CHECKING:
    from explorer.metrics.equal_match import MatchRange
from explorer.metrics.invariance import SharedInvariance


@dataclass(frozen=True)
class StirReport:
    """STIR of two networks in both directions over a set of targets, and how their IRIs fared.

    used: both networks as they were loaded; None where only older results are there to tell.
    """

    networks: tuple[Request, Request]
    targets: TargetSet
    counts: tuple[Counts, Counts]
    shared: SharedInvariance
    used: tuple[NetworkUsed | None, NetworkUsed | None] = (None, None)

    @property
    def median_matches(self) -> MatchRange:
        """The median relative distances of both networks' own IRIs, side by side."""
        shared = self.shared
        return MatchRange.of(
            each.median_match for each in (shared.second_given_first, shared.first_given_second)
        )

    def to_json(self) -> dict[str, object]:
        """Plain JSON values, for `iri stir --json`."""
        return {
            "networks": [without_target(request) for request in self.networks],
            "targets": self.targets.text,
            "made": [counts.to_dict() for counts in self.counts],
            "networks_used": [None if each is None else each.to_dict() for each in self.used],
            **self.shared.to_dict(),
            "median_matches": self.median_matches.to_dict(),
        }


def stir(
    first: Request | NetworkReference | str,
    second: Request | NetworkReference | str,
    targets: str | Path | Sequence[str] | TargetSet = "gallery",
    pictures: Mapping[str, bytes] | None = None,
    runner: Runner | None = None,
) -> StirReport:
    """Make both networks' IRIs of the same targets and have each look at the other's.

    first, second: network, layer and search of each; a network alone stands for a Request with the
    defaults. targets, pictures: as of `explorer.align`; a target that is a seed of either is left
    out. Raises RequestError as `explorer.generate`, (field `targets`) for fewer than three targets
    or where linear CKA is undefined, and TypeError for an argument of another type.
    """
    runner = runner or InProcess()
    pair = (as_search(first), as_search(second))
    chosen = targets_for(targets, pair)
    sides = [requests_for(each, chosen, {request.seed for request in pair}) for each in pair]
    if len(sides[0]) < FEWEST_IMAGES:
        raise RequestError(
            "targets", f"linear CKA needs at least {FEWEST_IMAGES}, not {len(sides[0])}; give more"
        )
    available = {**chosen.pictures, **(pictures or {})}
    made = [runner.generate(requests, available, batch_size(requests[0])) for requests in sides]
    return StirReport(
        networks=(sides[0][0], sides[1][0]),
        targets=chosen,
        counts=(Counts.of_results(made[0]), Counts.of_results(made[1])),
        shared=runner.shared_invariance(IriSet.of(made[0]), IriSet.of(made[1])),
        used=(network_of(made[0]), network_of(made[1])),
    )
