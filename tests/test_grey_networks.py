"""Grey networks, which take one channel: what they are shown, and IRIs that stay grey."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from contract import NothingCached, explore, generated, text
from PIL import Image
from test_cuda_graphs import Tapes
from torch import nn

from explorer import Request, compare, generate
from explorer.analysis.null_sources import gallery_source
from explorer.analysis.nulls import null_of
from explorer.app.links import link
from explorer.errors import RequestError
from explorer.images import gallery, make_seed, seeds
from explorer.images.encoding import from_png
from explorer.images.luma import grey_picture, luma
from explorer.images.noise_targets import make_target
from explorer.losses.variants import LOSSES, loss_named
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.models.architectures import architecture_named
from explorer.models.entry import Entry
from explorer.models.fitting import as_batch, fit_to
from explorer.models.grey import input_channels, with_grey_stem, wrong_channels
from explorer.models.layers import list_layers, representation
from explorer.models.loading import cache, load
from explorer.models.network import InputSpec, Network
from explorer.models.source import Source
from explorer.models.sources import SOURCES
from explorer.network_reference import NetworkReference
from explorer.synthesis.evaluator import Evaluator
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.registry import OPTIMISERS
from explorer.synthesis.parametrisation import Fourier, Grey

SIDE = 28
MEAN, STD = 0.1307, 0.3081  # as is usual for MNIST
BT601 = np.array([0.299, 0.587, 0.114])


class Digits(nn.Module):
    """A small network for grey images of any size, with fixed weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(8)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.relu2 = nn.ReLU()
        self.head = nn.Linear(12, 10)
        generator = torch.Generator().manual_seed(3)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) / 3
        self.norm1.running_mean = torch.randn(8, generator=generator)
        self.norm1.running_var = torch.rand(8, generator=generator) + 0.5

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.relu1(self.norm1(self.conv1(images)))
        return self.head(self.relu2(self.conv2(maps)).mean((2, 3)))


def digits(side: int = SIDE) -> Network:
    spec = InputSpec((side, side), mean=(MEAN,), std=(STD,), interpolation="bilinear")
    return Network("file:digits", Digits(), spec, "head", class_count=10, family="digits")


@pytest.fixture(scope="module")
def network() -> Network:
    return digits()


def coloured(count: int, rng_seed: int, side: int = SIDE) -> torch.Tensor:
    """N×3×H×W in [0, 1], every channel its own."""
    return torch.from_numpy(
        np.random.default_rng(rng_seed).random((count, 3, side, side), dtype=np.float32)
    )


def is_grey(images: np.ndarray | torch.Tensor) -> bool:
    """Whether the channels of …×3×H×W are the same, bit for bit."""
    images = np.asarray(images)
    return all(np.array_equal(images[..., :1, :, :], images[..., c : c + 1, :, :]) for c in (1, 2))


# What the network is shown


def test_the_luma_is_the_documented_formula():
    images = coloured(3, 0).double()
    by_hand = np.einsum("c,nchw->nhw", BT601, images.numpy())[:, None]
    np.testing.assert_allclose(luma(images).numpy(), by_hand, atol=1e-15)
    np.testing.assert_allclose(luma(images.float()).numpy(), by_hand, atol=1e-6)
    np.testing.assert_allclose(luma(images.numpy()), by_hand, atol=1e-15)


def test_the_luma_of_a_grey_image_is_the_image_bit_for_bit():
    channel = torch.rand(2, 1, 50, 50, generator=torch.Generator().manual_seed(1))
    assert torch.equal(luma(channel.expand(-1, 3, -1, -1)), channel)


def test_pictures_are_made_grey_as_pillow_does():
    picture = gallery.load("cat")
    channel = np.asarray(Image.fromarray(picture).convert("L"))
    made = grey_picture(picture)
    assert made.dtype == np.uint8
    assert all(np.array_equal(made[..., c], channel) for c in range(3))
    assert np.array_equal(grey_picture(made), made)
    assert np.abs(picture @ BT601 - channel).max() < 0.51


def test_a_photograph_is_made_grey_then_resized_and_cropped():
    spec = InputSpec((40, 32), mean=(MEAN,), std=(STD,), interpolation="bilinear", crop_pct=0.8)
    picture = gallery.load("coffee")
    fitted = fit_to(picture, Network("file:any", nn.Identity(), spec))
    rows, columns = picture.shape[:2]
    scale = max(50 / rows, 40 / columns)
    size = (max(40, int(columns * scale + 1e-9)), max(50, int(rows * scale + 1e-9)))
    by_hand = Image.fromarray(picture).convert("L").resize(size, Image.Resampling.BILINEAR)
    top, left = round((size[1] - 40) / 2), round((size[0] - 32) / 2)
    expected = np.asarray(by_hand, np.float32)[top : top + 40, left : left + 32] / 255
    assert fitted.shape == (3, 40, 32)
    assert is_grey(fitted)
    np.testing.assert_allclose(fitted[0], expected, atol=1e-6)


def test_logits_are_those_of_torch_on_pillows_grey_picture(network):
    rng = np.random.default_rng(5)
    picture = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    channel = np.asarray(Image.fromarray(picture).convert("L"), np.float32) / 255
    module = Digits().eval()
    with torch.no_grad():
        expected = module((torch.from_numpy(channel)[None, None] - MEAN) / STD)
        found = network(as_batch([fit_to(picture, network)], network))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_a_coloured_image_is_seen_as_its_luma(network):
    images = coloured(4, 6)
    by_hand = np.einsum("c,nchw->nhw", BT601, images.double().numpy())[:, None]
    with torch.no_grad():
        expected = Digits().double().eval()((torch.from_numpy(by_hand) - MEAN) / STD)
        torch.testing.assert_close(network(images).double(), expected, rtol=1e-5, atol=1e-5)
    levels = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    for image, picture in zip(images, levels, strict=True):
        pillows = np.asarray(Image.fromarray(picture).convert("L")) / 255
        seen = network.normalise(image[None])[0, 0].numpy() * STD + MEAN
        assert np.abs(seen - pillows).max() <= 1.01 / 255


def test_every_layer_can_be_listed_and_represented(network):
    shapes = {layer.name: layer.shape for layer in list_layers(network)}
    assert shapes["conv1"] == (8, SIDE, SIDE)
    assert shapes["penultimate"] == (12,)
    images = coloured(2, 7)
    module = Digits().eval()
    with torch.no_grad():
        expected = module.conv1((luma(images) - MEAN) / STD)
    torch.testing.assert_close(representation(network, "conv1", images), expected)


@pytest.mark.parametrize("kind", [kind for kind in seeds.kinds() if kind != "fourier-noise"])
def test_seed_images_are_drawn_grey_with_the_noise_of_coloured_ones(kind):
    seed = make_seed(kind, (120, 120), 4, channels=1)
    assert seed.shape == (3, 120, 120)
    assert seed.dtype == np.float32
    assert is_grey(seed)
    rgb = make_seed(kind, (120, 120), 4)
    assert seed.mean() == pytest.approx(rgb.mean(), abs=0.02)
    assert seed[0].std() == pytest.approx(rgb.std(), rel=0.05)
    assert np.array_equal(seed, make_seed(kind, (120, 120), 4, channels=1))


def test_fourier_noise_is_drawn_grey_as_the_spectrum_of_one_channel():
    seed = make_seed("fourier-noise", (8, 9), 4, channels=1)
    assert is_grey(seed)
    drawn = np.random.Generator(np.random.PCG64(4)).standard_normal((1, 1, 8, 5, 2))
    expected = Grey(Fourier(8, 9)).images(torch.from_numpy(drawn))[0]
    np.testing.assert_allclose(seed, expected, rtol=0, atol=1e-6)


def test_noise_targets_are_drawn_grey():
    target = make_target("wide-noise-2", (20, 30), channels=1)
    assert target.shape == (3, 20, 30)
    assert is_grey(target)
    np.testing.assert_allclose(target * 255, np.rint(target * 255), atol=1e-4)


# IRIs stay grey


def search(network, loss="regularizer-free", optimiser="adam", steps=6, recorder=None, **more):
    count = 2
    targets, starts = coloured(count, 1), coloured(count, 2)
    problem = Problem(
        network, "relu2", targets, starts, [loss_named(loss)] * count, [0.0] * count, **more
    )
    traces = synthesise(problem, OPTIMISERS[optimiser], steps, recorder=recorder)
    return traces, luma(starts)


@pytest.mark.parametrize("optimiser", list(OPTIMISERS))
def test_every_optimiser_keeps_the_image_grey(network, optimiser):
    traces, starts = search(network, optimiser=optimiser, steps=12)
    for trace, start in zip(traces, starts, strict=True):
        assert trace.iri.shape == (3, SIDE, SIDE)
        assert is_grey(trace.iri)
        assert float(trace.iri.min()) >= 0
        assert float(trace.iri.max()) <= 1
        assert not torch.equal(trace.iri[:1], start)
        assert min(trace.relative_l2) < 0.7 * trace.relative_l2[0]
        for _step, frame in trace.frames:
            assert is_grey(frame.permute(2, 0, 1))


@pytest.mark.parametrize("loss", list(LOSSES))
def test_every_loss_keeps_the_image_grey(network, loss):
    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a - b).square().flatten(1).mean(1)

    traces, _ = search(network, loss, distance=distance)
    for trace in traces:
        assert is_grey(trace.iri)
        assert is_grey((trace.iri * 255).round().to(torch.uint8))
        assert np.isfinite(trace.loss).all()


@pytest.mark.parametrize(
    ("loss", "optimiser"), [("freq", "momentum"), ("freq+fourier", "adam"), ("freq", "lbfgs")]
)
def test_replayed_steps_come_to_the_same(network, loss, optimiser):
    recorder = Tapes()
    called, replayed = (
        search(network, loss, optimiser, steps=25, recorder=each)[0] for each in (None, recorder)
    )
    assert recorder.replays > 1
    for one, other in zip(called, replayed, strict=True):
        torch.testing.assert_close(one.iri, other.iri, rtol=1e-3, atol=1e-4)
        assert is_grey(other.iri)


def test_the_gradient_is_the_difference_that_a_grey_pixel_makes():
    network = digits(8)
    network.module.double()
    network.module.norm1 = nn.Identity()  # folding measures batch-norms in single precision
    targets, starts = (coloured(1, number, 8).double() for number in (3, 4))
    problem = Problem(network, "relu2", targets, starts, [loss_named("regularizer-free")], [0.0])
    evaluator = Evaluator(problem)
    parameters = evaluator.parametrisation.start(starts)
    assert parameters.shape == (1, 1, 8, 8)

    def distance(channel: torch.Tensor) -> float:
        with torch.no_grad():
            maps = [
                network.module.relu2(
                    network.module.conv2(network.module.relu1(network.module.conv1(each)))
                )
                for each in ((channel - MEAN) / STD, (luma(targets) - MEAN) / STD)
            ]
        return float((maps[0] - maps[1]).norm() / maps[1].norm())

    gradient = evaluator(parameters, None).gradient
    assert gradient.shape == parameters.shape
    for row, column in ((0, 0), (3, 5), (7, 2)):
        step = torch.zeros_like(parameters)
        step[0, 0, row, column] = 1e-6
        difference = (distance(parameters + step) - distance(parameters - step)) / 2e-6
        assert float(gradient[0, 0, row, column]) == pytest.approx(difference, rel=1e-4, abs=1e-9)


# From a request to a result


def entry(name: str) -> Entry:
    return Entry(
        reference="toygrey:digits",
        title="Digits",
        summary="A grey network for tests.",
        family="CNN",
        residual=False,
        objective="none",
        augmentation="none",
        data="none",
        input_size=(SIDE, SIDE),
        classes=(),
        parameters=1000,
        licence="mit",
        accuracy={},
        group="drawn",
        mean=(MEAN,),
        std=(STD,),
    )


TOY = Source(
    name="toygrey",
    title="grey toy networks",
    help="grey networks for tests",
    example="toygrey:digits",
    entry=entry,
    load=lambda reference, progress: replace(
        digits(reference.size or SIDE), reference=reference.model
    ),
    names=lambda: ("digits",),
)


@pytest.fixture(scope="module")
def toy():
    with SOURCES.holding(TOY):
        yield
    cache.clear()


@pytest.fixture(scope="module")
def result(toy):
    return generate(Request("toygrey:digits", layer="relu2", target="cat", seed="noise"))


def test_a_result_is_complete_and_grey(result):
    assert result.iri.shape == (3, SIDE, SIDE)
    assert is_grey(result.iri)
    for png in (result.iri_png, result.target_png, result.seed_png):
        assert is_grey(from_png(png).transpose(2, 0, 1))
    assert result.frames
    assert all(is_grey(from_png(png).transpose(2, 0, 1)) for _step, png in result.frames)
    names = [layer.name for layer in result.layers]
    assert names[0] == "conv1"
    assert names[-1] == "logits"
    assert result.person.answer == "not measured"  # in noise, nothing can tell at this size


def test_a_result_matches_as_torch_computes_it(result):
    module = Digits().eval()
    stages: list[torch.Tensor] = []
    module.relu2.register_forward_hook(lambda _module, _inputs, output: stages.append(output))
    target = np.asarray(Image.open(BytesIO(result.target_png)).convert("L")) / 255
    with torch.no_grad():
        for channel in (result.iri[0], target):
            module((torch.from_numpy(np.float32(channel))[None, None] - MEAN) / STD)
    distance = float((stages[0] - stages[1]).norm() / stages[1].norm())
    assert distance == pytest.approx(result.match.relative_l2, rel=1e-2, abs=1e-5)
    assert distance < 0.1


def test_every_measure_that_takes_such_small_images_gives_a_number(result):
    by_name = {each.measure: each for each in result.perceptual}
    assert set(by_name) == set(PERCEPTUAL_MEASURES)
    for name, measure in PERCEPTUAL_MEASURES.items():
        if measure.smallest <= SIDE:
            assert by_name[name].to_target is not None, by_name[name].reason
        else:
            assert "needs at least" in str(by_name[name].reason)
    assert not by_name["ciede2000"].counts_in_verdict


def test_the_smallest_size_works_too(toy):
    request = Request("toygrey:digits", layer="logits", target="noise", steps=3, size=16)
    made = generate(replace(request, loss="freq+transforms+fourier", seed="coffee"))
    assert made.iri.shape == (3, 16, 16)
    assert is_grey(made.iri)
    assert is_grey(from_png(made.target_png).transpose(2, 0, 1))


def test_grey_and_rgb_networks_look_at_each_others_iris(result):
    seen = compare(result, "embedded:residual-simclr")
    assert np.isfinite(seen.match.relative_l2)
    rgb = generate(Request("embedded:residual-simclr", target="cat", steps=2, goal=0.0))
    assert not is_grey(rgb.iri)
    seen = compare(rgb, NetworkReference("toygrey:digits"), "relu2")
    shown = [
        np.asarray(
            Image.fromarray(from_png(png)).convert("L").resize((SIDE, SIDE), Image.BILINEAR),
            np.float32,
        )
        for png in (rgb.iri_png, rgb.target_png)
    ]
    module = nn.Sequential(*list(Digits().eval().children())[:5]).eval()
    with torch.no_grad():
        a, b = (module((torch.from_numpy(each)[None, None] / 255 - MEAN) / STD) for each in shown)
    assert seen.match.relative_l2 == pytest.approx(float((a - b).norm() / b.norm()), rel=1e-4)


def test_explore_shows_a_grey_result(result, monkeypatch):
    class Finished(NothingCached):
        def result(self, key: str):
            return result if key == result.request.key else None

    monkeypatch.setattr("contract.NothingCached", Finished)
    app = explore(monkeypatch, **link(result.request))
    assert not app.exception
    assert not app.error
    assert "To the network" in text(app)


def test_the_command_line_writes_grey_pictures(toy, monkeypatch, tmp_path, capsys):
    words = ("--model", "toygrey:digits", "--layer", "relu1", "--seed", "uniform")
    printed = generated(monkeypatch, capsys, *words, "--out", str(tmp_path))
    assert printed["network"]["mean"] == [MEAN]
    assert is_grey(np.load(tmp_path / "iri.npy"))
    for name in ("iri", "target", "seed"):
        picture = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"))
        assert picture.shape == (SIDE, SIDE, 3)
        assert is_grey(picture.transpose(2, 0, 1))


def test_the_null_is_of_grey_photographs():
    inner = nn.Sequential(nn.Flatten())
    spec = InputSpec((16, 16), mean=(0.0,), std=(1.0,), interpolation="bilinear")
    null = null_of(Network("file:pixels", inner, spec), "logits")
    shown = [
        np.asarray(fit_to(grey_picture(each), Network("file:any", inner, spec)))[0].ravel()
        for each in gallery_source().load(16)
    ]
    pairs = [
        np.linalg.norm(a - b) / np.linalg.norm(b)
        for index, a in enumerate(shown)
        for other, b in enumerate(shown)
        if index != other
    ]
    distribution = null.distributions["relative_l2"]
    assert distribution.quantiles["q50"] == pytest.approx(float(np.median(pairs)), rel=0.05)


# One-channel versions of published architectures


@pytest.mark.parametrize(
    "reference", ["torchvision:resnet18", "torchvision:squeezenet1_1", "timm:resnet18"]
)
def test_a_grey_stem_sees_in_a_grey_image_what_the_rgb_one_did(reference):
    torch.manual_seed(0)
    architecture = architecture_named(reference)
    module = architecture.create().eval()
    channel = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        expected = module(channel.expand(-1, 3, -1, -1))
        assert input_channels(module) == 3
        grey = with_grey_stem(module)
        assert input_channels(grey) == 1
        torch.testing.assert_close(grey(channel), expected, rtol=1e-3, atol=1e-4)
    network = architecture.describe("file:net.pt", grey)
    assert network.input.channels == 1
    assert network.input.mean == pytest.approx((0.449,), abs=1e-9)
    assert network.input.std == pytest.approx((0.226,), abs=1e-9)
    assert "average" in network.origins["mean"]


@pytest.mark.parametrize(
    "reference", ["torchvision:resnet18", "timm:resnet18", "timm:vit_tiny_patch16_224"]
)
def test_architectures_are_built_for_one_channel(reference):
    module = architecture_named(reference).create(in_chans=1, num_classes=7)
    network = architecture_named(reference).describe("file:net.pt", module)
    assert network.input.channels == 1
    with torch.no_grad():
        assert network(torch.rand(1, 3, *network.input.size)).shape == (1, 7)


def test_inceptions_own_normalisation_of_three_channels_is_left_out():
    module = architecture_named("torchvision:googlenet").create(in_chans=1).eval()
    with torch.no_grad():
        assert module(torch.rand(1, 1, 96, 96)).shape == (1, 1000)


def test_a_module_without_a_convolution_of_three_channels_gets_no_grey_stem():
    for module in (nn.Linear(3, 4), nn.Conv2d(6, 4, 3)):
        with pytest.raises(RequestError, match="does not begin with a convolution of 3 channels"):
            with_grey_stem(module)


def test_other_numbers_of_channels_are_refused_with_the_reason():
    assert str(wrong_channels("file:net.pt", 6)) == (
        "model: file:net.pt takes 6 channels; networks that take 1 (grey) or 3 (RGB) channels "
        "work here"
    )
    import timm

    from explorer.models.architectures.timm import network_of

    module = timm.create_model("resnet18", pretrained_cfg_overlay={"input_size": (6, 64, 64)})
    with pytest.raises(RequestError, match="takes 6 channels; networks that take 1"):
        network_of("timm:resnet18", module)


# Mean and deviation, one number per channel


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"mean": (0.5,)}, "std", "mean has 1 numbers and std 3"),
        ({"mean": (0.5, 0.5)}, "mean", "three numbers .RGB. or one .grey."),
        ({"mean": ()}, "mean", "three numbers"),
        ({"mean": (0.5, float("nan"), 0.5)}, "mean", "three numbers"),
        ({"std": (1.0, 0.0, 1.0)}, "std", "not above 0"),
        ({"std": (-1.0, 1.0, 1.0)}, "std", "not above 0"),
        ({"crop_pct": 0.0}, "crop_pct", "above 0 and at most 1"),
        ({"crop_pct": 1.2}, "crop_pct", "above 0 and at most 1"),
        ({"crop_pct": float("nan")}, "crop_pct", "above 0 and at most 1"),
    ],
)
def test_input_settings_that_cannot_be_are_refused(changes, field, message):
    with pytest.raises(RequestError, match=message) as caught:
        InputSpec((8, 8), **changes)
    assert caught.value.field == field


def test_a_network_keeps_its_channels_when_its_mean_is_changed(network):
    rgb = Network("file:rgb", nn.Identity(), InputSpec((8, 8)))
    assert rgb.with_input("a test", mean=(0.5,), std=(0.25,)).input == InputSpec(
        (8, 8), (0.5,) * 3, (0.25,) * 3
    )
    changed = network.with_input("a test", mean=(0.5,) * 3, std=(0.25,))
    assert (changed.input.mean, changed.input.std) == ((0.5,), (0.25,))
    with pytest.raises(RequestError, match=r"takes grey pictures \(1 channel\); give 1") as caught:
        network.with_input("a test", std=(0.229, 0.224, 0.225))
    assert caught.value.field == "std"


def test_it_is_loaded_with_the_requests_own_mean(toy):
    reference = NetworkReference("toygrey:digits", mean=(0.2,), std=(0.4,))
    assert load(reference).input.mean == (0.2,)
