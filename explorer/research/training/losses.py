"""The training losses of the zoo's networks, one function per objective.

Where a network has several groups of logits, every term is computed for each group and the
groups are added with the recipe's weights, so that an attack may work on any of them. Logits are
N×K with the groups side by side, labels N×G indices, one column per group.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.research.training.attacks import Attack, pgd
from explorer.research.training.batches import Batch
from explorer.research.training.inputs import normalise
from explorer.research.training.recipe import Recipe
from explorer.zoo.pictures import GROUPS

_INNER_REACH = 1.5  # sum of the steps of an inner attack, in ε

# (network, images as they are now, the batch they came from, recipe, ε) → the mean loss.
Loss = Callable[[nn.Module, Tensor, Batch, Recipe, float], Tensor]


def cross_entropy(logits: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Weighted sum over the label groups of the mean cross-entropy."""
    loss = logits.new_zeros(())
    for weight, column, part in _groups(recipe, labels, logits):
        loss = loss + weight * functional.cross_entropy(
            part, column, label_smoothing=recipe.label_smoothing
        )
    return loss


def divergence(clean: Tensor, attacked: Tensor) -> Tensor:
    """KL(p(clean) ‖ p(attacked)) of each image, N, from logits N×K."""
    before, after = (functional.log_softmax(logits, dim=1) for logits in (clean, attacked))
    return functional.kl_div(after, before, reduction="none", log_target=True).sum(dim=1)


def trades(clean: Tensor, attacked: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Cross-entropy of the clean logits + β · KL(clean ‖ attacked) (Zhang et al. 2019, eq. 5)."""
    loss = cross_entropy(clean, labels, recipe)
    for weight, _, before, after in _groups(recipe, labels, clean, attacked):
        loss = loss + weight * recipe.beta * divergence(before, after).mean()
    return loss


def mart(clean: Tensor, attacked: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """Boosted cross-entropy of the attacked logits, and β · KL weighted by the clean doubt.

    −log p_y(x') − log(1 − max_{k≠y} p_k(x')) + β · KL(p(x) ‖ p(x')) · (1 − p_y(x)), mean over the
    images (Wang et al. 2020, eqs. 9 to 11).
    """
    loss = clean.new_zeros(())
    for weight, column, before, after in _groups(recipe, labels, clean, attacked):
        index = column[:, None]
        doubt = 1 - before.softmax(dim=1).gather(1, index)[:, 0]
        logs = after.log_softmax(dim=1)
        rival = logs.exp().scatter(1, index, 0.0).amax(dim=1)
        boosted = -logs.gather(1, index)[:, 0] - torch.log(1 + 1e-4 - rival)
        loss = loss + weight * (boosted + recipe.beta * divergence(before, after) * doubt).mean()
    return loss


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """The contrastive loss of two views' embeddings, N×D each (Chen et al. 2020, eq. 1).

    Cross-entropy of picking each embedding's other view, by cosine, among the 2N − 1 others.
    """
    embeddings = functional.normalize(torch.cat([first, second]), dim=1)
    similarity = embeddings @ embeddings.T / temperature
    similarity.fill_diagonal_(-torch.inf)
    count = len(first)
    other = torch.arange(2 * count, device=first.device).roll(count)
    return functional.cross_entropy(similarity, other)


def _groups(recipe: Recipe, labels: Tensor, *logits: Tensor) -> Iterator[tuple[Any, ...]]:
    """(weight, labels N, and each of the logits' part N×k) of every label group."""
    columns = list(GROUPS)
    for group, (start, stop) in recipe.logit_groups.items():
        parts = (each[:, start:stop] for each in logits)
        yield recipe.group_weights[group], labels[:, columns.index(group)], *parts


def _classified(
    network: nn.Module, images: Tensor, batch: Batch, recipe: Recipe, _: float
) -> Tensor:
    return cross_entropy(network(normalise(images)), batch.labels, recipe)


def _contrasted(network: nn.Module, images: Tensor, _: Batch, recipe: Recipe, __: float) -> Tensor:
    first, second = network(normalise(images)).chunk(2)
    return nt_xent(first, second, recipe.temperature)


def _attacked_inside(
    loss: Callable[[Tensor, Tensor, Tensor, Recipe], Tensor],
    raised: Callable[[Tensor, Tensor, Tensor, Recipe], Tensor],
    network: nn.Module,
    images: Tensor,
    batch: Batch,
    recipe: Recipe,
    epsilon: float,
) -> Tensor:
    """`loss` of images and their attacked copies, which a few steps made to raise `raised`.

    The attack sees the network in eval mode, as in both papers' programs.
    """
    network.eval()
    inputs = normalise(images)
    with torch.no_grad():
        clean = network(inputs)

    def aim(candidates: Tensor) -> Tensor:
        return raised(clean, network(normalise(candidates)), batch.labels, recipe)

    attack = Attack(recipe.inner_steps, relative_step=_INNER_REACH / recipe.inner_steps)
    attacked = pgd(aim, images, epsilon, attack, rng_seed=batch.number)
    network.train()
    return loss(network(inputs), network(normalise(attacked)), batch.labels, recipe)


def _divergence(clean: Tensor, attacked: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    total = clean.new_zeros(())
    for weight, _, before, after in _groups(recipe, labels, clean, attacked):
        total = total + weight * divergence(before, after).sum()
    return total


def _error(_: Tensor, attacked: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    return cross_entropy(attacked, labels, recipe)


LOSSES: dict[str, Loss] = {
    "cross-entropy": _classified,
    "simclr": _contrasted,
    "trades": partial(_attacked_inside, trades, _divergence),
    "mart": partial(_attacked_inside, mart, _error),
}
