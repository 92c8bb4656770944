"""Check of network architectures: layers, a short IRI at three of them, and the truncated pass.

Random weights, no download: an architecture passes if its layers can be listed and its forward pass
cut at a layer and optimised through. Each network runs in a separate process, so that one that
needs too much memory or time, or crashes, does not end the others.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import random
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from torch import Tensor

from explorer.errors import RequestError
from explorer.images import gallery, seeds
from explorer.losses.variants import loss_named
from explorer.models.fitting import fit_to
from explorer.models.layers import Layer, list_layers, representation, visit_layers
from explorer.models.loading import untrained
from explorer.models.names import LOGITS, PENULTIMATE, first_line
from explorer.models.network import Network
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.first_order import FirstOrder, FirstOrderRule
from explorer.synthesis.optimizers.record import Optimiser
from explorer.synthesis.optimizers.steps import cosine

log = logging.getLogger(__name__)

STEPS = 20
TARGET = "astronaut"
TOLERANCE = 1e-6
COMPARED_LAYERS = 5
MAX_PARAMETERS = 100_000_000
MEMORY_BYTES = 8_000_000_000
MAX_SECONDS = 1800

DESCENT = Optimiser(
    "check",
    "Adam, step 0.05",
    "Adam, step 0.05, cosine decay",
    "Adam",
    partial(FirstOrder, rule=FirstOrderRule(torch.optim.Adam, 0.05, cosine)),
    scheduled=True,
)
"""The same for all networks, whatever `auto` is, so that rows of the table stay comparable."""

STATES = OK, FAILED, SKIPPED = "ok", "failed", "skipped"


@dataclass(frozen=True)
class Checked:
    """The outcome of checking one network.

    descents: (layer, relative distance at the seed, least one within STEPS steps).
    group: why it was checked (the shelf, a random draw).
    difference: the largest between the pass that ends at a layer and the whole one, relative to
        the largest value there, over COMPARED_LAYERS layers.
    """

    reference: str
    state: str
    reason: str = ""
    parameters: int = 0
    input_size: tuple[int, int] = (0, 0)
    layers: int = 0
    descents: tuple[tuple[str, float, float], ...] = ()
    difference: float = 0.0
    seconds: float = 0.0
    group: str = ""


def check(reference: str, max_parameters: float = MAX_PARAMETERS) -> Checked:
    """Check one network with random weights; a failed check is returned, not raised."""
    started_at = time.monotonic()
    torch.manual_seed(0)
    with torch.device("meta"):
        parameters = sum(each.numel() for each in untrained(reference).module.parameters())
    if parameters > max_parameters:
        reason = f"{parameters / 1e6:,.0f} M parameters, more than {max_parameters / 1e6:,.0f} M"
        return Checked(reference, SKIPPED, reason, parameters)
    network = untrained(reference)
    listed = list_layers(network)
    target = _picture(network, TARGET)
    difference = truncation_difference(network, listed, target)
    descents = tuple(_descent(network, layer, target) for layer in _three(network, listed, target))
    stuck = [layer for layer, before, after in descents if not after < before]
    problems = [f"the distance at {', '.join(stuck)} did not fall"] if stuck else []
    if not difference <= TOLERANCE:
        problems.append(f"the truncated pass differs by {difference:.1e}")
    return Checked(
        reference,
        FAILED if problems else OK,
        "; ".join(problems),
        parameters,
        network.input.size,
        len(listed),
        descents,
        difference,
        round(time.monotonic() - started_at, 1),
    )


def truncation_difference(network: Network, listed: Sequence[Layer], images: Tensor) -> float:
    """Largest difference between the pass up to a layer and the whole pass, at layers of every
    depth, relative to the layer's largest value.
    """
    depths = [
        index * (len(listed) - 1) // (COMPARED_LAYERS - 1) for index in range(COMPARED_LAYERS)
    ]
    chosen = {listed[depth].name for depth in depths}
    whole: dict[str, Tensor] = {}

    def keep(layer: Layer, output: Tensor) -> None:
        if layer.name in chosen:
            whole[layer.name] = output.clone()

    visit_layers(network, images, keep)
    largest = 0.0
    with torch.no_grad():
        for name, expected in whole.items():
            scale = expected.abs().max().clamp_min(1e-30)
            difference = (representation(network, name, images) - expected).abs().max() / scale
            largest = max(largest, float(difference))
    return largest


def _picture(network: Network, name: str) -> Tensor:
    return torch.from_numpy(fit_to(gallery.load(name), network))[None]


def _seed(network: Network) -> Tensor:
    return torch.from_numpy(seeds.make_seed("grey-noise", network.input.size, 0))[None]


def _three(network: Network, listed: Sequence[Layer], target: Tensor) -> list[str]:
    """An early, a middle and the penultimate layer, skipping those whose output does not depend on
    the picture with random weights (a branch initialised to zero).
    """
    inner = [layer.name for layer in listed if layer.name not in (PENULTIMATE, LOGITS)]
    alive: dict[str, bool] = {}
    both = torch.cat([target, _seed(network)])

    def note(layer: Layer, output: Tensor) -> None:
        alive[layer.name] = bool((output[0] - output[1]).abs().max() > 1e-6 * output.abs().max())

    visit_layers(network, both, note)
    useful = [name for name in inner if alive.get(name)]
    if not useful:
        raise ArithmeticError("no layer's output depends on the picture")
    return [useful[len(useful) // 10], useful[len(useful) // 2], PENULTIMATE]


def _descent(network: Network, layer: str, target: Tensor) -> tuple[str, float, float]:
    loss = loss_named("regularizer-free")
    problem = Problem(network, layer, target, _seed(network), [loss], [0.0])
    (trace,) = synthesise(problem, DESCENT, STEPS)
    return layer, trace.relative_l2[0], min(trace.relative_l2)


def check_reference(reference: str) -> None:
    """Raise RequestError where there is no such network, or it cannot be built without weights.

    What else goes wrong while it is built is an outcome of `check`.
    """
    try:
        with torch.device("meta"):
            untrained(reference)
    except RequestError:
        raise
    except Exception as error:
        log.info("%s could not be built", reference, exc_info=error)


def check_apart(
    reference: str, max_parameters: float = MAX_PARAMETERS, memory: int = MEMORY_BYTES
) -> Checked:
    """`check` in a separate process, with limits on its memory (bytes) and time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["explorer.research.network_check", "timm", "torchvision"])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_check_and_send, args=(sender, reference, max_parameters, memory), daemon=True
    )
    process.start()
    sender.close()
    try:
        if not receiver.poll(MAX_SECONDS):
            process.kill()
            return Checked(reference, FAILED, f"took longer than {MAX_SECONDS} s")
        return Checked(**receiver.recv())
    except EOFError:
        process.join()
        return Checked(reference, FAILED, f"its process ended with code {process.exitcode}")
    finally:
        process.join(timeout=10)


def _check_and_send(sender: Connection, reference: str, max_parameters: float, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    try:
        checked = check(reference, max_parameters)
    except Exception as error:  # whatever it is, it is the outcome of the check
        reason = f"{type(error).__name__}: {first_line(error)}"
        checked = Checked(reference, FAILED, reason)
    sender.send(asdict(checked))


def random_architectures(rng_seed: int) -> Iterator[str]:
    """Every architecture of timm, shuffled by `rng_seed`."""
    import timm

    names = timm.list_models()
    random.Random(rng_seed).shuffle(names)
    return (f"timm:{name}" for name in names)


def grouped(checked: Checked, group: str) -> Checked:
    """The same outcome, assigned to a group of networks."""
    return replace(checked, group=group)


def read(file: Path) -> dict[tuple[str, str], Checked]:
    """The outcomes of earlier runs, by group and reference."""
    if not file.is_file():
        return {}
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return {(row["group"], row["reference"]): Checked(**row) for row in rows}


def append(file: Path, checked: Checked) -> None:
    """Append one outcome, so that a run that was stopped continues after it."""
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(checked)) + "\n")
