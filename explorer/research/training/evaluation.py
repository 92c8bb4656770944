"""How well a network classifies test pictures, clean and attacked."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.research.training.attacks import Attack, pgd
from explorer.research.training.data import Examples, TrainingData
from explorer.research.training.inputs import normalise, to_tensor
from explorer.zoo import cards
from explorer.zoo.pictures import GROUPS

EPSILONS = (0.5, 1.0, 2.0)
_CHUNK = 128


class Accuracy(TypedDict):
    """Percent right: clean, clean per label group, by ε under attack; of how many pictures."""

    clean: float
    clean_by_group: dict[str, float]
    pgd: dict[str, float]
    n: int
    n_attacked: int
    attack: dict[str, object]


def evaluate(
    name: str,
    data: TrainingData,
    *,
    device: str | None = None,
    weights: Path = cards.WEIGHTS,
    report: Callable[[str], None] = print,
) -> Accuracy:
    """Measure the shipped network `name` again, report it next to its card, return the accuracy.

    Raises RequestError if there is no such network.
    """
    network, card = cards.load(name, weights)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    known: Accuracy = card["accuracy"]
    held_out = data.held_out()
    attacked = min(len(held_out.labels), data.attacked_count)
    report(
        f"{name}: measuring on {len(held_out.labels):,} test pictures, {attacked:,} of them also "
        f"under attack, on the {device}. {data.facts()['data']}"
    )

    def compare(what: str, share: float, before: float) -> None:
        report(f"{name}: {what} {share:.1f} % (card: {before:.1f} %)")

    accuracy = measure(
        network,
        card["logit_groups"],
        held_out,
        attacked_count=data.attacked_count,
        device=device,
        clean=lambda share: compare("clean", share, known["clean"]),
        attacked=lambda each, share: compare(f"attacked, ε = {each}:", share, known["pgd"][each]),
    )
    by_group = accuracy["clean_by_group"]
    for group, share in by_group.items() if len(by_group) > 1 else ():
        compare(f"{group}:", share, known["clean_by_group"][group])
    return accuracy


def measure(
    network: nn.Module,
    logit_groups: dict[str, list[int]],
    held_out: Examples,
    *,
    attacked_count: int,
    device: str = "cpu",
    attack: Attack | None = None,
    clean: Callable[[float], None] = lambda share: None,
    attacked: Callable[[str, float], None] = lambda epsilon, share: None,
) -> Accuracy:
    """Percent right on test pictures: clean per label group, and PGD on the object at each ε.

    The attack raises the cross-entropy of the object alone, on the first `attacked_count` pictures
    or on all if there are fewer. clean, attacked: called with each share as it is known, by ε.
    """
    attack = attack or Attack()
    network = copy.deepcopy(network).float().eval().requires_grad_(False).to(device)
    labels = torch.from_numpy(held_out.labels).to(device)
    logits = torch.cat(
        [
            network(normalise(to_tensor(held_out.images[start : start + _CHUNK], device)))
            for start in range(0, len(labels), _CHUNK)
        ]
    )
    columns = list(GROUPS)
    by_group = {
        group: _percent(logits[:, start:stop], labels[:, columns.index(group)])
        for group, (start, stop) in logit_groups.items()
    }
    clean(by_group["object"])
    classes = logit_groups["object"][1]
    objects = labels[:attacked_count, 0]
    under_attack = {}
    for epsilon in EPSILONS:
        answers = []
        for number, start in enumerate(range(0, len(objects), _CHUNK)):
            right = objects[start : start + _CHUNK]
            part = to_tensor(held_out.images[start : start + len(right)], device)

            def loss(candidates: Tensor, right: Tensor = right) -> Tensor:
                answer = network(normalise(candidates))[:, :classes]
                return functional.cross_entropy(answer, right, reduction="sum")

            perturbed = pgd(loss, part, epsilon, attack, rng_seed=number)
            with torch.no_grad():
                answers.append(network(normalise(perturbed))[:, :classes])
        share = _percent(torch.cat(answers), objects)
        under_attack[f"{epsilon:g}"] = share
        attacked(f"{epsilon:g}", share)
    return {
        "clean": by_group["object"],
        "clean_by_group": by_group,
        "pgd": under_attack,
        "n": len(labels),
        "n_attacked": len(objects),
        "attack": attack.as_dict(),
    }


def _percent(logits: Tensor, right: Tensor) -> float:
    return round(100 * float((logits.argmax(1) == right).float().mean()), 2)
