"""Generate and measure the IRIs of one network, loss and seed kind."""

from __future__ import annotations

import base64
import time
from typing import Any

import torch
from torch import Tensor

from explorer.analysis.generation import device
from explorer.analysis.nulls import null_of
from explorer.analysis.targets import FIRST_DRAWN
from explorer.images import gallery, seeds
from explorer.images.encoding import to_8bit, to_png
from explorer.losses.adversary import adversary_of
from explorer.losses.variants import loss_named
from explorer.metrics import perceptual
from explorer.metrics.alignment import nearer_target, nearer_wrong
from explorer.metrics.match import MatchState, match_state
from explorer.metrics.matching import match_images
from explorer.metrics.perceptual_verdict import Comparison
from explorer.models.fitting import as_batch, fit_to
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.threads import fitting_threads
from explorer.research.reproduction.plan import ADVERSARY, LAYER, Plan, Work
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.automatic import automatic
from explorer.zoo.pictures import picture

BATCH = {"cpu": 38, "cuda": 256}
SHOWN = 8  # IRIs stored as images, for the contact sheet


def run(plan: Plan, work: Work) -> dict[str, Any]:
    """One row per target, plain JSON values, and the first few IRIs as PNG.

    The k-th target starts from the seed image drawn with random seed k. Its control, the wrong
    target, is the next one of the same kind.
    """
    started_at = time.monotonic()
    network = load(f"embedded:{work.network}", device())
    with fitting_threads(network):
        rows: list[dict[str, Any]] = []
        pictures: list[str] = []
        for kind, names, images in targets(plan, network):
            width = BATCH[network.device.type]
            for start in range(0, len(names), width):
                part = slice(start, start + width)
                wrong = images.roll(-1, 0)[part]
                iris, batch_rows = _batch(plan, work, network, images[part], wrong, len(rows))
                rows += [
                    {"target": name, "kind": kind, **row}
                    for name, row in zip(names[part], batch_rows, strict=True)
                ]
                room = SHOWN - len(pictures)
                pictures += [_png(iri) for iri in iris[: max(0, room)]]
    return {
        "network": work.network,
        "loss": work.loss,
        "seed": work.seed,
        "steps": plan.steps,
        "seconds": round(time.monotonic() - started_at, 1),
        "rows": rows,
        "pictures": pictures,
    }


def target_pngs(plan: Plan) -> list[str]:
    """The first drawn targets as base64 PNG, for the contact sheet."""
    numbers = range(FIRST_DRAWN, FIRST_DRAWN + min(SHOWN, plan.drawn))
    return [base64.b64encode(to_png(picture(n, "test")[0])).decode("ascii") for n in numbers]


def targets(plan: Plan, network: Network) -> list[tuple[str, list[str], Tensor]]:
    """(kind, names, images N×3×H×W in [0, 1]) of the drawn targets and of the photographs."""
    size = max(network.input.size)
    numbers = range(FIRST_DRAWN, FIRST_DRAWN + plan.drawn)
    drawn = [fit_to(picture(number, "test", size)[0], network) for number in numbers]
    groups = [("drawn", [f"drawn {number}" for number in numbers], as_batch(drawn, network))]
    if plan.gallery:
        photos = [fit_to(gallery.load(name), network) for name in gallery.names()]
        groups.append(("photo", list(gallery.names()), as_batch(photos, network)))
    return groups


def _batch(
    plan: Plan,
    work: Work,
    network: Network,
    images: Tensor,
    wrong: Tensor,
    first_number: int,
) -> tuple[Tensor, list[dict[str, Any]]]:
    count = len(images)
    loss = loss_named(work.loss)
    adversary = ADVERSARY if loss.uses_distance else None
    starts = as_batch(
        [seeds.make_seed(work.seed, network.input.size, first_number + k) for k in range(count)],
        network,
    )
    problem = Problem(
        network,
        LAYER,
        images,
        starts,
        [loss] * count,
        [plan.goal] * count,
        distance=adversary_of(adversary) if adversary else None,
    )
    traces = synthesise(problem, automatic(network, LAYER, [loss]), plan.steps)
    exact = torch.stack([trace.iri for trace in traces]).to(network.device)
    rounded = (exact * 255).round() / 255  # as it would be shown: in 8 bits
    null = null_of(network, LAYER)
    used = frozenset([adversary] if adversary else [])
    compared = perceptual.compare_batch(
        rounded, images, starts, wrong, used, network.family, allow_download=False
    )
    rows = [
        {
            "relative_l2": _short(one.relative_l2),
            "matched": one.same,
            "beyond_null": one.beyond_null,
            "same_class": one.same_class,
            "stopped": trace.stopped,
            "converged": match_state(before, plan.goal, one) is MatchState.CONVERGED,
            "measures": {
                each.measure: _answers(each) for each in comparisons if each.to_target is not None
            },
        }
        for one, before, trace, comparisons in zip(
            match_images(network, LAYER, rounded, images, null),
            match_images(network, LAYER, exact, images, null),
            traces,
            compared,
            strict=True,
        )
    ]
    return rounded, rows


def _answers(comparison: Comparison) -> dict[str, Any]:
    """One measure's values and answers."""
    nearer, wrong = nearer_target(comparison), nearer_wrong(comparison)
    return {
        "to_target": _short(comparison.to_target),
        "to_seed": _short(comparison.to_seed),
        "to_wrong": _short(comparison.to_mismatched),
        "nearer_target": bool(nearer) if nearer == nearer else None,
        "wrong_nearer_than_seed": bool(wrong) if wrong == wrong else None,
        "judges": comparison.counts_in_verdict,
    }


def _png(image: Tensor) -> str:
    return base64.b64encode(to_png(to_8bit(image.cpu().numpy()))).decode("ascii")


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")
