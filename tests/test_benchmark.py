"""The benchmark: references that do what their authors say, a fair count, and honest tables."""

import itertools
import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from explorer.cli import main
from explorer.models.network import InputSpec, Network
from explorer.research.benchmark import cases, machine, plan, references, report, tables
from explorer.research.benchmark import run as running
from explorer.research.benchmark.cases import LIVE, Case
from explorer.research.benchmark.clock import Clock, peak_memory
from explorer.research.benchmark.drive import run_engine, run_reference
from explorer.research.benchmark.markdown import markdown
from explorer.research.benchmark.plan import BatchCase, Plan, Work
from explorer.research.benchmark.procedures import (
    ENGINE,
    ENGINE_GREY,
    PAPER,
    PROCEDURES,
    REFERENCES,
)
from explorer.research.benchmark.references import Task

SIDE = 8
PLAIN = InputSpec((SIDE, SIDE), mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Counting(nn.Module):
    """A small network that is not linear and counts how often it is run."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.forwards = 0

    def forward(self, x):
        self.forwards += 1
        return self.relu(self.conv(x)).flatten(1)


@pytest.fixture
def network() -> Network:
    return Network("file:counting", Counting(), PLAIN)


def task(network: Network, passes: int = 12, count: int = 1) -> Task:
    drawn = torch.rand(2 * count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    seeds = (2 * drawn[count:] - 0.5).clamp(0, 1)  # half of the pixels at the edge of the box
    return Task(network, "logits", drawn[:count], seeds, passes)


def by_hand(work: Task, step, gradient_of=None) -> list[float]:
    """Unit-gradient descent in double precision: distances of iterates 0, 1, …"""
    module = nn.Sequential(work.network.module.conv, nn.ReLU(), nn.Flatten())
    goal = module(work.targets).detach()
    x, found = work.seeds.clone(), []
    for number in range(work.passes + 1):
        x = x.detach().requires_grad_(True)
        seen = gradient_of(x) if gradient_of else x
        loss = (module(seen) - goal).norm() / goal.norm()
        found.append(float(loss.detach()))
        loss.backward()
        x = (x.detach() - step(number) * x.grad / x.grad.norm()).clamp(0, 1)
    return found


# What the references do


def test_the_papers_procedure_mended_is_its_formula(network):
    work = task(network)
    run = PROCEDURES[PAPER].run(work)
    np.testing.assert_allclose(run.relative_l2[0], by_hand(work, lambda _: 1.0), rtol=1e-4)


def test_the_papers_procedure_as_published_is_caught_in_the_clamp(network):
    work = task(network)
    run = PROCEDURES["paper-published"].run(work)
    edge = torch.zeros(1, requires_grad=True)
    edge.clamp(0, 1).backward()
    if edge.grad == 0:  # torch 2.14 and later
        expected = by_hand(work, lambda _: 1.0, lambda x: x.clamp(0, 1))
        np.testing.assert_allclose(run.relative_l2[0], expected, rtol=1e-4)
    frozen = (work.seeds == 0) | (work.seeds == 1)
    for images, _ in zip(references.paper_published(work), range(5), strict=False):
        assert torch.equal(images[0][frozen], work.seeds[frozen])
    assert min(run.relative_l2[0]) > min(PROCEDURES[PAPER].run(work).relative_l2[0])


def test_feathers_steps_halve_after_each_eighth_of_the_passes(network):
    network.module.relu = nn.Identity()  # straight-through is another test
    work = task(network, passes=24)
    iterates = [images for images, _ in zip(feather(work), range(25), strict=False)]
    lengths = [float((b - a).norm()) for a, b in itertools.pairwise(iterates)]
    allowed = [0.5 ** min(number // 3, 7) for number in range(24)]
    assert all(a <= b * (1 + 1e-4) for a, b in zip(lengths, allowed, strict=True))  # the box
    np.testing.assert_allclose(lengths[-6:], allowed[-6:], rtol=0.2)


def feather(work: Task):
    return (images.clone() for images, _ in references.feather_shortened(work))


@pytest.mark.parametrize("procedure", [references.robustness, references.feather_shortened])
def test_gradients_go_through_a_dead_relu_and_the_network_is_left_as_it_was(network, procedure):
    network.module.conv.bias.data.fill_(-9.0)
    work = task(network, passes=4)
    goals = torch.ones(1, 8 * SIDE * SIDE)
    object.__setattr__(work, "goal", lambda: goals)  # something no dead unit can reach
    moved = procedure(work)
    first, _ = next(moved)
    second, _ = next(moved)
    assert not torch.equal(first, second)
    assert network.module.relu.forward.__name__ == "apply"
    moved.close()
    assert "forward" not in vars(network.module.relu)
    stuck = references.paper_fixed(work)
    assert torch.equal(next(stuck)[0], next(stuck)[0])


def test_plenoptic_is_adam_with_amsgrad_on_squared_error_and_range_penalty(network):
    work = task(network, passes=15)
    goal = work.goal()
    x = work.seeds.clone()
    mean, square, most = (torch.zeros_like(x) for _ in range(3))
    own, counted = [], []
    for number in range(1, work.passes + 2):
        x.requires_grad_(True)
        found = network.module(x)
        outside = (x - x.clamp(0, 1)).square().sum()
        (gradient,) = torch.autograd.grad((found - goal).square().mean() + 0.1 * outside, x)
        with torch.no_grad():
            own.append(float((found - goal).norm() / goal.norm()))
            counted.append(float((network.module(x.clamp(0, 1)) - goal).norm() / goal.norm()))
            mean = 0.9 * mean + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient.square()
            most = torch.maximum(most, square)
            size = (most / (1 - 0.999**number)).sqrt() + 1e-8
            x = x - 0.01 * mean / (1 - 0.9**number) / size
    run = PROCEDURES["plenoptic"].run(work)
    np.testing.assert_allclose(run.unclamped[0], own, rtol=1e-3)
    np.testing.assert_allclose(run.relative_l2[0], counted, rtol=1e-3)
    assert own != counted


def test_fourier_images_are_what_numpys_inverse_transform_gives(network):
    work = task(network, passes=30)
    passes = references.fourier_adam(work)
    first = next(passes)[0][0].double().numpy()
    spectrum = 0.01 * torch.randn(
        1, 3, SIDE, SIDE // 2 + 1, 2, generator=torch.Generator().manual_seed(0)
    )
    spectrum = torch.view_as_complex(spectrum)[0].numpy()
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    plain = np.fft.irfft2(spectrum / np.maximum(frequency, 1 / SIDE), (SIDE, SIDE), norm="ortho")
    colours = np.array(references.COLOURS)
    colours = colours / np.linalg.norm(colours, axis=0).max()
    expected = 1 / (1 + np.exp(-np.einsum("ij,jhw->ihw", colours, plain / 4)))
    np.testing.assert_allclose(first, expected, atol=1e-5)
    assert abs(first - 0.5).max() < 0.1
    assert torch.equal(references.lucid_seed(work), next(references.fourier_adam(work))[0])
    run = PROCEDURES["fourier-adam"].run(work)
    assert run.relative_l2[0][-1] < 0.7 * run.relative_l2[0][0]


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_makes_the_same_way_in_a_batch(network, name):
    both = task(network, passes=6, count=2)
    together = PROCEDURES[name].run(both).relative_l2
    for index in range(2):
        one = slice(index, index + 1)
        alone = replace(both, targets=both.targets[one], seeds=both.seeds[one])
        np.testing.assert_allclose(
            PROCEDURES[name].run(alone).relative_l2[0], together[index], rtol=1e-3
        )


# Counting and timing


@pytest.mark.parametrize("name", PROCEDURES)
def test_every_pass_is_counted(network, name):
    work = task(network, passes=9)
    run = PROCEDURES[name].run(work)
    curve = run.relative_l2[0]
    assert len(curve) == len(run.seconds)
    assert len(run.laps) == len(run.cpu_laps) == len(curve) - 1
    assert run.seconds == sorted(run.seconds)
    if name in REFERENCES:
        assert len(curve) == work.passes + 1
    if name == PAPER:  # one forward a pass, one for the goal, one that measures the last image
        assert network.module.forwards - 1 == work.passes + 1
    grey = name in (ENGINE_GREY, "fourier-adam")
    first = work.represent(references.lucid_seed(work) if grey else work.seeds) - work.goal()
    assert curve[0] == pytest.approx(float(first.norm() / work.goal().norm()), rel=1e-4)


def test_the_engine_is_timed_over_all_that_it_does(network):
    work = task(network, passes=9)
    run = run_engine(work)
    assert run.seconds[0] > 0
    assert len(run.relative_l2[0]) <= work.passes + 1


@pytest.fixture
def hands(monkeypatch) -> list[float]:
    """A clock that only moves when its one entry is set."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_measuring_a_clamped_image_is_off_the_clock(hands):
    class Slow(nn.Module):
        def forward(self, x):
            hands[0] += 1 if torch.is_grad_enabled() else 100
            return x.flatten(1)

    work = task(Network("file:slow", Slow(), PLAIN), passes=3)
    run = run_reference(references.plenoptic, work, clamps=False)
    assert run.laps == [1, 1, 1]
    assert run.seconds == [0, 101, 102, 103]  # the first pass comes after the goal


def test_a_clock_drops_what_lies_before_a_start(hands):
    clock = Clock(torch.device("cpu"))
    for number in range(3):
        clock.start()
        hands[0] += number
        clock.lap()
        hands[0] += 50
    assert clock.laps() == [0, 1, 2]


def test_peak_memory_is_what_the_work_took():
    def work():
        torch.ones(24 * 2**20)

    found = peak_memory(work, torch.device("cpu"))
    if found is None:
        pytest.skip("this system does not say")
    assert 80 * 2**20 < found < 140 * 2**20


def test_flops_of_a_convolution_are_those_on_paper():
    module = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1, bias=False))
    network = Network("file:one", module, PLAIN)
    work = machine.work_of(network, "0")
    assert work.flops == 2 * (2 * 9 * 3 * 5 * SIDE * SIDE)  # forward, and back to the image
    outputs, weights = (3 + 5) * SIDE * SIDE, 9 * 3 * 5
    assert work.bytes == 4 * (4 * outputs + 2 * weights)
    assert work.floor(machine.Peak(flops=work.flops, bytes=2 * work.bytes)) == (1.0, 0.5)


# Cases


def test_live_networks_are_alive_and_calibrated_and_default_ones_are_dead():
    live, dead = (cases.network_of(name, 64, "cpu") for name in (LIVE, cases.DEFAULT))
    assert float(live.module.layer1[0].bn2.weight.abs().min()) > 0
    assert float(dead.module.layer1[0].bn2.weight.abs().max()) == 0
    seen = []
    handle = live.module.layer2[1].bn2.register_forward_hook(
        lambda _, __, output: seen.append(output.double())  # a copy: the next layer works in place
    )
    with torch.no_grad():
        live(cases.photographs(live, cases.gallery.names()))
    handle.remove()
    assert float(seen[0].mean((0, 2, 3)).abs().max()) < 1e-2, "standardised by its own statistics"
    assert float((seen[0].std((0, 2, 3)) - 1).abs().max()) < 1e-2


def test_cases_are_the_same_every_time():
    first = cases.network_of(LIVE, 64, "cpu")
    cases.network_of.cache_clear()
    again = cases.network_of(LIVE, 64, "cpu")
    for one, other in zip(
        first.module.state_dict().values(), again.module.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    targets, seeds = cases.images_of(again, cases.TARGETS)
    assert targets.shape == seeds.shape == (3, 3, 64, 64)
    assert torch.equal(cases.images_of(again, cases.TARGETS[1:2])[1], seeds[1:2])


def test_the_full_plan_has_every_row_that_was_asked_for():
    found = {(work.case.network, work.case.layer, work.case.size) for work in plan.full().works}
    for network in (cases.DEFAULT, LIVE):
        for layer in ("penultimate", "layer2"):
            for size in (64, 224):
                assert (network, layer, size) in found
    assert all((f"embedded:{name}", "penultimate", 64) in found for name in plan.embedded_names())
    assert {work.target for work in plan.full().works} == set(cases.TARGETS)
    assert len(cases.TARGETS) >= 3


@pytest.mark.parametrize("name", ["quick", "full"])
def test_on_a_gpu_the_plans_have_the_deep_network_too(name):
    asked = {work.case for work in plan.plan_called(name, "cuda").works}
    assert set(cases.deep_cases()) <= asked
    assert not set(cases.deep_cases()) & {work.case for work in plan.plan_called(name, "cpu").works}


def test_the_deep_networks_are_the_same_architecture_dead_and_alive():
    dead = cases.network_of(cases.DEEP_DEFAULT, 64, "cpu").module.state_dict()
    live = cases.network_of(cases.DEEP_LIVE, 64, "cpu").module.state_dict()
    assert {name: one.shape for name, one in dead.items()} == {
        name: one.shape for name, one in live.items()
    }
    last = "layer3.5.bn3"
    assert not dead[f"{last}.weight"].any()
    assert live[f"{last}.weight"].all()
    assert (live[f"{last}.running_var"] != 1).all()


# Tables


CASE = Case(LIVE, "layer2", 224)


def one_run(curve: list[float], unclamped: bool = False) -> dict:
    """A procedure that takes a second a pass."""
    return {
        "relative_l2": curve,
        "unclamped": [0.5] if unclamped else None,
        "seconds": [float(k) for k in range(len(curve))],
        "seconds_per_pass": 1.0,
        "cpu_seconds_per_pass": 0.5,
        "memory": None,
    }


def parts_of(curves: dict[str, list[float]], target: str = "cat") -> list[dict]:
    """A target's parts with the curves of these procedures; the others never arrive."""
    return [
        {
            "kind": "work",
            "case": {"network": CASE.network, "layer": CASE.layer, "size": CASE.size},
            "target": target,
            "procedure": name,
            "passes": 100,
            "auto": "adam",
            "threads": 2,
            "seconds": 60.0,
            "cpu_share": 1.8,
            "peak": {"flops": 2e9, "bytes": 1e9},
            "work": {"flops": 1e9, "bytes": 1e8},
            "probes": [1.0, 1.0, 2.0],
            "runs": {"100": one_run(curves.get(name, [1.0] * 101), name == "plenoptic")},
        }
        for name in PROCEDURES
    ]


def reaching(goal: float, at: int) -> list[float]:
    """A curve that arrives once, and is far again afterwards."""
    return [1.0] * at + [goal] + [0.9] * (100 - at)


def test_passes_are_medians_over_targets_and_who_never_arrives_counts_as_late():
    parts = [
        *parts_of({ENGINE: reaching(0.05, 4), PAPER: reaching(0.1, 60)}, "astronaut"),
        *parts_of({ENGINE: reaching(0.05, 8), PAPER: reaching(0.1, 40)}, "coffee"),
        *parts_of({ENGINE: [1.0] * 101}, "cat"),
    ]
    (table,) = tables.case_tables(parts)
    assert table.targets == ("astronaut", "coffee", "cat")
    ours, paper = table.rows[ENGINE], table.rows[PAPER]
    assert ours.passes[0.1] == ours.passes[0.05] == ours.seconds[0.1] == 8
    assert ours.passes[0.02] == math.inf
    assert paper.passes[0.1] == 60
    assert ours.after == {50: 0.05, 100: 0.05}
    assert table.floor_ms == (500.0, 100.0)
    assert table.share_of_floor == 0.5
    assert table.rows["plenoptic"].unclamped == 0.5
    assert ours.unclamped is None


def test_a_target_counts_once_every_procedure_has_had_it():
    parts = [*parts_of({}, "astronaut"), *parts_of({}, "coffee")[:-1]]
    (table,) = tables.case_tables(parts)
    assert table.targets == ("astronaut",)
    assert tables.case_tables(parts_of({})[1:]) == []


def test_every_target_begins_with_another_procedure():
    works = plan.works_of((CASE,), cases.TARGETS, 100)
    assert [work.procedure for work in works[:: len(PROCEDURES)]] == list(PROCEDURES)[:3]
    assert len(set(works)) == len(works) == 3 * len(PROCEDURES)


def test_a_schedule_counts_with_the_budget_that_gets_there_first():
    short, long = [1.0] * 20 + [0.1] * 31, [1.0] * 30 + [0.1] * 40 + [0.01] * 31
    parts = parts_of({})
    parts[list(PROCEDURES).index(ENGINE)]["runs"] = {"50": one_run(short), "100": one_run(long)}
    (table,) = tables.case_tables(parts)
    ours = table.rows[ENGINE]
    assert (ours.passes[0.1], ours.budgets[0.1]) == (20, 50)
    assert (ours.passes[0.01], ours.budgets[0.01]) == (70, 100)
    assert ours.after == {50: 0.1, 100: 0.01}
    assert Work(CASE, "cat", ENGINE, 300).budgets == (50, 100, 200, 300)
    assert Work(CASE, "cat", ENGINE, 50).budgets == (50,)


def test_a_reference_with_a_seed_of_its_own_is_also_met_from_that_seed():
    curves = {ENGINE: reaching(0.1, 50), "fourier-adam": reaching(0.1, 30)}
    (table,) = tables.case_tables(parts_of(curves))
    (one,) = tables.standings(table)
    assert (one.fewest, one.fewest_alike) == (False, False)
    (table,) = tables.case_tables(parts_of(curves | {ENGINE_GREY: reaching(0.1, 20)}))
    (one,) = tables.standings(table)
    assert (one.fewest, one.fewest_alike) == (False, True)


@pytest.mark.parametrize(
    ("ours", "paper", "other", "fewest", "fifth"),
    [
        (10, 50, 10, True, True),
        (11, 50, 10, False, False),
        (20, None, None, True, True),  # the paper's needs more than 100 passes
        (21, None, None, True, None),  # as far as 100 passes tell
        (None, 90, 95, False, False),
    ],
)
def test_standings(ours, paper, other, fewest, fifth):
    curves = {
        name: reaching(0.09, at)
        for name, at in ((ENGINE, ours), (PAPER, paper), ("plenoptic", other))
        if at is not None
    }
    (table,) = tables.case_tables(parts_of(curves))
    (one,) = tables.standings(table)
    assert one.distance == 0.1
    assert (one.fewest, one.fifth_of_paper) == (fewest, fifth)
    if ours and other:
        assert one.seconds_ratio == pytest.approx(ours / min(other, paper))


def test_noise_is_the_spread_of_the_probe_and_the_share_of_a_core():
    found = tables.noise(parts_of({}))
    assert (found.low, found.high, found.cpu_share) == (1.0, 2.0, 0.9)
    assert tables.noise([]) is None


# Reports


def facts() -> dict:
    return machine.describe("cpu")


def test_the_report_says_what_was_reached_and_what_was_not():
    curves = {ENGINE: reaching(0.01, 7), PAPER: reaching(0.1, 50), "plenoptic": reaching(0.1, 6)}
    parts = parts_of(curves)
    parts.append(
        {
            "kind": "batches",
            "case": parts[0]["case"],
            "threads": 2,
            "seconds": 1.0,
            "cpu_share": 1.0,
            "costs": {
                "1": {"seconds": 0.010, "cpu_seconds": 0.008},
                "4": {"seconds": 0.006, "cpu_seconds": 0.006},
                "16": {"seconds": 0.004, "cpu_seconds": 0.004},
            },
        }
    )
    chosen = Plan("full", plan.works_of((CASE,), ("cat",), 100), (BatchCase(CASE),), 1, 1, 60)
    text = markdown(chosen, parts, facts(), "cpu")
    assert "| 7 / 6 (plenoptic) / 50 |" in text
    assert "| **7** / – / – |" in text
    assert "Behind: resnet18-live, layer2, 224×224 at 0.1 (plenoptic)." in text
    assert "after 100 passes: 0.010 (goal 0.12: reached)" in text
    assert "| 10.0 | 6.0 | 4.0 | 0.40 | 8.0 | 6.0 | 4.0 | 0.50 |" in text
    assert "More than a fifth of the paper's: resnet18-live" not in text
    assert "`auto` is `adam`" in text
    assert "missing" not in text
    for one in PROCEDURES.values():
        assert one.title in text
    found = json.loads(json.dumps(report.to_json(chosen, parts, facts()), allow_nan=False))
    (case,) = found["cases"]
    ours = next(row for row in case["rows"] if row["procedure"] == ENGINE)
    assert ours["passes"] == {"0.1": 7, "0.05": 7, "0.02": 7, "0.01": 7}
    paper = next(row for row in case["rows"] if row["procedure"] == PAPER)
    assert paper["passes"]["0.01"] is None
    assert found["batches"][0]["gain"] == pytest.approx(0.4)
    assert found["missing"] == 0


def test_a_section_is_replaced_in_its_place_and_nothing_else_is_touched(tmp_path):
    path = tmp_path / "benchmarks.md"
    path.write_text("# Benchmarks\n\nBefore.\n", encoding="utf-8")
    report.put_into(path, "## First\n", "cpu")
    report.put_into(path, "## On a GPU\n", "cuda")
    with path.open("a", encoding="utf-8") as file:
        file.write("\nAfter.\n")
    once = path.read_text(encoding="utf-8")
    report.put_into(path, "## Second\n", "cpu")
    again = path.read_text(encoding="utf-8")
    assert again == once.replace("## First", "## Second")
    assert again.startswith("# Benchmarks\n\nBefore.\n\n<!-- bench cpu -->\n\n## Second\n")
    assert again.index("Second") < again.index("On a GPU") < again.index("After.")


# The whole of it


@pytest.fixture
def small(monkeypatch) -> Plan:
    case = Case("embedded:imagenette-residual-standard", "penultimate", 64)
    chosen = Plan(
        name="quick",
        works=plan.works_of((case,), cases.TARGETS[:1], 5),
        batches=(BatchCase(case, (1, 2)),),
        batch_rounds=1,
        batch_passes=2,
        limit_seconds=60,
    )
    monkeypatch.setitem(plan.PLANS, "quick", lambda: chosen)
    monkeypatch.setattr(machine, "REPEATS", 2)
    return chosen


def test_bench_writes_markdown_and_json_and_goes_on_where_it_stopped(
    small, tmp_path, capsys, monkeypatch
):
    out, into = tmp_path / "out", tmp_path / "benchmarks.md"
    words = ["bench", "--quick", "--out", str(out), "--into", str(into), "--json"]
    monkeypatch.setitem(plan.PLANS, "quick", lambda: replace(small, limit_seconds=0))
    assert main(words) == 0
    said, progress = capsys.readouterr()
    assert json.loads(said)["missing"] == len(PROCEDURES) + 1
    assert "9 of 9 parts are missing" in progress
    assert "9 parts are missing" in into.read_text(encoding="utf-8")

    monkeypatch.setitem(plan.PLANS, "quick", lambda: small)
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["missing"] == 0
    assert json.loads((out / "bench.json").read_text(encoding="utf-8")) == found
    (case,) = found["cases"]
    assert {row["procedure"] for row in case["rows"]} == set(PROCEDURES)
    assert 0 < case["share_of_floor"] < 1
    text = (out / "bench.md").read_text(encoding="utf-8")
    assert text in into.read_text(encoding="utf-8")
    assert into.read_text(encoding="utf-8").count("<!-- bench cpu -->") == 1

    def refuse(*arguments, **options):
        raise AssertionError("measured again")

    monkeypatch.setattr(running, "_work", refuse)
    monkeypatch.setattr(running, "_batches", refuse)
    assert main([*words[:-1]]) == 0
    assert capsys.readouterr().out.strip() == text.strip()


def test_parts_are_not_used_again_once_the_code_has_changed(monkeypatch):
    before = plan.fingerprint("same")
    assert plan.fingerprint("same") == before
    assert plan.fingerprint("other") != before
    monkeypatch.setattr(plan, "_code", lambda: "another engine")
    assert plan.fingerprint("same") != before
