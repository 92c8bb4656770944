"""Checkpoints whose classifier is not the architecture's: used as it is, or left out, and said.

Representations and logits are compared with what torch computes with the very modules that were
saved.
"""

import copy
from collections import OrderedDict

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from explorer.errors import RequestError
from explorer.metrics.matching import match_images
from explorer.metrics.null import Null
from explorer.metrics.null_distribution import null_distribution
from explorer.models import class_names
from explorer.models.checkpoints.head_modules import build
from explorer.models.layers import list_layers, representation
from explorer.models.loading import load
from explorer.network_reference import NetworkReference

FEATURES = 96
"""Of timm's test_resnet, which go into its classifier."""


def lively(module):
    """The module with weights and statistics as after some training."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(noise + 0.5 if name.endswith("var") else (noise - 0.45) * 0.2)
    return module.eval()


@pytest.fixture(scope="module")
def trunk():
    return lively(timm.create_model("test_resnet"))


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))


def with_head(trunk, head, name="fc"):
    module = copy.deepcopy(trunk)
    module.set_submodule(name, lively(head))
    return module.eval()


def opened(tmp_path, content, architecture="timm:test_resnet", **settings):
    from explorer.models.checkpoints.reading import sha256_of

    path = tmp_path / "net.pt"
    torch.save(content, path)
    return load(NetworkReference(f"file:{path}", architecture, sha256_of(path), **settings))


def normalised(network, images):
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (network.input.mean, network.input.std))
    return (images - mean) / std


def check_function(network, module, images, head="fc"):
    """Both ends of the network are those of the module."""
    seen = normalised(network, images)
    taken = []
    handle = module.get_submodule(head).register_forward_pre_hook(
        lambda _, inputs: taken.append(inputs[0])
    )
    with torch.no_grad():
        logits = module(seen)
    handle.remove()
    for layer, expected in (("penultimate", taken[0]), ("logits", logits)):
        ours = representation(network, layer, images)
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


HEADS = {
    "moco_v2": (
        lambda: nn.Sequential(nn.Linear(FEATURES, 40), nn.ReLU(), nn.Linear(40, 7)),
        "a ReLU between 0 and 2",
    ),
    "dropout_before": (lambda: nn.Sequential(nn.Dropout(0.4), nn.Linear(FEATURES, 7)), "before 1"),
    "relu_and_dropout": (
        lambda: nn.Sequential(
            nn.Linear(FEATURES, 40), nn.ReLU(), nn.Dropout(0.4), nn.Linear(40, 7)
        ),
        "a ReLU between 0 and 3",
    ),
    "simclr": (
        lambda: nn.Sequential(
            nn.Linear(FEATURES, 40, bias=False),
            nn.BatchNorm1d(40),
            nn.ReLU(),
            nn.Linear(40, 7, bias=False),
            nn.BatchNorm1d(7, affine=False),
        ),
        "a ReLU between 1 and 3",
    ),
    "mae_probe": (
        lambda: nn.Sequential(nn.BatchNorm1d(FEATURES, affine=False), nn.Linear(FEATURES, 7)),
        "2 linear layers" and "under fc",
    ),
    "two_linear": (
        lambda: nn.Sequential(nn.Linear(FEATURES, 40), nn.Linear(40, 7)),
        "2 linear layers",
    ),
    "named": (
        lambda: nn.Sequential(
            OrderedDict(fc1=nn.Linear(FEATURES, 40), relu=nn.ReLU(), fc2=nn.Linear(40, 7))
        ),
        "a ReLU between fc1 and fc2",
    ),
    "layer_norm": (
        lambda: nn.Sequential(nn.LayerNorm(FEATURES), nn.Linear(FEATURES, 7)),
        "0 is a layer normalisation",
    ),
    "ten_layers": (
        lambda: nn.Sequential(
            *[each for _ in range(6) for each in (nn.Linear(FEATURES, FEATURES), nn.ReLU())],
            nn.Linear(FEATURES, 7),
        ),
        "a ReLU between 10 and 12",
    ),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_of_several_modules_is_used_as_it_is(tmp_path, trunk, images, kind):
    make, words = HEADS[kind]
    module = with_head(trunk, make())
    network = opened(tmp_path, module.state_dict())
    check_function(network, module, images)
    assert network.class_count == 7
    assert network.classifier == "fc"
    assert network.classes == ()
    assert words in " ".join(network.notes)
    if "ReLU" in words:
        assert "(a python: architecture states another)" in " ".join(network.notes)


def test_the_numbers_of_layers_are_numbers_in_safetensors_too(tmp_path, trunk, images):
    module = with_head(trunk, HEADS["ten_layers"][0]())
    save_file(module.state_dict(), tmp_path / "net.safetensors")
    path = tmp_path / "net.safetensors"
    network = load(NetworkReference(f"file:{path}", "timm:test_resnet"))
    check_function(network, module, images)


@pytest.mark.parametrize("classes", [7, 1000])
def test_a_classifier_without_bias_is_one(tmp_path, trunk, images, classes):
    module = with_head(trunk, nn.Linear(FEATURES, classes, bias=False))
    network = opened(tmp_path, module.state_dict())
    check_function(network, module, images)
    assert network.class_count == classes
    assert "no bias" in " ".join(network.notes)


@pytest.mark.parametrize(
    "content",
    [
        lambda state: {"state_dict": {name: t for name, t in state.items() if name[:3] != "fc."}},
        lambda state: {f"encoder.{name}": t for name, t in state.items() if name[:3] != "fc."},
        lambda state: (
            {f"backbone.{name}": t for name, t in state.items() if name[:3] != "fc."}
            | {"projector.0.weight": torch.rand(64, FEATURES), "queue": torch.rand(64, 128)}
        ),
        lambda state: (
            {n: t for n, t in state.items() if n[:3] != "fc."}
            | {"fc.weight_g": torch.rand(9, 1), "fc.weight_v": torch.rand(9, FEATURES)}
        ),
    ],
)
def test_without_a_classifier_only_the_logits_are_refused(tmp_path, trunk, images, content):
    network = opened(tmp_path, content(trunk.state_dict()))
    with torch.no_grad():
        features = trunk.forward_features(normalised(network, images)).mean((2, 3))
    ours = representation(network, "penultimate", images)
    torch.testing.assert_close(ours, features, rtol=1e-5, atol=1e-5)
    assert (network.class_count, network.classes, network.classifier) == (0, (), None)
    assert "no logits and no classes" in " ".join(network.notes)
    names = [layer.name for layer in list_layers(network)]
    assert "penultimate" in names
    assert "logits" not in names
    with pytest.raises(RequestError, match="no classifier, so it has no logits") as caught:
        representation(network, "logits", images)
    assert caught.value.field == "layer"
    assert "penultimate" in caught.value.message


def test_the_verdict_on_a_network_without_classifier_needs_no_class(tmp_path, trunk, images):
    state = {name: t for name, t in trunk.state_dict().items() if not name.startswith("fc.")}
    network = opened(tmp_path, state)

    photos = torch.rand(6, 3, 64, 64)
    null = null_distribution(representation(network, "penultimate", photos))
    assert isinstance(null, Null)
    (match,) = match_images(network, "penultimate", images[:1], images[:1], null)
    assert match.same_class is None
    assert match.target_top == ()
    assert match.same == match.beyond_null


@pytest.mark.parametrize("name", ["linear", "classifier", "head", "last_linear", "linear_head"])
def test_a_linear_probe_under_another_name_is_the_classifier(tmp_path, trunk, images, name):
    module = with_head(trunk, nn.Linear(FEATURES, 7))
    renamed = {
        key.replace("fc.", f"{name}.", 1) if key.startswith("fc.") else key: tensor
        for key, tensor in module.state_dict().items()
    }
    network = opened(tmp_path, renamed)
    check_function(network, module, images)
    assert f"under {name}" in " ".join(network.notes)


@pytest.mark.parametrize(("trunk_name", "head_name"), [("backbone", "classifier"), ("0", "1")])
def test_a_classifier_next_to_the_network_is_its(tmp_path, trunk, images, trunk_name, head_name):
    module = with_head(trunk, nn.Linear(FEATURES, 7))
    state = {
        f"module.{head_name}.{key[3:]}" if key[:3] == "fc." else f"module.{trunk_name}.{key}": t
        for key, t in module.state_dict().items()
    }
    network = opened(tmp_path, {"state_dict": state})
    check_function(network, module, images)
    assert network.class_count == 7


def test_of_two_heads_next_to_the_network_none_is_guessed(tmp_path, trunk):
    state = {f"backbone.{k}": t for k, t in trunk.state_dict().items() if k[:3] != "fc."}
    for name, count in (("classifier", 7), ("head", 9)):
        state |= {f"{name}.weight": torch.rand(count, FEATURES), f"{name}.bias": torch.rand(count)}
    assert opened(tmp_path, state).headless


def test_the_outputs_of_a_projection_are_no_classes_unless_they_are_named(tmp_path, trunk, images):
    head = nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.ReLU(), nn.Linear(FEATURES, 128))
    module = with_head(trunk, head)
    state = {f"module.encoder_q.{name}": t for name, t in module.state_dict().items()}
    network = opened(tmp_path, {"state_dict": state | {"module.queue": torch.rand(128, 64)}})
    check_function(network, module, images)
    assert network.class_count == 0
    assert "projection" in " ".join(network.notes)
    names = tuple(f"name {index}" for index in range(128))
    (tmp_path / "names.txt").write_text("\n".join(names), encoding="utf-8")
    named = opened(
        tmp_path,
        {"state_dict": state},
        classes=class_names.digest(names),
        classes_file=str(tmp_path / "names.txt"),
    )
    assert named.classes == names


@pytest.mark.parametrize("count", [64, 512])
def test_a_single_layer_of_any_number_of_classes_is_a_classifier(tmp_path, trunk, count):
    module = with_head(trunk, nn.Linear(FEATURES, count))
    assert opened(tmp_path, module.state_dict()).class_count == count


# torchvision's containers


def test_a_whole_classifier_of_vggs_kind_is_replaced(tmp_path):
    module = lively(torchvision.models.squeezenet1_1(num_classes=7))
    network = opened(tmp_path, module.state_dict(), "torchvision:squeezenet1_1")
    images = torch.rand(1, 3, 64, 64)
    check_function(network, module, images, "classifier.1")
    assert network.class_count == 7


@pytest.mark.parametrize(
    ("make", "head"),
    [
        (lambda: nn.Linear(576, 7), "classifier"),
        (lambda: nn.Sequential(nn.Linear(576, 32), nn.ReLU(), nn.Linear(32, 7)), "classifier"),
        (None, "classifier.3"),
    ],
)
def test_what_people_put_for_a_torchvision_classifier_is_used(tmp_path, make, head):
    module = torchvision.models.mobilenet_v3_small()
    if make is not None:
        module.classifier = make()
    else:
        module.classifier[3] = nn.Linear(1024, 7)
    module = lively(module)
    network = opened(tmp_path, module.state_dict(), "torchvision:mobilenet_v3_small")
    images = torch.rand(1, 3, 64, 64)
    check_function(network, module, images, head)
    assert network.class_count == 7


@pytest.mark.parametrize(
    "architecture", ["timm:test_vit", "timm:test_convnext", "timm:test_efficientnet"]
)
def test_features_alone_load_in_other_families(tmp_path, architecture):
    name = architecture.removeprefix("timm:")
    module = lively(timm.create_model(name, num_classes=0))
    network = opened(tmp_path, module.state_dict(), architecture)
    images = torch.rand(1, 3, *network.input.size)
    with torch.no_grad():
        expected = module(normalised(network, images))
    ours = representation(network, "penultimate", images)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    assert network.headless


# A head from its tensors


def test_tensors_that_make_no_known_head_are_none():
    assert build({"weight_g": torch.rand(3, 1), "weight_v": torch.rand(3, 8)}, 8) is None
    assert build({"weight": torch.rand(3, 9)}, 8) is None, "it takes another number of features"
    assert build({"0.weight": torch.rand(4, 8), "2.weight": torch.rand(3, 5)}, 8) is None
    assert build({"running_mean": torch.rand(8), "running_var": torch.rand(8)}, 8) is None
