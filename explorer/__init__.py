"""Make, measure and show identically represented inputs (IRIs) of image networks.

    from explorer import Request, generate
    result = generate(Request(model="embedded:residual-multi-adv2", target="astronaut"))

Importing the package is light; torch comes in with `generate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.request import Request, RequestError
from explorer.result import Result

if TYPE_CHECKING:
    from explorer.pipeline import generate, generate_batch

__all__ = ["Request", "RequestError", "Result", "generate", "generate_batch"]


def __getattr__(name: str):
    if name in ("generate", "generate_batch"):
        from explorer import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module 'explorer' has no attribute {name!r}")
