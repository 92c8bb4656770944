"""CIFAR networks, by function values: each layout against its forward pass written out by hand.

The hand-written passes name and draw their weights themselves, by the published layouts; the
package's module must take that state dict and compute the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.errors import RequestError
from explorer.models import loading
from explorer.models.architectures import architecture_named
from explorer.models.architectures.cifar import families, names
from explorer.models.architectures.small_pictures import candidates, fitting, guess
from explorer.models.layer_titles import is_main, layer_title, sections
from explorer.models.layers import list_layers, representations
from explorer.models.network import Network
from explorer.validation import network_reference

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
KUANGLIU = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CIFAR100_SCALE = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
NONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
DEEPMIND = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)


class Weights:
    """Random weights by name, drawn when a pass first asks for them; float32 values in float64.

    device: `meta` draws nothing, so that a pass only names the tensors and their shapes.
    """

    def __init__(self, device: str) -> None:
        self.state: dict[str, Tensor] = {}
        self.device = device
        self.generator = torch.Generator().manual_seed(3)

    def get(self, name: str, shape: tuple[int, ...], scale: float, offset: float = 0.0) -> Tensor:
        if name not in self.state and self.device == "meta":
            self.state[name] = torch.empty(shape, device="meta")
        elif name not in self.state:
            self.state[name] = offset + scale * torch.randn(shape, generator=self.generator)
        return self.state[name].double()

    def conv(
        self,
        name: str,
        x: Tensor,
        outputs: int,
        kernel: int,
        stride: int = 1,
        padding: int | None = None,
        bias: bool = False,
    ) -> Tensor:
        shape = (outputs, x.shape[1], kernel, kernel)
        weight = self.get(f"{name}.weight", shape, (2 / (shape[1] * kernel**2)) ** 0.5)
        extra = self.get(f"{name}.bias", (outputs,), 0.1) if bias else None
        return F.conv2d(x, weight, extra, stride, kernel // 2 if padding is None else padding)

    def bn(self, name: str, x: Tensor) -> Tensor:
        shape = (x.shape[1],)
        mean = self.get(f"{name}.running_mean", shape, 0.2)[:, None, None]
        var = self.get(f"{name}.running_var", shape, 0.05, 0.8)[:, None, None]
        weight = self.get(f"{name}.weight", shape, 0.2, 1.0)[:, None, None]
        bias = self.get(f"{name}.bias", shape, 0.2)[:, None, None]
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def linear(self, name: str, x: Tensor, outputs: int) -> Tensor:
        weight = self.get(f"{name}.weight", (outputs, x.shape[1]), x.shape[1] ** -0.5)
        return x @ weight.T + self.get(f"{name}.bias", (outputs,), 0.1)


Pass = Callable[[Weights, Tensor, int], tuple[Tensor, Tensor]]
"""(weights, normalised images, classes) to (penultimate, logits)."""


def head(w: Weights, name: str, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    x = x.mean((2, 3))
    return x, w.linear(name, x, classes)


def resnet(depths: list[int], widths: list[int], shortcut: str, last: str, bottleneck: bool = False,
           pool: bool = False) -> Pass:  # fmt: skip
    """kuangliu's, akamaster's (`shortcut` is "A") and those with torchvision's names."""

    def forward(w: Weights, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        x = w.bn("bn1", w.conv("conv1", x, widths[0], 3)).relu()
        x = F.max_pool2d(x, 3, 2, 1) if pool else x
        for stage, (depth, width) in enumerate(zip(depths, widths, strict=True), start=1):
            for index in range(depth):
                block, stride = f"layer{stage}.{index}", 2 if stage > 1 and index == 0 else 1
                if bottleneck:
                    y = w.bn(f"{block}.bn1", w.conv(f"{block}.conv1", x, width, 1)).relu()
                    y = w.bn(f"{block}.bn2", w.conv(f"{block}.conv2", y, width, 3, stride)).relu()
                    y = w.bn(f"{block}.bn3", w.conv(f"{block}.conv3", y, 4 * width, 1))
                else:
                    y = w.bn(f"{block}.bn1", w.conv(f"{block}.conv1", x, width, 3, stride)).relu()
                    y = w.bn(f"{block}.bn2", w.conv(f"{block}.conv2", y, width, 3))
                if y.shape != x.shape and shortcut == "A":
                    zeros = torch.zeros_like(x[:, : width // 4, ::2, ::2])
                    x = torch.cat([zeros, x[:, :, ::2, ::2], zeros], 1)
                elif y.shape != x.shape:
                    x = w.conv(f"{block}.{shortcut}.0", x, y.shape[1], 1, stride)
                    x = w.bn(f"{block}.{shortcut}.1", x)
                x = (x + y).relu()
        return head(w, last, x, classes)

    return forward


def residual_function(w: Weights, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """weiaicunzai's ResNet-18."""
    x = w.bn("conv1.1", w.conv("conv1.0", x, 64, 3)).relu()
    for stage, width in enumerate((64, 128, 256, 512), start=2):
        for index in range(2):
            block, stride = f"conv{stage}_x.{index}", 2 if stage > 2 and index == 0 else 1
            inner = f"{block}.residual_function"
            y = w.bn(f"{inner}.1", w.conv(f"{inner}.0", x, width, 3, stride)).relu()
            y = w.bn(f"{inner}.4", w.conv(f"{inner}.3", y, width, 3))
            if y.shape != x.shape:
                x = w.conv(f"{block}.shortcut.0", x, width, 1, stride)
                x = w.bn(f"{block}.shortcut.1", x)
            x = (x + y).relu()
    return head(w, "fc", x, classes)


def preact(depths: list[int], raw: bool, last_bn: bool, bottleneck: bool = False) -> Pass:
    def forward(w: Weights, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        x = w.conv("conv1", x, 64, 3)
        for stage, depth in enumerate(depths, start=1):
            for index in range(depth):
                block, stride = f"layer{stage}.{index}", 2 if stage > 1 and index == 0 else 1
                width = 32 * 2**stage
                a = w.bn(f"{block}.bn1", x).relu()
                if bottleneck:
                    y = w.bn(f"{block}.bn2", w.conv(f"{block}.conv1", a, width, 1)).relu()
                    y = w.bn(f"{block}.bn3", w.conv(f"{block}.conv2", y, width, 3, stride)).relu()
                    y = w.conv(f"{block}.conv3", y, 4 * width, 1)
                else:
                    y = w.bn(f"{block}.bn2", w.conv(f"{block}.conv1", a, width, 3, stride)).relu()
                    y = w.conv(f"{block}.conv2", y, width, 3)
                if y.shape != x.shape:
                    before = x if raw else a
                    x = w.conv(f"{block}.shortcut.0", before, y.shape[1], 1, stride)
                x = x + y
        if last_bn:
            x = w.bn("bn", x).relu()
        return head(w, "linear", x, classes)

    return forward


def wide(blocks: int, width: int, trades: bool = False) -> Pass:
    def stage(w: Weights, name: str, x: Tensor, outputs: int, stride: int) -> Tensor:
        for index in range(blocks):
            block, step = f"{name}.layer.{index}", stride if index == 0 else 1
            a = w.bn(f"{block}.bn1", x).relu()
            y = w.bn(f"{block}.bn2", w.conv(f"{block}.conv1", a, outputs, 3, step)).relu()
            y = w.conv(f"{block}.conv2", y, outputs, 3)
            if x.shape[1] != outputs:
                x = w.conv(f"{block}.convShortcut", a, outputs, 1, step)
            x = x + y
        return x

    def forward(w: Weights, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        x = w.conv("conv1", x, 16, 3)
        if trades:
            stage(w, "sub_block1", x, 16 * width, 1)
        x = stage(w, "block1", x, 16 * width, 1)
        x = stage(w, "block2", x, 32 * width, 2)
        x = stage(w, "block3", x, 64 * width, 2)
        return head(w, "fc", w.bn("bn1", x).relu(), classes)

    return forward


def same(w: Weights, name: str, x: Tensor, outputs: int, stride: int) -> Tensor:
    """TensorFlow's `SAME` for a 3×3 kernel and even sizes: with stride 2 one row below, only."""
    x = F.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))
    return w.conv(name, x, outputs, 3, stride, padding=0)


def deepmind_wide(blocks: int, width: int, act: Callable[[Tensor], Tensor]) -> Pass:
    def forward(w: Weights, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        x = w.conv("init_conv", x, 16, 3)
        for stage in range(3):
            outputs = 16 * width * 2**stage
            for index in range(blocks):
                block, stride = f"layer.{stage}.block.{index}", 2 if stage and index == 0 else 1
                a = act(w.bn(f"{block}.batchnorm_0", x))
                y = same(w, f"{block}.conv_0", a, outputs, stride)
                y = w.conv(f"{block}.conv_1", act(w.bn(f"{block}.batchnorm_1", y)), outputs, 3)
                if x.shape[1] != outputs:
                    x = w.conv(f"{block}.shortcut", a, outputs, 1, stride)
                x = x + y
        return head(w, "logits", act(w.bn("batchnorm", x)), classes)

    return forward


def deepmind_preact(w: Weights, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    x = w.conv("conv_2d", x, 64, 3)
    for stage in range(4):
        for index in range(2):
            block, stride = f"layer_{stage}.{index}", 2 if stage and index == 0 else 1
            width = 64 * 2**stage
            y = same(
                w, f"{block}.conv_2d_1", F.silu(w.bn(f"{block}.batchnorm_0", x)), width, stride
            )
            y = w.conv(f"{block}.conv_2d_2", F.silu(w.bn(f"{block}.batchnorm_1", y)), width, 3)
            x = y + (same(w, f"{block}.shortcut", x, width, stride) if x.shape != y.shape else x)
    return head(w, "logits", F.silu(w.bn("batchnorm", x)), classes)


def vgg11(batch_norm: bool, hidden: list[str], last: str) -> Pass:
    def forward(w: Weights, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        index = 0
        for width in (
            64,
            "pool",
            128,
            "pool",
            256,
            256,
            "pool",
            512,
            512,
            "pool",
            512,
            512,
            "pool",
        ):
            if isinstance(width, str):
                x, index = F.max_pool2d(x, 2), index + 1
                continue
            x = w.conv(f"features.{index}", x, width, 3, bias=True)
            x = (w.bn(f"features.{index + 1}", x) if batch_norm else x).relu()
            index += 3 if batch_norm else 2
        x = x.flatten(1)
        for layer in hidden:
            x = w.linear(layer, x, 512).relu()
        return x, w.linear(last, x, classes)

    return forward


def densenet(depths: list[int], growth: int) -> Pass:
    def forward(w: Weights, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        x = w.conv("conv1", x, 2 * growth, 3)
        for number, depth in enumerate(depths, start=1):
            for index in range(depth):
                layer = f"dense{number}.{index}"
                y = w.conv(f"{layer}.conv1", w.bn(f"{layer}.bn1", x).relu(), 4 * growth, 1)
                y = w.conv(f"{layer}.conv2", w.bn(f"{layer}.bn2", y).relu(), growth, 3)
                x = torch.cat([y, x], 1)
            if number < len(depths):
                name = f"trans{number}"
                x = w.conv(f"{name}.conv", w.bn(f"{name}.bn", x).relu(), x.shape[1] // 2, 1)
                x = F.avg_pool2d(x, 2)
        return head(w, "linear", w.bn("bn", x).relu(), classes)

    return forward


def torchvision_densenet(pool: bool) -> Pass:
    def forward(w: Weights, x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
        x = w.bn("features.norm0", w.conv("features.conv0", x, 64, 3)).relu()
        x = F.max_pool2d(x, 3, 2, 1) if pool else x
        for number, depth in enumerate((6, 12, 24, 16), start=1):
            for index in range(1, depth + 1):
                layer = f"features.denseblock{number}.denselayer{index}"
                y = w.conv(f"{layer}.conv1", w.bn(f"{layer}.norm1", x).relu(), 128, 1)
                y = w.conv(f"{layer}.conv2", w.bn(f"{layer}.norm2", y).relu(), 32, 3)
                x = torch.cat([x, y], 1)
            if number < 4:
                name = f"features.transition{number}"
                x = w.conv(f"{name}.conv", w.bn(f"{name}.norm", x).relu(), x.shape[1] // 2, 1)
                x = F.avg_pool2d(x, 2)
        return head(w, "classifier", w.bn("features.norm5", x).relu(), classes)

    return forward


FULL, NARROW = [64, 128, 256, 512], [16, 32, 64]
R18, R50 = [2, 2, 2, 2], [3, 4, 6, 3]
PREACT = ("preact_resnet18", "preact_resnet18-wong")
CASES: dict[str, tuple[Pass, tuple[tuple[float, ...], tuple[float, ...]], tuple[str, ...]]] = {
    "resnet18": (resnet(R18, FULL, "shortcut", "linear"), KUANGLIU, ("resnet18",)),
    "resnet50": (resnet(R50, FULL, "shortcut", "linear", True), KUANGLIU, ("resnet50",)),
    "resnet20": (resnet([3, 3, 3], NARROW, "A", "linear"), IMAGENET, ("resnet20",)),
    "resnet20-chenyaofo": (
        *(resnet([3, 3, 3], NARROW, "downsample", "fc"), KUANGLIU),
        ("resnet20-chenyaofo",),
    ),
    "resnet18-weiaicunzai": (residual_function, CIFAR100_SCALE, ("resnet18-weiaicunzai",)),
    "resnet18-torchvision": (
        *(resnet(R18, FULL, "downsample", "fc"), KUANGLIU),
        ("resnet18-torchvision", "resnet18-torchvision-maxpool"),
    ),
    "resnet18-torchvision-maxpool": (
        *(resnet(R18, FULL, "downsample", "fc", pool=True), KUANGLIU),
        ("resnet18-torchvision", "resnet18-torchvision-maxpool"),
    ),
    "resnet50-torchvision": (
        *(resnet(R50, FULL, "downsample", "fc", True), KUANGLIU),
        ("resnet50-torchvision", "resnet50-torchvision-maxpool"),
    ),
    "preact_resnet18": (preact(R18, False, False), KUANGLIU, PREACT),
    "preact_resnet18-wong": (preact(R18, True, False), NONE, PREACT),
    "preact_resnet18-rice": (preact(R18, False, True), NONE, ("preact_resnet18-rice",)),
    "preact_resnet50": (preact(R50, False, False, True), KUANGLIU, ("preact_resnet50",)),
    "wrn-16-2": (wide(2, 2), NONE, ("wrn-16-2",)),
    "wrn-10-1": (wide(1, 1), NONE, ("wrn-10-1",)),
    "wrn-10-3-trades": (wide(1, 3, True), NONE, ("wrn-10-3-trades",)),
    "wrn-16-2-deepmind": (
        *(deepmind_wide(2, 2, F.silu), DEEPMIND),
        ("wrn-16-2-deepmind", "wrn-16-2-deepmind-relu"),
    ),
    "wrn-10-1-deepmind-relu": (
        *(deepmind_wide(1, 1, F.relu), DEEPMIND),
        ("wrn-10-1-deepmind", "wrn-10-1-deepmind-relu"),
    ),
    "preact_resnet18-deepmind": (
        *(deepmind_preact, DEEPMIND),
        ("preact_resnet18-deepmind", "preact_resnet18-deepmind-relu"),
    ),
    "vgg11_bn": (vgg11(True, [], "classifier"), KUANGLIU, ("vgg11_bn",)),
    "vgg11": (vgg11(False, [], "classifier"), KUANGLIU, ("vgg11",)),
    "vgg11_bn-chenyaofo": (
        *(vgg11(True, ["classifier.0", "classifier.3"], "classifier.6"), KUANGLIU),
        ("vgg11_bn-chenyaofo",),
    ),
    "vgg11-chengyangfu": (
        *(vgg11(False, ["classifier.1", "classifier.4"], "classifier.6"), IMAGENET),
        ("vgg11-chengyangfu",),
    ),
    "densenet_cifar": (densenet([6, 12, 24, 16], 12), KUANGLIU, ("densenet_cifar",)),
    "densenet121-torchvision": (
        *(torchvision_densenet(False), KUANGLIU),
        ("densenet121-torchvision", "densenet121-torchvision-maxpool"),
    ),
    "densenet121-torchvision-maxpool": (
        *(torchvision_densenet(True), KUANGLIU),
        ("densenet121-torchvision", "densenet121-torchvision-maxpool"),
    ),
}
"""By name: the pass, the mean and deviation, and every name that has these tensors."""


def pictures(side: int = 32) -> Tensor:
    return torch.rand((2, 3, side, side), generator=torch.Generator().manual_seed(5))


def by_hand(
    name: str, classes: int = 10, side: int = 32, device: str = "cpu"
) -> tuple[Weights, Tensor, Tensor]:
    """The weights, and the penultimate layer and logits of `pictures(side)`."""
    forward, (mean, std), _ = CASES[name]
    images = pictures(side).double()
    scaled = (images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    weights = Weights(device)
    return weights, *forward(weights, scaled.to(device), classes)


@cache
def shapes(name: str, classes: int = 10) -> dict[str, tuple[int, ...]]:
    """The tensors that a layout's checkpoint holds."""
    weights, *_ = by_hand(name, classes, device="meta")
    return {key: tuple(value.shape) for key, value in weights.state.items()}


def network_with(name: str, state: dict[str, Tensor], classes: int, size: int | None) -> Network:
    architecture = architecture_named(f"cifar:{name}", size)
    module = architecture.create(num_classes=classes)
    module.load_state_dict(state)
    return architecture.describe("file:net.pt", module)


def distance(values: Tensor, expected: Tensor) -> float:
    return float((values.double() - expected).norm() / expected.norm())


@pytest.mark.parametrize("name", CASES)
def test_a_layout_computes_what_its_pass_written_out_does(name):
    weights, penultimate, logits = by_hand(name)
    network = network_with(name, weights.state, 10, None)
    values = representations(network, ("penultimate", "logits"), pictures())
    assert distance(values["penultimate"], penultimate) < 1e-5
    assert distance(values["logits"], logits) < 1e-5
    assert network.input.size == (32, 32)
    assert (network.input.interpolation, network.input.crop_pct) == ("bilinear", 1.0)
    assert network.classes == CIFAR10


@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_is_told_by_its_tensors(name):
    expected = tuple(f"cifar:{each}" for each in CASES[name][2])
    given = shapes(name, classes=7)
    assert candidates(given) == expected
    assert guess(given) == (expected[0] if len(expected) == 1 else None)


@pytest.mark.parametrize(
    "name", ["resnet20", "resnet18-torchvision", "wrn-10-3-trades", "densenet_cifar"]
)
def test_counters_input_statistics_and_the_classifier_do_not_decide(name):
    last = {"resnet18-torchvision": "fc", "wrn-10-3-trades": "fc"}.get(name, "linear")
    given = dict(shapes(name))
    given["bn1.num_batches_tracked"] = ()
    given |= {"mu": (1, 3, 1, 1), "sigma": (1, 3, 1, 1), "normalizer.new_mean": (3, 1, 1)}
    expected = tuple(f"cifar:{each}" for each in CASES[name][2])
    assert candidates(given) == expected
    without = {each: shape for each, shape in given.items() if not each.startswith(f"{last}.")}
    assert candidates(without) == expected
    inputs = given[f"{last}.weight"][1]
    mlp = {f"{last}.0.weight": (96, inputs), f"{last}.2.weight": (32, 96)}
    assert candidates(without | mlp) == expected
    assert candidates(without | {f"{last}.weight": (10, inputs + 1)}) == ()
    broken = dict(list(given.items())[1:])
    assert candidates(broken) == ()


@pytest.mark.parametrize(
    ("wanted", "name", "expected"),
    [
        ("timm:resnet18", "resnet18-torchvision", "cifar:resnet18-torchvision"),
        ("timm:resnet18.a1_in1k", "resnet18-torchvision", "cifar:resnet18-torchvision"),
        ("torchvision:resnet50/IMAGENET1K_V1", "resnet50", "cifar:resnet50"),
        ("torchvision:resnet50", "resnet50-torchvision", "cifar:resnet50-torchvision"),
        ("torchvision:vgg11_bn", "vgg11_bn", "cifar:vgg11_bn"),
        ("timm:vgg11_bn", "vgg11_bn-chenyaofo", "cifar:vgg11_bn-chenyaofo"),
        ("torchvision:densenet121", "densenet121-torchvision", "cifar:densenet121-torchvision"),
        # Another depth, or design: the same as asked for, so that the error can say so.
        ("torchvision:resnet34", "resnet18", "torchvision:resnet34"),
        ("timm:resnet18", "preact_resnet18-rice", "timm:resnet18"),
        ("cifar:resnet18-torchvision-maxpool", "resnet18-torchvision", None),
    ],
)
def test_the_small_picture_variant_is_chosen_where_the_checkpoint_shows_one(wanted, name, expected):
    assert fitting(wanted, shapes(name)) == (expected or wanted)


@pytest.mark.parametrize("name", ["resnet18", "vgg11_bn", "densenet121", "wide_resnet50_2"])
@pytest.mark.parametrize("source", ["timm", "torchvision"])
def test_a_checkpoint_of_the_usual_architecture_keeps_it(source, name):
    with torch.device("meta"):
        state = architecture_named(f"{source}:{name}").create(num_classes=5).state_dict()
    given = {key: tuple(value.shape) for key, value in state.items()}
    reference = f"{source}:{name}"
    assert fitting(reference, given) == reference
    assert guess(given) is None
    top = ("fc.", "classifier.", "head.")
    headless = {key: shape for key, shape in given.items() if not key.startswith(top)}
    assert fitting(reference, headless) == reference


def test_an_unknown_checkpoint_fits_nothing():
    assert candidates({}) == ()
    assert (
        candidates({"conv1.weight": (64, 3, 3, 3), "layer1.0.conv1.weight": (64, 64, 3, 3)}) == ()
    )
    assert fitting("timm:vit_tiny_patch16_224", {"patch_embed.proj.weight": (8, 3, 2, 2)}) == (
        "timm:vit_tiny_patch16_224"
    )


@pytest.mark.parametrize("name", ["resnet20", "wrn-10-1", "preact_resnet18-deepmind"])
def test_pooling_lets_other_sizes_through(name):
    weights, penultimate, _ = by_hand(name, classes=100, side=40)
    network = network_with(name, weights.state, 100, 40)
    values = representations(network, ("penultimate",), pictures(40))["penultimate"]
    assert distance(values, penultimate) < 1e-5
    assert network.input.size == (40, 40)
    assert network.class_count == len(network.classes) == 100
    assert (network.classes[0], network.classes[99]) == ("apple", "worm")


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [("vgg16_bn", 24, "at least 32 px"), ("wrn-28-10-deepmind", 34, "multiples of 4 px")],
)
def test_a_size_that_cannot_be_is_refused_with_the_reason(name, size, message):
    with pytest.raises(RequestError, match=message) as caught:
        architecture_named(f"cifar:{name}", size)
    assert caught.value.field == "size"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("cifar:resnet-18", "did you mean 'cifar:resnet18'"),
        ("cifar:nothing", r"there are resnet18, 34, 50, 101 or 152; .*wrn-DEPTH-WIDTH"),
        ("cifar:resnet21", r"6n \+ 2 layers"),
        ("cifar:wrn-29-10", r"6n \+ 4 layers"),
        ("wrn-28-10", "did you mean 'cifar:wrn-28-10'"),
        ("resnet18", "'timm:resnet18' or 'torchvision:resnet18' or 'cifar:resnet18'"),
    ],
)
def test_an_architecture_that_there_is_not_is_refused_with_the_nearest(reference, message):
    with pytest.raises(RequestError, match=message) as caught:
        architecture_named(reference)
    assert caught.value.field == "architecture"


def test_every_listed_name_belongs_to_one_family():
    assert len(set(names())) == len(names()) >= 100
    for name in names():
        matching = [family for family in families() if family.pattern.fullmatch(name)]
        # Depths of 6n + 2 are those of akamaster's, but for kuangliu's, which come first.
        assert len(matching) == 1 or (len(matching) == 2 and name in matching[0].names), name
        matching[0].check(matching[0].pattern.fullmatch(name))


@pytest.mark.parametrize("name", ["densenet169", "wide_resnet50_2-torchvision", "vgg19_bn"])
def test_deeper_ones_are_built_alike(name):
    with torch.device("meta"):
        module = architecture_named(f"cifar:{name}").create(num_classes=3)
        assert module(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
    given = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    assert candidates(given)[0] == f"cifar:{name}"


def test_another_number_of_classes_has_no_names():
    network = network_with("wrn-10-1", by_hand("wrn-10-1", classes=7)[0].state, 7, None)
    assert (network.class_count, network.classes) == (7, ())


@pytest.mark.parametrize(
    ("name", "layer", "title"),
    [
        ("resnet18", "layer3.1", "stage 3, block 2, after addition"),
        ("resnet20", "layer1.0.conv1", "stage 1, block 1, convolution 1"),
        ("wrn-16-2", "block2.layer.1", "stage 2, block 2, after addition"),
        ("wrn-16-2-deepmind", "layer.1.block.0", "stage 2, block 1, after addition"),
        ("preact_resnet18-deepmind", "layer_2.1", "stage 3, block 2, after addition"),
        ("densenet_cifar", "dense2.3", "dense block 2, layer 4"),
        ("densenet_cifar", "trans1", "transition 1"),
        ("resnet18-weiaicunzai", "conv3_x.1", "stage 2, block 2, after addition"),
        ("resnet18", "linear", "classifier"),
    ],
)
def test_layers_have_titles_and_stages_sections(name, layer, title):
    module = architecture_named(f"cifar:{name}").create()
    network = architecture_named(f"cifar:{name}").describe("file:net.pt", module)
    layers = {each.name: each for each in list_layers(network)}
    assert layers["penultimate"].elements > 10
    assert layers["logits"].shape == (10,)
    assert layer_title(layer, layers[layer].kind) == title
    assert is_main(layer, layers[layer].kind) == (not layer.endswith("conv1"))
    stages = 3 if name.startswith(("wrn", "resnet20")) else 4
    assert len(sections(list(layers))) == 1 + stages + 1


def scaled_by(name: str, mean: Tensor, std: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """A layout's weights, and its penultimate layer for `pictures()` with this mean, deviation."""
    weights = Weights("cpu")
    images = (pictures().double() - mean.double()) / std.double()
    return weights.state, CASES[name][0](weights, images, 10)[0]


@pytest.mark.parametrize(
    ("name", "architecture", "prefix", "mean", "std"),
    [
        # MadryLab/robustness, asked for by the ImageNet architecture's name
        ("resnet18", "torchvision:resnet18", "module.model.", "module.normalizer.new_mean", "std"),
        # akamaster's, saved from DataParallel
        ("resnet20", "cifar:resnet20", "module.", "", ""),
        # self-supervised repositories
        ("resnet18-torchvision", "timm:resnet18", "encoder.", "", ""),
        # RobustBench and DeepMind, with the normalisation inside the network
        ("wrn-10-3-trades", "cifar:wrn-10-3-trades", "", "mu", "sigma"),
        ("wrn-16-2-deepmind", "cifar:wrn-16-2-deepmind", "", "mean", "std"),
    ],
)
def test_a_file_is_loaded_with_what_it_says_of_its_input(
    tmp_path, name, architecture, prefix, mean, std
):
    own = torch.tensor(CASES[name][1])[:, :, None, None]
    if mean:
        own = torch.tensor([[0.45, 0.5, 0.4], [0.3, 0.25, 0.2]])[:, :, None, None]
    state, penultimate = scaled_by(name, *own)
    content = {f"{prefix}{key}": value for key, value in state.items()}
    for key in list(content):
        if key.endswith("running_var"):
            content[key.replace("running_var", "num_batches_tracked")] = torch.tensor(9)
    if mean:
        content |= {mean: own[0], (mean[: -len("mean")] + std if "." in mean else std): own[1]}
    torch.save({"state_dict": content, "best_prec1": 91.7}, tmp_path / "net.th")
    network = loading.load(
        network_reference(f"file:{tmp_path / 'net.th'}", architecture=architecture)
    )
    values = representations(network, ("penultimate",), pictures())["penultimate"]
    assert distance(values, penultimate) < 1e-5
    assert network.input.size == (32, 32)
    assert network.classes == CIFAR10
    loading.cache.clear()
