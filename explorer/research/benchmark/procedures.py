"""The procedures by name, as data: our engine and the published ones it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from explorer.research.benchmark import references
from explorer.research.benchmark.cases import TRAINED, Case
from explorer.research.benchmark.drive import Run, run_engine, run_reference
from explorer.research.benchmark.references import Task
from explorer.research.benchmark.scipy_search import run_scipy
from explorer.synthesis.optimizers.automatic import automatic

ENGINE, ENGINE_GREY, PAPER = "ours", "ours-from-grey", "paper-mended"
OWN_SEED = "fourier-adam"  # the reference that starts from a seed of its own


@dataclass(frozen=True)
class Procedure:
    """One procedure that generates IRIs.

    help: a description in a sentence or two, with the differences from the published code.
    scheduled: whether, on a task, its step size depends on the budget of passes; then each budget
        gives a different trajectory and has to be run.
    """

    name: str
    title: str
    help: str
    run: Callable[[Task], Run]
    scheduled: Callable[[Task], bool] = lambda task: False


def _auto_is_scheduled(task: Task) -> bool:
    return automatic(task.network, task.layer).scheduled


def _engine_from_grey(task: Task) -> Run:
    return run_engine(replace(task, seeds=references.lucid_seed(task)))


PROCEDURES = {
    one.name: one
    for one in (
        Procedure(
            ENGINE,
            "our engine, `auto`",
            "What `generate` runs; line-search trials and rejected steps are passes like others.",
            run_engine,
            _auto_is_scheduled,
        ),
        Procedure(
            ENGINE_GREY,
            "our engine from Lucid's seed",
            "The same from the nearly grey image that Lucid's procedure starts from, to tell the "
            "seed's part from the optimiser's.",
            _engine_from_grey,
            _auto_is_scheduled,
        ),
        Procedure(
            "paper-published",
            "the paper's, as published",
            "Nanda et al. 2023: gradient of unit ℓ₂ norm, step 1, loss fetched at every step, "
            "clamp inside autograd, which from torch 2.14 on freezes pixels at 0 and 1.",
            partial(run_reference, references.paper_published),
        ),
        Procedure(
            PAPER,
            "the paper's, clamp gradient fixed",
            "The same with the clamp outside autograd, as torch behaved when it was published.",
            partial(run_reference, references.paper_fixed),
        ),
        Procedure(
            "robustness",
            "robustness",
            "Engstrom et al. 2019, as documented: unit ℓ₂ steps of length 1 within 1000 of the "
            "seed, last ReLU straight-through. One pass a step instead of the library's two.",
            partial(run_reference, references.robustness),
        ),
        Procedure(
            "feather",
            "Feather et al., shortened",
            "Feather et al. 2023: unit ℓ₂ steps, halved after each of 8 stages, last ReLU "
            "straight-through; stages of 3000 steps shortened in proportion to the budget (as "
            "published, 3000 passes would be those of `robustness`).",
            partial(run_reference, references.feather_shortened),
            lambda task: True,
        ),
        Procedure(
            "plenoptic",
            "plenoptic",
            "Metamer as documented: Adam 0.01, amsgrad, mean squared error + 0.1 · range penalty; "
            "images unclamped while made. What counts is the distance of the clamped image.",
            partial(run_reference, references.plenoptic, clamps=False),
        ),
        Procedure(
            OWN_SEED,
            "Lucid's Fourier + Adam",
            "Lucid and Lucent: Adam 0.05 on a decorrelated spectrum behind a sigmoid, from their "
            "own seed (0.01 · N(0, 1) in the spectrum, nearly grey), without random transforms.",
            partial(run_reference, references.fourier_adam),
        ),
    )
}
REFERENCES = tuple(name for name in PROCEDURES if name not in (ENGINE, ENGINE_GREY))

ON_TRAINED = {
    one.name: one
    for one in (
        PROCEDURES[ENGINE],
        Procedure(
            "adam",
            "Adam",
            "Adam 0.05 with a cosine to 0 on the pixels, clamped after each step; the loss is the "
            "relative distance.",
            partial(run_reference, references.adam),
            lambda task: True,
        ),
        PROCEDURES[OWN_SEED],
        Procedure(
            "fourier-adam-from-seed",
            "the same from the seed",
            "Lucid's procedure with the spectrum of the given seed, brought into the range of its "
            "sigmoid, 0.02 to 0.98.",
            partial(run_reference, references.fourier_adam_from_seed),
        ),
        PROCEDURES["plenoptic"],
        PROCEDURES[PAPER],
        Procedure(
            "scipy",
            "SciPy's L-BFGS-B",
            "`scipy.optimize.minimize` in the box [0, 1] on ½ · the squared relative distance, ten "
            "pairs; every evaluation counts as a pass.",
            run_scipy,
        ),
    )
}
"""The procedures that are compared on a trained ImageNet network."""


def procedures_of(case: Case) -> dict[str, Procedure]:
    """All procedures that are run in this case, by name."""
    return ON_TRAINED if case.network == TRAINED else PROCEDURES


def procedure_named(name: str) -> Procedure:
    """The procedure of this name."""
    return (PROCEDURES | ON_TRAINED)[name]
