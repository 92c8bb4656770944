"""Parts of a layer, and several layers with weights, against torch's own modules by hand."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest
from test_cuda_graphs import Tapes
from torch import nn

from explorer import Request, cli, generate
from explorer.analysis.comparison import compare
from explorer.errors import RequestError
from explorer.images import gallery
from explorer.images.fitting import fit
from explorer.losses.variants import loss_named
from explorer.metrics.match import LayerComparison, Match, beyond_null
from explorer.metrics.null_distribution import null_distribution
from explorer.metrics.representation import all_measures
from explorer.metrics.representation_measures import pair_measures
from explorer.models.layer_expression import check, parse, title
from explorer.models.layer_scales import PHOTOGRAPHS
from explorer.models.layers import representation, representations
from explorer.models.network import InputSpec, Network
from explorer.plots.match import layer_profile
from explorer.synthesis.evaluator import Evaluator
from explorer.synthesis.folding import folded
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.automatic import automatic
from explorer.synthesis.optimizers.registry import OPTIMISERS
from explorer.validation import validate

SIDE = 12
SPEC = InputSpec((SIDE, SIDE), mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7), crop_pct=0.9)
EMBEDDED = "embedded:residual-multi-standard"


class Tokens(nn.Module):
    """N×C×H×W → N×T×C, as vision transformers hand them on."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(2).transpose(1, 2)


class ChannelsLast(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1)


@pytest.fixture
def network() -> Network:
    """Maps 5×12×12 (`0` to `1`) and 6×7×7 (`3`), tokens, H×W×C, and the classifier's 10 numbers."""
    torch.manual_seed(0)
    module = nn.ModuleDict(
        {
            "early": nn.Conv2d(3, 5, 3, padding=1),
            "relu": nn.ReLU(),
            "late": nn.Conv2d(5, 6, 6),
            "last": nn.ReLU(),
            "tokens": Tokens(),
            "swin": ChannelsLast(),
            "fc": nn.Linear(294, 10),
        }
    )

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = module
            self.passes = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            body = self.body
            late = body["last"](body["late"](body["relu"](body["early"](x))))
            body["tokens"](late), body["swin"](late)
            self.passes += 1
            return body["fc"](late.flatten(1))

    return Network("file:net", Net(), SPEC, classifier="body.fc")


def images(count: int = 2, rng_seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(rng_seed))


def by_hand(network: Network, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The maps, from torch's functions and the weights alone."""
    weights = dict(network.module.named_parameters())
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (SPEC.mean, SPEC.std))
    early = nn.functional.conv2d(
        (x - mean) / std, weights["body.early.weight"], weights["body.early.bias"], padding=1
    )
    late = nn.functional.conv2d(
        early.clamp_min(0), weights["body.late.weight"], weights["body.late.bias"]
    ).clamp_min(0)
    return {"early": early, "late": late}


# The text


@pytest.mark.parametrize(
    ("text", "normal", "words"),
    [
        ("layer3.1", "layer3.1", "layer3.1"),
        ("act#2", "act#2", "act#2"),
        ("pair[a+b@c]", "pair[a+b@c]", "pair[a+b@c]"),
        (" layer3 @ Center ", "layer3@centre", "layer3, centre"),
        ("fc@unit=12", "fc@unit=12", "fc, unit 12"),
        ("a@unit = 1, 2 ,3", "a@unit=1,2,3", "a, unit 1, 2, 3"),
        ("a@channel=7", "a@channel=7", "a, channel 7"),
        ("a@channels=7,3,7", "a@channel=3,7", "a, channels 3, 7"),
        ("3*a", "a", "a"),
        ("a + 0.50 * b@centre", "a+0.5*b@centre", "a + 0.5 × b, centre"),
        ("1e+3*a+1.0*b", "1000*a+b", "1000 × a + b"),
        ("b+a", "b+a", "b + a"),
    ],
)
def test_an_expression_has_one_normal_form_and_one_reading(text, normal, words):
    assert str(parse(text)) == normal
    assert str(parse(normal)) == normal
    assert title(text) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a++b", "'a\\+\\+b' is no layer; write it like 'layer3', 'layer3@channel=12'"),
        ("@centre", "'@centre' is no layer"),
        ("a@chanel=3", "'chanel' is no part of a layer; did you mean 'channel'\\?"),
        ("a@channel", "'a@channel' names no channel; write whole numbers, as in @channel=12"),
        ("a@unit=x,2", "'a@unit=x,2' names no unit; write whole numbers, as in @unit=12,7,7"),
        ("a@centre=3", "'@centre' takes no index; 'a@centre=3' has '3'"),
        ("0*a+b", "a weight is a number from 1e-06 to 1e\\+06, not '0'"),
        ("a+-2*b", "not '-2'"),
        ("much*a+b", "not 'much'"),
        ("nan*a+b", "not 'nan'"),
        ("a+2*a", "'a' is there more than once; give it one weight"),
        ("+".join("abcdefghi"), "9 layers are too many; up to 8 work"),
    ],
)
def test_what_is_no_expression_is_refused_with_what_would_be_right(text, message):
    with pytest.raises(RequestError, match=message) as caught:
        parse(text)
    assert caught.value.field == "layer"


SHAPES = {"map": (6, 8, 7), "swin": (7, 7, 96), "tokens": (50, 96), "fc": (10,), "video": (2,) * 4}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("map@channel=6", "channel 6 is not in 'map', whose shape is 6×8×7; channels are counted "),
        ("map@channel=-1", "channel -1 is not in 'map'.* from 0 to 5"),
        ("map@unit=5,7,7", "column 7 is not in 'map'.* from 0 to 6"),
        ("map@unit=5", "by channel, row, column: 3 indices, not 1"),
        ("tokens@unit=5", "by token, feature: 2 indices, not 1"),
        ("tokens@channel=96", "feature 96 is not in 'tokens'"),
        ("tokens@centre", "'tokens' has the shape 50×96, without rows and columns"),
        ("swin@channel=96", "channel 96 is not in 'swin', whose shape is 7×7×96"),
        ("fc@channel=3", "'fc' has the shape 10, without channels; one of its numbers is '@unit="),
        ("fc@unit=10", "number 10 is not in 'fc'"),
        ("video@unit=1,1,1,1", "'video' has the shape 2×2×2×2, without units to name"),
        ("tokns", "^layer: 'tokns' is not a layer of a:b; did you mean 'tokens'"),
        ("map+2*tokns", r"term 2 of 'map\+2\*tokns': 'tokns' is not a layer of a:b; did you mean"),
    ],
)
def test_parts_that_a_layer_has_not_are_refused(text, message):
    with pytest.raises(RequestError, match=message) as caught:
        check(text, "a:b", SHAPES)
    assert caught.value.field == "layer"


def test_only_names_and_form_are_checked_where_shapes_are_not_known():
    assert str(check("map@channel=99", "a:b", SHAPES, same_size=False)) == "map@channel=99"
    assert str(check("any@channel=99", "a:b", {})) == "any@channel=99"
    assert str(check("penultimate@unit=3+logits", "a:b", SHAPES)) == "penultimate@unit=3+logits"
    with pytest.raises(RequestError, match="not a layer"):
        check("any@channel=99", "a:b", SHAPES, same_size=False)


def test_requests_of_one_meaning_have_one_key_and_whole_layers_keep_theirs():
    plain = Request(model=EMBEDDED, layer="stage2.0", nearest=True)
    assert validate(plain).key == plain.key
    keys = {
        validate(Request(model=EMBEDDED, layer=text)).key
        for text in ("stage1.0+0.5*stage2.0@centre", " stage1.0 + 0.50*stage2.0 @center")
    }
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("stage2.0@channel=5000", "channel 5000 is not in 'stage2.0', whose shape is"),
        ("stage2.0+stage9", r"term 2 of 'stage2.0\+stage9': 'stage9' is not a layer of embedded:"),
    ],
)
def test_a_request_is_checked_where_the_layers_are_known(layer, message):
    with pytest.raises(RequestError, match=message):
        validate(Request(model=EMBEDDED, layer=layer))


def test_the_straight_through_gradient_is_for_one_layer():
    with pytest.raises(RequestError, match="names several layers") as caught:
        validate(Request(model=EMBEDDED, layer="stage1.0+stage2.0", relu_gradient="identity"))
    assert caught.value.field == "relu_gradient"


# The numbers


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("body.early@channel=3", lambda maps: maps["early"][:, 3:4]),
        ("body.early@channel=4,0", lambda maps: maps["early"][:, [0, 4]]),
        ("body.early@unit=3,11,2", lambda maps: maps["early"][:, 3, 11, 2, None]),
        ("body.early@centre", lambda maps: maps["early"][:, :, 6, 6]),  # of 12×12
        ("body.last@centre", lambda maps: maps["late"][:, :, 3, 3]),  # of 7×7
        ("body.tokens@unit=8,2", lambda maps: maps["late"][:, 2, 1, 1, None]),
        ("body.tokens@channel=2", lambda maps: maps["late"][:, 2].flatten(1)[:, :, None]),
        ("body.swin@channel=2", lambda maps: maps["late"][:, 2, :, :, None]),
        ("body.swin@unit=2,5,6", lambda maps: maps["late"][:, 2, 5, 6, None]),
        ("body.swin@centre", lambda maps: maps["late"][:, :, 3, 3]),
        ("penultimate@unit=100", lambda maps: maps["late"].flatten(1)[:, 100, None]),
    ],
)
def test_a_part_is_what_indexing_by_hand_gives(network, layer, expected):
    x = images()
    with torch.no_grad():
        torch.testing.assert_close(representation(network, layer, x), expected(by_hand(network, x)))


def scale(network: Network, of: str, pick) -> float:
    """The root mean square of the norms over the gallery's photographs, by hand."""
    norms = []
    for name in PHOTOGRAPHS:
        picture = fit(gallery.load(name), SPEC.size, SPEC.crop_pct, "bicubic", "center")
        with torch.no_grad():
            numbers = pick(by_hand(network, torch.from_numpy(picture)[None])[of])
        norms.append(float(numbers.double().norm()))
    return math.sqrt(np.mean(np.square(norms)))


def test_several_layers_are_their_weighted_numbers_each_over_its_scale(network):
    assert set(PHOTOGRAPHS) <= set(gallery.names())
    x = images()
    first = scale(network, "early", lambda maps: maps)
    second = scale(network, "late", lambda maps: maps[:, :, 3, 3])
    with torch.no_grad():
        found = representation(network, "2*body.early + 0.5*body.last@centre", x)
        maps = by_hand(network, x)
    expected = torch.cat(
        [2 * maps["early"].flatten(1) / first, 0.5 * maps["late"][:, :, 3, 3] / second], 1
    )
    torch.testing.assert_close(found, expected)


def test_parts_and_sums_are_differentiable_and_one_pass_gives_them_all(network):
    x = images().requires_grad_()
    layers = ("body.early", "body.early@channel=1", "body.early+body.last", "logits")
    together = representations(network, layers, x)
    before = network.module.passes
    assert list(together) == list(layers)
    for layer, numbers in together.items():
        torch.testing.assert_close(numbers, representation(network, layer, x))
        (gradient,) = torch.autograd.grad(numbers.sum(), x, retain_graph=True)
        assert gradient.abs().max() > 0
    assert network.module.passes == before + 1, "only the logits need the whole pass"


def test_a_pass_stops_at_the_last_of_the_layers(network):
    representation(network, "body.early+body.last", images())
    assert network.module.passes == 0


def test_a_module_of_that_very_name_wins():
    torch.manual_seed(0)
    body = nn.ModuleDict({"a+b": nn.Conv2d(3, 2, 1), "a": nn.Conv2d(2, 2, 1), "b": nn.ReLU()})

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, x):
            return self.body["b"](self.body["a"](self.body["a+b"](x))).flatten(1)

    body["a"].bias.data.fill_(5.0)
    network = Network("file:odd", Net(), replace(SPEC, mean=(0.0,) * 3, std=(1.0,) * 3))
    x = images()
    with torch.no_grad():
        assert torch.equal(representation(network, "body.a+b", x), body["a+b"](x))
        assert representation(network, "body.a+body.b", x).shape == (2, 2 * 2 * SIDE * SIDE)


def test_a_layer_that_is_dead_for_every_photograph_has_no_scale(network):
    with torch.no_grad():
        network.module.body["late"].bias.fill_(-1e6)
    with pytest.raises(RequestError, match=r"at 'body.last' is all zeros for every photograph"):
        representation(network, "body.early+body.last", images())


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("body.early@channel=5", "channel 5 is not in 'body.early', whose shape is 5×12×12"),
        ("body.early+body.lats", "term 2 of 'body.early\\+body.lats': 'body.lats' is not a layer"),
        ("body.lats@centre", "'body.lats' is not a layer of file:net; did you mean 'body.late'"),
    ],
)
def test_the_network_itself_refuses_what_it_has_not(network, layer, message):
    with pytest.raises(RequestError, match=message):
        representation(network, layer, images())
    assert not any(part._forward_hooks for part in network.module.modules())


# The search


def problem(network: Network, layer: str, target: torch.Tensor, seed: torch.Tensor, **more):
    loss = loss_named("regularizer-free")
    return Problem(network, layer, target, seed, [loss] * len(target), [1e-4] * len(target), **more)


@pytest.mark.parametrize("optimiser", ["momentum", "lbfgs", "surrogate-lbfgs"])
def test_a_unit_of_a_linear_network_is_reached_along_its_weights_alone(optimiser):
    rng = np.random.default_rng(0)
    rows, bias = rng.normal(size=(4, 3 * SIDE * SIDE)) / 20, rng.normal(size=4)
    linear = nn.Linear(3 * SIDE * SIDE, 4)
    linear.weight.data = torch.from_numpy(rows).float()
    linear.bias.data = torch.from_numpy(bias).float()
    module = nn.Sequential(nn.Flatten(), linear)
    network = Network("file:linear", module, replace(SPEC, mean=(0.0,) * 3, std=(1.0,) * 3))
    target = 0.4 + 0.2 * images(1, 5)
    seed = torch.full((1, 3, SIDE, SIDE), 0.5)
    (trace,) = synthesise(problem(network, "1@unit=2", target, seed), OPTIMISERS[optimiser], 400)
    x_0, x_t, x = (each.double().numpy().ravel() for each in (seed, target, trace.iri))
    nearest = x_0 + rows[2] * (rows[2] @ (x_t - x_0)) / (rows[2] @ rows[2])
    assert 0.05 < nearest.min() < nearest.max() < 0.95
    np.testing.assert_allclose(x, nearest, atol=1e-4)
    moved = x - x_0
    assert moved @ rows[2] == pytest.approx(
        np.linalg.norm(moved) * np.linalg.norm(rows[2]) * np.sign(moved @ rows[2]), rel=1e-5
    )


def test_an_iri_of_one_channel_matches_that_channel_and_leaves_the_others_free(network):
    target, seed = images(1, 2), images(1, 3)
    (trace,) = synthesise(
        problem(network, "body.last@channel=2", target, seed), OPTIMISERS["surrogate-lbfgs"], 300
    )
    iri, wanted, start = (
        by_hand(network, each)["late"] for each in (trace.iri[None], target, seed)
    )
    gaps = (iri - wanted).norm(dim=(2, 3)) / wanted.norm(dim=(2, 3))
    at_seed = (start - wanted).norm(dim=(2, 3)) / wanted.norm(dim=(2, 3))
    assert gaps[0, 2] < 1e-3 < at_seed[0, 2]
    others = [0, 1, 3, 4, 5]
    assert (gaps[0, others] > 0.2 * at_seed[0, others]).all()


def test_several_layers_are_matched_together(network):
    target, seed = images(1, 2), images(1, 3)
    (trace,) = synthesise(
        problem(network, "body.early@channel=0+body.last@centre", target, seed),
        OPTIMISERS["surrogate-lbfgs"],
        300,
    )
    iri, wanted = (by_hand(network, each) for each in (trace.iri[None], target))
    assert (iri["early"] - wanted["early"])[:, 0].norm() < 1e-3 * wanted["early"][:, 0].norm()
    centre = (slice(None), slice(None), 3, 3)
    assert (iri["late"] - wanted["late"])[centre].norm() < 1e-3 * wanted["late"][centre].norm()


def test_a_unit_held_at_zero_gets_a_gradient_as_it_does_in_the_whole_layer(network):
    """The surrogate gradient of the ReLU that ends the layer is straight-through, in a part too."""
    with torch.no_grad():
        maps = by_hand(network, images(1, 3))["late"][0]
    dead = tuple((maps == 0).nonzero()[0].tolist())
    target = images(1, 2)
    layer = "body.last@unit=" + ",".join(map(str, dead))
    whole, part = (
        Evaluator(problem(network, each, target, images(1, 3)), surrogate_gradient=True)
        for each in ("body.last", layer)
    )
    width = torch.tensor([1.0])
    gradients = []
    for evaluator, kept in ((whole, dead), (part, (0,))):
        x = images(1, 3).requires_grad_()
        evaluator._surrogate.set_width(width)
        numbers = representation(evaluator._network, evaluator._layer, x)
        gradients.append(torch.autograd.grad(numbers[0][kept], x)[0])
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    ("part", "pick"),
    [
        ("@channel=2", lambda maps: maps[:, 2]),
        ("@channel=1,2", lambda maps: maps[:, [1, 2]]),
        ("@centre", lambda maps: maps[:, :, 3, 3]),
    ],
)
def test_a_straight_through_gradient_is_that_of_the_part_without_its_relu(network, part, pick):
    target, seed = images(1, 2), images(1, 3)
    evaluator = Evaluator(problem(network, f"body.last{part}", target, seed, straight_through=True))
    found = evaluator(seed, None).gradient
    weights = dict(network.module.named_parameters())
    x = seed.clone().requires_grad_()
    before = nn.functional.conv2d(
        by_hand(network, x)["early"].clamp_min(0),
        weights["body.late.weight"],
        weights["body.late.bias"],
    )
    wanted = pick(by_hand(network, target)["late"]).detach()
    difference = pick(before.detach().clamp_min(0)) - wanted
    direction = difference / difference.norm() / wanted.norm()
    (expected,) = torch.autograd.grad((pick(before) * direction).sum(), x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_several_layers_have_no_straight_through_gradient(network):
    with pytest.raises(RequestError, match="names several layers") as caught:
        Evaluator(
            problem(network, "body.early+body.last", images(1), images(1, 3), straight_through=True)
        )
    assert caught.value.field == "relu_gradient"


class Normed(nn.Sequential):
    def __init__(self) -> None:
        torch.manual_seed(2)
        norms = [nn.BatchNorm2d(8), nn.BatchNorm2d(8)]
        for norm in norms:
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 2)
        super().__init__(
            *(nn.Conv2d(3, 8, 3), norms[0], nn.ReLU(), nn.Conv2d(8, 8, 3), norms[1], nn.ReLU())
        )


@pytest.mark.parametrize("layer", ["5@channel=3", "5@unit=3,4,4", "2+0.3*5@centre", "1@channel=1"])
def test_folding_changes_no_part_beyond_rounding(layer):
    whole = Network("file:norms", Normed(), SPEC)
    light = folded(whole, layer)
    assert light is not whole
    x = images(3)
    with torch.no_grad():
        torch.testing.assert_close(
            representation(light, layer, x), representation(whole, layer, x), rtol=1e-4, atol=1e-5
        )
    assert light.layer_scales is whole.layer_scales


@pytest.mark.parametrize("layer", ["3@channel=3", "5+3", "5+0.1*0@centre"])
def test_a_convolution_whose_norm_would_be_folded_into_it_is_left_as_it_is(layer):
    whole = Network("file:norms", Normed(), SPEC)
    assert folded(whole, layer) is whole


def test_the_automatic_optimiser_goes_by_the_layers_in_the_expression(network):
    losses = [loss_named("regularizer-free")]

    def picked(layer: str) -> str:
        return automatic(network, layer, losses).name

    assert picked("penultimate@unit=3") == picked("penultimate") == picked("penultimate+logits")
    assert picked("body.last@channel=2") == picked("body.last") == picked("body.last+logits")
    assert picked("logits") != picked("body.last")


@pytest.mark.parametrize("layer", ["body.last@channel=1,4", "2*body.early@centre+body.last"])
def test_steps_at_parts_and_sums_can_be_replayed(network, layer):
    optimiser, steps = OPTIMISERS["momentum"], 12
    recorder = Tapes()
    made = problem(network, layer, images(2, 2), images(2, 3))
    replayed = synthesise(made, optimiser, steps, recorder=recorder)
    called = synthesise(made, optimiser, steps)
    assert recorder.recorded
    assert recorder.replays > 1
    for one, other in zip(replayed, called, strict=True):
        assert one.relative_l2 == pytest.approx(other.relative_l2, rel=1e-5)


# Few numbers


@pytest.mark.parametrize("numbers", [1, 2])
def test_one_or_two_numbers_have_no_correlation(numbers):
    a, b = torch.rand(4, numbers), torch.rand(4, numbers)
    measured = all_measures(a, b)
    for name in ("pearson", "spearman"):
        assert measured[name].isnan().all()
    for name in ("relative_l2", "cosine", "snr_db"):
        assert measured[name].isfinite().all()
    assert not all_measures(torch.rand(4, 3), torch.rand(4, 3))["pearson"].isnan().any()


def test_a_unit_is_judged_by_snr_against_ninety_nine_in_a_hundred_pairs():
    rng = np.random.default_rng(0)
    units = np.r_[rng.gamma(2, size=46), 0, 0]  # two pictures where the unit is dead
    null = null_distribution(torch.from_numpy(units)[:, None])
    target = units[:46]
    noise = np.abs(units[:, None] - target[None, :])
    pairs = [20 * np.log10(target[j] / noise[i, j]) for i in range(48) for j in range(46) if i != j]
    bar = np.quantile(pairs, 0.99)
    assert null.distributions["snr_db"].n == len(pairs)
    assert null.distributions["snr_db"].quantiles["q99"] == pytest.approx(bar, rel=1e-9)
    assert null.distributions["pearson_r2"].n == null.distributions["spearman"].n == 0
    values = {"pearson": None, "spearman": None}
    assert beyond_null(values | {"snr_db": bar + 0.1}, null)
    assert not beyond_null(values | {"snr_db": bar - 0.1}, null)


# The whole way


def embedded(layer: str, **more) -> Request:
    defaults = {"target": "coffee", "seed": "grey-noise", "steps": 60, "goal": 1e-3}
    return Request(model=EMBEDDED, layer=layer, **(defaults | more))


@pytest.mark.parametrize(
    "layer", ["stage2.0@channel=3", "penultimate@unit=13", "stage1.0+0.5*stage2.0@centre"]
)
def test_a_result_is_measured_at_the_expression(layer):
    result = generate(embedded(layer))
    assert result.request.layer == layer
    assert result.match.relative_l2 < result.null.relative_l2.quantiles["q05"]
    assert result.null.n_pairs == 84 * 83  # of the gallery's and of drawn pictures
    correlated = result.match.values["pearson"] is not None
    assert correlated == ("unit" not in layer)
    seen = compare(result, EMBEDDED, f" {layer} ")
    assert seen.layer == layer
    assert seen.match.relative_l2 == pytest.approx(
        result.match_8bit.relative_l2, rel=1e-3, abs=1e-5
    )
    assert "stage2.0" in [each.name for each in result.layers]
    only_parts = "stage1.0+" not in layer
    assert result.to_json()["match"].get("part_of_layer", False) == only_parts
    class_allows = only_parts or result.match.same_class is True
    assert result.match.same == (result.match.beyond_null and class_allows)


def test_a_part_of_a_layer_leaves_the_class_open():
    whole = Match({}, beyond_null=True, same_class=False)
    part = replace(whole, part_of_layer=True)
    assert (whole.same, part.same) == (False, True)
    assert not replace(part, beyond_null=False).same
    assert Match.from_dict(part.to_dict()) == part
    assert "part_of_layer" not in whole.to_dict()


def test_a_target_that_gives_only_zeros_is_refused():
    from explorer.models.loading import load

    network = load(EMBEDDED)
    picture = fit(
        gallery.load("coffee"),
        network.input.size,
        network.input.crop_pct,
        network.input.interpolation,
        network.input.crop_mode,
    )
    with torch.no_grad():
        numbers = representation(network, "penultimate", torch.from_numpy(picture)[None])[0]
        maps = representation(network, "stage2.0", torch.from_numpy(picture)[None])[0]
    dead = (maps == 0).nonzero()[0].tolist()
    layer = "stage2.0@unit=" + ",".join(map(str, dead))
    assert numbers.ndim == 1
    with pytest.raises(RequestError) as caught:
        generate(embedded(layer))
    assert caught.value.field == "layer"
    assert caught.value.message == (
        f"the representation of the target 'coffee' at {layer!r} is all zeros, so a relative "
        "distance to it is undefined; choose another layer, part or target"
    )


@pytest.mark.parametrize(
    ("layer", "numbers"), [("stage2.0@centre", 64), ("stage1.0+stage2.0", 12288)]
)
def test_gram_matrices_need_a_map(layer, numbers):
    with pytest.raises(RequestError, match=re.escape(f"layer {layer!r} gives {numbers} numbers")):
        generate(embedded(layer, representation="gram"))


def test_the_command_line_says_how_parts_are_written(capsys):
    with pytest.raises(SystemExit):
        cli.main(["layers", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for written in ("layer3.1@channel=12", "@unit=12,7,7", "@centre", "layer2+0.5*layer3"):
        assert written in text


# The page

APP = str(Path(__file__).parent.parent / "explorer/app/script/main.py")


def opened(**parameters: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in ({"model": EMBEDDED} | parameters).items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def seen(app: AppTest) -> str:
    return "\n".join(str(each.value) for each in (*app.markdown, *app.caption, *app.error))


def test_a_link_sets_the_pickers_of_layer_and_part():
    app = opened(layer="stage1.1@unit=3,5,7")
    assert app.selectbox(key="layer").value == "stage1.1"
    assert app.selectbox(key="_part").value == "unit"
    values = [app.number_input(key=f"_part_{axis}").value for axis in ("channel", "row", "column")]
    assert values == [3, 5, 7]
    assert app.number_input(key="_part_channel").max == 31
    assert app.query_params["layer"] == "stage1.1@unit=3,5,7"
    assert "layer `stage1.1, unit 3, 5, 7`" in seen(app)
    assert "1 of them to be matched" in seen(app)


def test_the_part_stays_while_the_layer_changes_and_is_kept_within_it():
    app = opened(layer="stage2.0@channel=60")
    app.selectbox(key="layer").select("stage1.1").run()
    assert app.query_params["layer"] == "stage1.1@channel=31"
    app.selectbox(key="_part").select("centre").run()
    assert app.query_params["layer"] == "stage1.1@centre"
    assert "32 of them to be matched" in seen(app)
    app.selectbox(key="_part").select("whole").run()
    assert app.query_params["layer"] == "stage1.1"
    app.selectbox(key="_part").select("unit").run()
    assert app.query_params["layer"] == "stage1.1@unit=0,8,8"
    app.selectbox(key="layer").select("penultimate").run()
    assert app.query_params["layer"] == "penultimate@unit=0"
    assert app.selectbox(key="_part").options == ["Whole layer", "One unit"]


def test_a_link_to_a_whole_layer_sets_the_part_back():
    app = opened(layer="stage2.0@centre")
    app.query_params["layer"] = "stage1.1"
    app.run()
    assert app.selectbox(key="_part").value == "whole"
    assert app.query_params["layer"] == "stage1.1"


def test_several_layers_may_be_typed_and_are_read_in_words():
    app = opened(layer="stage1.1 + 0.50*stage2.0@centre")
    assert app.query_params["layer"] == "stage1.1+0.5*stage2.0@centre"
    assert "layer `stage1.1 + 0.5 × stage2.0, centre`" in seen(app)
    assert "8,256 numbers of 2 layers. Each layer is first scaled to the same" in seen(app)
    assert not [each for each in app.selectbox if each.key == "_part"]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("stage1.1@channel=99", "channel 99 is not in 'stage1.1', whose shape is 32×16×16"),
        ("stage1.1@chanel=9", "'chanel' is no part of a layer; did you mean 'channel'?"),
        ("stage1.1+stage9", "term 2 of 'stage1.1+stage9': 'stage9' is not a layer of"),
    ],
)
def test_the_page_says_what_is_wrong_with_an_expression(layer, message):
    assert message in seen(opened(layer=layer))


def test_the_plot_marks_every_layer_of_the_expression():
    rows = [
        LayerComparison(name, "Conv2d", {"relative_l2": value})
        for name, value in (("a", 0.5), ("b", 0.2), ("a+b", 0.1))
    ]
    measure = pair_measures()["relative_l2"]
    marker = layer_profile(rows, measure, "a+0.5*b").data[1]
    assert (marker.x, marker.y) == ((1, 2), (0.5, 0.2))
    chart = layer_profile(rows, measure, "b@channel=5", matched=0.01)
    assert (chart.data[1].x, chart.data[1].y) == ((2,), (0.01,)), "the part's own, in its place"
    assert chart.data[0].y == (0.5, 0.2, 0.1), "the whole layer as any other"
    assert 10 ** chart.layout.yaxis.range[0] < 0.01
    marker = layer_profile(rows, measure, "a+0.5*b@centre", matched=0.3).data[1]
    assert (marker.x, marker.y) == ((1, 2), (0.3, 0.3)), "what was matched, taken together"
    assert marker.name == "matched here: a + 0.5 × b, centre"
    assert layer_profile(rows, measure, "a+b").data[1].x == (3,), "a layer of that very name"
