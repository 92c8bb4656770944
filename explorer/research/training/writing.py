"""Writing a trained network: its weights as safetensors, and next to them a card of facts."""

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import nn

from explorer.files import replacing, write_atomically
from explorer.models.layers import list_layers
from explorer.models.network import InputSpec, Network
from explorer.research.training.data import TrainingData
from explorer.research.training.inputs import MEAN, STD
from explorer.research.training.precision import precision_of
from explorer.research.training.recipe import DRAWN, Recipe
from explorer.zoo.architectures import count_parameters
from explorer.zoo.cards import WEIGHTS, names, read
from explorer.zoo.small_network import SmallNetwork

FAMILIES = {
    "grid-cnn": "plain CNN",
    "stacked-cnn": "VGG-like CNN",
    "grid-transformer": "vision transformer",
    "pooled-resnet": "residual CNN",
    "pooled-vgg": "VGG-like CNN",
    "pooled-densenet": "DenseNet",
    "pooled-inception": "Inception",
}
_RESIDUAL = ("grid-transformer", "pooled-resnet")
# Without and with an attack.
_OBJECTIVES = {
    "cross-entropy": ("standard", "adversarial l2"),
    "simclr": ("contrastive", "contrastive, adversarial l2"),
    "trades": ("", "TRADES l2"),
    "mart": ("", "MART l2"),
}
_HEADS = {"simclr": "a linear probe, fitted to all labels on the frozen features afterwards"}
_AUGMENTATIONS = {
    "none": "the pictures' own variety",
    "padded crop": "shifted by up to 4 pixels and mirrored",
    "resized crop": "cropped to half their area or more, resized and mirrored",
    "simclr": "cropped, mirrored, recoloured and made grey, as in SimCLR",
}


def is_current(recipe: Recipe, folder: Path = WEIGHTS) -> bool:
    """Whether the recipe's network is there and was made by this recipe (its words aside)."""
    return recipe.name in names(folder) and read(recipe.name, folder)["recipe"] == _facts(recipe)


def update_words(recipe: Recipe, folder: Path = WEIGHTS) -> bool:
    """Give the card the recipe's words; whether that changed anything."""
    card = read(recipe.name, folder)
    words = _words(recipe)
    if words.items() <= card.items():
        return False
    write({**card, **words}, folder)
    return True


def compose(
    recipe: Recipe,
    stored: SmallNetwork,
    data: TrainingData,
    accuracy: Mapping[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """The card of a trained network: what it is, how it was made, how well it does."""
    facts = dict(data.facts())
    label_names = facts.pop("logit_names")
    options = "" if recipe.dataset == DRAWN else " --data PHOTOGRAPHS"
    kind = recipe.architecture["kind"]
    residual = recipe.architecture.get("skips", kind in _RESIDUAL)
    return {
        "name": recipe.name,
        **_words(recipe),
        "family": "residual CNN" if kind == "grid-cnn" and residual else FAMILIES[kind],
        "residual": residual,
        "architecture": recipe.architecture,
        "parameters": count_parameters(stored),
        "precision": precision_of(stored),
        "objective": describe_objective(recipe),
        "epsilon": recipe.epsilon,
        "labels": recipe.labels,
        "head": _HEADS.get(recipe.objective, "trained with the rest"),
        "augmentation": _AUGMENTATIONS[recipe.augmentation],
        **facts,
        "logit_names": {group: label_names[group] for group in recipe.logit_groups},
        "train_command": f"python -m explorer zoo train {recipe.name}{options}",
        "steps": recipe.steps,
        "batch_size": recipe.batch_size,
        "replays": recipe.replays,
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "label_smoothing": recipe.label_smoothing,
        "group_weights": recipe.group_weights,
        "rng_seed": recipe.rng_seed,
        "recipe": _facts(recipe),
        "seconds": round(seconds),
        "layers": _layers(stored, data.side),
        "logit_groups": recipe.logit_groups,
        "input_size": [data.side, data.side],
        "mean": list(MEAN),
        "std": list(STD),
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "accuracy": dict(accuracy),
        "licence": "MIT",
        "torch": torch.__version__.split("+")[0],
    }


def describe_objective(recipe: Recipe) -> str:
    """The objective in the words of the card, such as "adversarial l2"."""
    if not recipe.steps:
        return "untrained"
    standard, attacked = _OBJECTIVES[recipe.objective]
    return attacked if recipe.epsilon else standard


def save(stored: nn.Module, card: dict[str, Any], folder: Path = WEIGHTS) -> None:
    """Write NAME.safetensors and NAME.json, both or neither; OSError says what to do."""
    state = {key: value.contiguous() for key, value in stored.state_dict().items()}
    weights = folder / f"{card['name']}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(weights) as temporary:
            temporary.write_bytes(to_bytes(state))
            write(card, folder)
    except OSError as error:
        raise OSError(
            f"{weights} and its card cannot be written ({error.strerror or error}); make room and "
            "start the same command again, which resumes at the last step"
        ) from error


def write(card: dict[str, Any], folder: Path = WEIGHTS) -> None:
    """Write NAME.json, one fact to a line."""
    lines = [f"  {json.dumps(key)}: {_value(value)}" for key, value in card.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    write_atomically(folder / f"{card['name']}.json", text.encode())


def _facts(recipe: Recipe) -> dict[str, Any]:
    """All that decides the weights, as it is in JSON."""
    facts = asdict(recipe)
    for word in ("name", *_words(recipe)):
        del facts[word]
    return facts


def _words(recipe: Recipe) -> dict[str, str]:
    return {"title": recipe.title, "summary": recipe.summary, "shortfall": recipe.shortfall}


def _layers(stored: nn.Module, side: int) -> list[dict[str, Any]]:
    """Name, kind and shape of every layer, in order of execution."""
    network = Network(
        reference="",
        module=copy.deepcopy(stored).float(),
        input=InputSpec((side, side), MEAN, STD),
        classifier="head",
    )
    return [
        {"name": layer.name, "kind": layer.kind, "shape": list(layer.shape)}
        for layer in list_layers(network)
    ]


def _value(value: object) -> str:
    """JSON on one line, or a list of facts with one fact to a line."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in value)
        return f"[\n    {rows}\n  ]"
    return json.dumps(value, ensure_ascii=False)
