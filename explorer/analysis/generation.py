"""The single path from a Request to a Result: load, fit, synthesise, measure, judge.

Runs in the worker, or in a notebook: `from explorer import Request, generate`. It knows no screen,
no queue and no disk but a folder of pictures for the null; what is worth keeping (null
distributions) goes to whatever mapping-like store it is handed.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version

import torch
from torch import Tensor

from explorer import validation
from explorer.analysis.arguments import as_request, as_requests
from explorer.analysis.batch_images import BatchImages, load_images
from explorer.analysis.continuation import earlier_results, whole
from explorer.analysis.differences import (
    iris_to_differ_from,
    make_different,
    with_difference,
)
from explorer.analysis.layer_check import check_layer_suits
from explorer.analysis.measurement import (
    Measurements,
    first_measured,
    look_alike,
    matched,
    measure_batch,
)
from explorer.analysis.nearest import is_lost, tighten_traces, tightened
from explorer.analysis.network_used import network_used
from explorer.analysis.nulls import BytesStore
from explorer.analysis.progress import NullCallback, StagedCallback, clock_of, not_computing
from explorer.errors import RequestError
from explorer.images.encoding import to_8bit, to_png
from explorer.losses.adversary import adversary_of
from explorer.losses.term import Distance
from explorer.losses.variants import Loss, loss_of
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.threads import fitting_threads
from explorer.network_reference import NetworkReference
from explorer.request import Request
from explorer.result import Result
from explorer.result.provenance import Curves, NetworkUsed, OptimiserUsed, Provenance
from explorer.result.tightening import Moved
from explorer.synthesis.loop import Cancelled, Problem, synthesise
from explorer.synthesis.optimizers.automatic import optimiser_for
from explorer.synthesis.optimizers.record import Optimiser
from explorer.synthesis.samples import Trace
from explorer.synthesis.tightening import Tightened

VERSIONS = ("torch", "torchvision", "timm", "torchmetrics", "piq", "numpy", "pillow")


def device() -> str:
    """Where networks run here: the GPU if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def generate(
    request: Request,
    pictures: Mapping[str, bytes] | None = None,
    callback: StagedCallback | None = None,
    store: BytesStore | None = None,
) -> Result:
    """The result of one request; see `generate_batch`."""
    return generate_batch([as_request(request)], pictures, callback, store)[0]


def generate_batch(
    requests: Sequence[Request],
    pictures: Mapping[str, bytes] | None = None,
    callback: StagedCallback | None = None,
    store: BytesStore | None = None,
) -> list[Result]:
    """The results of requests that share network, layer, optimiser and steps, made as one batch.

    pictures: PNG bytes of every `picture:SHA256` that they name, and the results that they go on
    from or are to differ from (`explorer.analysis.continuation.pictures_with`). callback: told the
    progress, asked whether to go on. store: where nulls are kept. Raises RequestError for a request
    that cannot be right, HubUnreachable where weights would have to be downloaded and cannot be,
    Cancelled when the callback says so, NotFinite when the loss stops being a number, TypeError for
    anything but requests.
    """
    requests = [validation.validate(request) for request in as_requests(requests)]
    if not requests:
        return []
    if any(request.batch_key != requests[0].batch_key for request in requests):
        raise ValueError("requests of one batch share network, layer, optimiser and steps")
    callback = callback or NullCallback()
    earlier = earlier_results(requests, pictures or {})
    away_from = iris_to_differ_from(requests, pictures or {})
    now = clock_of(callback)
    started_at = now()
    network = _load(requests[0].network, callback)
    with fitting_threads(network):
        images = load_images(requests, network, pictures or {}, earlier)
        losses = [loss_of(request) for request in requests]
        check_layer_suits(network, requests, images.targets, losses)
        optimiser = _optimiser(network, requests[0], losses)

        callback.stage("generating the image")
        search_started_at, tightening_seconds = now(), 0.0
        problem = _problem(network, requests, images, losses)
        traces = synthesise(problem, optimiser, requests[0].steps, callback)
        iris = searched = torch.stack([trace.iri for trace in traces]).to(network.device)
        if any(loss.largest for loss in losses):
            first_measured(requests[0].layer, network, images, searched, callback)
        different = make_different(requests, problem, traces, away_from, callback, store)
        if different.outcomes:
            iris = searched.clone()
            for index, outcome in different.outcomes.items():
                iris[index] = outcome.image
        phases: dict[int, Tightened] = {}
        to_tighten = [index for index, request in enumerate(requests) if request.nearest]
        if to_tighten:
            seen = first_measured(requests[0].layer, network, images, searched, callback)
            callback.stage(validation.NEAREST_STAGE)
            tightening_started_at = now()
            phases = tighten_traces(problem, traces, to_tighten, callback)
            tightening_seconds = now() - tightening_started_at
            iris = iris.clone()
            for index, phase in phases.items():
                iris[index] = phase.image

        callback.stage("measuring")
        search_ended_at = now()
        phases_seconds = tightening_seconds + different.seconds
        measurements = measure_batch(requests, network, images, iris, callback, store)
        if phases:
            looks = look_alike(requests, network, images, searched, callback)
            matches = matched(requests[0].layer, network, seen, measurements[0].null)
            lost = [each for each in phases if is_lost(matches[each], measurements[each])]
            if lost:
                whole_before = measure_batch(requests, network, images, searched, callback, store)
                for each in lost:
                    measurements[each], iris[each] = whole_before[each], searched[each]
                    del phases[each]

    ended_at = now()
    run = _Run(
        network=network_used(network),
        optimiser=OptimiserUsed(optimiser.name, optimiser.help),
        device=_device_name(network.device),
        batch=len(requests),
        seconds_making=round(search_ended_at - search_started_at - phases_seconds, 3),
        seconds_measuring=round(ended_at - search_ended_at, 3),
        seconds=round(ended_at - started_at, 3),
    )
    results = [
        _result(
            request,
            iris[index].cpu(),
            (images.targets[index], images.seeds[index]),
            trace,
            measured,
            run,
        )
        for index, (request, trace, measured) in enumerate(
            zip(requests, traces, measurements, strict=True)
        )
    ]
    for index, phase in phases.items():
        results[index] = tightened(
            results[index], traces[index], phase, looks[index], tightening_seconds
        )
    for index in different.outcomes:
        results[index] = with_difference(results[index], index, traces[index], different)
    return [whole(*each) for each in zip(earlier, results, strict=True)]


def _load(reference: NetworkReference, callback: StagedCallback) -> Network:
    """The network; every stage of a download is reported, and may be cancelled."""

    def progress(text: str) -> None:
        if callback.cancelled():
            raise Cancelled("cancelled while loading")
        callback.stage(text)

    progress("loading the network")
    with not_computing(callback):
        return load(reference, device(), progress)


def _optimiser(network: Network, request: Request, losses: Sequence[Loss]) -> Optimiser:
    """The request's optimiser; `auto` is the one that suits network, layer and losses."""
    straight_through = request.relu_gradient is not None
    return optimiser_for(request.optimiser, network, request.layer, losses, straight_through)


def _problem(
    network: Network, requests: Sequence[Request], images: BatchImages, losses: Sequence[Loss]
) -> Problem:
    """What is to be synthesised for a batch of requests."""
    first = requests[0]
    return Problem(
        network,
        first.layer,
        images.targets,
        images.seeds,
        losses,
        [request.goal for request in requests],
        distance=_adversary(first.adversary, network) if first.adversary else None,
        rng_seeds=[request.rng_seed for request in requests],
        straight_through=first.relu_gradient is not None,
        starts=images.starts,
    )


def _adversary(name: str, network: Network) -> Distance:
    """The distance d of this measure, if it is available and takes pictures of this size."""
    validation.check_adversary_size(name, network.input.size)
    reason = PERCEPTUAL_MEASURES[name].unavailable_reason(True)
    if reason is not None:
        raise RequestError("adversary", f"{name!r} is not available here: {reason}")
    return adversary_of(name)


@dataclass(frozen=True)
class _Run:
    """What the results of a batch share; see `explorer.result.provenance.Provenance`."""

    network: NetworkUsed
    optimiser: OptimiserUsed
    device: str
    batch: int
    seconds_making: float
    seconds_measuring: float
    seconds: float


def _result(
    request: Request,
    iri: Tensor,
    pictures: tuple[Tensor, Tensor],
    trace: Trace,
    measured: Measurements,
    run: _Run,
) -> Result:
    """The result of a request; pictures: its target and seed as they were fitted."""
    target, seed = pictures
    return Result(
        request=replace(request, null_folder=None, classes_file=None),  # paths stay private
        iri=iri.numpy(),
        iri_png=_png(iri),
        target_png=_png(target),
        seed_png=_png(seed),
        frames=tuple((step, to_png(frame.numpy())) for step, frame in trace.frames),
        match=measured.match,
        match_8bit=measured.match_8bit,
        null=measured.null,
        layers=measured.layers,
        perceptual=measured.perceptual,
        person=measured.person,
        network=run.network,
        moved=Moved.of(iri.numpy(), seed.cpu().numpy(), target.cpu().numpy()),
        curves=Curves(
            step=tuple(range(len(trace.loss))),
            loss=tuple(_six_digits(value) for value in trace.loss),
            relative_l2=tuple(_six_digits(value) for value in trace.relative_l2),
        ),
        provenance=Provenance(
            steps=trace.steps,
            best_step=trace.best_step,
            stopped=trace.stopped,
            weights=trace.weights,
            optimiser=run.optimiser,
            device=run.device,
            versions={name: _version(name) for name in VERSIONS}
            | {"python": platform.python_version()},
            batch=run.batch,
            seconds_making=run.seconds_making,
            seconds_measuring=run.seconds_measuring,
            seconds=run.seconds,
        ),
    )


_version = cache(version)
"""Looking one up reads files; a batch's results all ask for the same."""


def _png(image: Tensor) -> bytes:
    return to_png(to_8bit(image.cpu().numpy()))


def _six_digits(value: float) -> float:
    return float(f"{value:.6g}")


def _device_name(where: torch.device) -> str:
    return torch.cuda.get_device_name(where) if where.type == "cuda" else "CPU"
