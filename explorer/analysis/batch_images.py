"""The images that a batch of requests names: targets, seeds, and the control's wrong targets."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from explorer.analysis.continuation import fitted_picture
from explorer.errors import RequestError
from explorer.images import gallery, seeds
from explorer.images.encoding import from_png
from explorer.images.identity import content_name, is_one_of
from explorer.images.named_pictures import seed_image, target_image
from explorer.metrics.calibration import PICTURE
from explorer.models.fitting import as_batch, fit_to
from explorer.models.network import Network
from explorer.request import Request
from explorer.result import Result

WRONG_TARGETS = 5
"""The control: an IRI is compared with so many photographs that it was not made for."""


@dataclass(frozen=True)
class BatchImages:
    """What the IRIs of a batch are made from and compared with, one per request.

    targets, seeds: N×3×H×W in [0, 1] at the network's input size, on its device; grey for a grey
    network. mismatched: wrong targets likewise, N×WRONG_TARGETS×3×H×W, and mismatched_names theirs
    in the gallery. starts: the IRIs that are gone on from, where they are.
    """

    targets: Tensor
    seeds: Tensor
    mismatched: Tensor
    mismatched_names: tuple[tuple[str, ...], ...]
    starts: Tensor | None = None


def load_images(
    requests: Sequence[Request],
    network: Network,
    pictures: Mapping[str, bytes],
    earlier: Sequence[Result | None] = (),
) -> BatchImages:
    """The images of these requests, fitted to the network.

    pictures: PNG bytes of every `picture:SHA256` that they name; RequestError names the field for
    which one is missing, and the seed where it has the target's pixels. earlier: the results that
    the requests go on from, all or none; their uploads are taken as they were fitted then.
    """
    pairs = list(zip(requests, earlier or [None] * len(requests), strict=True))
    targets = [_named("target", each.target, each, network, pictures, was) for each, was in pairs]
    origins = [_named("seed", each.seed, each, network, pictures, was) for each, was in pairs]
    for request, target, origin in zip(requests, targets, origins, strict=True):
        if np.array_equal(target, origin):
            height, width = network.input.size
            raise RequestError(
                "seed",
                f"at the network's {width}×{height} px, seed {_short(request.seed)} and target "
                f"{_short(request.target)} are the same image; choose another seed",
            )
    names = tuple(mismatched_for(each) for each in requests)
    drawn = {name for row in names for name in row}
    fitted = {name: fit_to(gallery.load(name), network) for name in drawn}
    mismatched = [as_batch([fitted[name] for name in row], network) for row in names]
    return BatchImages(
        as_batch(targets, network),
        as_batch(origins, network),
        torch.stack(mismatched),
        names,
        _starts(earlier, network),
    )


def _starts(earlier: Sequence[Result | None], network: Network) -> Tensor | None:
    """The IRIs from which searches go on; RequestError where one has not the network's size."""
    results = [result for result in earlier if result is not None]
    for result in results:
        if result.iri.shape[1:] != network.input.size:
            (height, width), (high, wide) = result.iri.shape[1:], network.input.size
            raise RequestError(
                "continues",
                f"its image has {width}×{height} px, and the network takes {wide}×{high} px",
            )
    return as_batch([result.iri for result in results], network) if results else None


def mismatched_for(request: Request) -> tuple[str, ...]:
    """The control's wrong targets: WRONG_TARGETS of the gallery, in the order of their names.

    Drawn by target, seed and random seed, so that each request has a choice of its own and always
    the same one. None is a copy of target or seed: pictures are compared by their pixels.
    """
    chosen = (request.target, request.seed)
    names = sorted(name for name in gallery.names() if not is_one_of(name, chosen))
    drawn_by = " ".join((*map(content_name, chosen), str(request.rng_seed)))
    number = int.from_bytes(hashlib.sha256(drawn_by.encode()).digest()[:8])
    return tuple(sorted(random.Random(number).sample(names, WRONG_TARGETS)))


def seed_kind_of(request: Request) -> str:
    """The kind of seed by which measures are chosen: a drawn one's name, or `picture`."""
    return request.seed if request.seed in seeds.kinds() else PICTURE


def _short(name: str) -> str:
    """The name as messages give it, an upload's by the first digits of its SHA-256."""
    return repr(name if len(name) < 20 else f"{name[:16]}…")


def _named(
    field: Literal["target", "seed"],
    name: str,
    request: Request,
    network: Network,
    pictures: Mapping[str, bytes],
    earlier: Result | None,
) -> np.ndarray:
    """The image that a request's target or seed names, float32 3×H×W in [0, 1]."""
    if not name.startswith("picture:"):
        if field == "seed":
            return seed_image(name, request.rng_seed, network.input)
        return target_image(name, network.input)
    if earlier is not None:
        return fitted_picture(earlier, field)
    if name not in pictures:
        raise RequestError(field, "this picture is not here any more; upload it again")
    return fit_to(from_png(pictures[name]), network)
