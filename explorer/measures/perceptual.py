"""The second question: by automatic perceptual measures, is the IRI more like target or seed?

The registry is data and importing it is cheap: torch comes with the first measure that is used.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor


def _later(module: str, name: str, *arguments: str) -> Callable[..., Any]:
    """`name` of a sibling module, imported when it is first called."""

    def function(*images: Tensor) -> Any:
        return getattr(import_module(f"explorer.measures.{module}"), name)(*images, *arguments)

    return function


@dataclass(frozen=True)
class Measure:
    """One perceptual measure, as data.

    sees: what it looks at, one plain sentence. nearer: whether a higher or a lower value means more
    alike. range: smallest and largest value, None for no bound. smallest: least height and width in
    px. function: two batches N×3×H×W in [0, 1] → N values. family: networks whose family starts
    with this word share the measure's own network, so it flatters their IRIs; "" for no network.
    why_not: called with allow_download, says why the measure cannot be had, or None.
    """

    name: str
    title: str
    sees: str
    nearer: Literal["higher", "lower"]
    range: tuple[float, float | None]
    source: str
    smallest: int
    function: Callable[[Tensor, Tensor], Tensor] = field(repr=False)
    needs_download: bool = False
    differentiable: bool = True
    family: str = ""
    why_not: Callable[[bool], str | None] = field(default=lambda allow_download: None, repr=False)


def _lpips(net: str, title: str, family: str) -> Measure:
    return Measure(
        name=f"lpips-{net}",
        title=f"LPIPS ({title})",
        sees=f"Compares what {title}, trained on photos, sees at several depths, weighted so as to "
        "agree with people's judgements.",
        nearer="lower",
        range=(0.0, None),
        source="Zhang et al. 2018; backbone from torchvision, learned weights from torchmetrics",
        smallest=32,
        function=_later("lpips", "lpips", net),
        needs_download=True,
        family=family,
        why_not=lambda allow_download: import_module("explorer.measures.lpips").why_not(
            net, allow_download
        ),
    )


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            name="haarpsi",
            title="HaarPSI",
            sees="Compares edges, coarse and fine, and counts them where either image has any.",
            nearer="higher",
            range=(0.0, 1.0),
            source="Reisenhofer, Bosse, Kutyniok & Wiegand 2018; piq",
            smallest=16,
            function=_later("image_distances", "haarpsi"),
        ),
        Measure(
            name="ssim",
            title="SSIM",
            sees="Compares brightness, contrast and structure in small windows at full size, so "
            "noise makes any picture unlike.",
            nearer="higher",
            range=(-1.0, 1.0),
            source="Wang, Bovik, Sheikh & Simoncelli 2004; piq, 11×11 Gaussian window, σ = 1.5",
            smallest=11,
            function=_later("image_distances", "ssim"),
        ),
        Measure(
            name="ssim-16px",
            title="SSIM at 16 px",
            sees="Compares the two pictures averaged down to 16 px, as if seen from far away; fine "
            "noise is gone.",
            nearer="higher",
            range=(-1.0, 1.0),
            source="Wang et al. 2004 after area averaging; piq, 7×7 Gaussian window, σ = 1",
            smallest=16,
            function=_later("image_distances", "ssim_small"),
        ),
        Measure(
            name="ms-ssim",
            title="MS-SSIM",
            sees="Compares contrast and structure at five sizes, from full to a sixteenth.",
            nearer="higher",
            range=(0.0, 1.0),
            source="Wang, Simoncelli & Bovik 2003; piq",
            smallest=161,
            function=_later("image_distances", "ms_ssim"),
        ),
        Measure(
            name="psnr",
            title="PSNR (dB)",
            sees="Compares pixel with pixel, blind to what the picture shows.",
            nearer="higher",
            range=(0.0, 100.0),
            source="10·log₁₀(1 / mean squared error), capped at 100 dB",
            smallest=1,
            function=_later("image_distances", "psnr"),
        ),
        _lpips("squeeze", "SqueezeNet", "squeezenet"),
        _lpips("alex", "AlexNet", "alexnet"),
        _lpips("vgg", "VGG-16", "vgg"),
        Measure(
            name="robust-features",
            title="Robust features",
            sees="Compares what a small network trained against adversarial noise sees at several "
            "depths; it ships with the app.",
            nearer="lower",
            range=(0.0, None),
            source="LPIPS baseline (Zhang et al. 2018, equal weights) on embedded:"
            "residual-multi-adv2 at 64 px",
            smallest=16,
            function=_later("robust_features", "robust_features"),
            family="embedded",
            why_not=lambda allow_download: import_module(
                "explorer.measures.robust_features"
            ).why_not(),
        ),
    )
}


@dataclass(frozen=True)
class Comparison:
    """What one measure says of one IRI.

    to_target, to_seed, to_mismatched: the measure's values; all None where it could not be
    computed, `reason` then says why; to_mismatched None also where no mismatched target was given.
    used_in_loss: the loss that made the IRI contained this measure. same_family: the measure rests
    on a relative of the network under test. Either way it is shown but does not judge.
    nearer_target: strictly more like the target than like the seed (a tie is not nearer); None
    where that has no answer, because there is no value or seed and target are one picture.
    nearer_than_mismatched: the same question against the mismatched target.
    """

    measure: str
    nearer: Literal["higher", "lower"]
    to_target: float | None
    to_seed: float | None
    to_mismatched: float | None
    used_in_loss: bool
    same_family: bool
    nearer_target: bool | None
    nearer_than_mismatched: bool | None
    reason: str | None = None

    @property
    def held_out(self) -> bool:
        """Whether this measure may judge: no part of the loss, no relative of the network."""
        return not (self.used_in_loss or self.same_family)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, `held_out` among them."""
        return asdict(self) | {"held_out": self.held_out}


@dataclass(frozen=True)
class PerceptualVerdict:
    """How many held-out measures call the IRI nearer its target than its seed, of how many.

    The same against a mismatched target is the control: an IRI that is also nearer a target it was
    not made for says little. Measures without an answer are not counted.
    """

    nearer_target: int
    judges: int
    nearer_than_mismatched: int
    judges_of_mismatched: int

    def to_dict(self) -> dict[str, int]:
        """Plain JSON values."""
        return asdict(self)


def measure(name: str) -> Measure:
    """The measure called `name`; ValueError names the nearest ones and all of them."""
    if name in MEASURES:
        return MEASURES[name]
    near = difflib.get_close_matches(name, MEASURES, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown measure {name!r}; {meant}there are {', '.join(MEASURES)}")


def available(
    size: tuple[int, int], allow_download: bool = True
) -> list[tuple[Measure, str | None]]:
    """Every measure with None, or with the reason why it cannot be computed on this size here.

    size: height and width in px. Answers within seconds, also where the hub is out of reach, and
    downloads nothing itself.
    """
    return [(each, _why_not(each, size, allow_download)) for each in MEASURES.values()]


def compare(
    iri: Tensor,
    target: Tensor,
    seed: Tensor,
    mismatched: Tensor | None = None,
    used_in_loss: frozenset[str] = frozenset(),
    network_family: str | None = None,
    allow_download: bool = True,
) -> tuple[Comparison, ...]:
    """Every measure's view of one IRI: as `compare_batch`, images 3×H×W or 1×3×H×W."""
    images = [None if each is None else _single(each) for each in (iri, target, seed, mismatched)]
    return compare_batch(*images, used_in_loss, network_family, allow_download)[0]


def compare_batch(
    iri: Tensor,
    target: Tensor,
    seed: Tensor,
    mismatched: Tensor | None = None,
    used_in_loss: frozenset[str] = frozenset(),
    network_family: str | None = None,
    allow_download: bool = True,
) -> list[tuple[Comparison, ...]]:
    """Every measure's view of each IRI of a batch, in the order of MEASURES.

    iri, target, seed, mismatched: N×3×H×W in [0, 1], all of one shape; mismatched is the target of
    some other IRI, the control. used_in_loss: names of measures that the loss contained.
    network_family: `Network.family` of the network under test. Raises ValueError for images of the
    wrong shape or range and for an unknown measure; a measure that cannot be had here gives its
    reason instead of numbers.
    """
    import torch

    for name in used_in_loss:
        measure(name)
    others = {"target": target, "seed": seed, "mismatched target": mismatched}
    _check({"IRI": iri} | {name: each for name, each in others.items() if each is not None})
    with torch.no_grad():
        one_with_seed = _identical(target, seed)
        one_with_mismatched = _identical(target, mismatched)
        rows = []
        for each, reason in available(tuple(iri.shape[-2:]), allow_download):
            values: list[list[float]] | None = None
            if reason is None:
                values, reason = _values(each, iri, (target, seed, mismatched))
            rows.append(
                [
                    _comparison(
                        each,
                        [row[n] for row in values] if values else None,
                        one_with_seed[n],
                        one_with_mismatched[n],
                        used_in_loss,
                        network_family,
                        reason,
                    )
                    for n in range(len(iri))
                ]
            )
    return list(zip(*rows, strict=True))


def verdict(comparisons: Sequence[Comparison]) -> PerceptualVerdict:
    """The count over the held-out measures of one IRI."""
    judges = [each for each in comparisons if each.held_out]
    by_seed = [each.nearer_target for each in judges if each.nearer_target is not None]
    by_control = [
        each.nearer_than_mismatched for each in judges if each.nearer_than_mismatched is not None
    ]
    return PerceptualVerdict(sum(by_seed), len(by_seed), sum(by_control), len(by_control))


def _why_not(each: Measure, size: tuple[int, int], allow_download: bool) -> str | None:
    if min(size) < each.smallest:
        return (
            f"{each.title} needs at least {each.smallest}×{each.smallest} px; "
            f"this image has {size[0]}×{size[1]}"
        )
    return each.why_not(allow_download)


def _values(
    each: Measure, iri: Tensor, others: tuple[Tensor | None, ...]
) -> tuple[list[list[float]] | None, str | None]:
    """Per other image (nan where it is None) the N values, or the reason why there are none."""
    from explorer.measures.lpips import MeasureUnavailable

    try:
        return [
            [math.nan] * len(iri) if other is None else each.function(iri, other).tolist()
            for other in others
        ], None
    except MeasureUnavailable as error:
        return None, str(error)


def _comparison(
    each: Measure,
    values: list[float] | None,
    one_with_seed: bool,
    one_with_mismatched: bool,
    used_in_loss: frozenset[str],
    network_family: str | None,
    reason: str | None,
) -> Comparison:
    to_target, to_seed, to_mismatched = (
        value if math.isfinite(value) else None for value in values or [math.nan] * 3
    )
    if values is not None and to_target is None:
        reason = f"{each.title} gave no finite number for these images"
    return Comparison(
        measure=each.name,
        nearer=each.nearer,
        to_target=to_target,
        to_seed=to_seed,
        to_mismatched=to_mismatched,
        used_in_loss=each.name in used_in_loss,
        same_family=bool(each.family) and (network_family or "").startswith(each.family),
        nearer_target=None if one_with_seed else _nearer(each, to_target, to_seed),
        nearer_than_mismatched=(
            None if one_with_mismatched else _nearer(each, to_target, to_mismatched)
        ),
        reason=reason,
    )


def _nearer(each: Measure, to_target: float | None, to_other: float | None) -> bool | None:
    if to_target is None or to_other is None:
        return None
    return to_target > to_other if each.nearer == "higher" else to_target < to_other


def _identical(target: Tensor, other: Tensor | None) -> list[bool]:
    if other is None:
        return [False] * len(target)
    return (target == other).flatten(1).all(1).tolist()


def _single(image: Tensor) -> Tensor:
    image = image[None] if image.ndim == 3 else image
    if len(image) != 1:
        raise ValueError(f"one IRI at a time, not {len(image)}; compare_batch takes N")
    return image


def _check(images: dict[str, Tensor]) -> None:
    expected = tuple(images["IRI"].shape)
    for name, image in images.items():
        shape = tuple(image.shape)
        if len(shape) != 4 or shape[1] != 3 or shape != expected:
            raise ValueError(
                f"images are N×3×H×W, all of one shape; {name}: {shape}, IRI: {expected}"
            )
        if not (image.is_floating_point() and bool(((image >= 0) & (image <= 1)).all())):
            raise ValueError(f"{name}: values must be floating-point numbers in [0, 1]")
