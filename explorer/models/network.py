"""A loaded network: images in, logits out, with what one must know to feed it rightly."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class InputSpec:
    """How a network sees pictures: size (height, width), resize, crop, mean and deviation."""

    size: tuple[int, int]
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"
    crop_pct: float = 1.0


@dataclass(frozen=True, eq=False)
class Network:
    """A network in eval mode whose parameters take no gradients.

    reference: what it was loaded by.
    module: takes normalised images, N×3×H×W.
    classifier: name of the module that makes the class scores, or None where there is none.
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

    def __post_init__(self) -> None:
        self.module.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where the parameters are (the CPU for a network without any)."""
        parameter = next(self.module.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    def normalise(self, images: Tensor) -> Tensor:
        """Images in [0, 1], N×3×H×W, to what the module was trained on."""
        mean = images.new_tensor(self.input.mean).view(1, -1, 1, 1)
        std = images.new_tensor(self.input.std).view(1, -1, 1, 1)
        return (images - mean) / std

    def __call__(self, images: Tensor) -> Tensor:
        """Logits, N×K, of images in [0, 1], N×3×H×W."""
        with self.lock:
            return self.module(self.normalise(images))
