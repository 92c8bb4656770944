"""The benchmark on a trained ImageNet network: references, cells, where it is skipped."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from explorer.cli import main
from explorer.models.network import InputSpec, Network
from explorer.research.benchmark import plan, references, trained
from explorer.research.benchmark.cases import TARGETS, TRAINED, Case, trained_cases
from explorer.research.benchmark.markdown import markdown
from explorer.research.benchmark.procedures import ENGINE, ON_TRAINED
from explorer.research.benchmark.references import Task
from explorer.research.benchmark.scipy_search import run_scipy
from explorer.research.benchmark.tables import case_tables

SIDE = 8


@pytest.fixture
def task() -> Task:
    torch.manual_seed(3)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.Flatten())
    network = Network("file:any", module, InputSpec((SIDE, SIDE), mean=(0,) * 3, std=(1,) * 3))
    drawn = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    return Task(network, "logits", drawn[:1], (2 * drawn[1:] - 0.5).clamp(0, 1), 12)


# References


def test_adam_is_its_formula_with_a_cosine_and_a_clamp(task):
    x, goal = task.seeds.clone(), task.goal()
    mean, square, expected = torch.zeros_like(x), torch.zeros_like(x), []
    for number in range(task.passes + 1):
        x.requires_grad_(True)
        loss = (task.represent(x) - goal).norm() / goal.norm()
        (gradient,) = torch.autograd.grad(loss, x)
        expected.append(float(loss.detach()))
        with torch.no_grad():
            mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
            step = 0.05 * 0.5 * (1 + math.cos(math.pi * number / task.passes))
            unbiased = (square / (1 - 0.999 ** (number + 1))).sqrt() + 1e-8
            x = (x - step * mean / (1 - 0.9 ** (number + 1)) / unbiased).clamp(0, 1)
    run = ON_TRAINED["adam"].run(task)
    np.testing.assert_allclose(run.relative_l2[0], expected, rtol=1e-3)
    assert run.moved[0] > 0


def test_fourier_search_from_the_seed_starts_there_within_its_sigmoid(task):
    first = next(references.fourier_adam_from_seed(task))[0]
    torch.testing.assert_close(first, task.seeds.clamp(0.02, 0.98), rtol=0, atol=1e-5)


def test_scipy_is_counted_by_its_evaluations_and_stays_in_the_box(task):
    passes = []
    task.network.module.register_forward_hook(lambda *_: passes.append(torch.is_grad_enabled()))
    run = run_scipy(task)
    assert len(run.relative_l2[0]) == len(run.seconds) == task.passes + 1 == len(run.laps) + 1
    assert sum(passes) == task.passes + 1
    with torch.no_grad():
        start = (task.represent(task.seeds) - task.goal()).norm() / task.goal().norm()
    assert run.relative_l2[0][0] == pytest.approx(float(start), rel=1e-5)
    assert min(run.relative_l2[0]) < 0.5 * run.relative_l2[0][0]
    assert 0 < run.moved[0] < 1


# Cells


CASE = Case(TRAINED, "features.12", 224, "grey-noise")


def part(procedure: str, target: str, curve: list[float], moved: float = 0.1) -> dict:
    run = {"relative_l2": curve, "moved": moved}
    return {
        "kind": "work",
        "case": vars(CASE),
        "target": target,
        "procedure": procedure,
        "seconds": 1.0,
        "probes": [1.0],
        "cpu_share": 1.0,
        "threads": 1,
        "runs": {"200": run},
    }


def test_a_cell_compares_with_the_best_reference_from_any_start():
    falling = [1 - k / 400 for k in range(201)]
    parts = [part(name, "cat", falling) for name in ON_TRAINED if name not in (ENGINE, "scipy")]
    parts += [part(ENGINE, "cat", [each / 2 for each in falling], 0.25)]
    parts += [part("scipy", "cat", [1.0] + [0.6] * 99 + [0.2] * 101)]
    parts += [part(ENGINE, "coffee", falling)]  # the others are to come
    cells = trained.cells(parts)
    assert [(cell.target, cell.passes) for cell in cells] == [("cat", n) for n in (50, 100, 200)]
    assert [cell.best for cell in cells] == ["scipy"] * 3
    assert [cell.ratio for cell in cells] == pytest.approx([0.4375 / 0.6, 0.375 / 0.2, 0.25 / 0.2])
    mean = trained.geometric_mean([cell.ratio for cell in cells])
    assert mean == pytest.approx((0.4375 * 0.375 * 0.25 / 0.6 / 0.2 / 0.2) ** (1 / 3))
    text = "\n".join(trained.section(parts))
    assert "in 1 of 3 cells" in text
    assert "0.250 (0.25)" in text
    assert case_tables(parts) == []
    machine = {"device": "any", "processor": "any", "cores": 2, "torch": "2", "system": "any"}
    assert "--trained" in markdown(plan.trained(), parts, machine, "cpu")


def test_the_plan_has_three_layers_two_seeds_three_photographs_and_every_procedure():
    works = plan.trained().works
    assert len(set(works)) == len(works) == 6 * 3 * len(ON_TRAINED)
    assert {work.case for work in works} == set(trained_cases())
    assert {work.target for work in works} == set(TARGETS)
    assert {work.budgets for work in works} == {(50, 100, 200)}


def test_without_the_weights_it_is_skipped_with_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IRI_MODELS_DIR", str(tmp_path))
    main(["bench", "--trained", "--out", str(tmp_path / "out")])
    assert "skipped" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
