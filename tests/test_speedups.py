"""What makes passes cheaper does not change what they give, to the numerics of float32."""

import pytest
import torch
from torch import nn

from explorer.analysis.nulls import null_of
from explorer.losses.variants import loss_named
from explorer.metrics.matching import match_images
from explorer.models.layers import representation
from explorer.models.network import InputSpec, Network
from explorer.models.threads import fitting_threads
from explorer.research.benchmark.cases import LIVE, TARGETS, images_of, network_of
from explorer.research.benchmark.drive import run_engine
from explorer.research.benchmark.references import Task
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.registry import OPTIMISERS

EMBEDDED = "embedded:residual-multi-adv2"
PLACES = [(EMBEDDED, "penultimate"), (EMBEDDED, "stage1.0"), (LIVE, "layer2")]


def value_and_gradient(network: Network, layer: str, images: torch.Tensor, g=representation):
    """The representation, and the gradient of ‖g(x) − g(0.5)‖ / ‖g(0.5)‖ per sample."""
    with torch.no_grad():
        goal = g(network, layer, torch.full_like(images, 0.5)).flatten(1)
    images = images.clone().requires_grad_(True)
    found = g(network, layer, images)
    loss = (found.flatten(1) - goal).norm(dim=1) / goal.norm(dim=1)
    (gradient,) = torch.autograd.grad(loss.sum(), images)
    return found.detach(), gradient


def close(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether they differ by less than 1e-4 of their size, sample by sample."""
    apart = (first - second).flatten(1).norm(dim=1)
    return bool((apart <= 1e-4 * second.flatten(1).norm(dim=1)).all())


@pytest.fixture(params=PLACES, ids=lambda place: "-".join(place))
def place(request) -> tuple[Network, str, torch.Tensor]:
    name, layer = request.param
    network = network_of(name, 64, "cpu")
    return network, layer, images_of(network, TARGETS)[1]


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_the_choice_of_threads_changes_nothing(place, threads):
    network, layer, images = place
    threads(2)
    two = value_and_gradient(network, layer, images)
    with fitting_threads(network):
        assert torch.get_num_threads() == 1
        one = value_and_gradient(network, layer, images)
    assert torch.get_num_threads() == 2
    assert all(map(close, one, two))


def test_a_batch_gives_what_single_images_give(place):
    network, layer, images = place
    together = value_and_gradient(network, layer, images)
    alone = [value_and_gradient(network, layer, image[None]) for image in images]
    for whole, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert close(torch.cat(parts), whole)


def whole_network(network: Network, layer: str, images: torch.Tensor) -> torch.Tensor:
    """The layer's output, seen from a pass that goes on to the end."""
    kept = []
    if layer == "penultimate":
        module = network.module.get_submodule(network.classifier)
        handle = module.register_forward_pre_hook(lambda _, args: kept.append(args[0].clone()))
    else:
        module = network.module.get_submodule(layer)
        handle = module.register_forward_hook(lambda _, __, output: kept.append(output.clone()))
    network(images)
    handle.remove()
    return kept[0]


def test_stopping_at_the_layer_gives_what_the_whole_network_gives(place):
    network, layer, images = place
    truncated = value_and_gradient(network, layer, images)
    whole = value_and_gradient(network, layer, images, g=whole_network)
    assert all(map(close, truncated, whole))


def test_an_iri_made_in_a_batch_is_the_one_made_alone():
    network = network_of(EMBEDDED, 64, "cpu")
    targets, seeds = images_of(network, TARGETS)
    together = run_engine(Task(network, "penultimate", targets, seeds, 12)).relative_l2
    for index, curve in enumerate(together):
        one = slice(index, index + 1)
        alone = run_engine(Task(network, "penultimate", targets[one], seeds[one], 12))
        assert alone.relative_l2[0] == pytest.approx(curve, rel=1e-3)


def test_making_and_the_final_check_are_in_full_precision_and_leave_the_setting_as_it_was():
    seen = []

    class Recording(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(768, 4)

        def forward(self, x):
            seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
            return self.head(x.flatten(1))

    network = Network(
        "file:recording", Recording(), InputSpec((16, 16)), classifier="head", class_count=4
    )
    images = torch.rand(2, 3, 16, 16)
    null = null_of(network, "logits")
    seen.clear()
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    try:
        match_images(network, "logits", images, images.flip(0), null)
        checks = len(seen)
        free, momentum = loss_named("regularizer-free"), OPTIMISERS["momentum"]
        problem = Problem(network, "logits", images, images.flip(0), [free] * 2, [0.0] * 2)
        synthesise(problem, momentum, 2)
        assert torch.backends.cudnn.allow_tf32 is True
    finally:
        torch.backends.cudnn.allow_tf32 = before
    assert len(seen) > checks > 0
    assert set(seen) == {(False, False)}
