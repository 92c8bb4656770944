"""A source of networks is one record: registered, its networks are there everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contract import explore, generated, printed, refused, text
from torch import nn

from explorer import Request, generate, validation
from explorer.app.links import link
from explorer.errors import RequestError, unknown
from explorer.images.encoding import from_8bit, from_png
from explorer.models import catalogue
from explorer.models.architectures import ARCHITECTURES, Architecture, ArchitectureSource
from explorer.models.entry import Entry
from explorer.models.hubs import HubUnreachable, Location
from explorer.models.layers import list_layers, representation
from explorer.models.loading import cache, load, skeleton, untrained
from explorer.models.network import InputSpec, Network
from explorer.models.source import Source
from explorer.models.sources import SOURCES
from explorer.network_reference import NetworkReference
from explorer.research.documents import reference

SIDE = 32


class ThreeLayers(nn.Module):
    """A convolution, a ReLU and a classifier of the channels' means, with fixed weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(8, 2)
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) / 4

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.relu(self.conv(images)).mean((2, 3)))


def entry(name: str) -> Entry:
    if name != "net":
        raise unknown("model", "toy network", name, ["net"])
    return Entry(
        reference="toy:net",
        title="Three layers",
        summary="A network for tests.",
        family="CNN",
        residual=False,
        objective="none",
        augmentation="none",
        data="none",
        input_size=(SIDE, SIDE),
        classes=("yes", "no"),
        parameters=242,
        licence="mit",
        accuracy={},
        group="drawn",
    )


def load_toy(reference: NetworkReference, progress) -> Network:
    progress("loading a toy")
    side = reference.size or SIDE
    spec = InputSpec((side, side), mean=(0.5,) * 3, std=(0.25,) * 3)
    return Network(
        reference.model, ThreeLayers(), spec, "head", ("yes", "no"), 2, family="three-layers"
    )


TOY = Source(
    name="toy",
    title="toy networks",
    help="networks for tests",
    example="toy:net",
    entry=entry,
    load=load_toy,
    names=lambda: ("net",),
)


@pytest.fixture
def toy():
    """The source, registered while the test runs; what it loaded is dropped afterwards."""
    with SOURCES.holding(TOY) as source:
        yield source
    cache.clear()


def with_capabilities(**changes: object):
    """The source registered with other fields."""
    return SOURCES.holding(replace(TOY, **changes))


def test_its_networks_are_listed(toy, capsys):
    assert [known.reference for known in catalogue.listed("toy")] == ["toy:net"]
    assert "toy:net" in [known.reference for known in catalogue.listed()]
    (row,) = printed(capsys, "models", "--source", "toy", "--json")
    assert (row["reference"], row["source"], row["title"]) == ("toy:net", "toy", "Three layers")
    rows = printed(capsys, "models", "--search", "three layers", "--json")
    assert [row["reference"] for row in rows] == ["toy:net"]
    assert "`toy:net` | networks for tests" in reference.networks()


def test_it_is_named_in_help_and_messages(toy, capsys):
    with pytest.raises(SystemExit):
        printed(capsys, "models", "--help")
    assert "toy" in capsys.readouterr().out
    assert "did you mean 'toy'" in refused(capsys, "models", "--source", "toyy")
    with pytest.raises(RequestError, match="'toy:NAME'"):
        catalogue.entry("nobody:net")
    with pytest.raises(RequestError, match="did you mean 'net'"):
        catalogue.entry("toy:nett")


def test_a_network_is_loaded_once_with_its_size(toy):
    messages: list[str] = []
    network = load("toy:net", progress=messages.append)
    assert load(NetworkReference("toy:net")) is network
    assert messages == ["loading a toy"]
    assert network.input.size == (SIDE, SIDE)
    assert load(NetworkReference("toy:net", size=48)).input.size == (48, 48)
    assert [layer.name for layer in list_layers(skeleton(NetworkReference("toy:net")))] == [
        *("conv", "relu", "penultimate", "head", "logits"),
    ]
    with pytest.raises(RequestError, match="without its weights"):
        untrained("toy:net")


def test_an_iri_is_generated_for_it(toy):
    request = Request("toy:net", layer="relu", target="cat", steps=60, goal=0.01)
    result = generate(request)
    assert result.iri.shape == (3, SIDE, SIDE)
    network = load("toy:net")
    with torch.no_grad():
        iri, target = (
            representation(network, "relu", torch.from_numpy(image)[None])
            for image in (result.iri, from_8bit(from_png(result.target_png)))
        )
    distance = float((iri - target).norm() / target.norm())
    assert distance == pytest.approx(result.match.relative_l2, rel=0.1)  # the target has 8 bits
    assert distance < 0.1
    assert result.request.network == NetworkReference("toy:net")


def test_the_command_line_generates_with_it(toy, monkeypatch, capsys):
    printed_result = generated(monkeypatch, capsys, "--model", "toy:net")
    assert printed_result["request"]["model"] == "toy:net"
    assert [layer["name"] for layer in printed_result["layers"]] == [
        *("conv", "relu", "penultimate", "head", "logits"),
    ]


def test_the_page_offers_and_accepts_it(toy, monkeypatch):
    app = explore(monkeypatch, model="toy:net")
    assert not app.exception
    assert not app.error
    assert "Three layers" in app.selectbox(key="model").options
    assert "A network for tests." in text(app)
    assert link(Request("toy:net", target="coffee"))["model"] == "toy:net"


def test_validation_accepts_it_with_its_size_and_pins_nothing(toy):
    request, _ = validation.parse_request(model="toy:net", target="cat", seed="noise")
    assert request.network == validation.network_reference("toy:net") == NetworkReference("toy:net")
    assert catalogue.input_size("toy:net") == (SIDE, SIDE)
    assert catalogue.parameters("toy:net") == 242
    with pytest.raises(RequestError, match="at least"):
        validation.parse_request(
            model="toy:net", target="cat", seed="noise", loss="adversarial", adversary="ms-ssim"
        )


def test_afterwards_it_is_gone():
    with pytest.raises(RequestError, match="unknown source in"):
        catalogue.entry("toy:net")


# What a record may say besides


def test_a_source_that_visitors_may_not_name_is_for_the_command_line_only(monkeypatch):
    with with_capabilities(visitors_may_name=False):
        validation.network_reference("toy:net")
        with pytest.raises(RequestError, match="toy networks work on the command line only"):
            validation.check_visitor_may_name("toy:net")
        app = explore(monkeypatch, model="toy:net")
        assert not app.exception
        assert "work on the command line only" in app.error[0].value
        with pytest.raises(ValueError, match="cannot ask for"):
            link(Request("toy:net", target="coffee"))


def test_a_source_whose_networks_cannot_be_listed_says_how_they_are_named(capsys):
    with with_capabilities(names=None):
        assert "a reference is written toy:net" in refused(capsys, "models", "--source", "toy")
        assert "toy:net" not in [known.reference for known in catalogue.listed()]


def test_weights_on_a_hub_that_is_out_of_reach_are_asked_for_before_anything_is_made():
    with (
        with_capabilities(location=lambda name: Location("https://toys.invalid/net", False)),
        pytest.raises(HubUnreachable, match="toy:net are not on this machine"),
    ):
        validation.parse_request(model="toy:net", target="cat", seed="noise")
    with with_capabilities(location=lambda name: Location("https://toys.invalid/net", True)):
        validation.parse_request(model="toy:net", target="cat", seed="noise")


def test_weights_left_to_a_default_are_named_in_the_request():
    with with_capabilities(full_name=lambda name: "net", entry=lambda name: None):
        request, _ = validation.parse_request(model="toy:any", target="cat", seed="noise")
        assert request.model == "toy:net"


def test_an_architecture_takes_a_checkpoint_of_ones_own(tmp_path):
    def architecture(name: str, size: int | None) -> Architecture:
        entry(name)
        return Architecture(
            create=lambda **options: ThreeLayers(),
            describe=lambda reference, module: load_toy(
                NetworkReference(reference, size=size), lambda message: None
            ),
        )

    torch.save(ThreeLayers().state_dict(), tmp_path / "net.pt")
    toys = ArchitectureSource("toy", "toys", "networks for tests", "toy:net", architecture)
    with ARCHITECTURES.holding(toys):
        checkpoint = validation.network_reference(
            f"file:{tmp_path / 'net.pt'}", architecture="toy:net", size=40
        )
        network = load(checkpoint)
        assert network.input.size == (40, 40)
        assert network.classes == ("yes", "no")
        with pytest.raises(RequestError, match="'timm:resnet18'") as caught:
            load(NetworkReference(checkpoint.model, "nobody:net", checkpoint.weights))
        assert caught.value.field == "architecture"
    cache.clear()
