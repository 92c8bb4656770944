"""The examples that ship with the app: their titles and requests, and what is stored of each."""

from __future__ import annotations

from dataclasses import replace

from explorer.images import seeds
from explorer.request import Request
from explorer.result import Result
from explorer.validation import validate

_ROBUST = "embedded:residual-multi-adv2"
_STANDARD = "embedded:residual-multi-standard"

_IMAGENET = "compressed:squeezenet1_0"

LARGEST_SIDE_WITH_FRAMES = 128
"""px. Each key frame of a larger image weighs as much as its IRI: those are left out."""


def _squeezenet(
    layer: str, target: str, goal: float = 0.02, steps: int = 500, seed: str = "feather-noise"
) -> Request:
    """The nearest image, from the faint noise of Feather et al. (2023) unless another is named."""
    return Request(
        model=_IMAGENET,
        layer=layer,
        target=target,
        seed=seed,
        steps=steps,
        goal=goal,
        nearest=True,
    )


_REQUESTS = (
    (
        "A coffee cup that SqueezeNet takes for a cat, by its 512×13×13 penultimate map",
        _squeezenet("penultimate", "cat", 0.15, 1500, seed="coffee"),
    ),
    (
        "A cat that SqueezeNet takes for a coffee cup, by its 512×13×13 penultimate map",
        _squeezenet("penultimate", "coffee", 0.15, 1500, seed="cat"),
    ),
    (
        "The cat at SqueezeNet's last block: a faint outline in grey noise",
        _squeezenet("features.12", "cat", 0.15, 1500),
    ),
    (
        "The cup at SqueezeNet's last block: a faint outline in grey noise",
        _squeezenet("features.12", "coffee", 0.15, 1500),
    ),
    (
        "The cat at SqueezeNet's fourth block: still the cat, paler",
        _squeezenet("features.7", "cat", 0.1, 1500),
    ),
    (
        "The cup at SqueezeNet's fourth block: still the cup, paler",
        _squeezenet("features.7", "coffee", 0.1, 1500),
    ),
    (
        "The cat at SqueezeNet's first block: nearly everything is kept",
        _squeezenet("features.3", "cat"),
    ),
    (
        "The cup at SqueezeNet's first block: nearly everything is kept",
        _squeezenet("features.3", "coffee"),
    ),
    ("Adversarially trained: outlines and colours come through", Request(model=_ROBUST)),
    ("Standard training: noise stays noise", Request(model=_STANDARD)),
    ("Adversarially trained, from strong noise", Request(model=_ROBUST, seed="noise")),
    ("Standard training, from strong noise", Request(model=_STANDARD, seed="noise")),
    ("An early layer keeps nearly everything", Request(model=_STANDARD, layer="stage1.0")),
    ("The logits keep almost nothing", Request(model=_STANDARD, layer="logits")),
    (
        "A loss that also asks for a smooth picture",
        Request(model=_STANDARD, loss="freq"),
    ),
    (
        "A loss that keeps the image near the seed: no match, no conclusion",
        Request(model=_ROBUST, loss="adversarial-seed"),
    ),
    ("A coffee cup out of a cat", Request(model=_ROBUST, target="coffee", seed="cat")),
)

EXAMPLES: tuple[tuple[str, Request], ...] = tuple(
    (title, validate(request)) for title, request in _REQUESTS
)
"""Title and request, in its normal form, so that its key is that of its result."""


def as_shipped(result: Result) -> Result:
    """What the starter pack stores of a result.

    Of a large image the key frames are left out, and from noise the image as searched, too: from a
    photograph it is what the example is about.
    """
    if max(result.iri.shape[1:]) <= LARGEST_SIDE_WITH_FRAMES:
        return result
    from_noise = result.request.seed in seeds.kinds()
    return replace(result, frames=(), searched_png=None if from_noise else result.searched_png)
