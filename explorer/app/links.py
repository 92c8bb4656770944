"""A request as the URL of Explore, and what the sidebar is set to where the URL is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any, TypedDict

from explorer.analysis.examples import EXAMPLES
from explorer.app import continued
from explorer.app.panels.loss_picker import weight_key
from explorer.cli.options import exact
from explorer.models.sources import SOURCES
from explorer.request import Request
from explorer.validation import DEFAULT_ADVERSARY, validate

EFFORTS = {"quick": 100, "normal": 500, "thorough": 1500, "long": 5000}
"""Steps by the name of the effort."""

DEFAULT_EFFORT = "normal"
DEFAULTS = validate(Request(model="embedded:residual-multi-adv2"))
"""What a URL leaves out. It stays as it is: links that people stored leave it out, too."""


class SidebarFields(TypedDict):
    """The fields of a Request that the sidebar sets, steps excepted: they go by their effort."""

    model: str
    layer: str
    target: str
    seed: str
    loss: str
    term_weights: tuple[tuple[str, float], ...] | None
    representation: str | None
    relu_gradient: str | None
    adversary: str | None
    optimiser: str
    goal: float
    rng_seed: int
    size: int | None
    continues: str | None
    nearest: bool | None
    observer: str | None
    observer_layer: str | None
    away_from: tuple[str, ...] | None


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
    "continues": continued.PARAMETER,
    "nearest": "nearest",
    "observer": "observer",
    "observer_layer": "observer-layer",
    "away_from": "away",
}
"""URL parameter by field; weights have one parameter per term."""

_ELSEWHERE = {"steps", "weights", "null", "null_folder", "classes_file"}
"""Fields that the effort, the network's source or the operator set."""

_BEYOND_SIDEBAR = tuple(
    each.name
    for each in dataclass_fields(Request)
    if each.name not in SidebarFields.__annotations__ and each.name not in _ELSEWHERE
)

_DEFAULT_VALUES = DEFAULTS.to_dict() | {
    "representation": "relative-l2",
    "adversary": DEFAULT_ADVERSARY,
    "nearest": None,
}


def parameters(fields: SidebarFields, effort: str) -> dict[str, str]:
    """The URL parameters for these fields; those at their defaults are left out.

    The network is always named: a URL without any parameter stands for the first example.
    """
    values: Mapping[str, object] = fields
    texts = {
        parameter: _text(values[name])
        for name, parameter in _PARAMETERS.items()
        if name == "model"
        or (values[name] is not None and values[name] != _DEFAULT_VALUES.get(name))
    }
    texts |= {weight_key(term): _text(weight) for term, weight in fields["term_weights"] or ()}
    return texts if effort == DEFAULT_EFFORT else texts | {"effort": effort}


def link(request: Request) -> dict[str, str]:
    """The URL parameters at which the sidebar asks for this very request.

    Raises ValueError where the sidebar cannot: for a number of steps that is no effort, for
    networks that visitors cannot name, and for input settings that only the command line takes.
    """
    effort = next((name for name, steps in EFFORTS.items() if steps == request.steps), None)
    may_name = SOURCES[request.network.source].visitors_may_name
    beyond = any(getattr(request, name) is not None for name in _BEYOND_SIDEBAR)
    if effort is None or not may_name or beyond:
        raise ValueError(f"the sidebar cannot ask for {request.model} with these settings")
    values: Any = {name: getattr(request, name) for name in SidebarFields.__annotations__}
    if request.nearest and validate(replace(request, nearest=None)).nearest:
        values["nearest"] = None
    fields: SidebarFields = values
    return parameters(fields, effort)


def first_example() -> dict[str, str]:
    """The URL parameters for which a URL without any stands."""
    return link(EXAMPLES[0][1])


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return exact(value) if isinstance(value, float) else str(value)
