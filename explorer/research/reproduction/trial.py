"""Generate and measure the IRIs of one network, loss and seed kind."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from explorer.analysis.generation import device
from explorer.analysis.nearest import tighten_traces
from explorer.analysis.nulls import null_of
from explorer.images import seeds
from explorer.images.encoding import to_8bit, to_png
from explorer.losses.adversary import adversary_of
from explorer.losses.variants import loss_named
from explorer.metrics import perceptual
from explorer.metrics.alignment import nearer_target, nearer_wrong
from explorer.metrics.match import MatchState, match_state
from explorer.metrics.matching import match_images
from explorer.metrics.perceptual_verdict import Comparison
from explorer.models.fitting import as_batch
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.threads import fitting_threads
from explorer.request import Request
from explorer.research.reproduction.plan import ADVERSARY, LAYER, SHOWN, WRONG_TARGETS, Plan, Work
from explorer.research.reproduction.targets import Targets
from explorer.result.tightening import Moved
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.automatic import automatic
from explorer.validation import why_not_nearest

BATCH = {"cpu": 38, "cuda": 256}


@dataclass(frozen=True)
class Made:
    """The images of a batch at one end: as the search left them, or the nearest to their seeds.

    images: N×3×H×W in [0, 1] on the network's device. notes: what is stored of how each was made.
    """

    images: Tensor
    notes: list[dict[str, Any]]


def run(plan: Plan, work: Work, targets: Targets) -> dict[str, Any]:
    """One row per target, plain JSON values, and the first few IRIs as PNG.

    The k-th target starts from the seed image drawn with random seed k. Its control, the wrong
    targets, are the next ones.
    """
    started_at = time.process_time()
    network = load(f"embedded:{work.network}", device())
    images = torch.from_numpy(targets.images).to(network.device)
    count = len(images)
    others = range(1, 1 + min(WRONG_TARGETS, count - 1))
    wrong = torch.stack([images.roll(-away, 0) for away in others], 1)
    rows: list[dict[str, Any]] = []
    pictures: list[str] = []
    with fitting_threads(network):
        for start in range(0, count, BATCH[network.device.type]):
            part = slice(start, start + BATCH[network.device.type])
            starts = _seeds(work, network, range(count)[part])
            compared_with = (images[part], starts, wrong[part])
            ends = make(plan, work, network, images[part], starts)
            measured = {
                end: _measured(plan, work, network, made, compared_with)
                for end, made in ends.items()
            }
            rows += [
                {"target": name} | {end: of_end[index] for end, of_end in measured.items()}
                for index, name in enumerate(targets.names[part])
            ]
            iris = ends.get("nearest", ends["searched"]).images
            pictures += [_png(iri) for iri in iris[: max(0, SHOWN - len(pictures))]]
    return {
        "network": work.network,
        "loss": work.loss,
        "seed": work.seed,
        "judges": list(work.judges()),
        "steps": plan.steps_of(work.loss),
        "seconds": round(time.process_time() - started_at, 1),
        "rows": rows,
        "pictures": pictures,
    }


def make(
    plan: Plan, work: Work, network: Network, images: Tensor, starts: Tensor
) -> dict[str, Made]:
    """The images of these targets N×3×H×W, by end.

    "searched", and "nearest" where the loss asks for the match alone: only then is the nearest
    image an answer to what the loss asks.
    """
    count = len(images)
    loss = loss_named(work.loss)
    problem = Problem(
        network,
        LAYER,
        images,
        starts,
        [loss] * count,
        [plan.goal] * count,
        distance=adversary_of(ADVERSARY) if loss.uses_distance else None,
    )
    traces = synthesise(problem, automatic(network, LAYER, [loss]), plan.steps_of(work.loss))
    ends = {
        "searched": Made(
            torch.stack([trace.iri for trace in traces]).to(network.device),
            [{"passes": trace.steps, "stopped": trace.stopped} for trace in traces],
        )
    }
    if not why_not_nearest(Request(model=f"embedded:{work.network}", loss=work.loss), loss):
        phases = tighten_traces(problem, traces, range(len(traces))).values()
        ends["nearest"] = Made(
            torch.stack([phase.image for phase in phases]).to(network.device),
            [
                {"passes": each.passes, "stopped": each.stopped, "gap": _short(each.gap)}
                for each in phases
            ],
        )
    return ends


def _seeds(work: Work, network: Network, numbers: range) -> Tensor:
    drawn = [seeds.make_seed(work.seed, network.input.size, number) for number in numbers]
    return as_batch(drawn, network)


def _measured(
    plan: Plan,
    work: Work,
    network: Network,
    made: Made,
    compared_with: tuple[Tensor, Tensor, Tensor],
) -> list[dict[str, Any]]:
    """What is stored of each image of a batch; compared with its target, seed and wrong targets."""
    images, starts, wrong = compared_with
    rounded = (made.images * 255).round() / 255  # as it would be shown: in 8 bits
    null = null_of(network, LAYER)
    comparisons = perceptual.compare_batch(
        rounded,
        images,
        starts,
        wrong,
        frozenset([ADVERSARY] if loss_named(work.loss).uses_distance else []),
        network.family,
        allow_download=False,
        seed_kind=work.seed,
    )
    matches = match_images(network, LAYER, rounded, images, null)
    before = match_images(network, LAYER, made.images, images, null)
    return [
        {
            "relative_l2": _short(match.relative_l2),
            "matched": match.same,
            "beyond_null": match.beyond_null,
            "same_class": match.same_class,
            "converged": match_state(exact, plan.goal, match) is MatchState.CONVERGED,
            "moved": Moved.of(*(each.cpu().numpy() for each in three)).to_dict(),
            **notes,
            "measures": {
                each.measure: _answers(each) for each in row if each.to_target is not None
            },
        }
        for match, exact, notes, row, three in zip(
            matches,
            before,
            made.notes,
            comparisons,
            zip(made.images, starts, images, strict=True),
            strict=True,
        )
    ]


def _answers(comparison: Comparison) -> dict[str, Any]:
    """One measure's values and answers."""
    nearer, wrong = nearer_target(comparison), nearer_wrong(comparison)
    return {
        "to_target": _short(comparison.to_target),
        "to_seed": _short(comparison.to_seed),
        "to_wrong": _short(comparison.to_mismatched),
        "nearer_target": bool(nearer) if nearer == nearer else None,
        "wrong_nearer_than_seed": _short(wrong) if wrong == wrong else None,
        "counts": comparison.counts_in_verdict,
    }


def _png(image: Tensor) -> str:
    return base64.b64encode(to_png(to_8bit(image.cpu().numpy()))).decode("ascii")


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
