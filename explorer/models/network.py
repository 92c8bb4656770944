"""A loaded network: images in, logits out, with how its pictures must be prepared."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class InputSpec:
    """How pictures are brought to a network: size (height, width), resize, crop, mean, deviation.

    crop_mode: `center`, `squash` or `border`, see `explorer.images.fitting.fit`.
    """

    size: tuple[int, int]
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"
    crop_pct: float = 1.0
    crop_mode: str = "center"


def output_count(layer: nn.Module) -> int:
    """How many numbers a linear layer, or channels a convolution, gives; 0 for any other module."""
    outputs: Any = getattr(layer, "out_features", None) or getattr(layer, "out_channels", None)
    return int(outputs or 0)


@dataclass(frozen=True, eq=False)
class Network:
    """A network in eval mode whose parameters take no gradients.

    reference: what it was loaded by.
    module: takes normalised images, N×3×H×W.
    classifier: name of the module that makes the class scores, or of a list of such modules that
        work side by side; None where there is none.
    classes: names of the first `len(classes)` logits; empty where the names are not known.
    class_count: how many of the first logits are classes (other heads may follow them).
    lock: held while hooks are on the module, so that two threads cannot mix activations.
    """

    reference: str
    module: nn.Module
    input: InputSpec
    classifier: str | None = None
    classes: tuple[str, ...] = ()
    class_count: int = 0
    family: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _scales: dict[tuple[torch.device, torch.dtype], tuple[Tensor, ...]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __post_init__(self) -> None:
        self.module.eval().requires_grad_(False)

    def with_input(self, **changes: Any) -> Network:
        """The same network with another mean, deviation, size, …: fields of its InputSpec."""
        return replace(self, input=replace(self.input, **changes))

    def copy_with_shared_weights(self) -> Network:
        """The same network with modules of its own, which may be replaced, and the same weights."""
        shared = [*self.module.parameters(), *self.module.buffers()]
        copied = {id(tensor): tensor for tensor in shared}
        return replace(self, module=copy.deepcopy(self.module, copied))

    @property
    def device(self) -> torch.device:
        """Where the parameters are (the CPU for a network without any)."""
        parameter = next(self.module.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    @cached_property
    def parts(self) -> dict[str, nn.Module]:
        """Every module by its name, in the order in which they stand in the network."""
        return {name: part for name, part in self.module.named_modules() if name}

    @cached_property
    def heads(self) -> tuple[nn.Module, ...]:
        """The modules that make the class scores."""
        if self.classifier is None:
            return ()
        classifier = self.module.get_submodule(self.classifier)
        return tuple(classifier) if isinstance(classifier, nn.ModuleList) else (classifier,)

    @property
    def nbytes(self) -> int:
        """How many bytes its parameters and buffers take."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def normalise(self, images: Tensor) -> Tensor:
        """Images in [0, 1], N×3×H×W, to what the module was trained on."""
        # Kept on the device: sending them there makes the host wait for it.
        key = images.device, images.dtype
        if key not in self._scales:
            of_channels = torch.tensor((self.input.mean, self.input.std), dtype=images.dtype)
            self._scales[key] = of_channels.to(images.device).view(2, -1, 1, 1).unbind()
        mean, std = self._scales[key]
        return (images - mean) / std

    def __call__(self, images: Tensor) -> Tensor:
        """Logits, N×K, of images in [0, 1], N×3×H×W."""
        with self.lock:
            return self.module(self.normalise(images))
