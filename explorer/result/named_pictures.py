"""Whether a result shows the target and the seed that its request names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from explorer.images import gallery, noise_targets, seeds
from explorer.images.encoding import from_png, to_8bit
from explorer.images.named_pictures import Fitting, PlainFitting, seed_image, target_image
from explorer.result import Result, ResultError

TOLERANCE = 2
"""Of 255: other versions of the libraries may decode and resize a picture a little differently."""

LARGEST_RESIZED = 4096
"""A side, in px, to which a picture is resized before it is cropped."""


def check_named_pictures(result: Result) -> None:
    """ResultError where target or seed is not the picture that the request names.

    Gallery pictures, noise targets and seed kinds are made again, at the IRI's size, as the network
    that the result names was given pictures. Of uploads, and of what this version has not, only
    their name is known.
    """
    request = result.request
    target, seed = request.target, request.seed
    drawn = noise_targets.is_noise_target(target)
    if drawn or target in gallery.names():
        _check(result, "target", target, drawn, lambda how: target_image(target, how))
    drawn = seed in seeds.kinds()
    if drawn or seed in gallery.names():
        _check(result, "seed", seed, drawn, lambda how: seed_image(seed, request.rng_seed, how))


def _check(
    result: Result, field: str, name: str, drawn: bool, image: Callable[[Fitting], np.ndarray]
) -> None:
    shown = from_png(result.target_png if field == "target" else result.seed_png).astype(np.int16)
    for how in _fittings(result, drawn):
        try:
            made = to_8bit(image(how))
        except Exception as error:  # a record of the network that no network could have
            raise ResultError(
                f"its 'network' fits no picture such as its {field} {name!r}"
            ) from error
        if np.abs(shown - made).max() <= TOLERANCE:
            return
    raise ResultError(f"its {field}.png does not show the {field} {name!r} that its request names")


def _fittings(result: Result, drawn: bool) -> Iterator[Fitting]:
    """How the network may have been given pictures; what is drawn needs no more than channels."""
    network, (height, width) = result.network, result.iri.shape[1:]
    if network is None:
        if not drawn:
            raise ResultError(
                "its result.json has no 'network', so that its pictures cannot be checked; "
                "generate it again"
            )
        yield from (PlainFitting((height, width), channels) for channels in (3, 1))
        return
    if not max(height, width) / LARGEST_RESIZED <= network.crop_pct <= 1:
        raise ResultError(f"'network.crop_pct' is {network.crop_pct:g}, which no network has")
    yield replace(network, size=(height, width))
