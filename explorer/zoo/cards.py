"""The shipped networks on disk: weights as safetensors, and beside them a card of facts."""

import copy
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from explorer.zoo import pictures
from explorer.zoo.architectures import build, count_parameters
from explorer.zoo.recipes import Recipe

WEIGHTS = Path(__file__).parent / "weights"
MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)
HALF_PRECISION_TOLERANCE = 1e-3  # largest relative change of any picture's logits


def names(folder: Path = WEIGHTS) -> list[str]:
    """Names of the networks whose card and weights are there."""
    return sorted(p.stem for p in folder.glob("*.json") if p.with_suffix(".safetensors").exists())


def read(name: str, folder: Path = WEIGHTS) -> dict:
    """The card of the network `name`; ValueError, with the names there are, if there is none."""
    if name not in names(folder):
        raise ValueError(f"no network called {name!r}; there are: {', '.join(names(folder))}")
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def load(name: str, folder: Path = WEIGHTS) -> tuple[nn.Module, dict]:
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


def compact(network: nn.Module) -> nn.Module:
    """A copy with weights in float16 if that hardly moves the logits, else the network itself."""
    half = copy.deepcopy(network).half()
    restored = copy.deepcopy(half).float().eval()
    images = normalise(to_tensor(pictures.batch(range(256), "test")[0]))
    with torch.no_grad():
        exact, rounded = network.eval()(images), restored(images)
    change = (rounded - exact).norm(dim=1) / exact.norm(dim=1)
    return half if float(change.max()) <= HALF_PRECISION_TOLERANCE else network


def list_layers(network: nn.Module) -> list[dict]:
    """Every module's output of one image, in order of execution: its name, kind and shape."""
    network = copy.deepcopy(network).float().eval()
    found = []

    def note(name: str, kind: str, output: Tensor) -> None:
        found.append({"name": name, "kind": kind, "shape": list(output.shape[1:])})

    def hook(name: str):
        return lambda module, _, output: note(name, type(module).__name__, output)

    for name, module in network.named_modules():
        if name:
            module.register_forward_hook(hook(name))
    network.head.register_forward_pre_hook(
        lambda _, inputs: note("penultimate", "input of the classifier", inputs[0])
    )
    with torch.no_grad():
        note("logits", "output", network(torch.zeros(1, 3, 64, 64)))
    return found


def compose(recipe: Recipe, stored: nn.Module, accuracy: dict, seconds: float) -> dict:
    """The card of a trained network: what it is, how it was made, how well it does."""
    return {
        "name": recipe.name,
        "title": recipe.title,
        "summary": recipe.summary,
        "family": "residual CNN" if recipe.architecture["skips"] else "plain CNN",
        "residual": recipe.architecture["skips"],
        "architecture": recipe.architecture,
        "parameters": count_parameters(stored),
        "precision": str(stored.head.weight.dtype).removeprefix("torch."),
        "objective": recipe.objective,
        "epsilon": recipe.epsilon,
        "labels": recipe.labels,
        "augmentation": "the pictures' own variety",
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
        "seconds": round(seconds),
        "classes": list(pictures.OBJECTS),
        "layers": list_layers(stored),
        "logit_groups": recipe.logit_groups,
        "logit_names": {group: list(pictures.GROUPS[group]) for group in recipe.logit_groups},
        "input_size": [64, 64],
        "mean": list(MEAN),
        "std": list(STD),
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "accuracy": accuracy,
        "licence": "MIT",
        "train_command": f"python -m explorer zoo train {recipe.name}",
        "torch": torch.__version__.split("+")[0],
    }


def save(stored: nn.Module, card: dict, folder: Path = WEIGHTS) -> None:
    """Write NAME.safetensors and NAME.json."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {key: value.contiguous() for key, value in stored.state_dict().items()}
    (folder / f"{card['name']}.safetensors").write_bytes(to_bytes(state))
    lines = [f"  {json.dumps(key)}: {_value(value)}" for key, value in card.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (folder / f"{card['name']}.json").write_text(text, encoding="utf-8")


def _value(value: object) -> str:
    """JSON on one line, or a list of facts with one fact to a line."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in value)
        return f"[\n    {rows}\n  ]"
    return json.dumps(value, ensure_ascii=False)
