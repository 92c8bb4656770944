"""STIR as a use case: do two networks share their invariances?

Nanda et al. (ICML 2022); the similarity itself is `explorer.metrics.stir`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from explorer.analysis.align import Counts, batch_size, requests_for, targets_for, without_target
from explorer.analysis.runner import InProcess, IriSet, Runner
from explorer.analysis.targets import TargetSet
from explorer.request import Request

if TYPE_CHECKING:
    from explorer.metrics.invariance import SharedInvariance


@dataclass(frozen=True)
class StirReport:
    """STIR of two networks in both directions over a set of targets, and how their IRIs fared."""

    networks: tuple[Request, Request]
    targets: TargetSet
    counts: tuple[Counts, Counts]
    shared: SharedInvariance

    def to_json(self) -> dict[str, object]:
        """Plain JSON values, for `iri stir --json`."""
        return {
            "networks": [without_target(request) for request in self.networks],
            "targets": self.targets.text,
            "made": [asdict(counts) for counts in self.counts],
            **self.shared.to_dict(),
        }


def stir(
    first: Request,
    second: Request,
    targets: str | TargetSet = "gallery",
    pictures: Mapping[str, bytes] | None = None,
    runner: Runner | None = None,
) -> StirReport:
    """Make both networks' IRIs of the same targets and have each look at the other's.

    first, second: network, layer and search of each; targets, pictures: as of `explorer.align`.
    Raises RequestError as `explorer.generate`, and (field `targets`) where linear CKA is undefined,
    such as for fewer than three targets.
    """
    runner = runner or InProcess()
    chosen = targets if isinstance(targets, TargetSet) else targets_for(targets, [first, second])
    sides = [requests_for(request, chosen) for request in (first, second)]
    available = {**chosen.pictures, **(pictures or {})}
    made = [runner.generate(requests, available, batch_size(requests[0])) for requests in sides]
    return StirReport(
        networks=(sides[0][0], sides[1][0]),
        targets=chosen,
        counts=(Counts.of_results(made[0]), Counts.of_results(made[1])),
        shared=runner.shared_invariance(IriSet.of(made[0]), IriSet.of(made[1])),
    )
