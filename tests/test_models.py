"""Networks: loaded rightly, run only as far as a layer, and never left with a hook on them."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from explorer.models import catalogue
from explorer.models.architectures import timm as timm_architectures
from explorer.models.checkpoints.reading import sha256_of
from explorer.models.layers import list_layers, representation, representations, visit_layers
from explorer.models.loading import load
from explorer.models.network import InputSpec, Network
from explorer.models.sources import embedded
from explorer.network_reference import NetworkReference
from explorer.request import RequestError

EMBEDDED = embedded.names()
OF_EACH_DESIGN = tuple(
    {json.dumps(embedded.card(name)["architecture"]): name for name in EMBEDDED}.values()
)
VIT = "vit_tiny_patch16_224"
ROUNDING = {"rtol": 1e-4, "atol": 1e-4}  # of float32, through the layers of a whole network


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


def untrained(name: str, **options) -> nn.Module:
    """A timm network with random weights and batch-norm statistics that do something."""
    torch.manual_seed(0)
    module = timm.create_model(name, pretrained=False, **options).eval()
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.weight.data.uniform_(0.5, 1.5)
            child.bias.data.uniform_(-0.2, 0.2)
            child.running_mean.uniform_(-0.1, 0.1)
            child.running_var.uniform_(0.5, 1.5)
    return module


@pytest.fixture(scope="module")
def resnet18(folder) -> tuple[nn.Module, Network]:
    return own(untrained("resnet18"), folder / "resnet18.safetensors", "timm:resnet18")


@pytest.fixture(scope="module")
def vit(folder) -> tuple[nn.Module, Network]:
    return own(untrained(VIT), folder / "vit.safetensors", f"timm:{VIT}")


def own(module: nn.Module, path: Path, architecture: str) -> tuple[nn.Module, Network]:
    save_file(module.state_dict(), path)
    return module, load(NetworkReference(f"file:{path}", architecture, sha256_of(path)))


def pictures(network: Network, count: int = 2, rng_seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rng_seed)
    return torch.rand(count, 3, *network.input.size, generator=generator)


def standardised(images: torch.Tensor, mean, std) -> torch.Tensor:
    """By hand, channel by channel."""
    channels = [(images[:, c] - mean[c]) / std[c] for c in range(3)]
    return torch.stack(channels, dim=1)


def hooks_left(network: Network) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
        for module in network.module.modules()
    )


class Toy(nn.Module):
    """A network whose every trap is known: in-place, reuse, tuples, integers, a counted tail."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.pair = Pair()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.tail = Tail()
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.act(self.first(x))
        x = self.act(self.second(x))
        x, _ = self.pair(x)
        return self.fc(self.tail(self.flatten(self.pool(x))))


class Pair(nn.Module):
    def forward(self, x):
        return x * 2, {"where": x.argmax(), "half": [x / 2]}


class Tail(nn.Module):
    calls = 0
    broken = False

    def forward(self, x):
        Tail.calls += 1
        if Tail.broken:
            raise ArithmeticError("the tail is broken")
        return x + 1


@pytest.fixture
def toy() -> Network:
    torch.manual_seed(0)
    Tail.calls, Tail.broken = 0, False
    spec = InputSpec((8, 8), mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    return Network("file:toy", Toy(), spec, classifier="fc", class_count=5)


# The embedded networks


@pytest.mark.parametrize("name", OF_EACH_DESIGN)
def test_an_embedded_network_lists_its_layers_in_order_of_execution(name):
    network = load(f"embedded:{name}")
    seen = []
    handles = [
        module.register_forward_hook(
            lambda _m, _a, output, name=name: seen.append((name, tuple(output.shape[1:])))
        )
        for name, module in network.module.named_modules()
        if name
    ]
    network.module(torch.zeros(2, 3, *network.input.size))
    for handle in handles:
        handle.remove()
    listed = [(layer.name, layer.shape) for layer in list_layers(network)]
    card = embedded.card(name)
    outputs = max(stop for _, stop in card["logit_groups"].values())
    width = 512 if card["architecture"]["kind"].startswith("pooled") else 1024
    extra = {"penultimate": (width,), "logits": (outputs,)}
    assert [layer for layer in listed if layer[0] not in extra] == seen
    assert [layer for layer in listed if layer[0] in extra] == list(extra.items())
    assert listed[-3:] == [("penultimate", (width,)), ("head", (outputs,)), ("logits", (outputs,))]
    known = catalogue.entry(f"embedded:{name}").layers
    assert [(layer.name, layer.kind, layer.shape) for layer in list_layers(network)] == list(known)


def _residual_layers(m: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    outputs = {"stem": m.stem(x)}
    outputs["stage1.0"] = m.stage1[0](outputs["stem"])
    outputs["stage2"] = m.stage2(m.stage1[1](outputs["stage1.0"]))
    return {**outputs, "penultimate": m.grid(outputs["stage2"]).flatten(1)}


def _stacked_layers(m: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    outputs = {"stack1": m.stack1(m.stem(x))}
    outputs["stack3"] = m.stack3(m.stack2(outputs["stack1"]))
    return {**outputs, "penultimate": m.grid(outputs["stack3"]).flatten(1)}


def _transformer_layers(m: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    outputs = {"tokens": m.tokens(x)}
    first, *others = m.blocks
    attended = outputs["tokens"] + first.attention(first.norm1(outputs["tokens"]))
    outputs["blocks.0"] = attended + first.mlp(first.norm2(attended))
    outputs["blocks"] = nn.Sequential(*others)(outputs["blocks.0"])
    return {**outputs, "penultimate": m.grid(outputs["blocks"]).flatten(1)}


def _pooled_layers(m: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    outputs = {"stem": m.stem(x)}
    first, *others = (getattr(m, name) for name in m.stages)
    outputs[m.stages[0]] = first(outputs["stem"])
    last = m.widen(nn.Sequential(*others)(outputs[m.stages[0]]))
    return {**outputs, "penultimate": last.mean(dim=(2, 3))}


LAYERS_BY_HAND = {
    "grid-cnn": _residual_layers,
    "stacked-cnn": _stacked_layers,
    "grid-transformer": _transformer_layers,
    **dict.fromkeys(
        ("pooled-resnet", "pooled-vgg", "pooled-densenet", "pooled-inception"), _pooled_layers
    ),
}


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_network_computes_what_its_file_and_card_say(name):
    network = load(f"embedded:{name}")
    card = json.loads((embedded.CARDS / f"{name}.json").read_text())
    state = load_file(embedded.CARDS / f"{name}.safetensors")
    for key, value in network.module.state_dict().items():
        assert torch.equal(value, state[key].to(value.dtype)), key
    m = network.module
    images = pictures(network)
    x = standardised(images, card["mean"], card["std"])
    by_hand = LAYERS_BY_HAND[card["architecture"]["kind"]](m, x)
    weight, bias = state["head.weight"].float(), state["head.bias"].float()
    by_hand["logits"] = by_hand["penultimate"] @ weight.T + bias
    for layer, expected in by_hand.items():
        torch.testing.assert_close(representation(network, layer, images), expected, **ROUNDING)
    torch.testing.assert_close(network(images), by_hand["logits"], **ROUNDING)
    assert network.class_count == len(network.classes) == len(card["classes"])


def test_loaded_networks_are_frozen_in_eval_mode_and_kept(resnet18):
    for network in (load(f"embedded:{EMBEDDED[0]}"), resnet18[1]):
        assert not any(module.training for module in network.module.modules())
        assert not any(parameter.requires_grad for parameter in network.module.parameters())
    assert load(f"embedded:{EMBEDDED[0]}") is load(f"embedded:{EMBEDDED[0]}")


# timm's networks, from own checkpoints


def test_resnet18_at_five_layers_is_what_slicing_the_network_gives(resnet18):
    m, network = resnet18
    images = pictures(network)
    x = standardised(images, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    with torch.no_grad():
        expected = {"bn1": m.bn1(m.conv1(x))}
        expected["layer1"] = m.layer1(m.maxpool(torch.relu(expected["bn1"])))
        expected["layer2.0"] = m.layer2[0](expected["layer1"])
        expected["layer3"] = m.layer3(m.layer2[1](expected["layer2.0"]))
        expected["penultimate"] = m.layer4(expected["layer3"]).mean((2, 3))
        expected["logits"] = expected["penultimate"] @ m.fc.weight.T + m.fc.bias
        for layer, value in expected.items():
            output = representation(network, layer, images)
            torch.testing.assert_close(output, value, **ROUNDING)
        together = representations(network, expected, images)
    assert list(together) == list(expected)
    for layer, value in expected.items():
        torch.testing.assert_close(together[layer], value, **ROUNDING)


def test_resnet18_lists_names_and_shapes_of_a_224_px_picture(resnet18):
    shapes = {layer.name: layer.shape for layer in list_layers(resnet18[1])}
    for name, shape in {
        "conv1": (64, 112, 112),
        "layer1": (64, 56, 56),
        "layer2": (128, 28, 28),
        "layer4.1.bn2": (512, 7, 7),
        "penultimate": (512,),
        "fc": (1000,),
        "logits": (1000,),
    }.items():
        assert shapes[name] == shape
    names = list(shapes)
    assert names.index("conv1") < names.index("layer1.0.conv1") < names.index("layer1.0")
    assert names.index("layer1.1") < names.index("layer1") < names.index("layer2.0.conv1")


def test_a_vision_transformer_at_five_layers_is_what_running_it_by_hand_gives(vit):
    m, network = vit
    images = pictures(network)
    spec = m.default_cfg
    x = standardised(images, spec["mean"], spec["std"])
    with torch.no_grad():
        patches = m.patch_embed.proj(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([m.cls_token.expand(2, -1, -1), patches], dim=1) + m.pos_embed
        expected = {"patch_embed": patches}
        for index, block in enumerate(m.blocks):
            tokens = block(tokens)
            if index in (0, 5):
                expected[f"blocks.{index}"] = tokens
        expected["penultimate"] = m.norm(tokens)[:, 0]
        expected["logits"] = expected["penultimate"] @ m.head.weight.T + m.head.bias
        for layer, value in expected.items():
            output = representation(network, layer, images)
            torch.testing.assert_close(output, value, **ROUNDING)
    shapes = {layer.name: layer.shape for layer in list_layers(network)}
    assert shapes["blocks.5"] == (197, 192)
    assert shapes["penultimate"] == (192,)


def test_every_layer_that_is_visited_is_what_asking_for_it_alone_gives(resnet18):
    _, network = resnet18
    images = pictures(network, 1)
    visited = {}
    with torch.no_grad():
        visit_layers(network, images, lambda layer, out: visited.update({layer.name: out.clone()}))
        for name in ("conv1", "bn1", "layer1.0.act1", "layer2.1.bn2", "global_pool", "logits"):
            torch.testing.assert_close(representation(network, name, images), visited[name])
    assert list(visited) == [layer.name for layer in list_layers(network)]


# The pass to a layer


def test_the_pass_ends_at_the_layer(toy):
    for layer in ("first", "act", "second", "act#2", "pool", "flatten"):
        representation(toy, layer, pictures(toy))
    assert Tail.calls == 0
    for calls, layer in enumerate(("tail", "penultimate", "fc", "logits"), start=1):
        representation(toy, layer, pictures(toy))
        assert Tail.calls == calls


def test_an_in_place_activation_does_not_reach_back_into_the_representation(toy):
    images = pictures(toy)
    x = standardised(images, toy.input.mean, toy.input.std)
    first = toy.module.first(x)
    assert (first < 0).any()
    torch.testing.assert_close(representation(toy, "first", images), first)
    both = representations(toy, ("act", "first", "logits"), images)
    torch.testing.assert_close(both["first"], first)
    torch.testing.assert_close(both["act"], first.clamp_min(0))
    assert list(both) == ["act", "first", "logits"]


def test_a_module_used_twice_is_two_layers(toy):
    images = pictures(toy)
    x = standardised(images, toy.input.mean, toy.input.std)
    once = toy.module.first(x).clamp_min(0)
    twice = toy.module.second(once).clamp_min(0)
    torch.testing.assert_close(representation(toy, "act", images), once)
    torch.testing.assert_close(representation(toy, "act#2", images), twice)


def test_parts_of_what_a_module_returns_are_layers_unless_they_are_no_floating_point_batch(toy):
    assert [layer.name for layer in list_layers(toy)] == [
        "first",
        "act",
        "second",
        "act#2",
        "pair[0]",
        "pair[1][half][0]",
        "pool",
        "flatten",
        "tail",
        "penultimate",
        "fc",
        "logits",
    ]
    for layer in ("pair", "pair[1][where]", "nothing", "act#3"):
        with pytest.raises(RequestError, match="12 layers") as caught:
            representation(toy, layer, pictures(toy))
        assert caught.value.field == "layer"
    with pytest.raises(RequestError, match="'second'"):
        representation(toy, "secnd", pictures(toy))


def test_a_part_is_what_the_module_returned_there_and_the_pass_ends_with_it(toy):
    images = pictures(toy)
    second = representation(toy, "act#2", images)
    torch.testing.assert_close(representation(toy, "pair[0]", images), second * 2)
    half = representation(toy, "pair[1][half][0]", images)
    torch.testing.assert_close(half, second / 2)
    both = representations(toy, ("pair[1][half][0]", "pair[0]"), images)
    torch.testing.assert_close(both["pair[0]"], both["pair[1][half][0]"] * 4)
    assert Tail.calls == 0


class TwoHeads(nn.Module):
    """Two branches with a classifier each, like CrossViT."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(3, 5), nn.Linear(3, 5)])

    def forward(self, x):
        x = x.mean((2, 3))
        return (self.heads[0](x) + self.heads[1](2 * x)) / 2


def test_each_of_several_classifiers_has_its_penultimate():
    network = Network("file:two", TwoHeads(), InputSpec((8, 8)), "heads", class_count=5)
    images = pictures(network)
    seen = network.normalise(images).mean((2, 3))
    torch.testing.assert_close(representation(network, "penultimate", images), seen)
    torch.testing.assert_close(representation(network, "penultimate#2", images), 2 * seen)


class Fixed(nn.Module):
    """Returns something whose first dimension is 1 whatever comes in, as learnt positions do."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table()

    def forward(self, x):
        return x.mean((2, 3)) + self.table(x)


class Table(nn.Module):
    def forward(self, x):
        return torch.ones(1, 3)


def test_what_does_not_grow_with_the_batch_is_no_layer():
    network = Network("file:fixed", Fixed(), InputSpec((8, 8)))
    assert [layer.name for layer in list_layers(network)] == ["penultimate", "logits"]


def test_gradients_reach_the_images_through_the_pass(toy):
    images = pictures(toy).requires_grad_()
    representation(toy, "act", images).sum().backward()
    x = standardised(images.detach(), toy.input.mean, toy.input.std).requires_grad_()
    toy.module.act(toy.module.first(x)).sum().backward()
    by_hand = x.grad / torch.tensor(toy.input.std).view(1, 3, 1, 1)
    torch.testing.assert_close(images.grad, by_hand)


def test_no_hook_stays_behind_whatever_happens(toy):
    images = pictures(toy)
    representation(toy, "second", images)
    representations(toy, ("first", "logits"), images)
    list_layers(toy)
    assert hooks_left(toy) == 0
    with pytest.raises(RequestError):
        representation(toy, "nothing", images)
    assert hooks_left(toy) == 0
    with pytest.raises(RuntimeError):
        representation(toy, "logits", torch.zeros(1, 7, 8, 8))
    assert hooks_left(toy) == 0
    Tail.broken = True
    with pytest.raises(ArithmeticError, match="broken"):
        representation(toy, "logits", images)
    assert hooks_left(toy) == 0

    def refuse(layer, output):
        raise KeyError(layer.name)

    with pytest.raises(KeyError):
        visit_layers(toy, images, refuse)
    assert hooks_left(toy) == 0


def test_threads_that_ask_one_network_at_once_get_their_own_answers(resnet18):
    _, network = resnet18
    wanted = {"bn1": 1, "layer1.1": 2, "layer2": 3, "layer1.0.conv1": 4}
    with torch.no_grad():
        expected = {
            name: representation(network, name, pictures(network, 1, rng_seed))
            for name, rng_seed in wanted.items()
        }
    start = threading.Barrier(len(wanted))

    def ask(name: str, rng_seed: int) -> list[torch.Tensor]:
        start.wait()
        with torch.no_grad():
            images = pictures(network, 1, rng_seed)
            return [representation(network, name, images) for _ in range(6)]

    with ThreadPoolExecutor(len(wanted)) as threads:
        answers = {name: threads.submit(ask, name, rng_seed) for name, rng_seed in wanted.items()}
    for name, answer in answers.items():
        for output in answer.result():
            torch.testing.assert_close(output, expected[name], **ROUNDING)
    assert hooks_left(network) == 0


# Own checkpoints


def small(outputs: int = 1000) -> nn.Module:
    return untrained("resnet10t", num_classes=outputs)


def load_own(path: Path, architecture: str = "timm:resnet10t") -> Network:
    return load(NetworkReference(f"file:{path}", architecture, sha256_of(path)))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {f"model.{name}": value for name, value in state.items()},
        lambda state: {f"backbone.{name}": value for name, value in state.items()},
        lambda state: {f"encoder.{name}": value for name, value in state.items()},
        lambda state: {"model": {f"module.model.{n}": v for n, v in state.items()}},
        lambda state: {
            "state_dict": {f"module.encoder.{n}": v for n, v in state.items()}
            | {"module.projector.weight": torch.zeros(2, 2)}
        },
    ],
    ids=["plain", "state_dict", "model", "module.", "model.", "backbone.", "encoder.", "two", "x"],
)
def test_a_checkpoint_is_found_in_its_wrappings(tmp_path, wrap):
    module = small()
    path = tmp_path / "net.pt"
    torch.save(wrap(module.state_dict()), path)
    network = load_own(path)
    for name, value in module.state_dict().items():
        assert torch.equal(network.module.state_dict()[name], value), name
    assert network.class_count == 1000
    assert network.classes[207] == "golden retriever"


def test_safetensors_and_half_precision_are_read(tmp_path):
    module = small()
    path = tmp_path / "net.safetensors"
    state = {n: v.half() if v.is_floating_point() else v for n, v in module.state_dict().items()}
    save_file(state, path)
    network = load_own(path)
    assert next(network.module.parameters()).dtype == torch.float32
    for name, value in module.state_dict().items():
        torch.testing.assert_close(
            network.module.state_dict()[name], value, rtol=2e-3, atol=1e-4, msg=name
        )


@pytest.mark.parametrize("outputs", [3, 10])
def test_a_checkpoint_with_another_number_of_classes_keeps_its_own_head(tmp_path, outputs):
    module = small(outputs)
    path = tmp_path / "net.pt"
    torch.save(module.state_dict(), path)
    network = load_own(path)
    assert network.class_count == outputs
    assert network.classes == ()
    images = pictures(network, 1)
    assert network(images).shape == (1, outputs)
    x = standardised(images, network.input.mean, network.input.std)
    with torch.no_grad():
        torch.testing.assert_close(network(images), module(x))


def test_missing_unexpected_and_misshapen_names_are_listed(tmp_path):
    state = small().state_dict()
    del state["layer1.0.conv1.weight"]
    state["layer9.weight"] = torch.zeros(2)
    state["bn1.bias"] = torch.zeros(7)
    path = tmp_path / "net.pt"
    torch.save(state, path)
    with pytest.raises(RequestError) as caught:
        load_own(path)
    assert caught.value.field == "architecture"
    for expected in (
        "net.pt does not fit timm:resnet10t",
        "1 missing (layer1.0.conv1.weight)",
        "1 unexpected (layer9.weight)",
        "1 of another shape (bn1.bias)",
    ):
        assert expected in caught.value.message


def test_a_checkpoint_of_another_architecture_is_refused_in_a_short_sentence(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(small().state_dict(), path)
    with pytest.raises(RequestError, match="does not fit timm:resnet18") as caught:
        load_own(path, "timm:resnet18")
    assert len(caught.value.message) < 800


class _Bomb:
    def __init__(self, marker: Path) -> None:
        self._marker = str(marker)

    def __reduce__(self):
        return open, (self._marker, "w")


@pytest.mark.parametrize("name", ["net.pt", "net.ckpt", "net.safetensors"])
@pytest.mark.parametrize("old_format", [False, True])
def test_a_checkpoint_with_code_in_it_is_refused_and_the_code_not_run(tmp_path, name, old_format):
    marker, path = tmp_path / "code-was-run", tmp_path / name
    content = small().state_dict() | {"hyper_parameters": _Bomb(marker)}
    torch.save(content, path, _use_new_zipfile_serialization=not old_format)
    with pytest.raises(RequestError) as caught:
        load_own(path)
    assert caught.value.field == "model"
    assert not marker.exists()


@pytest.mark.parametrize(
    "content", [b"", b"text", b"PK\x03\x04 no zip", b"\x80\x02]q\x00.", bytes(range(256)) * 9]
)
@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
def test_a_file_that_is_no_checkpoint_is_refused_in_a_sentence(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RequestError, match=name) as caught:
        load_own(path)
    assert caught.value.field == "model"


@pytest.mark.parametrize("content", [{}, [1, 2], {"a": 1}, torch.zeros(3), {"state_dict": {}}, 7])
def test_a_checkpoint_without_tensors_by_name_is_refused(tmp_path, content):
    path = tmp_path / "net.pt"
    torch.save(content, path)
    with pytest.raises(RequestError, match="holds no state dict"):
        load_own(path)


def test_a_file_that_changed_after_the_request_was_made_is_refused(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(small().state_dict(), path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    torch.save(small(3).state_dict(), path)
    with pytest.raises(RequestError, match="changed") as caught:
        load(NetworkReference(f"file:{path}", "timm:resnet10t", before))
    assert caught.value.field == "weights"


def test_unknown_architectures_and_networks_are_told_what_would_be_right(tmp_path):
    path = tmp_path / "net.pt"
    torch.save(small().state_dict(), path)
    for architecture in ("resnet18", "timm:resnet1", "keras:x", "timm:", "torchvision:resnet1"):
        with pytest.raises(RequestError, match=r"(timm|torchvision):resnet18") as caught:
            load_own(path, architecture)
        assert caught.value.field == "architecture"
    with pytest.raises(RequestError, match="'timm:resnet18'"):
        load("timm:resnet_18")
    with pytest.raises(RequestError, match="a1_in1k"):
        load("timm:resnet18.nobody_in1k")


def test_networks_of_other_input_channels_are_refused():
    module = timm.create_model("resnet10t", pretrained=False, in_chans=6)
    module.default_cfg = module.default_cfg | {"input_size": (6, 176, 176)}
    module.pretrained_cfg = module.default_cfg
    with pytest.raises(RequestError, match="takes 6 channels"):
        timm_architectures.network_of("timm:multispectral", module)


def test_normalisation_is_per_channel(toy):
    images = pictures(toy)
    by_hand = (images.numpy() - np.reshape([0.1, 0.2, 0.3], (1, 3, 1, 1))) / np.reshape(
        [0.5, 0.6, 0.7], (1, 3, 1, 1)
    )
    np.testing.assert_allclose(toy.normalise(images).numpy(), by_hand, rtol=1e-5, atol=1e-6)
