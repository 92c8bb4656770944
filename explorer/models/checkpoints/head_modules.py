"""A classifier built from its tensors alone: a linear layer, or several with what is between them.

Linear layers, batch and layer normalisation are told by their tensors' names and shapes. What has
no parameters cannot be told: between two layers with a gap in their numbering a ReLU is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

_RUNNING = {"running_mean", "running_var"}
_LINEAR = (nn.Linear, nn.Conv2d)


@dataclass(frozen=True)
class Head:
    """A head as it is in a checkpoint.

    module: with random weights. names: of its tensors, by their names relative to the head's in the
    checkpoint. outputs: how many numbers it gives. linear: how many linear layers it has.
    assumptions: in words, for a note.
    """

    module: nn.Module
    names: Mapping[str, str]
    outputs: int
    linear: int
    assumptions: tuple[str, ...]


def build(tensors: Mapping[str, Tensor], features: int, convolution: bool = False) -> Head | None:
    """The head with these tensors, or None where its modules cannot be told from them.

    tensors: by their names within the head, such as `weight` or `2.bias`, in their order. features:
    how many numbers go into it. convolution: whether it works on a map, by 1×1 convolutions.
    """
    grouped: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parent, _, leaf = name.rpartition(".")
        grouped.setdefault(parent, {})[leaf] = tensor
    layers: dict[str, nn.Module] = {}
    width = features
    if all(parent.rpartition(".")[2].isdigit() for parent in grouped):
        # safetensors sorts names as texts, 10 before 2.
        grouped = dict(sorted(grouped.items(), key=lambda item: _place(item[0])))
    for parent, leaves in grouped.items():
        layer = _layer(leaves, width, convolution)
        if layer is None:
            return None
        layers[parent] = layer
        width = _outputs(layer) or width
    linear = sum(isinstance(layer, _LINEAR) for layer in layers.values())
    if not linear:
        return None
    if list(layers) == [""]:
        return Head(layers[""], {name: name for name in tensors}, width, linear, ())
    return _sequence(layers, tensors, width, linear)


def _place(parent: str) -> tuple[str, int]:
    stem, _, number = parent.rpartition(".")
    return stem, int(number)


def _layer(leaves: Mapping[str, Tensor], width: int, convolution: bool) -> nn.Module | None:
    """The layer with these parameters, on `width` numbers; None where it cannot be told."""
    names = set(leaves) - {"num_batches_tracked"}
    weight, bias = leaves.get("weight"), leaves.get("bias")
    if weight is not None and names <= {"weight", "bias"} and weight.ndim in (2, 4):
        outputs, inputs = weight.shape[:2]
        if inputs != width or (bias is not None and tuple(bias.shape) != (outputs,)):
            return None
        if weight.ndim == 2 and not convolution:
            return nn.Linear(inputs, outputs, bias is not None)
        if convolution and tuple(weight.shape[2:]) == (1, 1):
            return nn.Conv2d(inputs, outputs, 1, bias=bias is not None)
        return None
    if any(tuple(leaves[name].shape) != (width,) for name in names):
        return None
    if names >= _RUNNING and names <= _RUNNING | {"weight", "bias"}:
        kind = nn.BatchNorm2d if convolution else nn.BatchNorm1d
        return kind(width, affine=weight is not None)
    if names == {"weight", "bias"} and not convolution:
        return nn.LayerNorm(width)
    return None


def _outputs(layer: nn.Module) -> int | None:
    if isinstance(layer, nn.Linear):
        return layer.out_features
    return layer.out_channels if isinstance(layer, nn.Conv2d) else None


def _sequence(
    layers: Mapping[str, nn.Module], tensors: Mapping[str, Tensor], outputs: int, linear: int
) -> Head | None:
    """The layers one after the other, with what is assumed between them."""
    stems = {parent: parent.rpartition(".")[0] for parent in layers}
    last = [parent.rpartition(".")[2] for parent in layers]
    numbered = all(part.isdigit() for part in last) and len(set(stems.values())) == 1
    modules: list[nn.Module] = []
    places: dict[str, int] = {}
    assumptions: list[str] = []
    before: str | None = None
    for index, (parent, layer) in enumerate(layers.items()):
        if numbered:
            gap = int(last[index]) - (0 if before is None else int(last[index - 1]) + 1)
        else:
            gap = int(before is not None and isinstance(layers[before], _LINEAR))
        if gap and before is not None:
            modules.append(nn.ReLU(inplace=False))
            assumptions.append(f"a ReLU between {before} and {parent}")
        elif gap:
            assumptions.append(f"nothing that changes its input before {parent}")
        if isinstance(layer, nn.LayerNorm):
            assumptions.append(f"that {parent} is a layer normalisation")
        places[parent] = len(modules)
        modules.append(layer)
        before = parent
    names = {}
    for name in tensors:
        parent, _, leaf = name.rpartition(".")
        names[name] = f"{places[parent]}.{leaf}"
    return Head(nn.Sequential(*modules), names, outputs, linear, tuple(assumptions))
