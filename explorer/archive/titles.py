"""Titles that people read: of pictures, networks and losses."""

from __future__ import annotations

from explorer.images import gallery, noise_targets, seeds
from explorer.losses.differences import DIFFERENCE_LOSSES
from explorer.losses.variants import LOSSES
from explorer.models import catalogue


def picture_title(name: str) -> str:
    """The title of a gallery picture, a seed kind, a noise target or an upload."""
    if name.startswith("picture:"):
        return f"uploaded picture {name.removeprefix('picture:')[:6]}"
    if name in seeds.kinds():
        return seeds.describe(name).title
    if noise_targets.is_noise_target(name):
        return noise_targets.title(name)
    return gallery.describe(name).title if name in gallery.names() else name


def seed_drawn(rng_seed: int) -> str:
    """Which random seed the seed image and the search were drawn with; "" for the usual one, 0."""
    return f"random seed {rng_seed}" if rng_seed else ""


def network_title(reference: str) -> str:
    """The catalogue's title, or the reference itself."""
    entry = catalogue.find(reference)
    return reference if entry is None else entry.title


def loss_title(name: str) -> str:
    """The title of a loss, or the name itself."""
    loss = LOSSES.get(name) or DIFFERENCE_LOSSES.get(name)
    return name if loss is None else loss.title
