"""The perceptual measures that there are, as data.

Importing this is cheap: torch comes with the first measure that is used.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor


def _later(module: str, name: str, *arguments: str) -> Callable[..., Any]:
    """`name` of a sibling module, imported when it is first called."""

    def function(*images: Tensor) -> Any:
        return getattr(import_module(f"explorer.metrics.{module}"), name)(*images, *arguments)

    return function


@dataclass(frozen=True)
class Measure:
    """One perceptual measure, as data.

    sees: what it looks at, one plain sentence. nearer: whether a higher or a lower value means more
    alike. range: smallest and largest value, None for no bound. smallest: least height and width in
    px. function: two batches N×3×H×W in [0, 1] → N values. family: networks whose family starts
    with this word share the measure's own network, so it flatters their IRIs; "" for no network.
    Two measures of one family rest on one network, or on one formula (`ssim`), too.
    votes: whether it counts in the verdict. A measure that nearly repeats another one is shown but
    does not vote, or one opinion would count twice: LPIPS without its calibration looks with the
    network of LPIPS, and CIEDE2000 compares pixel with pixel as PSNR does.
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
    votes: bool = True
    why_not: Callable[[bool], str | None] = field(default=lambda allow_download: None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, for `python -m explorer measures --json`."""
        return {
            "name": self.name,
            "kind": "perceptual",
            "title": self.title,
            "says": self.sees,
            "nearer": self.nearer,
            "range": list(self.range),
            "source": self.source,
            "needs_download": self.needs_download,
            "differentiable": self.differentiable,
            "smallest": self.smallest,
            "rests_on": self.family or None,
            "votes": self.votes,
            "in_the_paper": self.name in PAPER,
        }


def _why_not(net: str) -> Callable[[bool], str | None]:
    """Why a photo network cannot be had, asked when it is called."""
    return lambda allow_download: import_module("explorer.metrics.backbones").why_not(
        net, allow_download
    )


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
        why_not=_why_not(net),
    )


def _lpips_baseline(net: str, title: str, family: str) -> Measure:
    return Measure(
        name=f"lpips-{net}-baseline",
        title=f"LPIPS baseline ({title})",
        sees=f"Compares what {title}, trained on photos, sees at several depths, every channel "
        "counted alike.",
        nearer="lower",
        range=(0.0, None),
        source="Zhang et al. 2018, equal weights instead of learned ones; backbone from "
        "torchvision",
        smallest=32,
        function=_later("lpips", "lpips_without_heads", net),
        needs_download=True,
        family=family,
        votes=False,
        why_not=_why_not(net),
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
            family="ssim",
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
            family="ssim",
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
            family="ssim",
        ),
        Measure(
            name="structure",
            title="Structure",
            sees="Compares the pattern in small windows at four sizes, blind to its contrast: a "
            "picture and its negative are alike.",
            nearer="higher",
            range=(0.0, 1.0),
            source="Structure term of SSIM (Wang et al. 2004), squared, at 64, 32, 16 and 8 px",
            smallest=8,
            function=_later("structure", "structure"),
            family="ssim",
            votes=False,
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
        Measure(
            name="ciede2000",
            title="CIEDE2000",
            sees="Compares the colour of each pixel as people tell colours apart (about 1 is just "
            "noticeable), blind to what the picture shows.",
            nearer="lower",
            range=(0.0, None),
            source="CIE 142-2001; Sharma, Wu & Dalal 2005; mean over the pixels, sRGB, D65",
            smallest=1,
            function=_later("colour", "ciede2000"),
            votes=False,
        ),
        _lpips("squeeze", "SqueezeNet", "squeezenet"),
        _lpips("alex", "AlexNet", "alexnet"),
        _lpips("vgg", "VGG-16", "vgg"),
        _lpips_baseline("squeeze", "SqueezeNet", "squeezenet"),
        _lpips_baseline("alex", "AlexNet", "alexnet"),
        _lpips_baseline("vgg", "VGG-16", "vgg"),
        Measure(
            name="dists",
            title="DISTS (VGG-16)",
            sees="Compares what VGG-16, trained on photos, sees at several depths: how much of "
            "each texture there is, and where.",
            nearer="lower",
            range=(0.0, None),
            source="Ding, Ma, Wang & Simoncelli 2020; backbone from torchvision, learned weights "
            "from torchmetrics",
            smallest=32,
            function=_later("dists", "dists"),
            needs_download=True,
            family="vgg",
            why_not=_why_not("vgg"),
        ),
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
                "explorer.metrics.robust_features"
            ).why_not(),
        ),
    )
}


PAPER = ("lpips-alex", "lpips-alex-baseline", "lpips-vgg", "lpips-vgg-baseline")
"""The four by which Nanda et al. (AAAI 2023) report alignment, as the mean over them."""


def measure(name: str) -> Measure:
    """The measure called `name`; ValueError names the nearest ones and all of them."""
    if name in MEASURES:
        return MEASURES[name]
    near = difflib.get_close_matches(name, MEASURES, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown measure {name!r}; {meant}there are {', '.join(MEASURES)}")
