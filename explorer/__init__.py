"""Make, measure and show identically represented inputs (IRIs) of image networks.

    from explorer import Request, generate
    result = generate(Request(model="embedded:residual-multi-adv2", target="astronaut"))

Importing the package is light: what is asked for is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from explorer.analysis.generation import generate, generate_batch
    from explorer.errors import RequestError
    from explorer.request import Request
    from explorer.result import Result

_HOMES = {
    "Request": "explorer.request",
    "RequestError": "explorer.errors",
    "Result": "explorer.result",
    "generate": "explorer.analysis.generation",
    "generate_batch": "explorer.analysis.generation",
}

__all__ = ["Request", "RequestError", "Result", "generate", "generate_batch"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'explorer' has no attribute {name!r}")
