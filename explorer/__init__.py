"""Make, measure and show identically represented inputs (IRIs) of image networks.

    from explorer import Request, generate
    result = generate(Request(model="embedded:imagenette-residual-adv1", target="astronaut"))

Importing the package is light: what is asked for is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from explorer.analysis.align import align
    from explorer.analysis.comparison import compare
    from explorer.analysis.continuation import continue_result
    from explorer.analysis.diverse import diverse_set
    from explorer.analysis.eyes import observer_matrix
    from explorer.analysis.generation import generate, generate_batch
    from explorer.analysis.profile import layer_profile, null
    from explorer.analysis.stir import stir
    from explorer.errors import RequestError
    from explorer.models.network import Network
    from explorer.network_reference import NetworkReference
    from explorer.request import Request
    from explorer.result import Result

_HOMES = {
    "Network": "explorer.models.network",
    "NetworkReference": "explorer.network_reference",
    "Request": "explorer.request",
    "RequestError": "explorer.errors",
    "Result": "explorer.result",
    "align": "explorer.analysis.align",
    "compare": "explorer.analysis.comparison",
    "continue_result": "explorer.analysis.continuation",
    "diverse_set": "explorer.analysis.diverse",
    "generate": "explorer.analysis.generation",
    "generate_batch": "explorer.analysis.generation",
    "layer_profile": "explorer.analysis.profile",
    "null": "explorer.analysis.profile",
    "observer_matrix": "explorer.analysis.eyes",
    "stir": "explorer.analysis.stir",
}

__all__ = [
    "Network",
    "NetworkReference",
    "Request",
    "RequestError",
    "Result",
    "align",
    "compare",
    "continue_result",
    "diverse_set",
    "generate",
    "generate_batch",
    "layer_profile",
    "null",
    "observer_matrix",
    "stir",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'explorer' has no attribute {name!r}")
