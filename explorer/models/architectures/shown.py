"""The architecture of a checkpoint as messages may show it: no file of the operator's is named.

What goes wrong in the operator's own code goes to the log, and only that it did to visitors. No
torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from explorer.errors import RequestError
from explorer.models.architectures import ARCHITECTURES, Architecture, architecture_named
from explorer.network_reference import CODE_ARCHITECTURE, PATH_SOURCE, NetworkReference

if TYPE_CHECKING:
    from torch import nn

    from explorer.models.network import Network

_P = ParamSpec("_P")
_T = TypeVar("_T")

_NAME = re.compile(r"[\w.-]+")


class OperatorsCodeError(RequestError):
    """A published network that the operator's code or file keeps from loading; its cause says why.

    The message names neither file nor reason.
    """


def is_shown(reference: NetworkReference) -> bool:
    """Whether messages may name the architecture: on the command line always, else a library's."""
    source, _, name = (reference.architecture or "").partition(":")
    if reference.source == PATH_SOURCE:
        return True
    return source in ARCHITECTURES and source != CODE_ARCHITECTURE and bool(_NAME.fullmatch(name))


def architecture_title(reference: NetworkReference) -> str:
    """`timm:resnet18`, or `the architecture of own:NAME` where that is a file of the operator's."""
    if is_shown(reference):
        return reference.architecture or ""
    return f"the architecture of {reference.model}"


def architecture_of(reference: NetworkReference, size: int | None = None) -> Architecture:
    """The architecture that a checkpoint's reference names, built for pictures of `size` px.

    Raises RequestError as `architecture_named` does; one of an operator's own code raises
    OperatorsCodeError for whatever goes wrong in it.
    """
    name = reference.architecture or ""
    if is_shown(reference):
        return architecture_named(name, size)
    architecture = _guarded(architecture_named, reference)(name, size)

    def describe(model: str, module: nn.Module) -> Network:
        network = architecture.describe(model, module)
        # An origin names the class of the module.
        own = type(module).__name__
        shown = {
            name: architecture_title(reference) if origin.startswith(f"{own}.") else origin
            for name, origin in network.origins.items()
        }
        return replace(network, origins=shown)

    return Architecture(_guarded(architecture.create, reference), _guarded(describe, reference))


def refused(reference: NetworkReference) -> OperatorsCodeError:
    """The error for a published network that cannot be loaded for a reason that visitors lack."""
    return OperatorsCodeError(
        "model", f"{reference.model} cannot be loaded; the log of whoever runs this app says why"
    )


def _guarded(function: Callable[_P, _T], reference: NetworkReference) -> Callable[_P, _T]:
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return function(*args, **kwargs)
        except MemoryError:
            raise
        except Exception as error:  # whatever the operator's code raises
            raise refused(reference) from error

    return call
