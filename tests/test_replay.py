"""A pass that is replayed says what it says when it is called."""

import logging
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from explorer.benchmark.cases import LIVE, TARGETS, images_of, network_of
from explorer.objectives.variants import loss_called
from explorer.synthesis.looking import Looking, Pass
from explorer.synthesis.replay import WARM_UP, CudaGraphs, Replayed

NETWORK, LAYER = "embedded:residual-multi-adv2", "penultimate"


class Sum(NamedTuple):
    total: Tensor
    doubled: Tensor


def add(one: Tensor, other: Tensor) -> Sum:
    return Sum(one + other, 2 * (one + other))


class OnTheHost:
    """Records as CUDA does: the same tensors are read, and written, at every replay."""

    def __init__(self, wrong: float = 0.0) -> None:
        self.recorded, self.replays, self.wrong = 0, 0, wrong

    def record(self, function):
        self.recorded += 1
        outputs = function()

        def replay() -> None:
            self.replays += 1
            for place, value in zip(outputs, function(), strict=True):
                place.copy_(value + self.wrong)

        return outputs, replay


class Unable:
    def record(self, function):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")


def test_replays_come_after_the_warm_up_and_say_the_same():
    recorder = OnTheHost()
    replayed = Replayed(add, recorder)
    for number in range(WARM_UP + 4):
        one, other = torch.full((3,), float(number)), torch.arange(3.0)
        said = replayed(one, other)
        assert torch.equal(said.total, one + other)
        assert torch.equal(said.doubled, 2 * (one + other))
        assert recorder.recorded == (number >= WARM_UP)
    assert recorder.replays == 4  # the first of them is the comparison with the call


def test_what_was_said_stays_when_the_next_is_asked():
    replayed = Replayed(add, OnTheHost())
    ones = torch.ones(2)
    for _ in range(WARM_UP + 1):
        replayed(ones, ones)
    said = replayed(ones, ones)
    replayed(5 * ones, ones)
    assert said.total.tolist() == [2.0, 2.0]


def test_after_forgetting_other_shapes_are_recorded_anew():
    recorder = OnTheHost()
    replayed = Replayed(add, recorder)
    for count in (4, 2):
        ones = torch.ones(count)
        for _ in range(WARM_UP + 2):
            assert replayed(ones, ones).total.tolist() == [2.0] * count
        replayed.forget()
    assert recorder.recorded == 2


def test_with_another_number_of_inputs_it_is_recorded_anew():
    def total(*values: Tensor) -> Sum:
        return add(sum(values), torch.zeros(2))

    recorder = OnTheHost()
    replayed = Replayed(total, recorder)
    ones = torch.ones(2)
    for count in (1, 2, 1):
        for _ in range(WARM_UP + 2):
            assert replayed(*[ones] * count).total.tolist() == [count] * 2
    assert recorder.recorded == 3


@pytest.mark.parametrize(
    ("recorder", "reason"),
    [
        (Unable(), "operation not permitted when stream is capturing"),
        (OnTheHost(wrong=0.1), "other numbers"),
    ],
)
def test_what_cannot_be_replayed_is_called_as_before(recorder, reason, caplog):
    replayed = Replayed(add, recorder)
    ones = torch.ones(2)
    with caplog.at_level(logging.WARNING):
        for number in range(WARM_UP + 5):
            assert replayed(number * ones, ones).total.tolist() == [number + 1.0] * 2
    assert reason in caplog.text
    assert caplog.text.count("not replayed") == 1
    assert "and more" not in caplog.text


def looks(network, layer, recorder, loss="regularizer-free", count=3):
    targets, seeds = images_of(network, TARGETS[:count])
    losses = [loss_called(loss)] * count
    return seeds, Looking(
        network, layer, targets, seeds, losses, None, range(count), False, True, recorder
    )


@pytest.mark.parametrize("layer", [LAYER, "stage2"])
@pytest.mark.parametrize("loss", ["regularizer-free", "freq", "freq+fourier"])
def test_passes_on_a_network_are_the_same_replayed(loss, layer):
    network = network_of(NETWORK, 64, "cpu")
    recorder = OnTheHost()
    seeds, plain = looks(network, layer, None, loss)
    _, replayed = looks(network, layer, recorder, loss)
    parameters = plain.form.start(seeds)
    width = torch.tensor([0.0, 0.3, 0.8])
    for _ in range(WARM_UP + 3):
        one, other = plain(parameters, width), replayed(parameters, width)
        for name, a, b in zip(Pass._fields, one, other, strict=True):
            assert torch.equal(a, b), name
        parameters = plain.form.start(plain.form.images(parameters).detach() * 0.98)
        width = 0.9 * width
    assert recorder.replays == 3


def test_after_some_samples_have_left_the_others_are_replayed_rightly():
    network = network_of(NETWORK, 64, "cpu")
    recorder = OnTheHost()
    seeds, plain = looks(network, LAYER, None)
    _, replayed = looks(network, LAYER, recorder)
    width = torch.tensor([0.1, 0.3, 0.8])
    for _ in range(WARM_UP + 1):
        replayed(seeds, width)
        plain(seeds, width)
    going = torch.tensor([2, 0])
    plain.keep(going)
    replayed.keep(going)
    for _ in range(WARM_UP + 2):
        one, other = plain(seeds[going], width[going]), replayed(seeds[going], width[going])
        assert all(map(torch.equal, one, other))
    assert recorder.recorded == 2


def test_random_transforms_are_never_replayed():
    network = network_of(NETWORK, 64, "cpu")
    recorder = OnTheHost()
    seeds, look = looks(network, LAYER, recorder, "freq+transforms")
    for _ in range(WARM_UP + 3):
        look(seeds, torch.zeros(3))
    assert recorder.recorded == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize(
    ("name", "layer"), [(NETWORK, LAYER), (LIVE, "layer2"), ("embedded:vit-multi-adv2", LAYER)]
)
def test_a_cuda_graph_says_what_its_kernels_say(name, layer, caplog):
    network = network_of(name, 64, "cuda")
    seeds, plain = looks(network, layer, None)
    plain._look = plain._one_pass
    seeds, replayed = looks(network, layer, CudaGraphs())
    parameters, width = seeds, torch.tensor([0.0, 0.3, 0.8], device="cuda")
    for _ in range(WARM_UP + 4):
        one, other = plain(parameters, width), replayed(parameters, width)
        for field, a, b in zip(Pass._fields, one, other, strict=True):
            assert (a - b).norm() <= 1e-3 * b.norm(), field
        parameters = (parameters - 0.1 * one.gradient / one.gradient.norm()).clamp(0, 1)
    assert "not replayed" not in caplog.text
