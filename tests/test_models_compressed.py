"""Deep-compressed networks: decoded value by value, folded exactly, and refused where damaged."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from explorer import validation
from explorer.errors import RequestError
from explorer.images import gallery
from explorer.images.fitting import fit
from explorer.models import catalogue, hubs, loading
from explorer.models.deep_compression import decode, from_caffe
from explorer.models.hubs import HubUnreachable
from explorer.models.layers import list_layers, representation
from explorer.models.sources import compressed
from explorer.network_reference import NetworkReference

REFERENCE = "compressed:squeezenet1_0"
PUBLISHED = Path(__file__).parents[2] / "shared" / "data" / "squeezenet1_0-compressed.net"
has_file = pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published file is not here")

TINY = {"first": (2, 3, 3, 3), "second": (4, 2, 1, 1), "third": (3, 4, 3, 5)}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PIXEL_MEAN = (104.0, 117.0, 123.0)


def encoded(weights: dict[str, np.ndarray], biases: dict[str, np.ndarray]) -> bytes:
    """A file of these weights, byte by byte: 0 is not stored, a long gap takes a stored 0."""
    header, body = b"", b""
    for name, weight in weights.items():
        values = [0.0, *sorted({float(v) for v in weight.ravel()} - {0.0})]
        codes: list[int] = []
        gaps: list[int] = []
        gap = 0
        for value in map(float, weight.ravel()):
            if value or gap == 15:
                codes.append(values.index(value))
                gaps.append(gap)
                gap = 0
            else:
                gap += 1
        header += struct.pack("<I", len(codes))
        body += struct.pack("<256f", *values, *[9.0] * (256 - len(values)))
        body += struct.pack(f"<{len(biases[name])}f", *biases[name])
        body += bytes(codes)
        padded = [*gaps, 0] if len(gaps) % 2 else gaps
        body += bytes(low | high << 4 for low, high in zip(padded[::2], padded[1::2], strict=True))
    return header + body


@pytest.fixture
def tiny():
    """Weights with few values, most of them 0, with runs of 0 longer than a gap may be."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=7).astype(np.float32)
    weights, biases = {}, {}
    for name, shape in TINY.items():
        kept = rng.random(shape) < (0.9 if name == "second" else 0.12)
        weights[name] = np.where(kept, values[rng.integers(0, 7, shape)], np.float32(0))
        biases[name] = rng.normal(size=shape[0]).astype(np.float32)
    weights["third"].ravel()[40:110] = 0
    return weights, biases


def test_every_weight_is_where_an_independent_encoder_put_it(tiny):
    weights, biases = tiny
    decoded = decode(encoded(weights, biases), TINY)
    assert set(decoded) == {f"{name}.{part}" for name in TINY for part in ("weight", "bias")}
    for name in TINY:
        assert decoded[f"{name}.weight"].dtype == np.float32
        np.testing.assert_array_equal(decoded[f"{name}.weight"], weights[name])
        np.testing.assert_array_equal(decoded[f"{name}.bias"], biases[name])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:7], "ends within the header"),
        (lambda data: data[:-1], "ends within third"),
        (lambda data: data[:600], "ends within first"),
        (lambda data: data + b"\0\0", "2 bytes follow the last convolution"),
        (lambda data: data[:-8] + b"\xff" * 8, "third has 180 weights, but one is stored at"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(tiny, damage, said):
    with pytest.raises(ValueError, match=said):
        decode(damage(encoded(*tiny)), TINY)


def raw_input(images: torch.Tensor) -> torch.Tensor:
    """Caffe's input of images in [0, 1]: BGR, 0 … 255, minus the mean of each channel."""
    return 255 * images[:, [2, 1, 0]] - torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1)


def normalised(images: torch.Tensor) -> torch.Tensor:
    return torchvision.transforms.functional.normalize(images, MEAN, STD)


def test_a_folded_convolution_gives_what_the_raw_input_gives(tiny):
    weights, biases = tiny
    decoded = decode(encoded(weights, biases), TINY)
    images = torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    expected = nn.functional.conv2d(
        raw_input(images), torch.tensor(weights["first"]), torch.tensor(biases["first"]), stride=2
    )
    folded = from_caffe(decoded, "first", PIXEL_MEAN, MEAN, STD)
    given = nn.functional.conv2d(
        normalised(images),
        torch.tensor(folded["first.weight"]),
        torch.tensor(folded["first.bias"]),
        stride=2,
    )
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-3)
    assert folded["second.weight"] is decoded["second.weight"]


# The published network


@pytest.fixture
def models(tmp_path, monkeypatch):
    """An empty folder for weights, and nothing in memory of what other tests loaded."""
    monkeypatch.setenv("IRI_MODELS_DIR", str(tmp_path))
    loading.cache.clear()
    yield hubs.torch_folder()
    loading.cache.clear()


@pytest.fixture
def stored(models):
    """Where the download is stored, with the published file in place."""
    models.mkdir(parents=True)
    path = models / "compressed_SqueezeNet.net"
    path.write_bytes(PUBLISHED.read_bytes())
    return path


def picture(name: str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(fit(gallery.load(name), (224, 224))))[None]


def by_hand() -> nn.Module:
    """torchvision's module with the file's weights as Caffe has them, decoded weight by weight."""
    module = torchvision.models.squeezenet1_0(weights=None).eval()
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    data = PUBLISHED.read_bytes()
    counts = struct.unpack_from(f"<{len(convolutions)}I", data)
    at = 4 * len(counts)
    for convolution, count in zip(convolutions, counts, strict=True):
        codebook = struct.unpack_from("<256f", data, at)
        outputs = convolution.out_channels
        bias = struct.unpack_from(f"<{outputs}f", data, at + 1024)
        at += 1024 + 4 * outputs
        codes, packed = data[at : at + count], data[at + count : at + count + (count + 1) // 2]
        at += len(codes) + len(packed)
        weight = [codebook[0]] * convolution.weight.numel()
        position = -1
        for number, code in enumerate(codes):
            half = packed[number // 2]
            position += 1 + (half >> 4 if number % 2 else half & 15)
            weight[position] = codebook[code]
        convolution.weight.data = torch.tensor(weight).view_as(convolution.weight)
        convolution.bias.data = torch.tensor(bias)
    assert at == len(data)
    return module


@has_file
def test_the_published_network_represents_images_as_its_raw_weights_do(stored):
    network = loading.load(REFERENCE)
    module, images = by_hand(), torch.cat((picture("cat"), picture("coffee")))
    with torch.no_grad():
        for layer, depth in (("features.0", 1), ("features.3", 4), ("features.12", 13)):
            expected = module.features[:depth](raw_input(images))
            given = representation(network, layer, images)
            distance = (given.view_as(expected) - expected).norm() / expected.norm()
            assert float(distance) < 1e-3
        torch.testing.assert_close(network(images), module(raw_input(images)), rtol=1e-3, atol=1e-2)
    assert torch.equal(loading.load(REFERENCE)(images), network(images))


@has_file
@pytest.mark.parametrize(("name", "said"), [("cat", "cat"), ("coffee", "espresso")])
def test_it_names_the_gallerys_cat_and_cup(stored, name, said):
    network = loading.load(REFERENCE)
    (best,) = network(picture(name)).argmax(1).tolist()
    assert said in network.classes[best]
    assert (len(network.classes), network.class_count) == (1000, 1000)


@has_file
def test_it_takes_torchvisions_preset_and_any_size(stored):
    preset = torchvision.models.SqueezeNet1_0_Weights.IMAGENET1K_V1.transforms()
    network = loading.load(REFERENCE)
    assert network.input.size == (preset.crop_size[0],) * 2
    assert (network.input.mean, network.input.std) == (tuple(preset.mean), tuple(preset.std))
    assert network.input.interpolation == preset.interpolation.value
    assert loading.load(NetworkReference(REFERENCE, size=96)).input.size == (96, 96)


@has_file
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:300_000], r"300,000 of 675,763 bytes"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "other bytes"),
    ],
)
def test_a_truncated_or_changed_file_is_refused_in_a_sentence(stored, damage, said):
    stored.write_bytes(damage(PUBLISHED.read_bytes()))
    with pytest.raises(RequestError, match=said) as caught:
        loading.load(REFERENCE)
    assert caught.value.field == "model"
    assert "delete it" in str(caught.value)
    assert str(stored.parent) not in str(caught.value)


def test_offline_its_absence_is_said_in_one_sentence(models):
    for ask in (
        lambda: loading.load(REFERENCE),
        lambda: validation.parse_request(model=REFERENCE, target="cat", seed="noise"),
    ):
        with pytest.raises(HubUnreachable) as caught:
            ask()
        message = str(caught.value)
        assert f"the weights of {REFERENCE} are not on this machine" in message
        assert message.endswith(
            "; embedded networks work without it, such as embedded:imagenette-residual-adv1"
        )
        assert "\n" not in message


def test_its_layers_are_listed_without_a_download(models):
    layers = {
        layer.name: layer.shape
        for layer in list_layers(loading.skeleton(NetworkReference(REFERENCE)))
    }
    assert layers["features.3"] == (128, 54, 54)
    assert layers["features.7"] == (256, 27, 27)
    assert layers["features.12"] == layers["penultimate"] == (512, 13, 13)
    assert layers["logits"] == (1000,)


def test_its_entry_lists_the_layers_that_the_module_has(models):
    listed = list_layers(loading.skeleton(NetworkReference(REFERENCE)))
    assert catalogue.entry(REFERENCE).layers == tuple(
        (layer.name, layer.kind, tuple(layer.shape)) for layer in listed
    )


def test_its_entry_says_size_licence_accuracy_and_whom_to_cite():
    entry = catalogue.entry(REFERENCE)
    assert (entry.parameters, entry.megabytes, entry.licence) == (1_248_424, 1, "bsd")
    assert entry.accuracy == {"top1": 0.575}
    assert "Iandola et al. 2016" in entry.summary
    assert "Han et al. 2016" in entry.summary
    assert entry.input_size == (224, 224)
    assert entry.group == "supervised"
    assert catalogue.architecture_of(REFERENCE) == "torchvision:squeezenet1_0"
    assert REFERENCE in [known.reference for known in catalogue.offered()[0]]
    location = compressed.SOURCE.location("squeezenet1_0")
    assert "5623e3cdbe1fcd83328c61ce2ee42c34ed319aa3" in location.url


def test_another_name_is_answered_with_the_names_that_there_are():
    with pytest.raises(RequestError, match="did you mean 'compressed:squeezenet1_0'"):
        catalogue.entry("compressed:squeezenet")
