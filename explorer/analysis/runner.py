"""Where IRIs are made and networks are asked: in this process, or wherever a caller's runner does.

The use cases over many IRIs (`explorer.align`, `explorer.stir`, `explorer.compare`) say what is to
be made and what it shows; a `Runner` makes it. `InProcess` does so here. The command line's has a
worker process and the cache do it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from explorer.network_reference import NetworkReference
from explorer.request import Request

if TYPE_CHECKING:
    from explorer.analysis.eyes import FinishedIris, ObserverViews
    from explorer.analysis.network_comparison import NetworkComparison
    from explorer.metrics.invariance import SharedInvariance
    from explorer.result import Result


@dataclass(frozen=True)
class IriSet:
    """The IRIs that one network and layer gave for a set of targets, in the targets' order.

    target_pngs: the targets as PNG bytes. iris: float32 3×H×W in [0, 1] each.
    """

    network: NetworkReference
    layer: str
    target_pngs: tuple[bytes, ...]
    iris: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, results: Sequence[Result]) -> IriSet:
        """Those of finished results of one network and layer."""
        request = results[0].request
        return cls(
            request.network,
            request.layer,
            tuple(result.target_png for result in results),
            tuple(result.iri for result in results),
        )


class Runner(Protocol):
    """Has IRIs made and networks asked."""

    def generate(
        self, requests: Sequence[Request], pictures: Mapping[str, bytes], batch_size: int
    ) -> list[Result]:
        """The results in the order of the requests, at most `batch_size` made as one batch.

        pictures: PNG bytes of every `picture:SHA256` that the requests name. Raises as
        `explorer.generate`.
        """

    def compare(self, result: Result, observer: Request) -> NetworkComparison:
        """What the network, layer and null of `observer` make of a result's IRI and target."""

    def shared_invariance(self, first: IriSet, second: IriSet) -> SharedInvariance:
        """STIR in both directions."""

    def observe(self, observer: Request, made: Sequence[FinishedIris]) -> ObserverViews:
        """What the network, layer and null of `observer` make of several networks' IRIs."""


class InProcess:
    """Everything in this process, nothing cached."""

    def generate(
        self, requests: Sequence[Request], pictures: Mapping[str, bytes], batch_size: int
    ) -> list[Result]:
        """As `Runner.generate`."""
        from explorer.analysis.generation import generate_batch

        results = []
        for start in range(0, len(requests), batch_size):
            results += generate_batch(requests[start : start + batch_size], pictures)
        return results

    def compare(self, result: Result, observer: Request) -> NetworkComparison:
        """As `Runner.compare`."""
        from explorer.analysis.comparison import compare

        return compare(
            result, observer.network, observer.layer, observer.null, observer.null_folder
        )

    def shared_invariance(self, first: IriSet, second: IriSet) -> SharedInvariance:
        """As `Runner.shared_invariance`."""
        from explorer.analysis.comparison import shared_invariance_of

        return shared_invariance_of(first, second)

    def observe(self, observer: Request, made: Sequence[FinishedIris]) -> ObserverViews:
        """As `Runner.observe`."""
        from explorer.analysis.eyes_measured import observe

        return observe(observer, made)
