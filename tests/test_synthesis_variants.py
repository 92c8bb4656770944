"""The loop with random transforms, Fourier parametrisation and a straight-through gradient."""

import numpy as np
import pytest
import torch
from torch import nn

from explorer.images.seeds import make_seed
from explorer.losses.variants import loss_named
from explorer.models.network import InputSpec, Network
from explorer.request import RequestError
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.automatic import automatic
from explorer.synthesis.optimizers.registry import OPTIMISERS
from explorer.synthesis.parametrisation import SMALLEST_CHANNEL
from explorer.synthesis.straight_through import straight_through

SIDE = 12
PLAIN = InputSpec((SIDE, SIDE), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def curved() -> Network:
    torch.manual_seed(1)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, padding=1), nn.Softplus(), nn.Flatten(), nn.Linear(216, 12)
    )
    return Network("file:curved", module, PLAIN)


def pictures(count: int, rng_seed: int) -> torch.Tensor:
    """Smooth pictures, so that small shifts change them little."""
    rng = np.random.default_rng(rng_seed)
    coarse = torch.from_numpy(rng.random((count, 3, 4, 4))).float()
    return nn.functional.interpolate(coarse, (SIDE, SIDE), mode="bilinear").clamp(0.05, 0.95)


class Recording:
    """Keeps every iterate."""

    def __init__(self) -> None:
        self.images = []

    def cancelled(self) -> bool:
        return False

    def due(self) -> bool:
        return True

    def report(self, step, relative_l2, images) -> None:
        self.images.append(images.clone())


def run(network, targets, seeds, loss, steps=20, optimiser="adam", **more):
    count = len(targets)
    losses = [loss_named(loss)] * count
    layer = more.pop("layer", "logits")
    callback = more.pop("callback", None)
    problem = Problem(network, layer, targets, seeds, losses, [0.0] * count, **more)
    return synthesise(problem, OPTIMISERS[optimiser], steps, callback)


def relative(network: Network, image: torch.Tensor, target: torch.Tensor) -> float:
    with torch.no_grad():
        a, b = (network.module(each[None]).double().numpy().ravel() for each in (image, target))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


# Random transforms


@pytest.mark.parametrize("loss", ["regularizer-free+transforms", "freq-tv+transforms+fourier"])
def test_an_image_is_judged_as_it_is_not_as_it_was_transformed(curved, loss):
    targets, recording = pictures(2, 1), Recording()
    traces = run(curved, targets, pictures(2, 2), loss, callback=recording)
    for index, trace in enumerate(traces):
        own = [each[index] for each in recording.images]
        matches = [relative(curved, image, targets[index]) for image in own]
        np.testing.assert_allclose(trace.relative_l2, matches, rtol=1e-3)
        losses = matches
        if loss.startswith("freq-tv"):
            rough = [
                sum(float(image.double().diff(dim=axis).square().sum()) for axis in (1, 2))
                for image in own
            ]
            losses = [10 * one + 5e-4 * two for one, two in zip(matches, rough, strict=True)]
        np.testing.assert_allclose(trace.loss, losses, rtol=1e-3)
        assert trace.best_step == int(np.argmin(trace.loss)) > 0
        assert torch.equal(trace.iri, own[trace.best_step])


def test_transforms_depend_on_the_samples_own_random_seed_only(curved):
    targets, seeds = pictures(3, 1), pictures(3, 2)
    name = "regularizer-free+transforms"
    together = run(curved, targets, seeds, name, rng_seeds=[4, 9, 4])
    alone = run(curved, targets[1:2], seeds[1:2], name, rng_seeds=[9])[0]
    other = run(curved, targets[1:2], seeds[1:2], name, rng_seeds=[10])[0]
    torch.testing.assert_close(together[1].iri, alone.iri, rtol=0, atol=1e-3)
    assert not torch.allclose(other.iri, alone.iri, rtol=0, atol=1e-2)


def test_what_survives_transforms_is_still_near_its_target_when_shifted_by_a_pixel(curved):
    targets = pictures(4, 1)
    seeds = torch.rand(targets.shape, generator=torch.Generator().manual_seed(0))

    def when_shifted(image: torch.Tensor, target: torch.Tensor) -> float:
        shifts = [image.roll((y, x), (1, 2)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        return float(np.mean([relative(curved, each, target) for each in shifts]))

    far = {}
    for name in ("regularizer-free", "regularizer-free+centred-transforms"):
        traces = run(curved, targets, seeds, name, steps=120)
        pairs = zip(traces, targets, strict=True)
        far[name] = np.mean([when_shifted(trace.iri, target) for trace, target in pairs])
    assert far["regularizer-free+centred-transforms"] < 0.8 * far["regularizer-free"]


# Fourier parametrisation


@pytest.mark.parametrize("black_and_white", [False, True])
def test_a_spectrum_starts_at_the_seed_and_reaches_the_match_within_the_box(
    curved, black_and_white
):
    targets, seeds, recording = pictures(1, 1), pictures(1, 2), Recording()
    seeds = seeds.round() if black_and_white else seeds
    trace = run(curved, targets, seeds, "regularizer-free+fourier", steps=200, callback=recording)[
        0
    ]
    assert float((recording.images[0] - seeds).abs().max()) < SMALLEST_CHANNEL + 1e-4
    every = torch.stack(recording.images)
    assert float(every.min()) >= 0
    assert float(every.max()) <= 1
    assert relative(curved, trace.iri, targets[0]) < 0.05 < 0.2 * trace.relative_l2[0] + 0.05
    assert trace.relative_l2[trace.best_step] < 0.1 * trace.relative_l2[0]


def test_the_paper_preset_clips_the_spectrum_and_not_the_image_as_published(curved):
    """Redone from its description: N(0, 1), steps of length 1, the spectrum clipped after each."""
    target, recording = pictures(1, 1), Recording()
    seed = torch.from_numpy(make_seed("fourier-noise", (SIDE, SIDE), 3))[None]
    run(
        curved,
        target,
        seed,
        "regularizer-free+fourier",
        steps=6,
        optimiser="paper",
        callback=recording,
    )

    root = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]]).double()
    mixing = root / root.norm(dim=0).max()
    frequencies = torch.fft.fftfreq(SIDE).double()
    rows, columns = frequencies[:, None], frequencies[: SIDE // 2 + 1]
    scale = 1 / torch.sqrt(rows**2 + columns**2).clamp_min(1 / SIDE)
    goal = curved.module(target).detach()
    drawn = np.random.Generator(np.random.PCG64(3)).standard_normal((3, SIDE, SIDE // 2 + 1, 2))
    # The one spectrum of the same image in which what occurs twice is conjugate.
    drawn = np.fft.rfft2(np.fft.irfft2(drawn[..., 0] + 1j * drawn[..., 1], s=(SIDE, SIDE)))
    z, images = torch.view_as_real(torch.from_numpy(drawn)).clone(), []
    for _ in range(7):
        z.requires_grad_()
        spectrum = scale * torch.complex(z[..., 0], z[..., 1])
        planes = torch.fft.irfft2(spectrum, s=(SIDE, SIDE), norm="ortho") / 4
        x = torch.sigmoid(torch.einsum("cd,dhw->chw", mixing, planes))
        images.append(x.detach().float())
        loss = (curved.module(x[None].float()) - goal).norm() / goal.norm()
        (gradient,) = torch.autograd.grad(loss, z)
        z = (z.detach() - gradient / gradient.norm()).clamp(0, 1)
    torch.testing.assert_close(torch.cat(recording.images), torch.stack(images), rtol=0, atol=1e-5)
    assert float((images[1] - images[0]).abs().max()) > 0.1, "the first clipping moves it far"


# The gradient of the ReLU that ends the layer


@pytest.fixture(scope="module")
def held() -> tuple[Network, np.ndarray]:
    """g(x) = relu(W x − b), W with orthonormal rows, whose units a grey picture leaves at 0."""
    rows = np.linalg.qr(np.random.default_rng(0).standard_normal((3 * SIDE * SIDE, 5)))[0].T
    linear = nn.Linear(3 * SIDE * SIDE, 5)
    linear.weight.data = torch.from_numpy(rows).float()
    linear.bias.data = torch.from_numpy(-rows @ np.full(3 * SIDE * SIDE, 0.5) - 0.3).float()
    module = nn.Sequential(nn.Flatten(), linear, nn.ReLU(inplace=True), nn.Flatten())
    return Network("file:held", module, PLAIN), rows


def lit(rows: np.ndarray) -> torch.Tensor:
    """A target at which every unit is well above 0."""
    return torch.from_numpy(0.5 + 0.8 * rows.sum(0).reshape(1, 3, SIDE, SIDE)).float().clamp(0, 1)


def test_units_at_zero_are_reached_only_by_the_straight_through_gradient(held):
    network, rows = held
    target, seed = lit(rows), torch.full((1, 3, SIDE, SIDE), 0.5)
    options = {"optimiser": "adam", "steps": 200}
    stuck = run(network, target, seed, "regularizer-free", **options)[0]
    assert stuck.relative_l2[0] == min(stuck.relative_l2) == pytest.approx(1)
    freed = run(network, target, seed, "regularizer-free", straight_through=True, **options)[0]
    assert relative(network, freed.iri, target[0]) < 0.02
    assert min(freed.relative_l2) == pytest.approx(
        relative(network, freed.iri, target[0]), rel=0.01
    )


def test_the_straight_through_gradient_is_that_of_the_layer_without_its_relu(held):
    network, rows = held
    target = lit(rows)
    image = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    image.requires_grad_()
    made = network.module(image)
    assert straight_through(made, "3") is made
    wanted = network.module(target).detach()
    (gradient,) = torch.autograd.grad((made - wanted).norm(), image)
    difference = (made - wanted).detach().numpy()[0]
    expected = rows.T @ (difference / np.linalg.norm(difference))
    np.testing.assert_allclose(gradient.numpy().ravel(), expected, atol=1e-6)
    plain = network.module(image)
    (gradient,) = torch.autograd.grad((plain - wanted).norm(), image)
    on = (plain.detach().numpy()[0] > 0).astype(float)
    assert 0 < on.sum() < 5 or on.sum() == 0
    expected = rows.T @ (on * difference / np.linalg.norm(difference))
    np.testing.assert_allclose(gradient.numpy().ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("layer", ["1", "logits"])
def test_a_layer_that_does_not_end_in_a_relu_is_refused(curved, layer):
    with pytest.raises(RequestError, match="does not end in a ReLU") as caught:
        run(
            curved,
            pictures(1, 1),
            pictures(1, 2),
            "regularizer-free",
            layer=layer,
            straight_through=True,
        )
    assert caught.value.field == "relu_gradient"


# What `auto` picks


def test_l_bfgs_is_left_to_losses_that_stay_the_same(curved):
    def picked(name: str, **more) -> str:
        return automatic(curved, "penultimate", [loss_named(name)], **more).name

    assert picked("freq") == "lbfgs"
    for name in ("freq+transforms", "freq+fourier", "freq+transforms+fourier"):
        assert picked(name) == "adam"
    assert picked("freq", straight_through=True) == "adam"
    assert picked("adversarial") == "momentum"
