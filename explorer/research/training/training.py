"""Training the zoo's networks from their recipes: resumable, the same again from the same seed."""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict
from math import cos, pi
from pathlib import Path

import torch
from torch import Tensor, nn

from explorer.research.training.attacks import ascend, project
from explorer.research.training.batches import batches
from explorer.research.training.contrastive import Projected, fit_head
from explorer.research.training.evaluation import measure
from explorer.research.training.losses import LOSSES
from explorer.research.training.recipes import RECIPES, Recipe
from explorer.zoo import cards
from explorer.zoo.architectures import build

Report = Callable[[str], None]

SCRATCH = Path(__file__).parents[3] / ".cache" / "zoo"
_FREE_STEP = 0.75  # length of a perturbation's step in "free" training, in ε
_WARM_UP = 0.15  # share of the steps over which the learning rate rises
_EPSILON_WARM_UP = 1 / 3


def train_missing(*, weights: Path = cards.WEIGHTS, report: Report = print, **how) -> list[str]:
    """Train every network that has no card or whose recipe changed; their names.

    A card whose title or summary alone changed is only written anew. `how` goes to `train`.
    """
    trained = []
    for name, recipe in RECIPES.items():
        if not cards.is_current(recipe, weights):
            train(name, weights=weights, report=report, **how)
            trained.append(name)
        elif cards.update_words(recipe, weights):
            report(f"{name}: new words on its card")
        else:
            report(f"{name}: there already")
    return trained


def train(
    name: str,
    *,
    device: str | None = None,
    weights: Path = cards.WEIGHTS,
    scratch: Path = SCRATCH,
    report: Report = print,
) -> dict:
    """Train the network `name`, going on from its checkpoint if there is one; return its card.

    Writes NAME.safetensors and NAME.json into `weights`; checkpoints lie in `scratch`. Raises
    ValueError for a name without a recipe.
    """
    recipe = recipe_of(name)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    network, seconds = fit(recipe, device=device, scratch=scratch, report=report)
    report(f"{name}: measuring accuracy on held-out pictures")
    stored = cards.compact(network.cpu())
    accuracy = measure(stored, recipe.logit_groups, device=device, report=report)
    card = cards.compose(recipe, stored, accuracy, seconds)
    cards.save(stored, card, weights)
    _checkpoint_path(recipe, scratch).unlink(missing_ok=True)
    report(f"{name}: saved to {weights / name}.safetensors")
    return card


def recipe_of(name: str) -> Recipe:
    """The recipe called `name`; ValueError, with the names there are, if there is none."""
    if name not in RECIPES:
        raise ValueError(f"no recipe called {name!r}; there are: {', '.join(RECIPES)}")
    return RECIPES[name]


def fit(
    recipe: Recipe,
    *,
    device: str,
    scratch: Path,
    report: Report = print,
    checkpoint_every: int = 400,
) -> tuple[nn.Module, float]:
    """Train to the recipe's end: (the network with averaged weights, in eval mode; seconds).

    The seconds are the processor's, so that a busy machine doesn't make them more. Every
    `checkpoint_every` steps, rounded to whole batches, the state is saved and reported.
    """
    network, average = _initial(recipe, device)
    optimiser = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    path = _checkpoint_path(recipe, scratch)
    first, seconds = _resume(path, recipe, network, average, optimiser, device)
    if first:
        report(f"{recipe.name}: going on after step {first} of {recipe.steps}")
    running, since, saved = 0.0, 0, first
    started = time.process_time() - seconds
    supply = batches(recipe, first // recipe.replays, device)
    for step in range(first, recipe.steps, recipe.replays):
        batch = next(supply)
        images = batch.images
        for replay in range(recipe.replays):
            progress = (step + replay) / recipe.steps
            epsilon = recipe.epsilon * min(1.0, progress / _EPSILON_WARM_UP)
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * _learning_rate(progress)
            images = images.detach().requires_grad_(recipe.replays > 1)
            loss = LOSSES[recipe.objective](network, images, batch, recipe, epsilon)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            _update_average(average, network, recipe.averaging, step + replay)
            if images.grad is not None and replay + 1 < recipe.replays:
                images = _worsen(images, batch.images, epsilon, recipe.batch_size)
            running += loss.detach()
            since += 1
        done = min(step + recipe.replays, recipe.steps)
        if done - saved >= checkpoint_every or done == recipe.steps:
            saved = done
            seconds = time.process_time() - started
            _save_checkpoint(path, recipe, network, average, optimiser, done, seconds)
            mean = float(running) / since
            report(
                f"{recipe.name}: step {done} of {recipe.steps}, loss {mean:.3f}, "
                f"{seconds / 60:.1f} min, {seconds / done * (recipe.steps - done) / 60:.1f} to go"
            )
            running, since = 0.0, 0
    if isinstance(average, Projected):
        report(f"{recipe.name}: fitting the head on the frozen features")
        average = average.network
        fit_head(average, recipe, device)
        seconds = time.process_time() - started
    return average.eval(), seconds


@torch.no_grad()
def _worsen(images: Tensor, clean: Tensor, epsilon: float, attacked: int) -> Tensor:
    """The first `attacked` images one step up their gradient; a second view stays as it is."""
    moved = ascend(images[:attacked], images.grad[:attacked], _FREE_STEP * epsilon)
    return torch.cat([project(moved, clean[:attacked], epsilon), images[attacked:]])


def _initial(recipe: Recipe, device: str) -> tuple[nn.Module, nn.Module]:
    """The network before training, and the copy that will hold its weights' moving average."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.rng_seed)
        network: nn.Module = build(recipe.architecture)
        if recipe.objective == "simclr":
            network = Projected(network)
    network = network.to(device, memory_format=torch.channels_last).train()
    return network, copy.deepcopy(network).requires_grad_(False)


def _learning_rate(progress: float) -> float:
    """A linear rise, then half a cosine down to nothing, as a share of the peak."""
    if progress < _WARM_UP:
        return max(progress, 1e-3) / _WARM_UP
    return 0.5 * (1 + cos(pi * (progress - _WARM_UP) / (1 - _WARM_UP)))


@torch.no_grad()
def _update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    decay = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(
        average.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _checkpoint_path(recipe: Recipe, scratch: Path) -> Path:
    return scratch / f"{recipe.name}.pt"


def _save_checkpoint(
    path: Path,
    recipe: Recipe,
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: int,
    seconds: float,
) -> None:
    state = {
        "recipe": asdict(recipe),
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "seconds": seconds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def _resume(
    path: Path,
    recipe: Recipe,
    network: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    device: str,
) -> tuple[int, float]:
    """Load the checkpoint if it is this recipe's: (steps done, seconds spent), else (0, 0)."""
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, map_location=device, weights_only=True)
    if state["recipe"] != asdict(recipe):
        return 0, 0.0
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return state["step"], state["seconds"]
