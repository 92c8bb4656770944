"""Perceptual measures against scikit-image, NumPy and torchmetrics, and what they may judge."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from skimage.metrics import structural_similarity

from explorer.metrics import backbones, image_distances, robust_features
from explorer.metrics.perceptual import compare, compare_batch
from explorer.metrics.perceptual_verdict import Comparison, verdict, why_counted
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.metrics.robust_features import RobustFeatures
from explorer.models.loading import load

torch.set_num_threads(1)
OFFLINE_MEASURES = ("haarpsi", "ssim", "ssim-16px", "ms-ssim", "psnr")


def picture(size: int = 64, rng_seed: int = 0) -> torch.Tensor:
    """A smooth colourful picture with a few edges, 1×3×size×size in [0, 1]."""
    generator = torch.Generator().manual_seed(rng_seed)
    coarse = torch.rand(1, 3, 6, 6, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)
    smooth[:, :, size // 4 : size // 2, size // 3 : size // 2] = torch.rand(
        1, 3, 1, 1, generator=generator
    )
    return smooth


def noisy(image: torch.Tensor, amount: float) -> torch.Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(3))
    return (image + amount * noise).clamp(0, 1)


def blurred(image: torch.Tensor, radius: int) -> torch.Tensor:
    padded = torch.nn.functional.pad(image, (radius,) * 4, mode="replicate")
    return torch.nn.functional.avg_pool2d(padded, 2 * radius + 1, 1)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("IRI_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("IRI_LPIPS", raising=False)
    monkeypatch.setattr(backbones, "_loaded", {})
    monkeypatch.setattr(backbones, "_failures", {})


def test_registry_is_read_without_importing_torch():
    code = (
        "import sys, explorer.metrics.perceptual as perceptual\n"
        "print(len(perceptual.PERCEPTUAL_MEASURES), 'torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == [str(len(PERCEPTUAL_MEASURES)), "False"]


def test_registry_entries_describe_themselves():
    for name, each in PERCEPTUAL_MEASURES.items():
        assert each.name == name
        assert each.help.endswith(".")
        assert each.needs_download == name.startswith(("lpips", "dists"))
        said = each.to_dict()
        assert json.loads(json.dumps(said, allow_nan=False)) == said
        assert said["nearer"] in ("higher", "lower")
        assert said["source"]
    lpips = {f"lpips-{net}{end}" for net in ("alex", "vgg", "squeeze") for end in ("", "-baseline")}
    wanted = {"dists", "ssim", "ms-ssim", "psnr", "robust-features", "ciede2000"} | lpips
    assert wanted <= set(PERCEPTUAL_MEASURES)
    assert {
        name for name, each in PERCEPTUAL_MEASURES.items() if each.to_dict()["in_the_paper"]
    } == {f"lpips-{net}{end}" for net in ("alex", "vgg") for end in ("", "-baseline")}
    with pytest.raises(ValueError, match="did you mean 'haarpsi'"):
        PERCEPTUAL_MEASURES.named("haar-psi")


def test_why_a_measure_counts_or_not_is_said_of_results_of_any_age():
    row = {"measure": "ssim", "nearer": "higher", "to_target": 0.5, "to_seed": 0.1}

    def why(**old: bool) -> str:
        return why_counted(Comparison.from_dict(row | old))

    assert why() == "yes"
    assert why(votes=False, held_out=True) == "no: another of its family votes"
    assert why(cannot_tell="it finds 0%") == "no: it finds 0%"
    assert why(kin_to_loss=True, held_out=False, votes=True) == (
        "no: related to the loss or the network"
    )
    assert why(used_in_loss=True, held_out=False) == "no: in the loss"


def test_ssim_is_scikit_images_with_the_same_window():
    a, b = picture(), noisy(picture(), 0.1)
    expected = structural_similarity(
        a[0].permute(1, 2, 0).double().numpy(),
        b[0].permute(1, 2, 0).double().numpy(),
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert image_distances.ssim(a, b).item() == pytest.approx(expected, abs=1e-5)


def test_small_ssim_is_an_explicit_loop_over_windows_of_block_means():
    a, b = picture(), noisy(picture(rng_seed=1), 0.2)
    a16, b16 = (x[0].double().numpy().reshape(3, 16, 4, 16, 4).mean((2, 4)) for x in (a, b))
    bell = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    window = np.outer(bell, bell) / bell.sum() ** 2
    places = []
    for channel, y, x in np.ndindex(3, 10, 10):
        u, v = (each[channel, y : y + 7, x : x + 7] for each in (a16, b16))
        mean_u, mean_v = (window * u).sum(), (window * v).sum()
        spread = (window * ((u - mean_u) ** 2 + (v - mean_v) ** 2)).sum()
        together = (window * (u - mean_u) * (v - mean_v)).sum()
        light = (2 * mean_u * mean_v + 1e-4) / (mean_u**2 + mean_v**2 + 1e-4)
        places.append(light * (2 * together + 9e-4) / (spread + 9e-4))
    assert image_distances.ssim_small(a, b).item() == pytest.approx(np.mean(places), abs=1e-5)


def test_haarpsi_is_its_formula_written_out_with_numpy():
    def in_yiq(image: torch.Tensor) -> np.ndarray:
        to_yiq = [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
        planes = np.einsum("ij,jyx->iyx", to_yiq, 255 * image[0].double().numpy())
        return planes.reshape(3, 32, 2, 32, 2).mean((2, 4))

    def filtered(plane: np.ndarray, window: np.ndarray) -> np.ndarray:
        half = len(window) // 2
        full = np.abs(convolve2d(plane, window))
        return full[half : half + len(plane), half : half + len(plane)]

    def haar(plane: np.ndarray, size: int, across: bool) -> np.ndarray:
        window = np.ones((size, size)) / size
        window[size // 2 :] *= -1
        return filtered(plane, window.T if across else window)

    def alike(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return (2 * one * other + 30) / (one**2 + other**2 + 30)

    a, b = picture(), noisy(picture(rng_seed=1), 0.1)
    one, other = in_yiq(a), in_yiq(b)
    similar, weights = [], []
    for across in (False, True):
        fine = [alike(*(haar(each[0], size, across) for each in (one, other))) for size in (2, 4)]
        similar.append(np.mean(fine, axis=0))
        weights.append(np.maximum(*(haar(each[0], 8, across) for each in (one, other))))
    mean = np.ones((2, 2)) / 4
    colours = [alike(*(filtered(each[c], mean) for each in (one, other))) for c in (1, 2)]
    similar.append(np.mean(colours, axis=0))
    weights.append(np.mean(weights, axis=0))
    pressed = 1 / (1 + np.exp(-4.2 * np.array(similar)))
    share = (pressed * np.array(weights)).sum() / np.sum(weights)
    expected = (np.log(share / (1 - share)) / 4.2) ** 2
    assert image_distances.haarpsi(a, b).item() == pytest.approx(expected, abs=1e-3)


def test_ms_ssim_is_its_formula_written_out_with_scipy():
    def parts(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
        """SSIM of one channel, and its contrast and structure alone."""
        bell = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
        window = np.outer(bell, bell) / bell.sum() ** 2
        mean_1, mean_2, of_11, of_22, of_12 = (
            convolve2d(each, window, "valid")
            for each in (one, other, one * one, other * other, one * other)
        )
        spread = of_11 - mean_1**2 + of_22 - mean_2**2
        structure = (2 * (of_12 - mean_1 * mean_2) + 0.03**2) / (spread + 0.03**2)
        light = (2 * mean_1 * mean_2 + 0.01**2) / (mean_1**2 + mean_2**2 + 0.01**2)
        return (light * structure).mean(), structure.mean()

    a, b = picture(176), noisy(picture(176), 0.1)
    exponents = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    values = []
    for one, other in zip(a[0].double().numpy(), b[0].double().numpy(), strict=True):
        value = 1.0
        for scale, exponent in enumerate(exponents):
            whole, structure = parts(one, other)
            value *= (whole if scale == 4 else structure) ** exponent
            one, other = (
                (x.reshape(len(x) // 2, 2, len(x) // 2, 2).mean((1, 3)) for x in (one, other))
                if scale < 4
                else (one, other)
            )
        values.append(value)
    assert image_distances.ms_ssim(a, b).item() == pytest.approx(np.mean(values), abs=1e-4)


@pytest.mark.parametrize(
    "name", [*OFFLINE_MEASURES, "ciede2000", "robust-features", "edge-directions", "detail-map"]
)
def test_a_measure_that_calls_itself_differentiable_has_the_gradient_of_its_differences(name):
    each = PERCEPTUAL_MEASURES[name]
    assert each.differentiable
    size = max(64, each.smallest)
    target = picture(size, 1)
    image = (0.1 + 0.5 * target + 0.3 * picture(size)).requires_grad_()
    (gradient,) = torch.autograd.grad(each.function(image, target).sum(), image)
    with torch.no_grad():
        step = target - image
        up, down = (each.function(image + h * step, target).item() for h in (2e-3, -2e-3))
    assert gradient.abs().sum() > 0
    expected = (up - down) / 4e-3
    assert (gradient * step).sum().item() == pytest.approx(expected, rel=0.05, abs=1e-3)


def test_psnr_is_the_logarithm_of_the_mean_squared_error():
    a, b = picture(), picture(rng_seed=1)
    error = np.mean((a.double().numpy() - b.double().numpy()) ** 2)
    assert image_distances.psnr(a, b).item() == pytest.approx(10 * math.log10(1 / error), abs=1e-9)


@pytest.mark.parametrize("damage", [(noisy, (0.02, 0.08, 0.3)), (blurred, (1, 2, 5))])
def test_haarpsi_falls_as_noise_or_blur_grows(damage):
    spoil, amounts = damage
    values = [image_distances.haarpsi(spoil(picture(), x), picture()).item() for x in amounts]
    assert 1 > values[0] > values[1] > values[2] > 0


def test_identical_pictures_reach_the_top_of_each_range():
    image = picture(161)
    for name in OFFLINE_MEASURES:
        value = PERCEPTUAL_MEASURES[name].function(image, image).item()
        assert value == pytest.approx(PERCEPTUAL_MEASURES[name].range[1], abs=1e-4), name


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_flat_pictures_give_finite_numbers_within_the_range(level):
    flat = torch.full((1, 3, 161, 161), level)
    for name in OFFLINE_MEASURES:
        low, high = PERCEPTUAL_MEASURES[name].range
        for other in (flat, picture(161), 1 - flat):
            value = PERCEPTUAL_MEASURES[name].function(other, flat).item()
            assert low - 1e-4 <= value <= high + 1e-4, name
        assert PERCEPTUAL_MEASURES[name].function(flat, flat).item() == pytest.approx(
            high, abs=1e-4
        ), name


def test_measures_judge_a_noisy_target_as_nearer_its_target_than_a_flat_seed():
    target = picture()
    comparisons = compare(noisy(target, 0.05), target, torch.ones_like(target), picture(64, 7))
    by_name = {each.measure: each for each in comparisons}
    assert list(by_name) == list(PERCEPTUAL_MEASURES)
    assert by_name["ms-ssim"].to_target is None
    assert by_name["ms-ssim"].reason == ("MS-SSIM needs at least 161×161 px; this image has 64×64")
    for name in ("haarpsi", "ssim-16px", "psnr"):
        assert by_name[name].nearer_target
        assert by_name[name].nearer_than_mismatched
        assert by_name[name].held_out
    counted = [each for each in comparisons if each.nearer_target is not None]
    found = verdict(comparisons)
    voting = [each for each in counted if each.counts_in_verdict and each.abstains is None]
    assert found.counted == len(voting) >= 1
    assert found.nearer_target <= found.counted
    plain = [each.to_dict() for each in comparisons] + [found.to_dict()]
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_a_measure_of_the_loss_or_of_the_networks_family_is_shown_but_does_not_judge():
    target, seed = picture(), picture(rng_seed=2)
    free = compare(target, target, seed)
    bound = compare(target, target, seed, None, frozenset({"haarpsi"}), "embedded")
    by_name = {each.measure: each for each in bound}
    assert by_name["haarpsi"].used_in_loss
    assert by_name["haarpsi"].nearer_target
    assert not by_name["haarpsi"].held_out
    assert by_name["robust-features"].same_family
    assert not by_name["robust-features"].held_out
    voting = {x.measure for x in free if x.counts_in_verdict and x.nearer_target is not None}
    assert verdict(free).counted == len(voting)
    assert verdict(bound).counted == len(voting - {"haarpsi", "robust-features"})
    with pytest.raises(ValueError, match="unknown perceptual measure 'haarpsy'"):
        compare(target, target, seed, None, frozenset({"haarpsy"}))


def test_lpips_on_a_vgg_does_not_judge_a_vgg():
    families = {
        "vgg16_bn": {"lpips-vgg", "lpips-vgg-baseline", "dists"},
        "resnet18": set(),
        "alexnet": {"lpips-alex", "lpips-alex-baseline"},
    }
    image = picture()
    for family, expected in families.items():
        found = compare(image, image, image, None, frozenset(), family)
        assert {each.measure for each in found if each.same_family} == expected


def test_a_measure_on_the_network_of_the_losss_measure_does_not_judge():
    image = picture()
    found = compare(image, image, image, None, frozenset({"lpips-vgg"}))
    assert {each.measure for each in found if each.used_in_loss} == {"lpips-vgg"}
    related = {each.measure for each in found if each.shares_backbone_with_loss}
    assert related == {"lpips-vgg-baseline", "dists"}
    assert {each.measure for each in found if not each.held_out} == related | {"lpips-vgg"}
    plain = compare(image, image, image, None, frozenset({"haarpsi"}))
    assert not any(each.shares_backbone_with_loss for each in plain)


def test_a_measure_without_a_vote_is_shown_and_held_out_but_does_not_judge():
    target, seed = picture(), noisy(torch.zeros(1, 3, 64, 64), 1.0)
    comparisons = compare(
        noisy(target, 0.05), target, seed, picture(64, 7), seed_kind="noise", allow_download=False
    )
    pixels = next(each for each in comparisons if each.measure == "psnr")
    assert pixels.nearer_target
    assert pixels.nearer_than_mismatched
    assert pixels.held_out
    assert not pixels.counts_in_verdict
    assert pixels.to_dict()["judges"] is False
    assert "of clear copies here" in pixels.to_dict()["cannot_tell"]
    without = [each for each in comparisons if each.measure != "psnr"]
    assert verdict(comparisons) == verdict(without)
    assert Comparison.from_dict(pixels.to_dict()) == pixels


def test_the_question_has_no_answer_where_seed_and_target_are_one_picture():
    target = picture()
    comparisons = compare(noisy(target, 0.1), target, target, target)
    assert all(each.nearer_target is None for each in comparisons)
    assert all(each.nearer_than_mismatched is None for each in comparisons)
    found = verdict(comparisons)
    assert (found.counted, found.counted_for_mismatched) == (0, 0)


def test_a_tie_is_not_nearer():
    target, seed = torch.full((1, 3, 64, 64), 0.25), torch.full((1, 3, 64, 64), 0.75)
    halfway = compare(torch.full_like(target, 0.5), target, seed)
    psnr = next(each for each in halfway if each.measure == "psnr")
    assert psnr.to_target == psnr.to_seed
    assert psnr.nearer_target is False


def test_without_a_mismatched_target_the_control_is_empty():
    comparisons = compare(picture(), picture(), picture(rng_seed=1))
    assert all(each.to_mismatched is None for each in comparisons)
    assert verdict(comparisons).counted_for_mismatched == 0


def test_a_batch_is_its_images_one_by_one():
    target = torch.cat([picture(rng_seed=n) for n in range(2)])
    iri, seed = noisy(target, 0.1), noisy(torch.full_like(target, 0.5), 0.1)
    together = compare_batch(iri, target, seed, target.flip(0).unsqueeze(1))
    assert len(together) == 2
    for n, comparisons in enumerate(together):
        alone = compare(iri[n], target[n], seed[n], target[1 - n])
        for a, b in zip(comparisons, alone, strict=True):
            assert isinstance(a, Comparison)
            assert (a.measure, a.nearer_target, a.reason) == (b.measure, b.nearer_target, b.reason)
            assert a.to_target == pytest.approx(b.to_target, abs=1e-4)
            assert a.to_mismatched == pytest.approx(b.to_mismatched, abs=1e-4)


def test_images_of_the_wrong_shape_or_range_are_refused():
    image = picture()
    with pytest.raises(ValueError, match="seed: "):
        compare(image, image, picture(32))
    with pytest.raises(ValueError, match=r"target: values must be .* in \[0, 1\]"):
        compare(image, image * 2, image)
    with pytest.raises(ValueError, match="IRI: values"):
        compare(image * torch.nan, image, image)
    with pytest.raises(ValueError, match="compare_batch takes N"):
        compare(image.expand(2, -1, -1, -1), image, image)


# The embedded robust network --------------------------------------------------------------------


def small_cnn() -> torch.nn.Module:
    """Two maps of random smooth features in float64."""
    torch.manual_seed(0)

    class Features(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Conv2d(3, 4, 5, 4, 1)
            self.second = torch.nn.Conv2d(4, 5, 3, 2, 1)

        def forward(self, x):
            first = torch.nn.functional.softplus(self.first(x))
            return [first, torch.nn.functional.softplus(self.second(first))]

    return Features().double()


def test_robust_features_gradient_is_that_of_finite_differences():
    distance = RobustFeatures(small_cnn())
    target = picture(96, rng_seed=1).double()
    image = picture(96).double().requires_grad_()
    (gradient,) = torch.autograd.grad(distance(image, target).sum(), image)
    generator = torch.Generator().manual_seed(2)
    for _ in range(3):
        step = torch.randn(image.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            up, down = (distance(image + h * step, target).item() for h in (1e-5, -1e-5))
        expected = (up - down) / 2e-5
        assert (gradient * step).sum().item() == pytest.approx(expected, rel=1e-6, abs=1e-10)


def test_robust_features_are_a_distance_per_sample():
    distance = RobustFeatures(small_cnn())
    a = torch.cat([picture(), picture(rng_seed=1)]).double()
    b = a.flip(0)
    assert distance(a, a).tolist() == [0, 0]
    assert distance(a, b)[0].item() == pytest.approx(distance(b, a)[0].item())
    assert (distance(a, b) > 0).all()
    made_once = distance.features(b)
    assert distance.distance(distance.features(a), made_once).tolist() == distance(a, b).tolist()


def test_default_robust_features_are_the_shipped_networks_maps_from_stem_to_grid():
    network = load("embedded:residual-multi-adv2")
    module = network.module
    a, b = picture(), picture(rng_seed=1)
    expected = 0.0
    with torch.no_grad():
        x, y = network.normalise(a), network.normalise(b)
        for part in (module.stem, module.stage1, module.stage2, module.grid):
            x, y = part(x), part(y)
            u, v = (each / each.norm(dim=1, keepdim=True).clamp(min=1e-9) for each in (x, y))
            expected += (u - v).square().sum(1).mean().item()
    assert RobustFeatures()(a, b).item() == pytest.approx(expected, rel=1e-4)
    image = picture(100).requires_grad_()
    RobustFeatures()(image, picture(100, rng_seed=1)).sum().backward()
    assert image.grad.abs().sum() > 0
    assert not any(each._forward_hooks for each in module.modules())


def test_shipped_robust_features_see_more_damage_as_farther():
    target = picture()
    values = [RobustFeatures()(noisy(target, x), target).item() for x in (0.0, 0.1, 0.4)]
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values[0] < values[1] < values[2]


def test_missing_weights_of_the_robust_network_are_a_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(robust_features.embedded, "CARDS", tmp_path)
    found = next(x for x in compare(*[picture()] * 3) if x.measure == "robust-features")
    assert found.to_target is None
    assert "embedded:residual-multi-adv2 are missing" in found.reason
