"""A step that is replayed comes to what it comes to when it is called."""

import functools
import logging
from dataclasses import replace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from explorer.losses.variants import loss_named
from explorer.research.benchmark import cases
from explorer.research.benchmark.cases import LIVE, TARGETS, images_of
from explorer.synthesis.cuda_graphs import WARM_UP_CALLS, CudaGraphs, Replay
from explorer.synthesis.evaluator import Evaluation
from explorer.synthesis.loop import Problem, synthesise
from explorer.synthesis.optimizers.constants import LBFGSOrMomentum, StallRule
from explorer.synthesis.optimizers.momentum_anderson import MomentumThenAnderson
from explorer.synthesis.optimizers.record import Start
from explorer.synthesis.optimizers.records import momentum_rule
from explorer.synthesis.optimizers.registry import OPTIMISERS
from explorer.synthesis.optimizers.surrogate_lbfgs import SurrogateLBFGSOrMomentum
from explorer.synthesis.samples import Samples
from explorer.synthesis.state import State
from explorer.synthesis.tightening import tighten

network_of = functools.cache(cases.network_of)  # a live one passes the gallery's photographs
NETWORK, LAYER = "embedded:residual-multi-adv2", "penultimate"
REFUSED = "operation not permitted when stream is capturing"
# What makes the host wait for the device, or the device read the host's memory.
ON_THE_HOST = ("_local_scalar_dense", "nonzero", "equal", "lift_fresh", "masked_select")


class Tape(TorchDispatchMode):
    """Takes down every operation on tensors. Played again, the same ones are done on the same
    memory, as a CUDA graph does them: whatever the host has come to since, it plays no part.
    """

    def __init__(self) -> None:
        super().__init__()
        self._notes = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if operation.overloadpacket.__name__ in ON_THE_HOST:
            raise RuntimeError(f"{REFUSED}\n{operation}")
        made = operation(*args, **kwargs)
        self._notes.append((operation, args, kwargs, tree_leaves(made)))
        return made

    @torch.no_grad()
    def play(self) -> None:
        for operation, args, kwargs, made in self._notes:
            for place, value in zip(made, tree_leaves(operation(*args, **kwargs)), strict=True):
                if torch.is_tensor(place) and place.data_ptr() != value.data_ptr():
                    place.copy_(value)


class Tapes:
    """Records on tape. wrong: what a replay adds to what was found. refuses: what to refuse."""

    def __init__(self, wrong: float = 0.0, refuses: tuple[str, ...] = ()) -> None:
        self.recorded, self.replays = [], 0
        self._wrong, self._refuses = wrong, refuses

    def record(self, function):
        what = function.__self__.label
        if what in self._refuses:
            raise RuntimeError(f"{REFUSED}\nand more")
        with Tape() as tape:
            outputs = function()
        self.recorded.append(what)

        def replay() -> None:
            self.replays += 1
            tape.play()
            outputs[0].add_(self._wrong)

        return outputs, replay


class Found(NamedTuple):
    before: Tensor
    double: Tensor


class Walk(State):
    """Steps that change what they remember in each way there is."""

    label = "walks"

    def __init__(self, start: Tensor) -> None:
        self.here, self.trail = start, torch.zeros(len(start), 40)
        self.last = self.later = start  # one tensor by two names
        self.number = torch.tensor(0)

    def __call__(self) -> Found:
        found = Found(self.here, 2 * self.here)
        self.trail.index_copy_(1, self.number.view(1), self.here[:, None])
        self.last, self.later = self.later, self.here
        self.here = 1 + 0.5 * self.here - 0.8 * self.last
        self.number = self.number + 1
        return found


class Miscounts(Walk):
    """It counts on the host, where a replay does not look."""

    def __init__(self, start: Tensor) -> None:
        super().__init__(start)
        self.calls = 0

    def __call__(self) -> Found:
        self.calls += 1
        self.here = self.here + self.calls
        return super().__call__()


def assert_same(walk: Walk, other: Walk) -> None:
    for (held, name), (others, _) in zip(walk.slots(), other.slots(), strict=True):
        assert torch.equal(held[name], others[name]), name


START = torch.tensor([3.0, -1.0])


def test_replays_come_after_the_warm_up_and_come_to_the_same():
    recorder, plain, walk = Tapes(), Walk(START), Walk(START)
    replayed = Replay(walk, recorder)
    for number in range(WARM_UP_CALLS + 5):
        wanted, found = plain(), replayed()
        assert all(map(torch.equal, found, wanted))
        assert_same(walk, plain)
        assert len(recorder.recorded) == (number >= WARM_UP_CALLS)
    assert recorder.replays == 5  # the first of them is the comparison with the call
    assert START.tolist() == [3.0, -1.0]


def test_what_is_changed_between_replays_is_seen_by_the_next():
    plain, walk = Walk(START), Walk(START)
    replayed = Replay(walk, Tapes())
    for number in range(WARM_UP_CALLS + 5):
        for each in (plain, walk):
            each.here = each.here + number
        wanted, found = plain(), replayed()
        assert all(map(torch.equal, found, wanted))
    assert_same(walk, plain)


def test_after_a_reset_other_shapes_are_recorded_anew():
    recorder, plain, walk = Tapes(), Walk(START), Walk(START)
    replayed = Replay(walk, recorder)
    for _ in range(3):
        for _ in range(WARM_UP_CALLS + 3):
            assert torch.equal(plain().double, replayed().double)
        for each in (plain, walk):
            each.select(torch.tensor([0]))
        replayed.reset()
    assert_same(walk, plain)
    assert len(recorder.recorded) == 3


@pytest.mark.parametrize(
    ("recorder", "kind", "reason"),
    [
        (Tapes(refuses=("walks",)), Walk, REFUSED),
        (Tapes(wrong=0.1), Walk, "other numbers"),
        (Tapes(), Miscounts, "other numbers"),
        (None, Miscounts, None),
    ],
)
def test_what_cannot_be_replayed_is_called_as_before(recorder, kind, reason, caplog):
    plain, walk = kind(START), kind(START)
    replayed = Replay(walk, recorder)
    with caplog.at_level(logging.WARNING):
        for number in range(WARM_UP_CALLS + 5):
            if number == WARM_UP_CALLS and kind is Miscounts and recorder is not None:
                plain.calls, walk.calls = 9, 9  # it is called twice more, to compare
            wanted, found = plain(), replayed()
            assert all(map(torch.equal, found, wanted))
            if number == WARM_UP_CALLS:
                walk.calls = getattr(plain, "calls", 0)
    assert_same(walk, plain)
    assert caplog.text.count("walks are not replayed") == (recorder is not None)
    assert (reason or "") in caplog.text
    assert "and more" not in caplog.text


# The loop

AS_ON_A_GPU = replace(
    OPTIMISERS["momentum-anderson"],
    build=lambda start: MomentumThenAnderson(start, skips_unneeded_mixes=False),
)

FREE = "regularizer-free"
WAYS = (
    (NETWORK, LAYER, FREE, "momentum-anderson"),
    ("embedded:vit-multi-adv2", LAYER, FREE, "momentum-anderson"),
    (LIVE, LAYER, FREE, "surrogate-lbfgs"),
    (LIVE, "layer2", FREE, "surrogate-lbfgs-or-momentum"),
    (NETWORK, "stage2", "freq", "lbfgs"),
    (NETWORK, LAYER, FREE, "momentum"),
    (NETWORK, LAYER, "freq+fourier", "surrogate-momentum"),
    (NETWORK, LAYER, FREE, "feather"),
)


def made(name, layer, loss, optimiser, recorder, steps=40):
    """Three targets, to a goal that is near, one that is far, and one out of reach."""
    network = network_of(name, 64, "cpu")
    targets, seeds = images_of(network, TARGETS)
    losses, goals = [loss_named(loss)] * 3, [0.4, 0.1, 0.0]
    problem = Problem(network, layer, targets, seeds, losses, goals, rng_seeds=[1, 2, 3])
    chosen = OPTIMISERS[optimiser] if isinstance(optimiser, str) else optimiser
    return synthesise(problem, chosen, steps, recorder=recorder)


def assert_same_traces(traces, others) -> None:
    for one, other in zip(traces, others, strict=True):
        assert torch.equal(one.iri, other.iri)
        assert (one.loss, one.relative_l2) == (other.loss, other.relative_l2)
        assert (one.stopped, one.best_step) == (other.stopped, other.best_step)
        for (step, frame), (at, another) in zip(one.frames, other.frames, strict=True):
            assert step == at
            assert torch.equal(frame, another)


@pytest.mark.parametrize(("name", "layer", "loss", "optimiser"), WAYS)
def test_iris_are_the_same_with_and_without_replays(name, layer, loss, optimiser):
    recorder = Tapes()
    if optimiser == "momentum-anderson":
        way = (name, layer, loss, AS_ON_A_GPU)
    else:
        way = (name, layer, loss, optimiser)
    assert_same_traces(made(*way, recorder), made(*way, None))
    assert set(recorder.recorded) == {"steps"}
    leaves = loss == FREE and optimiser != "feather"
    assert len(recorder.recorded) > leaves, "recorded anew once a sample has left"
    assert recorder.replays > 20


def test_steps_are_recorded_anew_when_l_bfgs_has_handed_over():
    def build(start: Start) -> SurrogateLBFGSOrMomentum:
        soon = LBFGSOrMomentum(stall=StallRule(stall_window=5, stall_tolerance=0.5))
        return SurrogateLBFGSOrMomentum(start, momentum_rule(start.steps), soon)

    recorder, optimiser = Tapes(), OPTIMISERS["surrogate-lbfgs-or-momentum"]
    optimiser = replace(optimiser, build=build)
    network = network_of(LIVE, 64, "cpu")
    targets, seeds = images_of(network, TARGETS[:1])
    problem = Problem(network, "layer4", targets, seeds, [loss_named(FREE)], [0.0])
    (trace,) = synthesise(problem, optimiser, 40, recorder=recorder)
    (plain,) = synthesise(problem, optimiser, 40)
    assert len(recorder.recorded) == 2
    assert_same_traces([trace], [plain])


@pytest.mark.parametrize(
    ("refuses", "optimiser", "recorded"),
    [
        (("steps",), "momentum-anderson", "evaluations"),
        (("steps", "evaluations"), "momentum-anderson", None),
        ((), "adam", "evaluations"),  # of torch's, and asks the host for its count unless on a GPU
    ],
)
def test_where_steps_cannot_be_replayed_their_evaluations_are(refuses, optimiser, recorded, caplog):
    recorder = Tapes(refuses=refuses)
    way = (NETWORK, LAYER, FREE, optimiser)
    assert_same_traces(made(*way, recorder), made(*way, None))
    assert set(recorder.recorded) == ({recorded} if recorded else set())
    assert (recorder.replays > 20) == bool(recorded)
    assert caplog.text.count("not replayed") == (1 if recorded else 2)


def test_the_tightening_phase_is_the_same_with_and_without_replays():
    network = network_of(NETWORK, 64, "cpu")
    targets, seeds = images_of(network, TARGETS[:2])
    problem = Problem(network, LAYER, targets, seeds, [loss_named(FREE)] * 2, [0.3, 0.1])
    images = torch.stack([trace.iri for trace in synthesise(problem, AS_ON_A_GPU, 40)])
    recorder = Tapes()
    outcomes = (
        tighten(problem, images, [0.3, 0.2], 40, recorder=each) for each in (recorder, None)
    )
    for one, other in zip(*outcomes, strict=True):
        assert torch.equal(one.image, other.image)
        assert one == replace(other, image=one.image)
    assert set(recorder.recorded) == {"tightening passes"}
    assert recorder.replays > 20


def test_random_transforms_are_never_replayed():
    recorder = Tapes()
    made(NETWORK, LAYER, "freq+transforms", "adam", recorder, steps=WARM_UP_CALLS + 2)
    assert recorder.recorded == []


class OnOneDevice(TorchDispatchMode):
    """Refuses operations on tensors of the host: a replay would read what they once held."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        for one in tree_leaves((args, kwargs or {})):
            assert not torch.is_tensor(one) or one.device.type == "meta", operation
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", [name for name in OPTIMISERS if name != "adam"])
def test_all_that_a_search_remembers_is_on_the_device_of_its_images(name):
    images = torch.empty(2, 3, 8, 8, device="meta")
    loss, offset = images[:, 0, 0, 0], images[:, 0].flatten(1)
    start = Start(images, 20, (0.0, 1.0), loss > 0)
    search = AS_ON_A_GPU.build(start) if name == AS_ON_A_GPU.name else OPTIMISERS[name].build(start)
    samples = Samples.at_start(images, [0.1, 0.1], [True, True], 20)
    for _ in range(WARM_UP_CALLS):
        with OnOneDevice(), torch.no_grad():
            evaluation = Evaluation(images, *[loss] * 4, images, offset)
            samples.record(evaluation, search.stationary, False)
            images = search.next(images, loss, images, offset)
            assert search.relu_width is None or search.relu_width.shape == (2,)
    assert len([*search.slots()]) > 1
    for held, slot in [*search.slots(), *samples.slots()]:
        assert held[slot].device.type == "meta", slot


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize(("name", "layer", "loss", "optimiser"), [*WAYS, (*WAYS[4][:3], "adam")])
@pytest.mark.parametrize("count", [1, 3])
def test_cuda_graphs_come_to_what_their_kernels_come_to(count, name, layer, loss, optimiser):
    """For some steps: rounding differs from run to run, and grows."""
    network = network_of(name, 64, "cuda")
    targets, seeds = images_of(network, TARGETS[:count])
    recorder, traces = Counted(), []
    for one in (recorder, Tapes(refuses=("steps", "evaluations"))):
        losses, goals = [loss_named(loss)] * count, [0.0] * count
        problem = Problem(network, layer, targets, seeds, losses, goals)
        optimised = synthesise(problem, OPTIMISERS[optimiser], WARM_UP_CALLS + 8, recorder=one)
        traces.append(optimised)
        assert recorder.recorded == ["steps"]
    for one, other in zip(*traces, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=0.02)
        assert (one.iri - other.iri).norm() <= 0.02 * other.iri.norm()


class Counted(CudaGraphs):
    """CUDA graphs, counted."""

    def __init__(self) -> None:
        self.recorded = []

    def record(self, function):
        found = super().record(function)
        self.recorded.append(function.__self__.label)
        return found
