"""The pushing phase of finished searches: away from earlier IRIs, or from what an observer sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from explorer.analysis.continuation import named_result
from explorer.analysis.nearest import allowed_distances, of_all_samples
from explorer.analysis.null_sources import null_source
from explorer.analysis.nulls import BytesStore, null_of
from explorer.analysis.progress import StagedCallback, clock_of, not_computing
from explorer.errors import RequestError
from explorer.images.encoding import to_8bit, to_png
from explorer.losses.difference_checks import observer_of
from explorer.losses.differences import DIFFERENCE_STAGES
from explorer.losses.variants import loss_of
from explorer.metrics.matching import match_images
from explorer.metrics.spread import rms
from explorer.models.fitting import as_batch
from explorer.models.loading import load
from explorer.models.names import PENULTIMATE
from explorer.models.network import Network
from explorer.request import Request
from explorer.result import Result
from explorer.result.difference import DifferenceMade, Observed
from explorer.synthesis.parametrisation import parametrisation_called
from explorer.synthesis.problem import Problem
from explorer.synthesis.pushing import Difference, FromImages, Pushed, ToObserver, push
from explorer.synthesis.samples import Trace
from explorer.synthesis.tightening import budget_after

MUST_AGREE = ("layer", "target")
"""Fields, with those of the network, that an IRI to be far from shares with the request."""


@dataclass(frozen=True)
class Differences:
    """The outcomes of the phase by number, what the observer makes of them, and all that requests
    are away from.
    """

    outcomes: Mapping[int, Pushed]
    observed: Mapping[int, Observed]
    away_from: Sequence[Sequence[Result]]
    seconds: float


def iris_to_differ_from(
    requests: Sequence[Request], pictures: Mapping[str, bytes]
) -> list[tuple[Result, ...]]:
    """The earlier results that each request is to be far from; none for other losses.

    pictures: with these results (`explorer.analysis.continuation.pictures_with`). Raises
    RequestError (field `away_from`) where one is missing, damaged, or of another target, layer or
    network.
    """
    return [
        tuple(_agreeing(request, named_result("away_from", key, pictures)) for key in keys)
        for request in requests
        for keys in [request.away_from or ()]
    ]


def _agreeing(request: Request, result: Result) -> Result:
    other = result.request
    differs = [name for name in MUST_AGREE if getattr(other, name) != getattr(request, name)]
    if other.network.identity != request.network.identity:
        differs.append("model")
    if differs:
        raise RequestError(
            "away_from",
            f"result {other.key[:10]}… is no IRI of the same target at the same layer of the "
            f"same network ({differs[0]}: {getattr(other, differs[0])}); take one that is",
        )
    return result


def make_different(
    requests: Sequence[Request],
    problem: Problem,
    traces: Sequence[Trace],
    away_from: Sequence[Sequence[Result]],
    callback: StagedCallback,
    store: BytesStore | None,
) -> Differences:
    """The images of these traces as different as their losses ask for, their matches kept.

    Requests whose losses ask for no difference are left out. away_from: as `iris_to_differ_from`
    gives it. Raises RequestError (field `observer`) for a network that cannot observe these images,
    and Cancelled.
    """
    now = clock_of(callback)
    started_at = now()
    which = [index for index, each in enumerate(requests) if loss_of(each).largest]
    if not which:
        return Differences({}, {}, away_from, 0.0)
    first = requests[which[0]]
    # One batch has one observer, or none (`Request.batch_key`).
    callback.stage(DIFFERENCE_STAGES["away_from" if first.observer is None else "observer"])
    chosen = problem.selected(which)
    observer = None if first.observer is None else _observer(first, problem.network, callback)
    outcomes: dict[int, Pushed] = {}
    images = torch.stack([traces[each].iri for each in which]).to(problem.targets.device)
    allowed = allowed_distances(problem, traces, which)
    passes = budget_after(max(trace.steps for trace in traces))
    for group in _groups([len(away_from[each]) for each in which]):
        part = chosen.selected(group)
        found = push(
            part,
            images[group],
            [allowed[each] for each in group],
            _difference(first, part, observer, [away_from[which[each]] for each in group]),
            passes,
            of_all_samples(callback, traces, [which[each] for each in group], problem),
        )
        outcomes |= {which[each]: one for each, one in zip(group, found, strict=True)}
    observed: dict[int, Observed] = {}
    if observer is not None:
        made = torch.stack([outcomes[each].image for each in which]).to(images)
        rows = _observe(first, observer, made, images, chosen.targets, callback, store)
        observed = dict(zip(which, rows, strict=True))
    return Differences(outcomes, observed, away_from, now() - started_at)


def with_difference(result: Result, index: int, trace: Trace, made: Differences) -> Result:
    """The result, with what the phase did and the image as searched."""
    outcome = made.outcomes[index]
    return replace(
        result,
        searched_png=to_png(to_8bit(trace.iri.numpy())),
        difference=DifferenceMade(
            allowed=outcome.allowed,
            passes=len(outcome.values),
            stopped=outcome.stopped,
            seconds=round(made.seconds, 3),
            values=tuple(float(f"{each:.5g}") for each in outcome.values),
            searched_relative_l2=trace.relative_l2[trace.best_step],
            away_from=tuple(
                (each.request.key, float(f"{rms(result.iri, each.iri):.4g}"))
                for each in made.away_from[index]
            ),
            observed=made.observed.get(index),
        ),
    )


def _difference(
    request: Request,
    problem: Problem,
    observer: Network | None,
    earlier: Sequence[Sequence[Result]],
) -> Difference:
    if observer is not None:
        layer = request.observer_layer or PENULTIMATE
        return ToObserver(replace(problem, network=observer, layer=layer, starts=None))
    size = problem.seeds.shape[-2], problem.seeds.shape[-1]
    channels = problem.network.input.channels
    start = parametrisation_called(problem.losses[0].parametrisation, size, channels).start
    others = [
        start(as_batch([each.iri for each in results], problem.network)) for results in earlier
    ]
    return FromImages(torch.stack(others))


def _groups(counts: Sequence[int]) -> list[list[int]]:
    """The indices of equal counts together: one call has as many earlier IRIs for each sample."""
    return [[i for i, each in enumerate(counts) if each == count] for count in sorted({*counts})]


def _observer(request: Request, network: Network, callback: StagedCallback) -> Network:
    with not_computing(callback):
        observer = load(observer_of(request), str(network.device), callback.stage)
    for name, own, other in (
        ("size", network.input.size, observer.input.size),
        ("number of channels", network.input.channels, observer.input.channels),
    ):
        if own != other:
            raise RequestError(
                "observer",
                f"its images have another {name} ({other}, the network's {own}); choose an "
                "observer that takes the same images",
            )
    callback.stage(DIFFERENCE_STAGES["observer"])
    return observer


def _observe(
    request: Request,
    observer: Network,
    images: Tensor,
    searched: Tensor,
    targets: Tensor,
    callback: StagedCallback,
    store: BytesStore | None,
) -> list[Observed]:
    """What the observer makes of finished images, by its own null."""
    layer = request.observer_layer or PENULTIMATE
    source = null_source(request.null, request.null_folder)
    null = null_of(observer, layer, source, observer_of(request), callback, store)
    rounded = (images * 255).round() / 255
    exact, after_8bit, before = (
        match_images(observer, layer, each, targets, null) for each in (images, rounded, searched)
    )
    return [
        Observed(str(request.observer), layer, one, other, null, as_searched.relative_l2)
        for one, other, as_searched in zip(exact, after_8bit, before, strict=True)
    ]
