"""The registry of optimisers: what pages, command line, validation and listings derive from."""

from __future__ import annotations

from explorer.errors import RequestError, unknown
from explorer.losses.variants import Loss
from explorer.registry import Registry
from explorer.synthesis.optimizers import records
from explorer.synthesis.optimizers.record import Optimiser

AUTO = "auto"
AUTO_TITLE = "Automatic"
AUTO_HELP = "what works best for this network, layer and loss"

OPTIMISERS: Registry[Optimiser] = Registry(
    "optimiser",
    "optimiser",
    (
        records.MOMENTUM_ANDERSON,
        records.SURROGATE_LBFGS,
        records.SURROGATE_LBFGS_OR_MOMENTUM,
        records.LBFGS,
        records.SURROGATE_MOMENTUM,
        records.MOMENTUM,
        records.ADAM,
        records.PAPER,
        records.FEATHER,
    ),
)


def choices() -> dict[str, str]:
    """What a request may give as its optimiser → a few words about it; `auto` first."""
    return {AUTO: AUTO_HELP} | {name: each.short_help for name, each in OPTIMISERS.items()}


def optimiser_named(name: str) -> Optimiser:
    """The optimiser of this name or former name; RequestError suggests the nearest."""
    for optimiser in OPTIMISERS.values():
        if name in (optimiser.name, *optimiser.aliases):
            return optimiser
    raise unknown(OPTIMISERS.field, OPTIMISERS.kind, name, choices())


def title(name: str) -> str:
    """The title of an optimiser for the page, with its name; of an unknown name the name alone."""
    titles = {AUTO: AUTO_TITLE}
    for optimiser in OPTIMISERS.values():
        titles |= dict.fromkeys((optimiser.name, *optimiser.aliases), optimiser.title)
    return f"{titles[name]} ({name})" if name in titles else name


def check_suits(name: str, loss: Loss, straight_through: bool) -> None:
    """RequestError (field `optimiser`) where it is unknown or cannot minimise this loss.

    straight_through: whether the gradient skips the ReLU that the layer ends in.
    """
    if name == AUTO:
        return
    reason = _why_not(optimiser_named(name), loss, straight_through)
    if reason:
        able = [
            each.name for each in OPTIMISERS.values() if not _why_not(each, loss, straight_through)
        ]
        raise RequestError(
            "optimiser", f"{name!r} {reason}; choose one of {', '.join([AUTO, *able])}"
        )


def _why_not(optimiser: Optimiser, loss: Loss, straight_through: bool) -> str:
    """What this optimiser needs that the loss or its gradient is not; "" where it suits."""
    if optimiser.needs_stationary_loss and (straight_through or not loss.stationary):
        return (
            "needs a loss that stays the same from step to step and a gradient of its own, so no "
            "random transforms, no capped push of 'adversarial' and no straight-through gradient"
        )
    if optimiser.only_match and not (loss.only_match and loss.parametrisation == "pixel"):
        return (
            "uses the representation alone, so it needs a loss that asks for nothing but the "
            "match, and no +fourier"
        )
    return ""
