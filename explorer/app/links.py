"""A request as the address of Explore, and what the panel says where the address is silent."""

from __future__ import annotations

from collections.abc import Mapping

from explorer.analysis.examples import EXAMPLES
from explorer.app.naming import exact
from explorer.app.panels.loss_picker import WEIGHT_KEYS
from explorer.request import Request
from explorer.validation import DEFAULT_ADVERSARY

EFFORTS = {"quick": 100, "normal": 500, "thorough": 1500, "long": 5000}
"""Steps by the word that stands for them."""

DEFAULT_EFFORT = "normal"
DEFAULTS = EXAMPLES[0][1]

_PARAMETERS = {
    "model": "model",
    "layer": "layer",
    "target": "target",
    "seed": "seed",
    "loss": "loss",
    "representation": "representation",
    "relu_gradient": "relu",
    "adversary": "adversary",
    "optimiser": "optimiser",
    "goal": "goal",
    "rng_seed": "rng",
    "size": "size",
}
"""Name in the address by field of a Request. Steps go by their effort, weights by their terms."""

_SILENT = DEFAULTS.to_dict() | {
    "representation": "relative-l2",
    "adversary": DEFAULT_ADVERSARY,
}


def parameters(fields: Mapping[str, object], effort: str) -> dict[str, str]:
    """The address that says these fields of a Request; what is as by default is left out."""
    said = {
        parameter: _spelt(fields[name])
        for name, parameter in _PARAMETERS.items()
        if fields[name] is not None and fields[name] != _SILENT.get(name)
    }
    weights = dict(fields["term_weights"] or ())
    said |= {WEIGHT_KEYS[term]: _spelt(size) for term, size in weights.items()}
    return said if effort == DEFAULT_EFFORT else said | {"effort": effort}


def link(request: Request) -> dict[str, str]:
    """The address at which the panel holds this very request.

    Raises ValueError where no panel can: for a number of steps that is no effort, and for `file:`
    networks, which visitors cannot name.
    """
    effort = next((name for name, steps in EFFORTS.items() if steps == request.steps), None)
    if effort is None or request.model.startswith("file:"):
        raise ValueError(f"the panel cannot say {request.model} with {request.steps} steps")
    names = (*_PARAMETERS, "term_weights")
    return parameters({name: getattr(request, name) for name in names}, effort)


def _spelt(value: object) -> str:
    return exact(value) if isinstance(value, float) else str(value)
