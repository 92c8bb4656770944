"""The shipped networks on disk: weights as safetensors, and beside them a card of facts."""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from explorer.models.layers import list_layers
from explorer.models.network import InputSpec, Network
from explorer.research.training.recipes import Recipe
from explorer.zoo import pictures
from explorer.zoo.architectures import SIDE, GridNetwork, build, count_parameters

WEIGHTS = Path(__file__).parent / "weights"
MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)
FAMILIES = {
    "grid-cnn": "plain CNN",
    "stacked-cnn": "VGG-like CNN",
    "grid-transformer": "vision transformer",
}
_OBJECTIVES = {
    "cross-entropy": ("standard", "adversarial l2"),
    "simclr": ("contrastive", "contrastive, adversarial l2"),
    "trades": ("", "TRADES l2"),
    "mart": ("", "MART l2"),
}
_HEADS = {"simclr": "a linear probe, fitted to all labels on the frozen features afterwards"}
_VARIETY = {
    "none": "the pictures' own variety",
    "usual": "shifted, mirrored and slightly recoloured",
    "simclr": "cropped, mirrored, recoloured and made grey, as in SimCLR",
    "simclr without colour": "cropped and mirrored, as in SimCLR but without colour",
}
HALF_PRECISION_TOLERANCE = 1e-3  # largest relative change of any picture's logits


def names(folder: Path = WEIGHTS) -> list[str]:
    """Names of the networks whose card and weights are there."""
    return sorted(p.stem for p in folder.glob("*.json") if p.with_suffix(".safetensors").exists())


def read(name: str, folder: Path = WEIGHTS) -> dict:
    """The card of the network `name`; ValueError, with the names there are, if there is none."""
    if name not in names(folder):
        raise ValueError(f"no network called {name!r}; there are: {', '.join(names(folder))}")
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def load(name: str, folder: Path = WEIGHTS) -> tuple[GridNetwork, dict]:
    """(the network, in float32 and eval mode; its card). It takes *normalised* images."""
    card = read(name, folder)
    network = build(card["architecture"])
    network.load_state_dict(load_file(folder / f"{name}.safetensors"))
    return network.eval(), card


def normalise(images: Tensor) -> Tensor:
    """Images in [0, 1], N×3×H×W, as the zoo's networks take them."""
    mean, std = (images.new_tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (images - mean) / std


def to_tensor(images: np.ndarray, device: str = "cpu") -> Tensor:
    """uint8 N×H×W×3 pictures as float32 N×3×H×W in [0, 1] (channels last in memory)."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255


def compact(network: GridNetwork) -> GridNetwork:
    """A copy with as many weights in float16 as hardly moves the logits, else the network itself.

    First all of them, then all but the vectors (biases, batch-norm), then all but these and
    the first and the last layer.
    """
    images = normalise(to_tensor(pictures.batch(range(256), "test")[0]))
    with torch.no_grad():
        exact = network.eval()(images)
    ends = {id(value) for end in _ends(network) for value in end.parameters()}
    for spared in (
        lambda value: False,
        lambda value: value.ndim < 2,
        lambda value: value.ndim < 2 or id(value) in ends,
    ):
        half = _halve(network, spared)
        with torch.no_grad():
            rounded = copy.deepcopy(half).float().eval()(images)
        change = (rounded - exact).norm(dim=1) / exact.norm(dim=1)
        if float(change.max()) <= HALF_PRECISION_TOLERANCE:
            return half
    return network


def _ends(network: GridNetwork) -> tuple[nn.Module, nn.Module]:
    return next(network.children()), network.head


def _halve(network: GridNetwork, spared: Callable[[Tensor], bool]) -> GridNetwork:
    """A copy of the network with every weight in float16 but those that are `spared`."""
    half = copy.deepcopy(network).half()
    for stored, exact in zip(_values(half), _values(network), strict=True):
        if spared(exact):
            stored.data = exact.detach().clone()
    return half


def _values(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


def _precision(stored: nn.Module) -> str:
    """ "float16", "float32" or "float16 and float32"."""
    kinds = {str(value.dtype) for value in _values(stored) if value.is_floating_point()}
    return " and ".join(sorted(kind.removeprefix("torch.") for kind in kinds))


def is_current(recipe: Recipe, folder: Path = WEIGHTS) -> bool:
    """Whether the recipe's network is there and was made by this recipe (its words aside)."""
    return recipe.name in names(folder) and read(recipe.name, folder)["recipe"] == _facts(recipe)


def update_words(recipe: Recipe, folder: Path = WEIGHTS) -> bool:
    """Give the card the recipe's title and summary; whether that changed anything."""
    card = read(recipe.name, folder)
    words = {"title": recipe.title, "summary": recipe.summary}
    if words.items() <= card.items():
        return False
    _write({**card, **words}, folder)
    return True


def compose(recipe: Recipe, stored: GridNetwork, accuracy: dict, seconds: float) -> dict:
    """The card of a trained network: what it is, how it was made, how well it does."""
    kind = recipe.architecture["kind"]
    residual = recipe.architecture.get("skips", kind == "grid-transformer")
    return {
        "name": recipe.name,
        "title": recipe.title,
        "summary": recipe.summary,
        "family": "residual CNN" if kind == "grid-cnn" and residual else FAMILIES[kind],
        "residual": residual,
        "architecture": recipe.architecture,
        "parameters": count_parameters(stored),
        "precision": _precision(stored),
        "objective": describe_objective(recipe),
        "epsilon": recipe.epsilon,
        "labels": recipe.labels,
        "head": _HEADS.get(recipe.objective, "trained with the rest"),
        "augmentation": _VARIETY[recipe.augmentation],
        "data": (
            "Drawn by our own program: one of 16 everyday things, 64×64 pixels, with the colour, "
            "place, size, tilt and background varied."
        ),
        "training_pictures": recipe.training_pictures,
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
        "classes": list(pictures.OBJECTS),
        "layers": _layers(stored),
        "logit_groups": recipe.logit_groups,
        "logit_names": {group: list(pictures.GROUPS[group]) for group in recipe.logit_groups},
        "input_size": [SIDE, SIDE],
        "mean": list(MEAN),
        "std": list(STD),
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "accuracy": accuracy,
        "licence": "MIT",
        "train_command": f"python -m explorer zoo train {recipe.name}",
        "torch": torch.__version__.split("+")[0],
    }


def describe_objective(recipe: Recipe) -> str:
    """The objective in the words of the card, such as "adversarial l2"."""
    if not recipe.steps:
        return "untrained"
    usual, attacked = _OBJECTIVES[recipe.objective]
    return attacked if recipe.epsilon else usual


def _facts(recipe: Recipe) -> dict:
    """All that decides the weights, as it is in JSON."""
    facts = asdict(recipe)
    for word in ("name", "title", "summary"):
        del facts[word]
    return facts


def _layers(stored: nn.Module) -> list[dict]:
    """Name, kind and shape of every layer, in order of execution."""
    network = Network(
        reference="",
        module=copy.deepcopy(stored).float(),
        input=InputSpec((SIDE, SIDE), MEAN, STD),
        classifier="head",
    )
    return [
        {"name": layer.name, "kind": layer.kind, "shape": list(layer.shape)}
        for layer in list_layers(network)
    ]


def save(stored: nn.Module, card: dict, folder: Path = WEIGHTS) -> None:
    """Write NAME.safetensors and NAME.json."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.contiguous() for key, value in stored.state_dict().items()}
    (folder / f"{card['name']}.safetensors").write_bytes(to_bytes(state))
    _write(card, folder)


def _write(card: dict, folder: Path) -> None:
    lines = [f"  {json.dumps(key)}: {_value(value)}" for key, value in card.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (folder / f"{card['name']}.json").write_text(text, encoding="utf-8")


def _value(value: object) -> str:
    """JSON on one line, or a list of facts with one fact to a line."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in value)
        return f"[\n    {rows}\n  ]"
    return json.dumps(value, ensure_ascii=False)
