"""Networks for 32×32 images (`cifar:NAME`), in the layouts of the repositories that train them.

One file per design, each with its `FAMILIES`; they import torch, so that they are imported by need.
Inputs are 32×32 px, classes those of CIFAR-10 or CIFAR-100 by their number.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from explorer.errors import RequestError, did_you_mean
from explorer.models.architectures.cifar.classes import CIFAR10, class_names
from explorer.models.architectures.record import Architecture, ArchitectureSource
from explorer.models.architectures.torchvision import classifier
from explorer.models.names import wrong_size

if TYPE_CHECKING:
    from torch import nn

    from explorer.models.architectures.cifar.family import Family
    from explorer.models.network import Network

SIDE = 32

_MODULES = (
    *("resnet", "residual_function", "preact_resnet", "wide_resnet", "deepmind"),
    *("vgg", "densenet"),
)
_LAST = "torchvision_stem"
"""After the others: theirs are the names without a suffix."""


@cache
def families() -> tuple[Family, ...]:
    """Every family, in the order in which they are listed and tried."""
    modules = [import_module(f"{__name__}.{module}") for module in (*_MODULES, _LAST)]
    return tuple(family for module in modules for family in module.FAMILIES)


def names() -> tuple[str, ...]:
    """Every name that lists show; `wrn-DEPTH-WIDTH` and `resnet…` work with other numbers, too."""
    return tuple(name for family in families() for name in family.names)


def family_of(name: str) -> Family:
    """The family of a name; RequestError (field `model`) lists what there is."""
    for family in families():
        if family.pattern.fullmatch(name):
            return family
    suggestion = did_you_mean(name, names(), "cifar:", most=3)
    forms = "; ".join(family.form for family in families())
    raise RequestError(
        "model", f"there is no CIFAR network {name!r}; {suggestion}there are {forms}"
    )


def create(name: str, num_classes: int = len(CIFAR10)) -> nn.Module:
    """The module with random weights; RequestError (field `model`) for a name that there is not."""
    family = family_of(name)
    return family.build(_match(family, name), num_classes)


def _match(family: Family, name: str) -> re.Match[str]:
    match = family.pattern.fullmatch(name)
    assert match is not None  # as `family_of` says
    return match


def architecture(name: str, size: int | None) -> Architecture:
    """The architecture for images of size×size px, 32 where it is None.

    Raises RequestError, field `model` for a name that there is not, field `size` for a size that
    the network cannot take.
    """
    family = family_of(name)
    family.check(_match(family, name))
    side = size or SIDE
    if side < family.smallest:
        raise wrong_size(f"cifar:{name}", side, f"it needs at least {family.smallest} px")
    if side % family.multiple:
        raise wrong_size(
            f"cifar:{name}", side, f"its sides must be multiples of {family.multiple} px"
        )
    return Architecture(
        create=lambda **options: create(name, **options),
        describe=lambda reference, module: describe(reference, module, family, side),
    )


def describe(reference: str, module: nn.Module, family: Family, side: int) -> Network:
    """The module as a Network, its mean and deviation as the layout's repository has them."""
    from explorer.models.network import InputSpec, Network, output_count

    head = classifier(module)
    count = output_count(module.get_submodule(head or ""))
    return Network(
        reference=reference,
        module=module,
        input=InputSpec((side, side), family.mean, family.std, "bilinear"),
        classifier=head,
        classes=class_names(count),
        class_count=count,
        family=type(module).__name__.lower(),
    )


ARCHITECTURES = ArchitectureSource(
    name="cifar",
    title="networks for 32×32 images",
    help="ResNets, VGGs, DenseNets and Wide ResNets of CIFAR repositories",
    example="cifar:resnet18",
    architecture=architecture,
    names=names,
)
