"""Do the IRIs of each network look the same to every other one? The records, without torch.

Observers see finished IRIs as 8-bit images, brought to their input as any picture is; both
directions of every pair are measured. `explorer.analysis.eyes_measured` measures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from explorer.analysis.bytes_store import BytesStore, keep
from explorer.errors import RequestError
from explorer.metrics.invariance import FEWEST_IMAGES
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.validation import observer as as_observer

if TYPE_CHECKING:
    from explorer.analysis.runner import Runner
    from explorer.result import Result

VIEWS_VERSION = 1
"""Goes up when the same IRIs would get other numbers."""


class FinishedIri(Protocol):
    """What is compared of a finished result: a `Result`, or what a page keeps of one."""

    @property
    def request(self) -> Request: ...
    @property
    def iri_png(self) -> bytes: ...
    @property
    def target_png(self) -> bytes: ...
    @property
    def converged(self) -> bool: ...


@dataclass(frozen=True)
class FinishedIris:
    """The finished IRIs of one network and layer, with their targets, as observers see them.

    targets: their names, in the order of everything else. keys: of the results. iri_pngs,
    target_pngs: 8-bit images, PNG-encoded. converged: which of them are at their goal.
    """

    network: NetworkReference
    layer: str
    targets: tuple[str, ...]
    keys: tuple[str, ...]
    iri_pngs: tuple[bytes, ...]
    target_pngs: tuple[bytes, ...]
    converged: tuple[bool, ...]

    @classmethod
    def of(cls, results: Sequence[FinishedIri]) -> FinishedIris:
        """Those of results of one network and layer."""
        request = results[0].request
        return cls(
            network=request.network,
            layer=request.layer,
            targets=tuple(result.request.target for result in results),
            keys=tuple(result.request.key for result in results),
            iri_pngs=tuple(result.iri_png for result in results),
            target_pngs=tuple(result.target_png for result in results),
            converged=tuple(result.converged for result in results),
        )

    @property
    def all_converged(self) -> bool:
        """Whether every one of them is at its goal; else views of them may be the search's."""
        return all(self.converged)


@dataclass(frozen=True)
class View:
    """What one observer makes of the IRIs of one network, at the observer's layer.

    stir: linear CKA of the observer's representations of targets and IRIs, in [0, 1], and
    stir_by_chance with wrong pairs; None for fewer than three targets, or where it is undefined.
    relative_l2: of each IRI and its target; None where that is undefined. matched: which of them
    are the same to the observer: beyond its null, and of the same class.
    """

    stir: float | None
    stir_by_chance: float | None
    relative_l2: tuple[float | None, ...]
    matched: tuple[bool, ...]

    @property
    def median_distance(self) -> float | None:
        """The median relative distance of those that are defined."""
        known = [each for each in self.relative_l2 if each is not None]
        return median(known) if known else None

    @property
    def matched_share(self) -> float:
        """The share of the IRIs that are the same to the observer, in [0, 1]."""
        return sum(self.matched) / len(self.matched)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **asdict(self),
            "relative_l2": list(self.relative_l2),
            "matched": list(self.matched),
            "median_relative_l2": self.median_distance,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> View:
        """The record in what `to_json` wrote."""
        return cls(
            plain["stir"],
            plain["stir_by_chance"],
            tuple(plain["relative_l2"]),
            tuple(plain["matched"]),
        )


@dataclass(frozen=True)
class ObserverViews:
    """What one observer makes of several networks' IRIs, in their order.

    null_smallest, null_median: relative distances of the observer's pairs of unrelated images.
    """

    network: NetworkReference
    layer: str
    null_smallest: float
    null_median: float
    views: tuple[View, ...]


@dataclass(frozen=True)
class ObserverMatrix:
    """How every observer sees every network's IRIs.

    made: the IRIs, one row each. observers: one column each, whose `views` are in the rows' order.
    """

    made: tuple[FinishedIris, ...]
    observers: tuple[ObserverViews, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets' names, the same for every row."""
        return self.made[0].targets

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for `iri eyes --json`."""
        return {
            "targets": list(self.targets),
            "made_for": [
                {
                    "model": each.network.model,
                    "layer": each.layer,
                    "keys": list(each.keys),
                    "converged": sum(each.converged),
                }
                for each in self.made
            ],
            "observers": [
                {
                    "model": each.network.model,
                    "layer": each.layer,
                    "null": {"min": each.null_smallest, "q50": each.null_median},
                    "views": [view.to_json() for view in each.views],
                }
                for each in self.observers
            ],
        }


def observer_matrix(
    results: Sequence[Result], layer: str = "penultimate", runner: Runner | None = None
) -> ObserverMatrix:
    """Do the IRIs of each of several networks look the same to every other one?

    results: finished ones of two networks (or layers) or more, for the same targets from the same
    seeds; targets that one of them lacks are left out. layer: of every observer, where it compares.
    STIR needs three targets or more. Raises RequestError (field `results`) where they cannot be
    compared, and as `explorer.compare`; TypeError for another type.
    """
    from explorer.analysis.arguments import as_result
    from explorer.analysis.runner import InProcess

    runner = runner or InProcess()
    made = comparable([as_result(result) for result in results])
    return ObserverMatrix(
        made, tuple(runner.observe(each, made) for each in observers_of(made, layer))
    )


def comparable(results: Sequence[FinishedIri]) -> tuple[FinishedIris, ...]:
    """The results by network and layer, those for targets and seeds that all of these have, sorted.

    Raises RequestError (field `results`) for fewer than two, for two results of one network, layer,
    target and seed, and where they have no target in common.
    """
    groups: dict[str, dict[tuple[str, str, int], FinishedIri]] = {}
    for result in results:
        request = result.request
        name = json.dumps([request.network.identity, request.layer], sort_keys=True)
        group = groups.setdefault(name, {})
        place = (request.target, request.seed, request.rng_seed)
        if place in group:
            raise RequestError(
                "results",
                f"two are of {request.model}, {request.layer}, target {request.target!r} and the "
                "same seed; give one of them",
            )
        group[place] = result
    if len(groups) < 2:
        raise RequestError("results", "two networks or layers are needed, not one")
    first, *others = groups.values()
    # Sorted, so that the same results have the same keys in whatever order they are given.
    common = sorted(place for place in first if all(place in other for other in others))
    if not common:
        raise RequestError(
            "results", "no target and seed is that of all networks; give the same ones for each"
        )
    return tuple(FinishedIris.of([group[place] for place in common]) for group in groups.values())


def observers_of(made: Sequence[FinishedIris], layer: str = "penultimate") -> list[Request]:
    """Every network of the rows once, as an observer at a layer.

    Raises RequestError as `explorer.validation.observer`.
    """
    networks = {json.dumps(each.network.identity, sort_keys=True): each.network for each in made}
    return [as_observer(network, layer) for network in networks.values()]


def view_key(observer: Request, made: FinishedIris) -> str:
    """The key of a view in the store: of all that it depends on."""
    facts = [VIEWS_VERSION, observer.network.identity, observer.layer, observer.null, made.keys]
    return f"view:{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}"


def known_views(
    observer: Request, made: Sequence[FinishedIris], store: BytesStore
) -> ObserverViews | None:
    """What an observer makes of these IRIs, where the store holds all of it."""
    kept = [store.get(view_key(observer, each)) for each in made]
    read = [json.loads(each) for each in kept if each is not None]
    if len(read) < len(made):
        return None
    return ObserverViews(
        observer.network,
        observer.layer,
        read[0]["null_smallest"],
        read[0]["null_median"],
        tuple(View.from_json(each) for each in read),
    )


def known_view(observer: Request, made: FinishedIris, store: BytesStore) -> View | None:
    """What an observer makes of one network's IRIs, where the store holds it."""
    kept = store.get(view_key(observer, made))
    return None if kept is None else View.from_json(json.loads(kept))


def keep_views(
    observer: Request, made: Sequence[FinishedIris], found: ObserverViews, store: BytesStore
) -> None:
    """Put an observer's views into the store, each under its own key."""
    null = {"null_smallest": found.null_smallest, "null_median": found.null_median}
    for iris, view in zip(made, found.views, strict=True):
        keep(store, view_key(observer, iris), json.dumps(view.to_json() | null).encode())


def too_few_for_stir(targets: int) -> bool:
    """Whether STIR is undefined for so few targets."""
    return targets < FEWEST_IMAGES
