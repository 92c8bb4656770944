"""The perceptual measures, as data.

Importing this is cheap: torch comes with the first measure that is used.
"""

from __future__ import annotations

from collections.abc import Callable

from explorer.metrics.measure import PerceptualMeasure, imported_later
from explorer.registry import Registry


def _backbone_unavailable(net: str) -> Callable[[bool], str | None]:
    """Why a photo network is not available, asked when it is called."""

    def reason(allow_download: bool) -> str | None:
        from explorer.metrics.backbones import unavailable_reason

        return unavailable_reason(net, allow_download)

    return reason


def _robust_features_unavailable(allow_download: bool) -> str | None:
    from explorer.metrics.robust_features import unavailable_reason

    return unavailable_reason()


def _lpips(net: str, title: str, family: str, in_paper: bool = True) -> PerceptualMeasure:
    return PerceptualMeasure(
        name=f"lpips-{net}",
        title=f"LPIPS ({title})",
        help=f"Compares the features of {title}, trained on photos, at several depths, weighted to "
        "agree with people's judgements.",
        nearer="lower",
        range=(0.0, None),
        source="Zhang et al. 2018; backbone from torchvision, learned weights from torchmetrics",
        smallest=32,
        function=imported_later("explorer.metrics.lpips", "lpips", net),
        needs_download=True,
        family=family,
        in_paper=in_paper,
        unavailable_reason=_backbone_unavailable(net),
    )


def _lpips_baseline(net: str, title: str, family: str, in_paper: bool = True) -> PerceptualMeasure:
    return PerceptualMeasure(
        name=f"lpips-{net}-baseline",
        title=f"LPIPS baseline ({title})",
        help=f"Compares the features of {title}, trained on photos, at several depths, every "
        "channel counted alike.",
        nearer="lower",
        range=(0.0, None),
        source="Zhang et al. 2018, equal weights instead of learned ones; backbone from "
        "torchvision",
        smallest=32,
        function=imported_later("explorer.metrics.lpips", "lpips_without_heads", net),
        needs_download=True,
        family=family,
        in_paper=in_paper,
        unavailable_reason=_backbone_unavailable(net),
    )


PERCEPTUAL_MEASURES: Registry[PerceptualMeasure] = Registry(
    "perceptual measure",
    "measure",
    (
        PerceptualMeasure(
            name="haarpsi",
            title="HaarPSI",
            help="Compares edges, coarse and fine, and counts them where either image has any.",
            nearer="higher",
            range=(0.0, 1.0),
            source="Reisenhofer, Bosse, Kutyniok & Wiegand 2018; piq",
            smallest=16,
            function=imported_later("explorer.metrics.image_distances", "haarpsi"),
        ),
        PerceptualMeasure(
            name="ssim",
            title="SSIM",
            help="Compares brightness, contrast and structure in small windows at full size, so "
            "noise makes any image unlike.",
            nearer="higher",
            range=(-1.0, 1.0),
            source="Wang, Bovik, Sheikh & Simoncelli 2004; piq, 11×11 Gaussian window, σ = 1.5",
            smallest=11,
            function=imported_later("explorer.metrics.image_distances", "ssim"),
            family="ssim",
        ),
        PerceptualMeasure(
            name="ssim-16px",
            title="SSIM at 16 px",
            help="Compares the two images averaged down to 16 px, as if seen from far away; fine "
            "noise is gone.",
            nearer="higher",
            range=(-1.0, 1.0),
            source="Wang et al. 2004 after area averaging; piq, 7×7 Gaussian window, σ = 1",
            smallest=16,
            function=imported_later("explorer.metrics.image_distances", "ssim_small"),
            family="ssim",
        ),
        PerceptualMeasure(
            name="ms-ssim",
            title="MS-SSIM",
            help="Compares contrast and structure at five sizes, from full to a sixteenth.",
            nearer="higher",
            range=(0.0, 1.0),
            source="Wang, Simoncelli & Bovik 2003; piq",
            smallest=161,
            function=imported_later("explorer.metrics.image_distances", "ms_ssim"),
            family="ssim",
        ),
        PerceptualMeasure(
            name="structure",
            title="Structure",
            help="Compares the pattern in small windows at four sizes, blind to its contrast: an "
            "image and its negative are alike.",
            nearer="higher",
            range=(0.0, 1.0),
            source="Structure term of SSIM (Wang et al. 2004), squared, at 64, 32, 16 and 8 px",
            smallest=8,
            function=imported_later("explorer.metrics.structure", "structure"),
            family="ssim",
        ),
        PerceptualMeasure(
            name="edge-directions",
            title="Edge directions",
            help="Compares which way edges run from place to place, whatever their colours; noise "
            "has no direction.",
            nearer="lower",
            range=(0.0, 4.0),
            source="Structure tensor (Förstner & Gülch 1987) as doubled angles (Granlund 1978), "
            "σ = 2 and 3 px, in at most 14×14 cells",
            smallest=24,
            function=imported_later("explorer.metrics.layout", "edge_directions"),
            family="edges",
        ),
        PerceptualMeasure(
            name="detail-map",
            title="Where there is detail",
            help="Compares where the two images have more detail and where less, whatever it is; "
            "noise has the same everywhere.",
            nearer="lower",
            range=(0.0, 4.0),
            source="Local band-limited contrast (Peli 1990), differences of Gaussians of 1.5 and 3 "
            "px, 3 and 6 px, in at most 14×14 cells",
            smallest=24,
            function=imported_later("explorer.metrics.layout", "detail_map"),
            family="detail",
        ),
        PerceptualMeasure(
            name="psnr",
            title="PSNR (dB)",
            help="Compares pixel with pixel, blind to what the image shows.",
            nearer="higher",
            range=(0.0, 100.0),
            source="10·log₁₀(1 / mean squared error), capped at 100 dB",
            smallest=1,
            function=imported_later("explorer.metrics.image_distances", "psnr"),
            family="pixels",
        ),
        PerceptualMeasure(
            name="ciede2000",
            title="CIEDE2000",
            help="Compares the colour of each pixel as people tell colours apart (about 1 is just "
            "noticeable), blind to what the image shows.",
            nearer="lower",
            range=(0.0, None),
            source="CIE 142-2001; Sharma, Wu & Dalal 2005; mean over the pixels, sRGB, D65",
            smallest=1,
            function=imported_later("explorer.metrics.colour", "ciede2000"),
            family="pixels",
        ),
        _lpips("squeeze", "SqueezeNet", "squeezenet", in_paper=False),
        _lpips("alex", "AlexNet", "alexnet"),
        _lpips("vgg", "VGG-16", "vgg"),
        _lpips_baseline("squeeze", "SqueezeNet", "squeezenet", in_paper=False),
        _lpips_baseline("alex", "AlexNet", "alexnet"),
        _lpips_baseline("vgg", "VGG-16", "vgg"),
        PerceptualMeasure(
            name="dists",
            title="DISTS (VGG-16)",
            help="Compares the features of VGG-16, trained on photos, at several depths: how much "
            "of each texture there is, and where.",
            nearer="lower",
            range=(0.0, None),
            source="Ding, Ma, Wang & Simoncelli 2020; backbone from torchvision, learned weights "
            "from torchmetrics",
            smallest=32,
            function=imported_later("explorer.metrics.dists", "dists"),
            needs_download=True,
            family="vgg",
            unavailable_reason=_backbone_unavailable("vgg"),
        ),
        PerceptualMeasure(
            name="robust-features",
            title="Robust features",
            help="Compares the features of a small network trained against adversarial noise, at "
            "several depths; it ships with the app.",
            nearer="lower",
            range=(0.0, None),
            source="LPIPS baseline (Zhang et al. 2018, equal weights) on embedded:"
            "residual-multi-adv2 at 64 px",
            smallest=16,
            function=imported_later("explorer.metrics.robust_features", "robust_features"),
            family="embedded",
            unavailable_reason=_robust_features_unavailable,
        ),
    ),
)


def paper_measures() -> tuple[str, ...]:
    """The four by which Nanda et al. (AAAI 2023) report alignment, as the mean over them."""
    return tuple(name for name, measure in PERCEPTUAL_MEASURES.items() if measure.in_paper)
