"""The terms that losses are made of, one file each.

The priors sum over C, H, W as in the public code of Nanda et al. (AAAI 2023), so they grow with
the image; a term that takes a mean says so. A new term is a file here with a record `TERM`, and its
module's name below.
"""

from __future__ import annotations

from importlib import import_module

from explorer.losses.term import LossTerm
from explorer.registry import Registry

_MODULES = (
    "explorer.losses.terms.representation",
    "explorer.losses.terms.tv",
    "explorer.losses.terms.blur",
    "explorer.losses.terms.l1",
    "explorer.losses.terms.l6",
    "explorer.losses.terms.to_target",
    "explorer.losses.terms.to_seed",
)
"""In the order in which formulae and pages list them."""

TERMS: Registry[LossTerm] = Registry(
    "loss term", "term_weights", (import_module(module).TERM for module in _MODULES)
)
