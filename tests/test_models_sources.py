"""One's own checkpoints in the layouts that people have, sizes of one's own, and memory."""

import argparse
import threading
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn
from torchvision.models import WeightsEnum

from explorer.images.fitting import fit
from explorer.models import memory
from explorer.models.architectures.torchvision import create, weights_of
from explorer.models.checkpoints import conversion
from explorer.models.checkpoints.reading import sha256_of
from explorer.models.layers import list_layers, representation
from explorer.models.loading import load, untrained
from explorer.models.network import InputSpec, Network
from explorer.models.sources import robust, torchhub
from explorer.network_reference import NetworkReference
from explorer.request import RequestError


def say_nothing(text: str) -> None: ...


def seeded(module: nn.Module) -> nn.Module:
    """Random weights, and batch-norm statistics that do something."""
    torch.manual_seed(1)
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.weight.data.uniform_(0.5, 1.5)
            child.running_mean.uniform_(-0.1, 0.1)
            child.running_var.uniform_(0.5, 1.5)
    return module.eval()


class InputNormalize(nn.Module):
    """The normaliser of the robustness library, with its buffers' names."""

    def __init__(self, mean, std) -> None:
        super().__init__()
        self.register_buffer("new_mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("new_std", torch.tensor(std).view(3, 1, 1))

    def forward(self, x):
        return (torch.clamp(x, 0, 1) - self.new_mean) / self.new_std


class Attacker(nn.Module):
    def __init__(self, model, normalize) -> None:
        super().__init__()
        self.normalize, self.model = normalize, model


class AttackerModel(nn.Module):
    """The wrapper that the robustness library trains and saves."""

    def __init__(self, model, mean, std) -> None:
        super().__init__()
        self.normalizer = InputNormalize(mean, std)
        self.model = model
        self.attacker = Attacker(model, InputNormalize(mean, std))

    def forward(self, x):
        return self.model(self.normalizer(x))


MEAN, STD = (0.48, 0.46, 0.41), (0.23, 0.22, 0.225)


def robustness_checkpoint(module: nn.Module) -> tuple[nn.Module, dict]:
    """What that library saves beside the weights, too: optimiser, schedule with numpy's numbers."""
    wrapped = AttackerModel(module, MEAN, STD)
    optimiser = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda epoch: np.interp([epoch], [0, 5], [0, 1])[0]
    )
    module(torch.rand(2, 3, 64, 64)).sum().backward()
    optimiser.step()
    schedule.step()
    return wrapped, {
        "model": nn.DataParallel(wrapped).state_dict(),
        "optimizer": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
        "epoch": 90,
        "amp": "N/A",
        "nat_prec1": torch.tensor(53.1),
        "adv_prec1": np.float64(31.0),
    }


@pytest.mark.parametrize("new_format", [True, False])
def test_a_checkpoint_of_the_robustness_library_loads_to_the_same_function(
    tmp_path, monkeypatch, new_format
):
    wrapped, content = robustness_checkpoint(seeded(torchvision.models.resnet18(weights=None)))
    path = tmp_path / "resnet18_l2_eps3.ckpt"
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    monkeypatch.setattr(robust, "from_hub", lambda *arguments: path)
    network = robust.load(NetworkReference("robust:resnet18_l2_eps3"), say_nothing)
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(network(images), wrapped.eval()(images))
    assert network.input.mean == pytest.approx(MEAN)
    assert network.input.std == pytest.approx(STD)
    assert (network.input.size, network.input.crop_pct) == ((224, 224), 0.875)
    assert network.classes[207] == "golden retriever"
    own = load(NetworkReference(f"file:{path}", "torchvision:resnet18", sha256_of(path)))
    torch.testing.assert_close(own(images), wrapped(images))


def test_a_robust_densenet_with_a_custom_forward_loads_too(tmp_path, monkeypatch):
    """Their vgg, densenet and mobile networks are wrapped once more, as `module.model.model.*`."""
    module = seeded(torchvision.models.shufflenet_v2_x1_0(weights=None))
    state = {f"module.model.model.{name}": one for name, one in module.state_dict().items()}
    state |= {f"module.attacker.model.model.{n}": one + 1 for n, one in module.state_dict().items()}
    path = tmp_path / "shufflenet_l2_eps3.ckpt"
    torch.save({"model": state, "epoch": 3}, path)
    monkeypatch.setattr(robust, "from_hub", lambda *arguments: path)
    network = robust.load(NetworkReference("robust:shufflenet_l2_eps3"), say_nothing)
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(network(images), module(network.normalise(images)))


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        (
            "resnet50_moco_v2",
            lambda state: {
                "state_dict": {f"module.encoder_q.{n}": one for n, one in state.items()}
                | {f"module.encoder_k.{n}": one + 1 for n, one in state.items()}
                | {"module.encoder_q.fc.0.weight": torch.zeros(2), "module.queue": torch.zeros(2)},
                "epoch": 800,
                "arch": "resnet50",
            },
        ),
        (
            "resnet50_swav",
            lambda state: (
                {f"module.{n}": one for n, one in state.items()}
                | {
                    f"module.{n}": torch.zeros(2)
                    for n in ("projection_head.0.bias", "prototypes.w")
                }
            ),
        ),
        ("resnet50_vicreg", lambda state: state),
    ],
)
def test_a_self_supervised_resnet_is_taken_out_of_its_training(tmp_path, monkeypatch, name, wrap):
    module = seeded(torchvision.models.resnet50(weights=None))
    module.fc = nn.Identity()
    path = tmp_path / f"{name}.pth"
    torch.save(wrap(module.state_dict()), path)
    monkeypatch.setattr(torchhub, "from_url", lambda *arguments: path)
    network = torchhub.load(NetworkReference(f"hub:{name}"), say_nothing)
    images = torch.rand(1, 3, 64, 64)
    seen = network.normalise(images)
    torch.testing.assert_close(representation(network, "penultimate", images), module(seen))
    assert network.class_count == 0


@pytest.mark.parametrize("name", ["inception_v3", "densenet121", "mobilenet_v2"])
def test_torchvisions_networks_are_built_as_its_own_builder_builds_them(monkeypatch, name):
    """Its builders change the architecture when weights are given; ours must do the same."""
    torch.manual_seed(0)
    weights = torchvision.models.get_model_weights(name).IMAGENET1K_V1
    ours = seeded(create(f"{name}/IMAGENET1K_V1", weights))
    state = ours.state_dict()
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *arguments, **named: dict(state))
    theirs = torchvision.models.get_model(name, weights=weights).eval()
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images))


def test_a_transformer_is_built_for_the_size_of_its_weights():
    name = "vit_b_16/IMAGENET1K_SWAG_E2E_V1"
    with torch.device("meta"):
        module = create(name, weights_of(name))
    assert module.image_size == 384


def test_old_densenet_names_are_read():
    old = {"features.denseblock1.denselayer2.norm.1.weight": torch.zeros(1)}
    assert list(conversion.renamed(old)) == ["features.denseblock1.denselayer2.norm1.weight"]


def test_numpy_numbers_and_options_beside_the_weights_are_read(tmp_path):
    module = timm.create_model("resnet10t", pretrained=False)
    path = tmp_path / "net.pt"
    beside = {"best": np.float32(0.5), "curve": np.arange(3.0), "args": argparse.Namespace(lr=1)}
    torch.save({"state_dict": module.state_dict(), **beside}, path)
    network = load(NetworkReference(f"file:{path}", "timm:resnet10t", sha256_of(path)))
    assert torch.equal(network.module.conv1[0].weight, module.conv1[0].weight)


def test_a_checkpoint_that_asks_for_code_is_told_which(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"state_dict": {"a": torch.zeros(1)}, "path": Path("x")}, path)
    with pytest.raises(RequestError, match="asks for code to be run") as caught:
        load(NetworkReference(f"file:{path}", "timm:resnet10t", sha256_of(path)))
    assert "pathlib" in caught.value.message


def test_networks_of_neither_rgb_nor_grey_pictures_are_refused_with_the_reason(tmp_path):
    module = timm.create_model("resnet18", pretrained=False, in_chans=6)
    path = tmp_path / "net.pt"
    torch.save(module.state_dict(), path)
    with pytest.raises(RequestError, match="takes 6 channels") as caught:
        load(NetworkReference(f"file:{path}", "timm:resnet18", sha256_of(path)))
    assert caught.value.field == "architecture"
    assert "RGB" in caught.value.message


# Sizes of one's own


@pytest.mark.parametrize(
    ("reference", "size"),
    [("timm:vit_tiny_patch16_224", 96), ("torchvision:resnet18", 64), ("timm:convnext_atto", 64)],
)
def test_a_network_looks_at_another_size_where_its_architecture_can(reference, size):
    network = untrained(NetworkReference(reference, size=size))
    assert network.input.size == (size, size)
    shapes = {layer.name: layer.shape for layer in list_layers(network)}
    assert shapes["logits"] == (1000,)
    if "vit" in reference:
        assert shapes["blocks.0"] == (37, 192)


@pytest.mark.parametrize(
    ("reference", "size"),
    [
        ("timm:vit_tiny_patch16_224", 100),
        ("torchvision:vit_b_16/IMAGENET1K_V1", 96),
        ("torchvision:inception_v3", 32),
    ],
)
def test_a_size_that_cannot_be_is_said_with_the_reason(reference, size):
    with pytest.raises(RequestError, match=f"{size}×{size} px") as caught, torch.device("meta"):
        untrained(NetworkReference(reference, size=size))
    assert caught.value.field == "size"
    assert "leave the size out" in caught.value.message


def test_pictures_are_squashed_or_bordered_where_the_network_was_evaluated_so():
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[:, 100:] = 255
    squashed = fit(picture, (50, 50), 1.0, "bilinear", "squash")
    assert squashed[:, :, :20].max() == 0
    assert squashed[:, :, 30:].min() == 1
    bordered = fit(picture, (50, 50), 1.0, "bilinear", "border", (0.2, 0.4, 0.6))
    np.testing.assert_allclose(bordered[:, 0, 0], (0.2, 0.4, 0.6), atol=0.5 / 255)
    assert bordered[:, 14:36, :20].max() == 0
    assert bordered[:, 14:36, 30:].min() == 1
    np.testing.assert_allclose(bordered[:, -1, -1], (0.2, 0.4, 0.6), atol=0.5 / 255)


# Memory


def tiny(numbers: int) -> Network:
    return Network("file:tiny", nn.Linear(numbers, 1, bias=False), InputSpec((8, 8)))


def test_networks_are_kept_until_the_budget_is_spent_the_least_recently_used_go_first():
    kept = memory.ModelCache(budget=lambda device: 4 * 30)
    loaded: list[str] = []

    def get(name: str) -> Network:
        return kept.get(name, lambda: loaded.append(name) or tiny(10))

    first = get("a")
    get("b"), get("c")
    assert get("a") is first
    get("d")
    assert [name for name in "abcd" if name in loaded[3:]] == ["d"]
    get("a"), get("c")
    assert loaded == ["a", "b", "c", "d"]
    get("b")
    assert loaded == ["a", "b", "c", "d", "b"]
    assert len(kept) == 3


def test_a_network_larger_than_the_budget_is_kept_alone():
    kept = memory.ModelCache(budget=lambda device: 100)
    kept.get("small", lambda: tiny(10))
    large = kept.get("large", lambda: tiny(1000))
    assert kept.get("large", lambda: tiny(1)) is large
    assert len(kept) == 1
    kept.make_room(100, "cpu")
    assert len(kept) == 0


def test_threads_that_want_one_network_load_it_once():
    kept, loads, start = memory.ModelCache(budget=lambda device: 10**9), [], threading.Barrier(4)

    def load_slowly() -> Network:
        loads.append(1)
        threading.Event().wait(0.05)
        return tiny(10)

    def ask() -> None:
        start.wait()
        kept.get("a", load_slowly)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1


def test_a_failed_load_is_tried_again():
    kept = memory.ModelCache(budget=lambda device: 10**9)

    def fail() -> Network:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        kept.get("a", fail)
    assert isinstance(kept.get("a", lambda: tiny(1)), Network)


def test_the_budget_is_a_share_of_the_memory_or_what_the_operator_said(monkeypatch):
    monkeypatch.setattr(memory, "memory_of", lambda device: (16 * 10**9, 8 * 10**9))
    assert memory.budget_of("cpu") == 4 * 10**9
    monkeypatch.setenv("IRI_NETWORKS_MEMORY", "1.5GB")
    assert memory.budget_of("cpu") == 15 * 10**8
    monkeypatch.setenv("IRI_NETWORKS_MEMORY", "much")
    with pytest.raises(RequestError, match="4GB"):
        memory.budget_of("cpu")


def test_a_network_too_big_for_the_machine_says_how_big_it_is(monkeypatch):
    monkeypatch.setattr(memory, "memory_of", lambda device: (2 * 10**9, 2 * 10**8))
    with pytest.raises(RequestError) as caught:
        load("torchvision:vgg16/IMAGENET1K_V1")
    assert caught.value.field == "model"
    assert "0.6 GB" in caught.value.message
    assert "0.2 GB of 2 GB" in caught.value.message
