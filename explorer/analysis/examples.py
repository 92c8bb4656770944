"""The examples that ship with the app: their titles and requests, and what is stored of each."""

from __future__ import annotations

from dataclasses import replace

from explorer.images import seeds
from explorer.request import Request
from explorer.result import Result
from explorer.validation import validate

_ROBUST = "embedded:imagenette-residual-adv1"
_STANDARD = "embedded:imagenette-residual-standard"
_CONTRASTIVE = "embedded:imagenette-residual-simclr-adv1"
_DRAWN_ROBUST = "embedded:residual-multi-adv2"
_DRAWN_STANDARD = "embedded:residual-multi-standard"
_PHOTOGRAPH = "sunflower"

_IMAGENET = "compressed:squeezenet1_0"
_CIFAR10 = "embedded:cifar10"

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


def _photograph(
    model: str,
    *,
    layer: str = "penultimate",
    seed: str = "light-noise",
    loss: str = "regularizer-free",
) -> Request:
    """The same photograph from the same seed, so that the first few differ in one thing each."""
    return Request(model=model, layer=layer, target=_PHOTOGRAPH, seed=seed, loss=loss)


_REQUESTS = (
    ("Adversarially trained: the photograph comes through", _photograph(_ROBUST)),
    ("Standard training: the same to the network, noise to you", _photograph(_STANDARD)),
    (
        "Trained without labels, on attacked photographs: SimCLR",
        _photograph(_CONTRASTIVE),
    ),
    (
        "Standard training, with a loss that asks for smooth images",
        _photograph(_STANDARD, loss="freq"),
    ),
    (
        "Adversarially trained, with a loss that pushes away from the target",
        _photograph(_ROBUST, loss="adversarial"),
    ),
    (
        "Standard training, an early layer: nearly everything is kept",
        _photograph(_STANDARD, layer="stage1.0"),
    ),
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
    (
        "A sunflower out of a cat: adversarially trained",
        _photograph(_ROBUST, seed="cat"),
    ),
    (
        "A sunflower out of a cat: standard training",
        _photograph(_STANDARD, seed="cat"),
    ),
    (
        "A network that only ever saw drawn pictures, adversarially trained",
        Request(model=_DRAWN_ROBUST),
    ),
    (
        "A network that only ever saw drawn pictures, standard training",
        Request(model=_DRAWN_STANDARD),
    ),
)

EXAMPLES: tuple[tuple[str, Request], ...] = tuple(
    (title, validate(request)) for title, request in _REQUESTS
)
"""Title and request, in its normal form, so that its key is that of its result."""


_LESSON_REQUESTS = (
    (
        "Standard training, with a loss that pushes away from the target",
        _photograph(_STANDARD, loss="adversarial"),
    ),
    (
        "Adversarially trained, with a loss that asks for smooth images",
        _photograph(_ROBUST, loss="freq"),
    ),
    ("CIFAR-10, ResNet, standard training", _photograph(f"{_CIFAR10}-resnet-standard")),
    ("CIFAR-10, ResNet, adversarially trained", _photograph(f"{_CIFAR10}-resnet-adv1")),
    (
        "CIFAR-10, ResNet, adversarially trained, pictures neither shifted nor mirrored",
        _photograph(f"{_CIFAR10}-resnet-adv1-noaug"),
    ),
    ("CIFAR-10, VGG, adversarially trained", _photograph(f"{_CIFAR10}-vgg-adv1")),
    ("CIFAR-10, DenseNet, adversarially trained", _photograph(f"{_CIFAR10}-densenet-adv1")),
    ("CIFAR-10, Inception, adversarially trained", _photograph(f"{_CIFAR10}-inception-adv1")),
)

LESSON: tuple[tuple[str, Request], ...] = tuple(
    (title, validate(request)) for title, request in _LESSON_REQUESTS
)
"""What the lesson compares in addition to the examples; shipped, but not listed among them."""

SHIPPED = EXAMPLES + LESSON
"""Everything in the starter pack, in its order."""


def as_shipped(result: Result) -> Result:
    """What the starter pack stores of a result.

    Of a large image the key frames are left out, and from noise the image as searched, too: from a
    photograph it is what the example is about. Of the lesson's own both are left out.
    """
    if any(result.request.key == request.key for _, request in LESSON):
        return replace(result, frames=(), searched_png=None)
    if max(result.iri.shape[1:]) <= LARGEST_SIDE_WITH_FRAMES:
        return result
    from_noise = result.request.seed in seeds.kinds()
    return replace(result, frames=(), searched_png=None if from_noise else result.searched_png)
