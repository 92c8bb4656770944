"""The loop that makes IRIs, on networks whose answer is known."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear
from torch import nn

from explorer.images import gallery
from explorer.images.fitting import fit
from explorer.losses.objective import CAPPED_MATCH_DISTANCE
from explorer.losses.terms import TERMS
from explorer.losses.variants import loss_named
from explorer.models.layers import representation
from explorer.models.loading import load
from explorer.models.network import InputSpec, Network
from explorer.synthesis.loop import Cancelled, NotFinite, Problem, synthesise
from explorer.synthesis.optimizers.registry import OPTIMISERS
from explorer.synthesis.samples import PLATEAU_TOLERANCE, PLATEAU_WINDOW

FREE = loss_named("regularizer-free")
SIDE = 4
SENSITIVE = ("lbfgs", *(name for name, each in OPTIMISERS.items() if each.only_match))
PIXELS = 3 * SIDE * SIDE
PLAIN = InputSpec((SIDE, SIDE), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    """W with 6 orthogonal rows of different lengths, so that its pseudo-inverse is easy."""
    rng = np.random.default_rng(0)
    rows = np.linalg.qr(rng.standard_normal((PIXELS, 6)))[0].T
    return rows * np.linspace(0.8, 1.25, 6)[:, None]


@pytest.fixture(scope="module")
def linear(matrix) -> Network:
    """g(x) = W x."""
    layer = nn.Linear(PIXELS, 6, bias=False)
    layer.weight.data = torch.from_numpy(matrix).float()
    return Network("file:linear", nn.Sequential(nn.Flatten(), layer), PLAIN)


@pytest.fixture(scope="module")
def curved() -> Network:
    """A small network that is not linear."""
    torch.manual_seed(1)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.Softplus(), nn.Flatten(), nn.Linear(96, 12)
    )
    return Network("file:curved", module, PLAIN)


def grey(count: int, amplitude: float, rng_seed: int) -> torch.Tensor:
    """Pictures near middle grey, far from black and white."""
    rng = np.random.default_rng(rng_seed)
    noise = amplitude * rng.uniform(-1, 1, (count, 3, SIDE, SIDE))
    return torch.from_numpy(0.5 + noise).float()


class Recording:
    """Keeps every iterate; cancels when asked for the n-th time."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.images, self.steps, self.distances = [], [], []
        self._asked, self._cancel_at = 0, cancel_at

    def cancelled(self) -> bool:
        self._asked += 1
        return self._cancel_at is not None and self._asked > self._cancel_at

    def due(self) -> bool:
        return True

    def report(self, step, relative_l2, images) -> None:
        self.steps.append(step)
        self.images.append(images.clone())
        self.distances.append(relative_l2.clone())


def relative(network: Network, image: torch.Tensor, target: torch.Tensor) -> float:
    """By hand, in float64, one image."""
    with torch.no_grad():
        a, b = (network.module(each[None]).double().numpy().ravel() for each in (image, target))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def run(network, targets, seeds, *, losses=None, goals=None, optimiser="momentum", **options):
    count, steps, callback = len(targets), options.pop("steps", 40), options.pop("callback", None)
    problem = Problem(
        network,
        options.pop("layer", "logits"),
        targets,
        seeds,
        losses or [FREE] * count,
        goals or [0.0] * count,
        **options,
    )
    return synthesise(problem, OPTIMISERS[optimiser], steps, callback)


# A linear network, whose invariances are its null space


@pytest.mark.parametrize("optimiser", ["surrogate-lbfgs", "lbfgs", "momentum", "paper"])
def test_iri_of_a_linear_network_matches_in_the_row_space_only(linear, matrix, optimiser):
    targets, seeds = grey(1, 0.2, 1), grey(1, 0.2, 2)
    trace = run(linear, targets, seeds, optimiser=optimiser, steps=400)[0]
    images = torch.stack([seeds[0], targets[0], trace.iri])
    seed, target, iri = images.double().flatten(1).numpy()
    inverse = np.linalg.pinv(matrix)
    row_space = inverse @ matrix
    left_alone = (np.eye(PIXELS) - row_space) @ (iri - seed)
    assert iri.min() > 0
    assert iri.max() < 1
    assert np.abs(left_alone).max() < 1e-5
    if optimiser != "paper":  # the paper's step never shrinks, so it circles the goal
        expected = seed + inverse @ (matrix @ target - matrix @ seed)
        assert trace.relative_l2[trace.best_step] < 2e-3
        assert np.linalg.norm(iri - expected) < 2e-2 * np.linalg.norm(expected - seed)
    assert np.linalg.norm(iri - target) > 0.5 * np.linalg.norm(seed - target), "not the target"


# The box


@pytest.mark.parametrize("optimiser", ["surrogate-lbfgs", "lbfgs"])
def test_lbfgs_finds_what_a_solver_of_bounded_least_squares_finds(matrix, linear, optimiser):
    targets = grey(1, 8.0, 1)  # far outside the box, so that no image in it matches
    trace = run(linear, targets, grey(1, 0.4, 2), optimiser=optimiser, steps=200)[0]
    wanted = matrix @ targets.flatten().double().numpy()
    solved = lsq_linear(matrix, wanted, bounds=(0, 1), tol=1e-12)
    reachable = np.linalg.norm(matrix @ solved.x - wanted) / np.linalg.norm(wanted)
    assert reachable > 0.1
    assert relative(linear, trace.iri, targets[0]) == pytest.approx(reachable, rel=1e-4)
    at_edge = (trace.iri == 0) | (trace.iri == 1)
    assert at_edge.float().mean() > 0.2


def test_lbfgs_comes_nearer_than_the_first_order_methods_in_as_many_passes(curved):
    targets, seeds = grey(4, 0.4, 1), grey(4, 0.4, 2)
    nearest = {
        optimiser: np.median(
            [
                min(trace.relative_l2)
                for trace in run(curved, targets, seeds, optimiser=optimiser, steps=40)
            ]
        )
        for optimiser in ("surrogate-lbfgs", "lbfgs", "adam", "momentum")
    }
    first_order = min(nearest["adam"], nearest["momentum"])
    assert max(nearest["surrogate-lbfgs"], nearest["lbfgs"]) < 0.5 * first_order


def test_each_pass_of_lbfgs_that_is_kept_lowers_the_loss(curved):
    trace = run(curved, grey(1, 0.4, 1), grey(1, 0.4, 2), optimiser="lbfgs", steps=40)[0]
    assert trace.relative_l2[trace.best_step] == min(trace.relative_l2)
    assert trace.best_step > 10


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_pixels_that_start_at_the_edge_of_the_box_are_not_frozen(linear, optimiser, value):
    targets = grey(1, 0.3, 1)
    seeds = torch.full_like(targets, value)
    trace = run(linear, targets, seeds, optimiser=optimiser, steps=150)[0]
    assert relative(linear, trace.iri, targets[0]) < 0.2 * trace.relative_l2[0]
    assert trace.relative_l2[0] == pytest.approx(relative(linear, seeds[0], targets[0]), rel=1e-4)
    moved = (trace.iri - value).abs() > 1e-3
    assert moved.float().mean() > 0.3


@pytest.mark.parametrize("seed", ["white", "black"])
def test_white_and_black_seeds_reach_the_goal_on_a_shipped_network(seed):
    network = load("embedded:residual-multi-standard")
    targets = torch.from_numpy(fit(gallery.load("astronaut"), network.input.size))[None]
    seeds = torch.full_like(targets, float(seed == "white"))
    options = {"layer": "penultimate", "optimiser": "adam", "steps": 150}
    trace = run(network, targets, seeds, goals=[0.1], **options)[0]
    assert trace.stopped == "goal"
    with torch.no_grad():
        ours, theirs = (
            representation(network, "penultimate", each) for each in (trace.iri[None], targets)
        )
    assert float((ours - theirs).norm() / theirs.norm()) <= 0.1 + 1e-5


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_iterate_lies_in_the_box(curved, optimiser):
    recording = Recording()
    seeds = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).round()
    run(curved, grey(2, 0.5, 1), seeds, optimiser=optimiser, steps=30, callback=recording)
    assert recording.steps == list(range(31))
    every = torch.stack(recording.images)
    assert float(every.min()) >= 0.0
    assert float(every.max()) <= 1.0
    assert torch.equal(every[0], seeds)


def test_the_seed_given_is_not_changed(curved):
    seeds = grey(1, 0.3, 2)
    before = seeds.clone()
    run(curved, grey(1, 0.3, 1), seeds)
    assert torch.equal(seeds, before)
    assert not seeds.requires_grad


# What is kept


@pytest.mark.parametrize("loss", ["regularizer-free", "freq-tv-l6"])
def test_the_best_iterate_is_kept_and_the_curves_are_what_a_callback_measures(curved, loss):
    targets, recording = grey(2, 0.4, 1), Recording()
    traces = run(
        curved,
        targets,
        grey(2, 0.4, 2),
        losses=[loss_named(loss)] * 2,
        optimiser="paper",
        steps=25,
        callback=recording,
    )
    for index, trace in enumerate(traces):
        assert len(trace.loss) == len(trace.relative_l2) == 26
        assert (trace.steps, trace.stopped) == (25, "budget")
        measured = [relative(curved, each[index], targets[index]) for each in recording.images]
        np.testing.assert_allclose(trace.relative_l2, measured, rtol=1e-4)
        assert trace.best_step == int(np.argmin(trace.loss))
        assert trace.best_step > 0
        assert torch.equal(trace.iri, recording.images[trace.best_step][index])
        assert trace.relative_l2[trace.best_step] == pytest.approx(
            relative(curved, trace.iri, targets[index]), rel=1e-4
        )


def test_without_priors_loss_and_match_are_one_curve(curved):
    trace = run(curved, grey(1, 0.4, 1), grey(1, 0.4, 2))[0]
    assert trace.loss == trace.relative_l2
    assert trace.weights == {"representation": 1.0}


def test_key_frames_are_the_iterates_rounded_to_8_bits(curved):
    recording = Recording()
    trace = run(
        curved, grey(1, 0.4, 1), grey(1, 0.4, 2), optimiser="paper", steps=20, callback=recording
    )[0]
    assert [step for step, _ in trace.frames] == [0, 1, 2, 4, 8, 16]
    for step, frame in trace.frames:
        exact = 255 * recording.images[step][0].double().numpy().transpose(1, 2, 0)
        assert frame.dtype == torch.uint8
        # In float32 what lies halfway between two levels may go to either.
        assert np.abs(frame.numpy() - exact).max() <= 0.5 + 1e-4


def test_reaching_the_goal_ends_the_run(linear):
    goal = 0.05
    trace = run(linear, grey(1, 0.2, 1), grey(1, 0.2, 2), goals=[goal], steps=400)[0]
    assert trace.stopped == "goal"
    assert trace.steps < 400
    assert trace.relative_l2[-1] <= goal < min(trace.relative_l2[:-1])
    assert trace.best_step == trace.steps == len(trace.loss) - 1


def test_a_goal_out_of_reach_spends_the_budget(linear):
    trace = run(linear, grey(1, 0.2, 1), grey(1, 0.2, 2), goals=[1e-9], steps=7)[0]
    assert (trace.stopped, trace.steps, len(trace.relative_l2)) == ("budget", 7, 8)


def test_a_loss_that_asks_for_more_than_the_match_uses_its_whole_budget(linear):
    trace = run(
        linear,
        grey(1, 0.2, 1),
        grey(1, 0.2, 2),
        losses=[loss_named("freq")],
        goals=[0.5],
        steps=60,
    )[0]
    assert min(trace.relative_l2) < 0.5
    assert (trace.stopped, trace.steps) == ("budget", 60)


@pytest.mark.parametrize("optimiser", ["surrogate-lbfgs", "lbfgs"])
def test_a_plateau_ends_the_run_of_a_stationary_optimiser(linear, optimiser):
    # A target outside what the box can reach: its representation is doubled in front of the loop.
    class Far(nn.Module):
        def forward(self, x):
            y = linear.module(x)
            return torch.where(x.amax((1, 2, 3))[:, None] > 1.5, 3 * y, y)

    network = Network("file:far", Far(), PLAIN)
    targets, seeds = grey(1, 0.2, 1), grey(1, 0.2, 2)
    targets[0, 0, 0, 0] = 2.0
    trace = run(network, targets, seeds, optimiser=optimiser, steps=400)[0]
    assert trace.stopped == "plateau"
    assert trace.steps < 400
    before = min(trace.relative_l2[: trace.steps - PLATEAU_WINDOW + 1])
    assert before - min(trace.relative_l2) < PLATEAU_TOLERANCE * before
    assert run(network, targets, seeds, optimiser="momentum", steps=80)[0].stopped == "budget"


@pytest.mark.parametrize("optimiser", ["momentum-anderson", "surrogate-lbfgs"])
def test_an_unscheduled_search_ends_at_its_goal_and_takes_the_same_path_whatever_its_budget(
    curved, optimiser
):
    targets, seeds = grey(3, 0.4, 1), grey(3, 0.4, 2)
    short, long = (
        run(curved, targets, seeds, optimiser=optimiser, goals=[0.02] * 3, steps=steps)
        for steps in (200, 2000)
    )
    for one, other in zip(short, long, strict=True):
        assert one.stopped == "goal"
        assert one.relative_l2 == other.relative_l2


# Batches


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_sample_takes_the_same_path_alone_as_in_a_batch_that_others_leave(curved, optimiser):
    widths = []
    # Differences of representations, and of gradients, that hardly differ magnify the rounding of
    # a batch's sums; what is left at the end of such a way is mostly rounding.
    rtol = 1e-2 if optimiser in SENSITIVE else 1e-3

    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = curved.module

        def forward(self, x):
            widths.append(len(x))
            return self.inner(x)

    module = Counting()
    network = Network("file:counting", module, PLAIN)
    targets, seeds = grey(5, 0.4, 1), grey(5, 0.4, 2)
    # L-BFGS, whose steps are differences of gradients, makes much of rounding beside an adversary.
    other = "freq-lp" if "lbfgs" in optimiser else "adversarial"
    losses = [FREE, loss_named("freq-tv"), FREE, loss_named(other), FREE]
    goals = [0.3, 0.0, 0.0, 0.0, 0.2]
    options = {
        "optimiser": optimiser,
        "steps": 15,
        "distance": lambda a, b: (a - b).square().mean((1, 2, 3)),
    }
    together = run(network, targets, seeds, losses=losses, goals=goals, **options)
    assert widths[:2] == [5, 5]  # the targets, the seeds
    assert widths[-1] == 3
    for index, trace in enumerate(together):
        one = slice(index, index + 1)
        alone = run(
            curved, targets[one], seeds[one], losses=losses[one], goals=goals[one], **options
        )[0]
        assert (trace.steps, trace.best_step, trace.stopped) == (
            alone.steps,
            alone.best_step,
            alone.stopped,
        )
        assert trace.weights == pytest.approx(alone.weights, rel=1e-4)
        close = {"rtol": rtol, "atol": 0.01 * rtol}
        np.testing.assert_allclose(trace.relative_l2, alone.relative_l2, **close)
        torch.testing.assert_close(trace.iri, alone.iri, rtol=0, atol=0.1 * rtol)
        assert [step for step, _ in trace.frames] == [step for step, _ in alone.frames]
        assert torch.equal(trace.frames[0][1], alone.frames[0][1])
    assert together[0].stopped == together[4].stopped == "goal"
    assert together[0].steps < together[2].steps == 15


def test_a_callback_sees_every_sample_finished_ones_at_their_best(curved):
    class Recording:
        seen: ClassVar[list] = []

        def cancelled(self):
            return False

        def due(self):
            return True

        def report(self, step, relative_l2, images):
            self.seen.append((relative_l2.clone(), images.clone()))

    targets, seeds = grey(2, 0.4, 1), grey(2, 0.4, 2)
    traces = run(curved, targets, seeds, goals=[0.3, 0.0], steps=15, callback=Recording())
    done, last = traces[0].steps, Recording.seen[-1]
    assert done < 15
    for step, (relative_l2, images) in enumerate(Recording.seen):
        assert images.shape == seeds.shape
        assert float(relative_l2[0]) == traces[0].relative_l2[min(step, done)]
        assert float(relative_l2[1]) == traces[1].relative_l2[step]
    assert torch.equal(last[1][0], traces[0].iri)


def test_a_batch_too_large_for_the_device_is_made_in_parts(curved):
    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = curved.module

        def forward(self, x):
            if len(x) > 2:
                raise torch.OutOfMemoryError("no room for more than two")
            return self.inner(x)

    class Recording:
        last = None

        def cancelled(self):
            return False

        def due(self):
            return True

        def report(self, step, relative_l2, images):
            self.last = relative_l2.clone(), images.clone()

    small = Network("file:small", Small(), PLAIN)
    targets, seeds, recording = grey(5, 0.4, 1), grey(5, 0.4, 2), Recording()
    options = {"losses": [loss_named("regularizer-free+transforms")] * 5, "optimiser": "adam"}
    parts = run(small, targets, seeds, callback=recording, **options)
    whole = run(curved, targets, seeds, **options)
    for one, other in zip(parts, whole, strict=True):
        torch.testing.assert_close(one.iri, other.iri, rtol=0, atol=1e-3)
    relative_l2, images = recording.last
    assert images.shape == seeds.shape
    for index, trace in enumerate(parts):
        assert float(relative_l2[index]) == pytest.approx(trace.relative_l2[-1], rel=1e-3)

    class Smaller(Small):
        def forward(self, x):
            raise torch.OutOfMemoryError("no room at all")

    with pytest.raises(torch.OutOfMemoryError):
        run(Network("file:smaller", Smaller(), PLAIN), targets, seeds)


# Adversaries


def test_the_adversary_pushes_from_the_target_or_holds_at_the_seed(curved):
    def distance(a, b):
        return (a - b).square().mean((1, 2, 3))

    targets, seeds = grey(1, 0.4, 1), grey(1, 0.1, 2)
    made = {
        name: run(
            curved,
            targets,
            seeds,
            losses=[loss_named(name)],
            optimiser="adam",
            distance=distance,
            steps=60,
        )[0]
        for name in (
            "adversarial",
            "adversarial-published",
            "regularizer-free",
            "adversarial-seed",
        )
    }
    away = {name: float(distance(trace.iri[None], targets)) for name, trace in made.items()}
    moved = {name: float(distance(trace.iri[None], seeds)) for name, trace in made.items()}
    assert away["adversarial-published"] > away["adversarial"] > 1.3 * away["regularizer-free"]
    matches = {name: trace.relative_l2[trace.best_step] for name, trace in made.items()}
    assert matches["adversarial"] <= CAPPED_MATCH_DISTANCE < matches["adversarial-published"]
    assert moved["adversarial-seed"] < 0.7 * moved["regularizer-free"]
    start = relative(curved, seeds[0], targets[0]) / float(distance(seeds, targets))
    for name in ("adversarial", "adversarial-published"):
        assert made[name].weights["to-target"] == pytest.approx(-start, rel=1e-4)
    assert made["adversarial-published"].loss[0] == pytest.approx(0, abs=1e-5)


# The paper's own procedure


@pytest.mark.parametrize("black_and_white", [False, True])
def test_the_paper_preset_is_the_published_loop(curved, black_and_white):
    targets, seeds = grey(1, 0.4, 1), grey(1, 0.4, 2)
    if black_and_white:
        seeds = seeds.round()
    trace = run(curved, targets, seeds, optimiser="paper", steps=20)[0]

    goal = curved.module(targets).detach()
    x, best, kept, losses = seeds.clone(), float("inf"), None, []
    for step in range(21):
        x.requires_grad_(True)
        loss = (curved.module(x) - goal).norm() / goal.norm()
        (gradient,) = torch.autograd.grad(loss, x)
        losses.append(float(loss.detach()))
        if losses[-1] < best:
            best, kept = losses[-1], x.detach().clone()
        if step < 20:
            x = (x.detach() - 1.0 * gradient / gradient.norm()).clamp(0, 1)

    np.testing.assert_allclose(trace.loss, losses, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(trace.iri, kept[0], rtol=0, atol=1e-3)


def test_the_feather_preset_halves_its_step_and_keeps_the_last_image(curved):
    targets, seeds = grey(1, 0.4, 1), grey(1, 0.4, 2)
    steps = 24
    trace = run(curved, targets, seeds, optimiser="feather", steps=steps)[0]
    goal = curved.module(targets).detach()
    x, losses = seeds.clone(), []
    for step in range(steps + 1):
        x.requires_grad_(True)
        loss = (curved.module(x) - goal).norm() / goal.norm()
        (gradient,) = torch.autograd.grad(loss, x)
        losses.append(float(loss.detach()))
        if step < steps:
            length = 0.5 ** (step // (steps // 8))
            x = (x.detach() - length * gradient / gradient.norm()).clamp(0, 1)
    np.testing.assert_allclose(trace.loss, losses, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(trace.iri, x[0].detach(), rtol=0, atol=1e-3)
    assert trace.best_step == steps


# Interruptions


@pytest.mark.parametrize("step", [0, 1, 5])
def test_cancelling_takes_effect_before_the_next_step(curved, step):
    calls = []
    handle = curved.module[3].register_forward_hook(lambda *_: calls.append(1))
    try:
        with pytest.raises(Cancelled, match=f"step {step}$"):
            run(curved, grey(1, 0.4, 1), grey(1, 0.4, 2), callback=Recording(cancel_at=step))
    finally:
        handle.remove()
    assert len(calls) == step + 1, "once for the target, once a step"


class _Breaks(nn.Module):
    """Gives NaN from its n-th call on."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.calls, self.at = 0, at
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        self.calls += 1
        return x.flatten(1) * (float("nan") if self.calls > self.at else 1.0)


@pytest.mark.parametrize("step", [0, 3])
def test_a_network_that_gives_nan_ends_the_run_and_the_step_is_named(step):
    network = Network("file:breaks", _Breaks(at=step + 1), PLAIN)
    with pytest.raises(NotFinite, match=rf"nan at step {step}, because of .*'representation'$"):
        run(network, grey(1, 0.2, 1), grey(1, 0.2, 2))


@pytest.mark.parametrize("loss", ["freq-tv", "freq-tv+transforms", "freq-tv+fourier"])
def test_a_term_whose_gradient_is_infinite_ends_the_run_and_is_named(curved, monkeypatch, loss):
    def root(inputs):
        return (inputs.images - inputs.images.detach()).square().sum((1, 2, 3)).sqrt()

    monkeypatch.setitem(TERMS._records, "tv", replace(TERMS["tv"], function=root))
    with pytest.raises(NotFinite, match=r"gradient is not finite at step 0, .* term 'tv'$"):
        run(
            curved,
            grey(1, 0.2, 1),
            grey(1, 0.2, 2),
            losses=[loss_named(loss)],
            optimiser="adam",
        )


def test_a_target_that_the_network_sees_as_nothing_does_not_break_the_loop():
    class Nothing(nn.Module):
        def forward(self, x):
            return x.flatten(1) * 0

    network = Network("file:nothing", Nothing(), PLAIN)
    trace = run(network, grey(1, 0.2, 1), grey(1, 0.2, 2), steps=3)[0]
    assert trace.relative_l2[0] == 0
    assert trace.stopped == "goal"
    assert torch.equal(trace.iri, grey(1, 0.2, 2)[0])
