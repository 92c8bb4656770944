"""The state of a training, saved at intervals, so that an interrupted one resumes."""

import copy
import io
import pickle
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from explorer.files import write_atomically
from explorer.research.training.contrastive import Projected
from explorer.research.training.recipe import Recipe
from explorer.zoo.architectures import build
from explorer.zoo.small_network import SmallNetwork


@dataclass(frozen=True)
class State:
    """What changes during training; `average` holds the moving average of `network`'s weights."""

    network: SmallNetwork | Projected
    average: SmallNetwork | Projected
    optimiser: torch.optim.Optimizer


def initial(recipe: Recipe, device: str) -> State:
    """The state before the first step; its weights depend on the recipe's seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.rng_seed)
        network: SmallNetwork | Projected = build(recipe.architecture)
        if recipe.objective == "simclr" and isinstance(network, SmallNetwork):
            network = Projected(network)
    network.to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it
    average = copy.deepcopy(network).requires_grad_(False)
    optimiser = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    return State(network.train(), average, optimiser)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the average towards the network's weights; faster during the first steps."""
    decay = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(
        average.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def path_of(recipe: Recipe, digest: str, scratch: Path) -> Path:
    """The file of a recipe's checkpoint on the data of this digest."""
    return scratch / f"{recipe.name}-{digest[:8]}.pt"


def save(path: Path, state: State, recipe: Recipe, digest: str, step: int, seconds: float) -> None:
    """Replace the checkpoint as a whole; OSError if it cannot be written (the last one is kept)."""
    content = {
        "recipe": asdict(recipe),
        "data": digest,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "step": step,
        "seconds": seconds,
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise OSError(
            f"step {step} cannot be saved to {path} ({error.strerror or error}); make room and "
            "start the same command again, which resumes from the last checkpoint"
        ) from error


def resume(
    path: Path,
    state: State,
    recipe: Recipe,
    digest: str,
    device: str,
    report: Callable[[str], None],
) -> tuple[int, float]:
    """Load the checkpoint if it is this recipe's on these data: (steps done, seconds spent).

    (0, 0) without one. A checkpoint of another recipe is reported and replaced later.
    Raises OSError for one that cannot be read.
    """
    if not path.exists():
        return 0, 0.0
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        same = content["recipe"] == asdict(recipe) and content["data"] == digest
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError) as error:
        raise OSError(
            f"the checkpoint {path} cannot be read; delete it to train {recipe.name} from the start"
        ) from error
    if not same:
        report(f"{recipe.name}: {path} is of another recipe; starting anew")
        return 0, 0.0
    state.network.load_state_dict(content["network"])
    state.average.load_state_dict(content["average"])
    state.optimiser.load_state_dict(content["optimiser"])
    return int(content["step"]), float(content["seconds"])
