"""How well a network names held-out pictures, untouched and attacked."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.research.training.attacks import Attack, pgd
from explorer.zoo import cards, pictures

EPSILONS = (0.5, 1.0, 2.0)
PICTURES = 2048
ATTACKED_PICTURES = 512
_CHUNK = 128


def evaluate(
    name: str,
    *,
    device: str | None = None,
    weights: Path = cards.WEIGHTS,
    report: Callable[[str], None] = print,
) -> dict:
    """Measure the shipped network `name` again, report it beside its card, return the accuracy.

    Raises ValueError if there is no such network.
    """
    network, card = cards.load(name, weights)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    accuracy = measure(network, card["logit_groups"], device=device, report=None)
    report(f"{name}: clean {accuracy['clean']:.1f} % (card: {card['accuracy']['clean']:.1f} %)")
    for epsilon, share in accuracy["pgd"].items():
        known = card["accuracy"]["pgd"][epsilon]
        report(f"{name}: attacked, ε = {epsilon}: {share:.1f} % (card: {known:.1f} %)")
    for group, share in accuracy["clean_by_group"].items():
        known = card["accuracy"]["clean_by_group"][group]
        report(f"{name}: {group}: {share:.1f} % (card: {known:.1f} %)")
    return accuracy


def measure(
    network: nn.Module,
    logit_groups: dict[str, list[int]],
    *,
    device: str = "cpu",
    count: int = PICTURES,
    attacked_count: int = ATTACKED_PICTURES,
    attack: Attack | None = None,
    report: Callable[[str], None] | None = print,
) -> dict:
    """Percent right on held-out pictures: clean per label group, and PGD on the object at each ε.

    The attack raises the cross-entropy of the object alone; `attacked_count` ≤ `count`.
    """
    attack = attack or Attack()
    network = copy.deepcopy(network).float().eval().requires_grad_(False).to(device)
    images, rows = pictures.batch(range(count), "test")
    labels = torch.from_numpy(rows).to(device)
    inputs = cards.to_tensor(images, device)
    logits = torch.cat([_object_logits(network, part, None) for part in inputs.split(_CHUNK)])
    columns = list(pictures.GROUPS)
    by_group = {
        group: _percent(logits[:, start:stop], labels[:, columns.index(group)])
        for group, (start, stop) in logit_groups.items()
    }
    result = {
        "clean": by_group["object"],
        "clean_by_group": by_group,
        "pgd": {},
        "n": count,
        "n_attacked": attacked_count,
        "attack": attack.as_dict(),
    }
    objects = labels[:attacked_count, 0]
    for epsilon in EPSILONS:
        answers = []
        for number, start in enumerate(range(0, attacked_count, _CHUNK)):
            part = inputs[start : min(start + _CHUNK, attacked_count)]
            right = objects[start : start + len(part)]

            def loss(candidates: Tensor, right: Tensor = right) -> Tensor:
                named = _object_logits(network, candidates, len(pictures.OBJECTS))
                return functional.cross_entropy(named, right, reduction="sum")

            attacked = pgd(loss, part, epsilon, attack, rng_seed=number)
            with torch.no_grad():
                answers.append(_object_logits(network, attacked, len(pictures.OBJECTS)))
        result["pgd"][f"{epsilon:g}"] = _percent(torch.cat(answers), objects)
        if report is not None:
            report(f"attacked, ε = {epsilon:g}: {result['pgd'][f'{epsilon:g}']:.1f} %")
    return result


def _object_logits(network: nn.Module, images: Tensor, stop: int | None) -> Tensor:
    return network(cards.normalise(images))[:, :stop]


def _percent(logits: Tensor, right: Tensor) -> float:
    return round(100 * float((logits.argmax(1) == right).float().mean()), 2)
