"""Comparisons: one thing varies, all else stays: the list of requests that this stands for.

No torch: the page and scripts say with it what is to be made, and what differs between results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from explorer import validation
from explorer.errors import RequestError, unknown
from explorer.images import gallery, seeds
from explorer.images.errors import PictureError
from explorer.losses.differences import DIFFERENCE_FIELDS
from explorer.losses.variants import ADVERSARIAL, FREE, LOSSES, loss_named
from explorer.models import catalogue
from explorer.models.hubs import HubUnreachable
from explorer.models.layer_titles import is_main, layer_title, section_of, sections
from explorer.models.names import LOGITS, PENULTIMATE
from explorer.request import RNG_SEED_RANGE, Request

MOST = 24
"""So many images are compared at most: more than fit a page are a sweep."""

MOST_RUNGS = 12
"""So many layers a ladder has at most; of deeper networks every second section, or fewer."""


@dataclass(frozen=True)
class Axis:
    """What varies.

    field: of the Request, which holds the varied value. again: the field in which each value may
    be made more than once, for an interval: `target` or `rng_seed`. question: what it answers.
    """

    name: str
    title: str
    field: str
    again: str
    question: str


AXES: dict[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis(
            "losses",
            "Losses",
            "loss",
            "target",
            "Does the loss decide what one concludes about this network?",
        ),
        Axis(
            "networks",
            "Networks",
            "model",
            "target",
            "What in a network makes its images look like their targets?",
        ),
        Axis("layers", "Layers", "layer", "target", "At which layer does the picture fall apart?"),
        Axis("seeds", "Seeds", "seed", "rng_seed", "Does the conclusion depend on the seed?"),
        Axis("targets", "Targets", "target", "rng_seed", "Does it hold for other targets?"),
    )
}
"""By name, in the order in which they are offered."""

DEFAULT_AXIS = "losses"
FACTORS = {
    "architecture": "Architecture",
    "training": "Training objective",
    "augmentation": "Augmentation",
}
"""What networks are grouped by: the factors that Nanda et al. vary."""
DEFAULT_FACTOR = "training"

_MOST_NETWORKS = 8
"""Of a group, where nothing is chosen: what is made in a minute."""

_LOSSES = (FREE, "freq", ADVERSARIAL)
_SEEDS = ("noise", "light-noise", "grey-noise", "white")
_TARGETS = ("sunflower", "cat", "coffee", "dog", "balloon", "parrot")


@dataclass(frozen=True)
class Cell:
    """One image of a comparison.

    value: what the varied field is set to; again: what the repeated one is, None where each value
    is made once. request: None where it cannot be right, `error` then says why.
    """

    value: str
    again: str | int | None
    request: Request | None
    error: str = ""


def axis_named(name: str) -> Axis:
    """The axis of this name; RequestError (field `vary`) lists them all."""
    if name not in AXES:
        raise unknown("vary", "axis", name, AXES)
    return AXES[name]


def default_values(axis: Axis, base: Mapping[str, object], layers: Sequence[str] = ()) -> list[str]:
    """What varies where nothing else is said.

    base: fields of a Request, whose own value is among them. layers: the network's `ladder`.
    """
    own = str(base[axis.field])
    if axis.name == "layers":
        return list(layers) or [PENULTIMATE, LOGITS]
    if axis.name == "networks":
        entries = {each.reference: each.group for each in catalogue.offered_whole()}
        group = entries.get(own)
        alike = [name for name, each in entries.items() if each == group and name != own]
        others = alike if group else [name for name in entries if name != own]
        return by_factors(_different([own, *others])[:_MOST_NETWORKS], DEFAULT_FACTOR)
    values = {"losses": _LOSSES, "seeds": _SEEDS, "targets": _TARGETS}[axis.name]
    offered = {"losses": LOSSES, "seeds": seeds.kinds(), "targets": gallery.names()}[axis.name]
    chosen = [value for value in values if value in offered]
    if own in chosen or (axis.name == "losses" and own not in LOSSES):
        return chosen
    return [own, *chosen]


def ladder(layers: Sequence[tuple[str, str, Sequence[int]]]) -> list[str]:
    """The stages of a network in order of execution: the last layer of each, and both ends.

    layers: (name, kind, shape) of all of its layers, in order. Where there are more than
    MOST_RUNGS, they are taken at equal steps; a last stage that is the classifier's input is left
    out.
    """
    names = [name for name, _, _ in layers]
    shapes = {name: tuple(shape) for name, _, shape in layers}
    rungs: dict[str, str] = {}
    for name, kind, _ in layers:
        section = section_of(name, names)
        if name in (PENULTIMATE, LOGITS) or not is_main(name, kind) or section == "head":
            continue
        whole = layer_title(rungs.get(section, ""), "", names) == section
        if not whole or layer_title(name, kind, names) == section:
            rungs[section] = name
    inner = [rungs[section] for section in sections(names) if section in rungs]
    if inner and shapes[inner[-1]] == shapes.get(PENULTIMATE):
        inner.pop()
    ends = [name for name in (PENULTIMATE, LOGITS) if name in names]
    room = MOST_RUNGS - len(ends)
    if len(inner) > room:
        last = len(inner) - 1
        inner = [inner[round(at * last / (room - 1))] for at in range(room)]
    return [*inner, *ends]


def factor_of(model: str, factor: str) -> str:
    """To which group a network belongs by one of FACTORS, in words; "unknown" where none says."""
    entry = catalogue.find(model)
    if entry is None:
        return "unknown"
    facts = {
        "architecture": entry.family,
        "training": entry.objective,
        "augmentation": entry.augmentation,
    }
    return facts[factor].replace(" l2", " ℓ₂").replace(" linf", " ℓ∞") or "unknown"


def by_factors(models: Sequence[str], factor: str | None) -> list[str]:
    """Networks group by group, and within a group by the other factors; as they are for None.

    What comes first among them, comes first among the groups, too.
    """
    if factor is None:
        return list(models)
    factors = [factor, *(other for other in FACTORS if other != factor)]
    levels = {each: [factor_of(model, each) for model in models] for each in factors}
    places = {
        model: tuple(levels[each].index(levels[each][at]) for each in factors)
        for at, model in enumerate(models)
    }
    return sorted(models, key=places.__getitem__)


def _different(models: Sequence[str]) -> list[str]:
    """Networks, those last that have all factors in common with an earlier one."""
    first: dict[tuple[str, ...], str] = {}
    for model in models:
        first.setdefault(tuple(factor_of(model, factor) for factor in FACTORS), model)
    return sorted(models, key=lambda model: model not in first.values())


def random_seeds(first: int, count: int) -> list[int]:
    """`count` random seeds from `first` on; after the largest comes 0."""
    return [(first + each) % (RNG_SEED_RANGE[1] + 1) for each in range(count)]


def vary(
    base: Mapping[str, object],
    axis: Axis,
    values: Sequence[str],
    again: Sequence[str | int] = (),
    check_model: Callable[[str], None] = lambda model: None,
    check_request: Callable[[Request], None] = lambda request: None,
) -> tuple[Cell, ...]:
    """The cells of a comparison: each value, and each of it for all of `again`.

    base: fields of a Request as a person set them; those that a value cannot have are left out of
    its request (the adversary of a loss without one, the weights of another loss, the nearest image
    where the loss asks for more than the match). again: values of the field `axis.again`; () makes
    each value once. check_model: raises RequestError for networks that may not be named;
    check_request: for requests that may not be made. Raises RequestError (field `values`) for none,
    and for more than MOST.
    """
    once: Sequence[str | int | None] = list(dict.fromkeys(again)) or [None]
    pairs = list(product(dict.fromkeys(values), once))
    if not pairs:
        raise RequestError("values", f"choose at least one of the {axis.title.lower()}")
    cells, seen = [], set()
    for value, repeat in pairs:
        cell = _cell(base, axis, value, repeat, check_model, check_request)
        key = None if cell.request is None else cell.request.key
        # A plain seed image is the same from every random seed.
        is_same = axis.again == "rng_seed" and repeat != once[0] and not _is_random(cell.request)
        if key is None or not (key in seen or is_same):
            cells.append(cell)
            seen.add(key)
    if len(cells) > MOST:
        raise RequestError(
            "values", f"these are {len(cells)} images; {MOST} at most are compared on a page"
        )
    return tuple(cells)


def _cell(
    base: Mapping[str, object],
    axis: Axis,
    value: str,
    repeat: str | int | None,
    check_model: Callable[[str], None],
    check_request: Callable[[Request], None],
) -> Cell:
    fields = {**base, axis.field: value}
    if repeat is not None:
        fields[axis.again] = repeat
    try:
        check_model(str(fields["model"]))
        request = _request(fields, base)
        check_request(request)
        return Cell(value, repeat, request)
    except RequestError as error:
        return Cell(value, repeat, None, error.message)
    except (PictureError, HubUnreachable) as error:
        return Cell(value, repeat, None, str(error))


def _request(fields: dict[str, object], base: Mapping[str, object]) -> Request:
    """The validated request of these fields, without those that its loss cannot have."""
    name = str(fields["loss"])
    if name != base["loss"]:
        fields["term_weights"] = None
    if not loss_named(name).uses_distance:
        fields["adversary"] = None
    if not loss_named(name).needs:
        fields |= dict.fromkeys(DIFFERENCE_FIELDS)
    model = str(fields.pop("model"))
    network = validation.network_reference(model, **fields)
    request = Request.from_dict({**fields, **network.to_dict()})
    if request.nearest:
        weights = dict(request.term_weights or ())
        loss = loss_named(name, weights, request.representation)
        if validation.why_not_nearest(request, loss):
            request = Request.from_dict({**request.to_dict(), "nearest": None})
    return validation.with_null(validation.validate(request))


def _is_random(request: Request | None) -> bool:
    """Whether another random seed makes another image."""
    if request is None or request.transforms:
        return True
    return request.seed in seeds.kinds() and _draws_differ(request.seed)


@lru_cache
def _draws_differ(kind: str) -> bool:
    first, second = (seeds.make_seed(kind, (16, 16), rng_seed) for rng_seed in (0, 1))
    return bool((first != second).any())
