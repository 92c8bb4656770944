"""LPIPS and DISTS against explicit loops and torchmetrics, and how their networks come."""

import time

import numpy as np
import pytest
import torch
import torchvision

from explorer.metrics import backbones, dists, lpips
from explorer.metrics.perceptual import available, compare
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.models import hubs

torch.set_num_threads(1)


def picture(size: int = 64, rng_seed: int = 0) -> torch.Tensor:
    """A smooth colourful picture, 1×3×size×size in [0, 1]."""
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(rng_seed))
    return torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)


def noisy(image: torch.Tensor, amount: float) -> torch.Tensor:
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(3))
    return (image + amount * noise).clamp(0, 1)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("IRI_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("IRI_LPIPS", raising=False)
    monkeypatch.setattr(backbones, "_loaded", {})
    monkeypatch.setattr(backbones, "_failures", {})


def maps(channels: tuple[int, ...] = (4, 6), rng_seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(rng_seed)
    return [torch.randn(2, c, 5, 3, generator=generator, dtype=torch.float64) for c in channels]


def test_lpips_recipe_is_that_of_explicit_loops():
    features_a, features_b = maps(), maps(rng_seed=1)
    heads = [torch.rand(4).double(), torch.rand(6).double()]
    for n in range(2):
        plain = weighted = 0.0
        for a, b, head in zip(features_a, features_b, heads, strict=True):
            for y in range(5):
                for x in range(3):
                    u, v = a[n, :, y, x].numpy(), b[n, :, y, x].numpy()
                    squared = (u / np.linalg.norm(u) - v / np.linalg.norm(v)) ** 2
                    plain += squared.sum() / 15
                    weighted += (head.numpy() * squared).sum() / 15
        baseline = lpips.lpips_baseline(features_a, features_b)
        calibrated = lpips.lpips_calibrated(features_a, features_b, heads)
        assert baseline[n].item() == pytest.approx(plain, rel=1e-8)
        assert calibrated[n].item() == pytest.approx(weighted, rel=1e-8)


def test_lpips_recipe_has_a_gradient_where_features_are_dead():
    dead = torch.zeros(1, 3, 2, 2, requires_grad=True)
    lpips.lpips_baseline([dead], [torch.rand(1, 3, 2, 2)]).sum().backward()
    assert dead.grad.isfinite().all()


def put_random_weights(home, net: str):
    """Random weights where torch's hub, its home at `home`, would have put the published ones."""
    torch.manual_seed(0)
    path = home / "hub" / "checkpoints" / backbones._url(net).rpartition("/")[2]
    path.parent.mkdir(parents=True, exist_ok=True)
    architecture = getattr(torchvision.models, backbones.BACKBONES[net].architecture)
    torch.save(architecture(weights=None).state_dict(), path)
    return path


@pytest.fixture
def squeezenet(tmp_path):
    return put_random_weights(tmp_path, "squeeze")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A home of torch's hub where every backbone has weights."""
    home = tmp_path_factory.mktemp("hub")
    for net in backbones.BACKBONES:
        put_random_weights(home, net)
    return home


@pytest.mark.slow
@pytest.mark.parametrize("net", ["squeeze", "alex", "vgg"])
def test_lpips_with_and_without_heads_is_torchmetrics_on_the_same_weights(net, filled, monkeypatch):
    from torchmetrics.functional.image.lpips import _LPIPS

    monkeypatch.setenv("TORCH_HOME", str(filled))
    a = torch.cat([picture(), picture(rng_seed=1)])
    b = noisy(a, 0.2)
    theirs = _LPIPS(net=net)
    expected = theirs(a, b, normalize=True).flatten().tolist()
    found = PERCEPTUAL_MEASURES[f"lpips-{net}"].function(a, b)
    assert found.tolist() == pytest.approx(expected, rel=1e-3)
    for head in theirs.lins:
        for parameter in head.parameters():
            parameter.fill_(1.0)
    expected = theirs(a, b, normalize=True).flatten().tolist()
    found = PERCEPTUAL_MEASURES[f"lpips-{net}-baseline"].function(a, b)
    assert found.tolist() == pytest.approx(expected, rel=1e-3)
    reasons = {each.name: reason for each, reason in available((64, 64))}
    assert not any(reason for name, reason in reasons.items() if name != "ms-ssim"), reasons


@pytest.mark.slow
def test_dists_is_torchmetrics_on_the_same_weights(filled, monkeypatch):
    from torchmetrics.functional.image.dists import deep_image_structure_and_texture_similarity

    monkeypatch.setenv("TORCH_HOME", str(filled))
    a = torch.cat([picture(), picture(rng_seed=1)])
    b = noisy(a, 0.2)
    expected = deep_image_structure_and_texture_similarity(a, b).tolist()
    assert PERCEPTUAL_MEASURES["dists"].function(a, b).tolist() == pytest.approx(expected, rel=1e-3)
    assert PERCEPTUAL_MEASURES["dists"].function(a, a).tolist() == pytest.approx([0, 0], abs=1e-5)
    small = picture(PERCEPTUAL_MEASURES["dists"].smallest).requires_grad_()
    PERCEPTUAL_MEASURES["dists"].function(small, noisy(small.detach(), 0.1)).sum().backward()
    assert small.grad.isfinite().all()
    assert small.grad.abs().sum() > 0


def test_dists_recipe_is_that_of_numpy_channel_by_channel():
    features_a, features_b = maps(), maps(rng_seed=1)
    alpha, beta = ([torch.rand(n).double() for n in (4, 6)] for _ in range(2))
    whole = sum(each.sum().item() for each in (*alpha, *beta))
    found = dists.dists_of_features(features_a, features_b, alpha, beta)
    for n in range(2):
        alike = 0.0
        for a, b, texture, structure in zip(features_a, features_b, alpha, beta, strict=True):
            for c in range(a.shape[1]):
                u, v = a[n, c].flatten().numpy(), b[n, c].flatten().numpy()
                (uu, uv), (_, vv) = np.cov(u, v, bias=True)
                means = (2 * u.mean() * v.mean() + 1e-6) / (u.mean() ** 2 + v.mean() ** 2 + 1e-6)
                alike += texture[c].item() * means
                alike += structure[c].item() * (2 * uv + 1e-6) / (uu + vv + 1e-6)
        assert found[n].item() == pytest.approx(1 - alike / whole, rel=1e-9)


def test_dists_has_a_gradient_where_a_channel_is_dead():
    dead = torch.zeros(1, 3, 2, 2, requires_grad=True)
    weights = [torch.ones(3)]
    dists.dists_of_features([dead], [torch.rand(1, 3, 2, 2)], weights, weights).sum().backward()
    assert dead.grad.isfinite().all()


def test_dists_shrinks_a_large_picture_to_the_size_its_authors_use():
    assert dists._shrunk(torch.zeros(1, 3, 256, 400)).shape[-2:] == (256, 400)
    assert dists._shrunk(torch.zeros(1, 3, 512, 800)).shape[-2:] == (256, 400)


def test_lpips_loaded_in_inference_mode_can_still_be_differentiated(squeezenet):
    with torch.inference_mode():
        lpips.lpips(picture(), picture(), "squeeze")
    image = picture().requires_grad_()
    lpips.lpips(image, picture(rng_seed=1), "squeeze").sum().backward()
    assert image.grad.abs().sum() > 0


def test_lpips_takes_images_down_to_its_stated_size(squeezenet):
    small = picture(PERCEPTUAL_MEASURES["lpips-squeeze"].smallest)
    assert lpips.lpips(small, noisy(small, 0.1), "squeeze").isfinite().all()


def test_weights_that_are_damaged_or_pickled_code_give_a_reason(squeezenet):
    torch.save({"features": print}, squeezenet)
    found = next(x for x in compare(*[picture()] * 3) if x.measure == "lpips-squeeze")
    assert found.to_target is None
    assert "remove it and it will be fetched again" in found.reason


def test_offline_the_reason_comes_fast_and_says_so(monkeypatch):
    monkeypatch.delenv("IRI_OFFLINE")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hubs, "_answers", {})
    # 192.0.2.0/24 is set aside for documentation: no packet to it is ever answered.
    monkeypatch.setattr(backbones, "_url", lambda net: f"https://192.0.2.1/{net}-00000000.pth")
    monkeypatch.setenv("IRI_LPIPS", "all")
    start = time.monotonic()
    reasons = {each.name: reason for each, reason in available((64, 64))}
    assert time.monotonic() - start < 3
    assert "does not answer" in reasons["lpips-squeeze"]
    assert reasons["lpips-squeeze-baseline"] == reasons["lpips-squeeze"]
    assert reasons["dists"] == reasons["lpips-vgg"]
    assert "does not answer" in reasons["lpips-vgg"]
    monkeypatch.delenv("IRI_LPIPS")
    assert "IRI_LPIPS=all allows" in backbones.unavailable_reason("vgg")
    assert "nothing may be downloaded" in backbones.unavailable_reason(
        "squeeze", allow_download=False
    )
    monkeypatch.setenv("IRI_OFFLINE", "1")
    assert "downloads are switched off" in backbones.unavailable_reason("squeeze")


def test_a_download_that_is_not_the_published_file_is_refused_and_remembered(monkeypatch, tmp_path):
    monkeypatch.delenv("IRI_OFFLINE")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hubs, "reachable", lambda url: True)
    wrong = tmp_path / "published-01234567.pth"
    wrong.write_bytes(b"something else")
    monkeypatch.setattr(backbones, "_url", lambda net: wrong.as_uri())
    found = next(x for x in compare(*[picture()] * 3) if x.measure == "lpips-squeeze")
    assert "what came is not the published file" in found.reason
    assert backbones.unavailable_reason("squeeze") == found.reason
    assert list((tmp_path / "hub" / "checkpoints").iterdir()) == []


def test_a_checkpoint_folder_that_cannot_be_made_is_a_reason(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    monkeypatch.delenv("IRI_OFFLINE")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(hubs, "reachable", lambda url: True)
    with pytest.raises(
        backbones.MeasureUnavailable, match=r"squeezenet1_1.* could not be downloaded"
    ):
        lpips.lpips(picture(), picture(), "squeeze")
