"""Training the zoo's networks from their recipes: resumable, the same again from the same seed."""

import time
from collections.abc import Callable
from math import cos, pi
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from explorer.errors import RequestError
from explorer.research.training import checkpoints, writing
from explorer.research.training.attacks import ascend, project
from explorer.research.training.batches import batches
from explorer.research.training.contrastive import Projected, fit_head
from explorer.research.training.data import TrainingData, drawn_pictures
from explorer.research.training.evaluation import measure
from explorer.research.training.losses import LOSSES
from explorer.research.training.precision import compact
from explorer.research.training.recipe import DRAWN, Recipe
from explorer.research.training.recipes import RECIPES
from explorer.zoo.cards import WEIGHTS
from explorer.zoo.small_network import SmallNetwork

Report = Callable[[str], None]
FindData = Callable[[Recipe], TrainingData | None]

SCRATCH = Path(__file__).parents[3] / ".cache" / "zoo"
CHECKED_PICTURES = 256  # on which float16 and float32 weights are compared
_FREE_STEP = 0.75  # length of a perturbation's step in "free" training, in ε
_WARM_UP = 0.15  # share of the steps over which the learning rate rises
_EPSILON_WARM_UP = 1 / 3


def data_of(recipe: Recipe) -> TrainingData | None:
    """The data set that the recipe names if it needs no files: the drawn pictures."""
    return drawn_pictures(recipe.training_pictures) if recipe.dataset == DRAWN else None


def train_missing(
    *,
    find_data: FindData = data_of,
    weights: Path = WEIGHTS,
    scratch: Path = SCRATCH,
    device: str | None = None,
    report: Report = print,
) -> list[str]:
    """Train every network that has no card or whose recipe changed; their names.

    A card whose title or summary alone changed is only written anew. Networks for which
    `find_data` has no data are reported and left.
    """
    trained = []
    for name, recipe in RECIPES.items():
        if not writing.is_current(recipe, weights):
            data = find_data(recipe)
            if data is None:
                report(f"{name}: needs photographs of {recipe.dataset} (--data)")
                continue
            train(recipe, data, weights=weights, scratch=scratch, device=device, report=report)
            trained.append(name)
        elif writing.update_words(recipe, weights):
            report(f"{name}: title and summary updated on its card")
        else:
            report(f"{name}: up to date")
    return trained


def train(
    recipe: Recipe,
    data: TrainingData,
    *,
    device: str | None = None,
    weights: Path = WEIGHTS,
    scratch: Path = SCRATCH,
    report: Report = print,
) -> dict[str, Any]:
    """Train a network, resuming from its checkpoint if there is one; return its card.

    Writes NAME.safetensors and NAME.json into `weights`; checkpoints are stored in `scratch`.
    Raises RequestError (field `data`) for fewer training pictures than make one batch.
    """
    name = recipe.name
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    network, seconds = fit(recipe, data, device=device, scratch=scratch, report=report)
    report(f"{name}: measuring accuracy on test pictures")
    held_out = data.held_out()
    stored = compact(network.cpu(), held_out.images[:CHECKED_PICTURES])
    accuracy = measure(
        stored,
        recipe.logit_groups,
        held_out,
        attacked_count=data.attacked_count,
        device=device,
        clean=lambda share: report(f"clean: {share:.1f} %"),
        attacked=lambda epsilon, share: report(f"attacked, ε = {epsilon}: {share:.1f} %"),
    )
    card = writing.compose(recipe, stored, data, accuracy, seconds)
    writing.save(stored, card, weights)
    checkpoints.path_of(recipe, data.digest, scratch).unlink(missing_ok=True)
    report(f"{name}: clean {accuracy['clean']:.1f} %; saved to {weights / name}.safetensors")
    return card


def fit(
    recipe: Recipe,
    data: TrainingData,
    *,
    device: str,
    scratch: Path,
    report: Report = print,
    checkpoint_every: int = 200,
) -> tuple[SmallNetwork, float]:
    """Train to the recipe's end: (the network with averaged weights, in eval mode; seconds).

    The seconds are the processor's, so that a busy machine doesn't make them more. Every
    `checkpoint_every` steps, rounded to whole batches, the state is saved and reported.
    """
    if recipe.steps and data.training_count < recipe.batch_size:
        raise RequestError(
            "data",
            f"{data.training_count} training pictures are fewer than one batch of "
            f"{recipe.batch_size}; give more pictures",
        )
    state = checkpoints.initial(recipe, device)
    network, average, optimiser = state.network, state.average, state.optimiser
    path = checkpoints.path_of(recipe, data.digest, scratch)
    first, seconds = checkpoints.resume(path, state, recipe, data.digest, device, report)
    if first:
        report(f"{recipe.name}: resuming after step {first} of {recipe.steps}")
    elif recipe.steps:
        report(f"{recipe.name}: {recipe.steps} steps on the {device}, a line every few minutes")
    running, since, saved = torch.zeros((), device=device), 0, first
    started = time.process_time() - seconds
    supply = batches(recipe, data, first // recipe.replays, device)
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
            checkpoints.update_average(average, network, recipe.averaging, step + replay)
            if images.grad is not None and replay + 1 < recipe.replays:
                images = _perturb(images, images.grad, batch.images, epsilon, recipe.batch_size)
            running += loss.detach()
            since += 1
        done = min(step + recipe.replays, recipe.steps)
        if done - saved >= checkpoint_every or done == recipe.steps:
            saved = done
            seconds = time.process_time() - started
            checkpoints.save(path, state, recipe, data.digest, done, seconds)
            mean = float(running) / since
            report(
                f"{recipe.name}: step {done} of {recipe.steps}, loss {mean:.3f}, "
                f"{seconds / 60:.1f} min, {seconds / done * (recipe.steps - done) / 60:.1f} to go"
            )
            running, since = torch.zeros((), device=device), 0
    if isinstance(average, Projected):
        report(f"{recipe.name}: fitting the head on the frozen features")
        average = average.network
        fit_head(average, recipe, data, device)
        seconds = time.process_time() - started
    return average.eval(), seconds


@torch.no_grad()
def _perturb(
    images: Tensor, gradient: Tensor, clean: Tensor, epsilon: float, attacked: int
) -> Tensor:
    """The first `attacked` images one step up their gradient; a second view stays as it is."""
    moved = ascend(images[:attacked], gradient[:attacked], _FREE_STEP * epsilon)
    return torch.cat([project(moved, clean[:attacked], epsilon), images[attacked:]])


def _learning_rate(progress: float) -> float:
    """A linear rise, then half a cosine down to nothing, as a share of the peak."""
    if progress < _WARM_UP:
        return max(progress, 1e-3) / _WARM_UP
    return 0.5 * (1 + cos(pi * (progress - _WARM_UP) / (1 - _WARM_UP)))
