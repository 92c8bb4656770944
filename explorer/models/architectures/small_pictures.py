"""Which `cifar:` architecture a checkpoint is for, told by its tensors' names and shapes.

The families propose names; each is built without memory for its weights, and must have the
checkpoint's tensors. The classifier may have any number of classes, be another one or be missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from explorer.models.architectures.cifar.family import Shapes
from explorer.models.architectures.torchvision import classifier

_BESIDES = re.compile(
    r"(.*\.)?num_batches_tracked|(mu|sigma|mean|std)|normali[sz]er?\..*", re.IGNORECASE
)
"""Tensors that say nothing about the architecture: counters, and the input's mean and deviation."""


def fitting(reference: str, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """The architecture that fits a checkpoint for which `reference` was asked.

    shapes: of the checkpoint's tensors by name, without a wrapper's prefix. The reference itself,
    unless it is one of timm's or torchvision's that does not fit while its small-picture variant
    does: a 3×3 stem, or a CIFAR repository's names (`shortcut`, `linear`). Where several variants
    have the same tensors (`candidates`), the most usual: without max-pooling.
    """
    source, _, name = reference.partition(":")
    if source not in ("timm", "torchvision"):
        return reference
    design = re.split(r"[./]", name, maxsplit=1)[0]
    variants = [
        candidate
        for candidate in candidates(shapes)
        if candidate.removeprefix("cifar:").partition("-")[0] == design
    ]
    if not variants or _mismatch(_shapes_of(reference), shapes) is not None:
        return reference
    return variants[0]


def guess(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The one `cifar:` architecture with these tensors; None where there is none, or several."""
    found = candidates(shapes)
    return found[0] if len(found) == 1 else None


def candidates(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Every `cifar:` architecture with these tensors, the most usual first.

    More than one where networks of the same tensors differ in what they compute: with or without
    max-pooling, with SiLU or ReLU.
    """
    from explorer.models.architectures.cifar import families

    misfits: dict[str, int] = {}
    for family in families():
        for name in family.candidates(shapes):
            misfit = _mismatch(_shapes_of(f"cifar:{name}"), shapes)
            if misfit is not None:
                misfits[f"cifar:{name}"] = misfit
    best = min(misfits.values(), default=0)
    return tuple(name for name, misfit in misfits.items() if misfit == best)


@lru_cache(maxsize=32)
def _shapes_of(reference: str) -> tuple[str, Shapes]:
    """The classifier's name and the shapes of an architecture's tensors."""
    import torch

    from explorer.models.architectures import architecture_named

    with torch.device("meta"):
        module = architecture_named(reference).create()
    shapes = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    return classifier(module) or "", shapes


def _mismatch(architecture: tuple[str, Shapes], shapes: Shapes) -> int | None:
    """How many tensors one has and the other lacks, in or beyond the classifier; None: no fit."""
    head, wanted = architecture
    top = head.partition(".")[0]
    outside = {name for name in wanted if not _BESIDES.fullmatch(name)}
    given = {name for name in shapes if not _BESIDES.fullmatch(name)}
    # A whole head may be missing or another; a part of the same head says which layout it is.
    own_head = {name for name in outside if name.startswith(f"{top}.")}
    if any(not _alike(shapes.get(name), wanted[name]) for name in outside - own_head):
        return None
    parts = {name.partition(".")[0] for name in outside - own_head}
    if any(name.partition(".")[0] in parts for name in given - outside):
        return None
    if not _head_takes(wanted, top, shapes):
        return None
    differing = {name for name in own_head & given if not name.startswith(f"{head}.")}
    if any(shapes[name] != wanted[name] for name in differing):
        return None
    return len(given ^ outside)


def _alike(given: tuple[int, ...] | None, wanted: tuple[int, ...]) -> bool:
    """Whether a tensor has the shape that is wanted, or its version for grey pictures."""
    grey = (wanted[0], 1, *wanted[2:]) if len(wanted) == 4 and wanted[1] == 3 else wanted
    return given in (wanted, grey)


def _head_takes(wanted: Shapes, top: str, shapes: Shapes) -> bool:
    """Whether the first linear layer of both heads takes as many numbers, if there are both."""
    inputs = [
        next(
            (
                shape[1]
                for name, shape in tensors.items()
                if name.startswith(f"{top}.") and len(shape) == 2
            ),
            None,
        )
        for tensors in (wanted, shapes)
    ]
    return None in inputs or inputs[0] == inputs[1]
