"""Alignment as a use case: IRIs of a set of targets, and the share that looks like its target.

Nanda et al. (AAAI 2023), automatic form; the statistics are those of `explorer.metrics.alignment`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from explorer.analysis.arguments import as_search
from explorer.analysis.runner import InProcess, Runner
from explorer.analysis.set_alignment import alignment_as_searched, alignment_of
from explorer.analysis.targets import TargetSet, target_set
from explorer.errors import RequestError
from explorer.losses.variants import loss_named
from explorer.metrics.alignment import Alignment, over_measures
from explorer.metrics.equal_match import MatchRange
from explorer.metrics.registry import paper_measures
from explorer.models import catalogue
from explorer.network_reference import NetworkReference
from explorer.request import RNG_SEED_RANGE, Request
from explorer.result.difference import NO_ANSWER
from explorer.result.provenance import NetworkUsed
from explorer.validation import validate

if TYPE_CHECKING:
    from explorer.result import Result

SMALL_PX, SMALL_BATCH, LARGE_BATCH = 96, 32, 8
"""Up to this input resolution so many IRIs are made as one batch; fewer of larger ones."""


@dataclass(frozen=True)
class Counts:
    """How many of a set of IRIs match and converged, and why their searches stopped.

    match_range: from the nearest to the farthest of those that match.
    """

    of: int
    matched: int
    converged: int
    stopped: Mapping[str, int]
    match_range: MatchRange

    @classmethod
    def of_results(cls, results: Sequence[Result]) -> Counts:
        """Those of these results."""
        matched = [result for result in results if result.matched]
        return cls(
            of=len(results),
            matched=len(matched),
            converged=sum(result.converged for result in matched),
            stopped=dict(Counter(result.provenance.stopped for result in results)),
            match_range=MatchRange.of(result.match.relative_l2 for result in matched),
        )

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {**asdict(self), "match_range": self.match_range.to_dict()}


@dataclass(frozen=True)
class MeanMoved:
    """How far a set of IRIs is from its seeds, the mean root mean square per pixel.

    searched: that of the images as searched; None where they were left so.
    """

    rms: float
    searched: float | None

    @classmethod
    def of_results(cls, results: Sequence[Result]) -> MeanMoved | None:
        """That of these results; None where none says it."""
        moved = [result.moved.rms for result in results if result.moved is not None]
        phases = [result.tightening for result in results if result.tightening is not None]
        if not moved:
            return None
        complete = len(phases) == len(moved)
        return cls(fmean(moved), fmean(each.rms[0] for each in phases) if complete else None)


@dataclass(frozen=True)
class PaperAlignment:
    """Mean and standard deviation of the share over the paper's four measures.

    Both None where it was not computed; `reason` then says why.
    """

    mean: float | None
    deviation: float | None
    reason: str | None


@dataclass(frozen=True)
class AlignmentReport:
    """Alignment of one network, layer and loss over a set of targets.

    results: of every target, in their order. alignment: over the IRIs that match;
    alignment_of_converged: over those at their goal, and so at equal match.
    alignment_as_searched: over the same as `alignment`, by the images before they were brought
    nearest to their seeds; None where they were not. moved: of those that match.
    """

    request: Request
    targets: TargetSet
    results: tuple[Result, ...]
    counts: Counts
    alignment: Alignment
    alignment_of_converged: Alignment
    alignment_as_searched: Alignment | None
    moved: MeanMoved | None
    paper: PaperAlignment

    @property
    def network(self) -> NetworkUsed | None:
        """The network as it was loaded; None where only older results are there to tell."""
        return network_of(self.results)

    def to_json(self) -> dict[str, object]:
        """Plain JSON values, for `iri align --json`."""
        return {
            "network": None if self.network is None else self.network.to_dict(),
            "request": without_target(self.request),
            "targets": self.targets.text,
            "target_notes": list(self.targets.notes),
            **self.counts.to_dict(),
            "alignment": self.alignment.to_dict(),
            "alignment_of_converged": self.alignment_of_converged.to_dict(),
            "alignment_as_searched": (
                None if self.alignment_as_searched is None else self.alignment_as_searched.to_dict()
            ),
            "moved": None if self.moved is None else asdict(self.moved),
            "paper": asdict(self.paper),
            "iris": [_row(result, self.targets) for result in self.results],
        }


def align(
    request: Request | NetworkReference | str,
    targets: str | Path | Sequence[str] | TargetSet = "gallery",
    pictures: Mapping[str, bytes] | None = None,
    runner: Runner | None = None,
) -> AlignmentReport:
    """Make an IRI of every target and count how many look more like it than like their seed.

    request: network, layer, loss, seed and search; a network alone stands for a Request with the
    defaults. Its target is replaced by each of `targets` (`gallery`, `drawn:N`, a folder's path or
    a list of gallery names), and the k-th starts from the seed image drawn with random seed
    `rng_seed + k`. pictures: PNG bytes of a `picture:SHA256` seed. Raises RequestError as
    `explorer.generate`, and for targets that cannot be used; TypeError for an argument of another
    type.
    """
    runner, request = runner or InProcess(), as_search(request)
    if loss_named(request.loss).largest:
        raise RequestError("loss", f"{NO_ANSWER}; choose a loss of another family")
    chosen = targets_for(targets, [request])
    requests = requests_for(request, chosen)
    results = runner.generate(
        requests, {**chosen.pictures, **(pictures or {})}, batch_size(request)
    )
    matched = [result for result in results if result.matched]
    of_matched = alignment_of(chosen, matched)
    return AlignmentReport(
        request=requests[0],
        targets=chosen,
        results=tuple(results),
        counts=Counts.of_results(results),
        alignment=of_matched,
        alignment_of_converged=alignment_of(
            chosen, [result for result in matched if result.converged]
        ),
        alignment_as_searched=alignment_as_searched(chosen, matched),
        moved=MeanMoved.of_results(matched),
        paper=_paper(of_matched, matched),
    )


def network_of(results: Sequence[Result]) -> NetworkUsed | None:
    """How the network of these results was loaded, as the first that records it says."""
    return next((result.network for result in results if result.network is not None), None)


def targets_for(
    targets: str | Path | Sequence[str] | TargetSet, requests: Sequence[Request]
) -> TargetSet:
    """The set of targets, drawn ones at the largest input of the networks."""
    return target_set(targets, max(map(_input_px, requests)))


def requests_for(
    request: Request, targets: TargetSet, seeds: Collection[str] | None = None
) -> list[Request]:
    """One validated request per target; a seed that is one of the targets is left out.

    seeds: those of all networks that are to be compared; the request's own by default. Raises
    RequestError where no target is left, or the last one's random seed would be too large.
    """
    left_out = targets.that_are(seeds or {request.seed})
    names = [name for name in targets.labels if name not in left_out]
    if not names:
        raise RequestError("targets", "the seed is the only one, so nothing is left to be matched")
    largest = RNG_SEED_RANGE[1] - len(names) + 1
    if request.rng_seed > largest:
        raise RequestError(
            "rng_seed",
            f"{request.rng_seed} is too large: each of the {len(names)} targets takes the next "
            f"random seed, so the largest that works is {largest}",
        )
    return [
        validate(replace(request, target=name, rng_seed=request.rng_seed + place))
        for place, name in enumerate(names)
    ]


def batch_size(request: Request) -> int:
    """How many IRIs of this network are made as one batch."""
    return SMALL_BATCH if _input_px(request) <= SMALL_PX else LARGE_BATCH


def without_target(request: Request) -> dict[str, object]:
    """The request's fields without the target, which differs from IRI to IRI."""
    return {name: value for name, value in request.to_dict().items() if name != "target"}


def _input_px(request: Request) -> int:
    return max(catalogue.input_size_or_default(request.network))


def _row(result: Result, targets: TargetSet) -> dict[str, object]:
    return {
        "target": targets.labels[result.request.target],
        "key": result.request.key,
        "rng_seed": result.request.rng_seed,
        "relative_l2": result.match.relative_l2,
        "state": result.state.value,
        "matched": result.matched,
        "converged": result.converged,
        "stopped": result.provenance.stopped,
        "perceptual": {
            row.measure: {
                "to_target": row.to_target,
                "to_seed": row.to_seed,
                "to_mismatched": row.to_mismatched,
                "wrong_nearer": row.wrong_nearer,
            }
            for row in result.perceptual
        },
        **_row_moved(result),
    }


def _row_moved(result: Result) -> dict[str, object]:
    """How far one IRI moved, and its distances as searched, where it was brought to its seed."""
    row: dict[str, object] = {} if result.moved is None else {"moved": result.moved.to_dict()}
    if result.tightening is not None:
        row["searched"] = {
            "relative_l2": result.tightening.searched_relative_l2,
            "moved_rms": result.tightening.rms[0],
            "perceptual": {
                each.measure: {"to_target": each.to_target, "to_seed": each.to_seed}
                for each in result.tightening.searched_perceptual
            },
        }
    return row


def _paper(found: Alignment, matched: Sequence[Result]) -> PaperAlignment:
    paper = paper_measures()
    rows = [row for result in matched[:1] for row in result.perceptual if row.measure in paper]
    missing = next((row.reason for row in rows if row.to_target is None), None)
    if missing is None and not all(row.held_out for row in rows):
        missing = "one of them was part of the loss, or rests on the loss's or a related network"
    if missing is not None or len(rows) < len(paper):
        return PaperAlignment(None, None, missing or "no IRI matches")
    mean, deviation = over_measures(found.shares[name] for name in paper)
    return PaperAlignment(mean, deviation, None)
