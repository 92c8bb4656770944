"""Grey networks, which take one channel: told by their first convolution, and built from RGB ones.

Importing this is cheap; torch comes with the first function that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.errors import RequestError

if TYPE_CHECKING:
    from torch import nn

    from explorer.models.network import InputSpec, Network

AVERAGE_ORIGIN = "the average over the architecture's R, G and B"


def first_convolution(module: nn.Module) -> tuple[str, nn.Conv2d] | None:
    """The convolution that stands first in a module, with its name; None where there is none.

    In torchvision's networks and nearly all of timm's it is the one that takes the images.
    """
    from torch import nn

    convolutions = (
        (name, child) for name, child in module.named_modules() if isinstance(child, nn.Conv2d)
    )
    return next(convolutions, None)


def input_channels(module: nn.Module) -> int | None:
    """How many channels the first convolution takes: 1 for a grey network, 3 for an RGB one.

    Another number where the module rearranges its images first, as TResNet does; None where it has
    no convolution.
    """
    first = first_convolution(module)
    return None if first is None else first[1].in_channels


def with_grey_stem(module: nn.Module) -> nn.Module:
    """The module, changed in place, its first convolution taking one channel instead of three.

    The convolution keeps its class and settings; its weights are those of the three channels added
    up, so that a grey image gives what it gave in R, G and B alike. Raises RequestError where the
    module does not begin with a convolution of three channels.
    """
    import torch
    from torch import nn

    _, convolution = first_convolution(module) or ("", None)
    if convolution is None or convolution.in_channels != 3 or convolution.groups != 1:
        kind = type(module).__name__
        raise RequestError(
            "architecture",
            f"{kind} does not begin with a convolution of 3 channels, so it has no version for "
            "grey pictures; choose an architecture that does, such as 'timm:resnet18'",
        )
    with torch.no_grad():
        weight = convolution.weight.sum(1, keepdim=True)
    convolution.weight = nn.Parameter(weight, convolution.weight.requires_grad)
    convolution.in_channels = 1
    if getattr(module, "transform_input", False):  # torchvision's Inception normalises R, G, B
        module.transform_input = False  # type: ignore[assignment]  # a plain attribute of it
    return module


def grey_input(spec: InputSpec) -> InputSpec:
    """The input settings for one channel: mean and deviation averaged over R, G and B.

    For networks that do not say with which they were trained. ImageNet's become 0.449 and 0.226.
    """
    from dataclasses import replace

    def average(values: tuple[float, ...]) -> tuple[float]:
        return (round(sum(values) / len(values), 6),)

    return replace(spec, mean=average(spec.mean), std=average(spec.std))


def with_grey_input(network: Network) -> Network:
    """A network whose module takes one channel with `grey_input`; any other as it is."""
    from dataclasses import replace

    if network.input.channels == 1 or input_channels(network.module) != 1:
        return network
    origins = {**network.origins, "mean": AVERAGE_ORIGIN, "std": AVERAGE_ORIGIN}
    return replace(network, input=grey_input(network.input), origins=origins)


def wrong_channels(reference: str, channels: int) -> RequestError:
    """The error for a network that takes neither grey nor RGB pictures."""
    return RequestError(
        "model",
        f"{reference} takes {channels} channels; networks that take 1 (grey) or 3 (RGB) channels "
        "work here",
    )
