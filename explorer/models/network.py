"""A loaded network: images in, logits out, with how its pictures must be prepared."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from explorer.errors import RequestError, shortened
from explorer.images.luma import luma
from explorer.network_reference import numbers


@dataclass(frozen=True)
class InputSpec:
    """How pictures are brought to a network: size (height, width), resize, crop, mean, deviation.

    mean, std: of images in [0, 1], one number for each channel that the network takes: three (RGB)
    or one (grey). crop_pct: in (0, 1]. crop_mode: `center`, `squash` or `border`, see
    `explorer.images.fitting.fit`. Raises RequestError, which names the field, for other values.
    """

    size: tuple[int, int]
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bicubic"
    crop_pct: float = 1.0
    crop_mode: str = "center"

    def __post_init__(self) -> None:
        for name, positive in (("mean", False), ("std", True)):
            given: object = getattr(self, name)
            values = numbers(name, () if given is None else given, positive)
            object.__setattr__(self, name, values)
        if len(self.mean) != len(self.std):
            raise RequestError(
                "std",
                f"mean has {len(self.mean)} numbers and std {len(self.std)}; give as many, one per "
                "channel",
            )
        if not 0 < self.crop_pct <= 1:
            raise RequestError(
                "crop_pct", f"{shortened(self.crop_pct)} is not a number above 0 and at most 1"
            )

    @property
    def channels(self) -> int:
        """How many channels the network takes: 3 for RGB pictures, 1 for grey ones."""
        return len(self.mean)


def output_count(layer: nn.Module) -> int:
    """How many numbers a linear layer, or channels a convolution, gives; 0 for any other module."""
    outputs: Any = getattr(layer, "out_features", None) or getattr(layer, "out_channels", None)
    return int(outputs or 0)


@dataclass(frozen=True, eq=False)
class Network:
    """A network in eval mode whose parameters take no gradients.

    reference: what it was loaded by.
    module: takes normalised images, N×3×H×W, or N×1×H×W if it is a grey network.
    classifier: name of the module that makes the class scores, or of a list of such modules that
        work side by side; None where there is none.
    classes: names of the first `len(classes)` logits; empty where the names are not known.
    class_count: how many of the first logits are classes (other heads may follow them).
    origins: by setting, where it was taken from; notes: sentences on what was left out or assumed
        while loading. See `explorer.result.provenance.NetworkUsed`.
    headless: whether its checkpoint has no classifier; what comes out is then the penultimate
        representation, and there are no logits.
    lock: held while hooks are on the module, so that two threads cannot mix activations.
    layer_scales: of places in the network, as far as they were measured; see
        `explorer.models.layers`. Copies with the same weights share them.
    """

    reference: str
    module: nn.Module
    input: InputSpec
    classifier: str | None = None
    classes: tuple[str, ...] = ()
    class_count: int = 0
    family: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    headless: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    layer_scales: dict[tuple[str, InputSpec], float] = field(default_factory=dict, repr=False)
    _scales: dict[tuple[torch.device, torch.dtype], tuple[Tensor, ...]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __post_init__(self) -> None:
        self.module.eval().requires_grad_(False)

    @classmethod
    def from_module(
        cls,
        module: nn.Module,
        *,
        size: int | tuple[int, int],
        mean: Sequence[float],
        std: Sequence[float],
        classes: Sequence[str] = (),
        classifier: str | None = None,
        interpolation: str = "bilinear",
        crop_pct: float = 1.0,
    ) -> Network:
        """The network of any `torch.nn.Module`, for `Request`, `align`, `compare` and the like.

            network = Network.from_module(net, size=32, mean=[0.5] * 3, std=[0.25] * 3)
            result = generate(Request(model=network.reference, target="cat"))

        module: takes N×3×H×W, or N×1×H×W, normalised; it is copied. size: px, of a side, or
        (height, width). mean, std: per channel, on images in [0, 1]; one number each for a grey
        network. classes: names of the logits. classifier: name of the module that makes them; None
        is the last linear layer or convolution.

        Its `reference` holds a hash of the weights, attributes and code, of some outputs and of
        these settings, so that two modules that differ in one of them are two networks. Libraries
        count by their names in it, files that the code reads do not; what cannot be hashed makes
        each call's network another one (`explorer.models.module_digest`). It lasts as long as the
        Network does. The copy is in float32, and is run once on two images. Raises TypeError for
        what is no module, RequestError for settings that do not fit it, and for weights that have
        no values or are not finite.
        """
        from explorer.models.in_memory import network_of_module

        return network_of_module(
            module,
            size=size,
            mean=mean,
            std=std,
            classes=classes,
            classifier=classifier,
            interpolation=interpolation,
            crop_pct=crop_pct,
        )

    def with_input(self, origin: str, **changes: Any) -> Network:
        """The same network with another mean, deviation, size, …: fields of its InputSpec.

        origin: where these were taken from, for `origins`. One number as mean or deviation of an
        RGB network stands for all three channels, three equal ones of a grey network for its one;
        RequestError for a number of channels that the network does not take.
        """
        for name in ("mean", "std"):
            if name in changes:
                changes[name] = self._per_channel(name, changes[name])
        origins = {**self.origins, **dict.fromkeys(changes, origin)}
        return replace(self, input=replace(self.input, **changes), origins=origins)

    def _per_channel(self, name: str, values: Sequence[float]) -> tuple[float, ...]:
        channels = self.input.channels
        if len(values) == channels:
            return tuple(values)
        if len(values) in (1, 3) and len(set(values)) == 1:
            return (values[0],) * channels
        takes = "grey pictures (1 channel)" if channels == 1 else "RGB pictures (3 channels)"
        raise RequestError(
            name,
            f"{len(values)} numbers do not fit {self.reference}, which takes {takes}; give "
            f"{channels}",
        )

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
        """Images in [0, 1], N×3×H×W, to what the module takes: N×3×H×W, or N×1×H×W of their luma.

        The luma is that of `explorer.images.luma`.
        """
        # Kept on the device: sending them there makes the host wait for it.
        key = images.device, images.dtype
        if key not in self._scales:
            of_channels = torch.tensor((self.input.mean, self.input.std), dtype=images.dtype)
            self._scales[key] = of_channels.to(images.device).view(2, -1, 1, 1).unbind()
        mean, std = self._scales[key]
        if self.input.channels == 1:
            images = luma(images)
        return (images - mean) / std

    def __call__(self, images: Tensor) -> Tensor:
        """Logits, N×K, of images in [0, 1], N×3×H×W."""
        with self.lock:
            return self.module(self.normalise(images))
