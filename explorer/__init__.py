"""Make, measure and show identically represented inputs (IRIs) of image networks.

    from explorer import Request, generate
    result = generate(Request(model="embedded:residual-multi-adv2", target="astronaut"))

Importing the package is light; torch comes in with the first function that is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from explorer.request import Request, RequestError
from explorer.result import Result

if TYPE_CHECKING:
    from explorer.analysis.generation import generate, generate_batch

_USE_CASES = {
    "generate": "explorer.analysis.generation",
    "generate_batch": "explorer.analysis.generation",
}

__all__ = ["Request", "RequestError", "Result", "generate", "generate_batch"]


def __getattr__(name: str) -> object:
    if name in _USE_CASES:
        return getattr(import_module(_USE_CASES[name]), name)
    raise AttributeError(f"module 'explorer' has no attribute {name!r}")
