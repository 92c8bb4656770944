"""The procedures by name, as data: our engine and the references it is measured against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from explorer.benchmark import references
from explorer.benchmark.drive import Run, run_engine, run_reference
from explorer.benchmark.references import Passes, Task

ENGINE, PAPER = "ours", "paper-mended"


@dataclass(frozen=True)
class Procedure:
    """One way of making IRIs.

    help: what it does, in a sentence or two, with where it differs from the published code.
    passes: a generator of `references`, None for our engine.
    clamps: whether its images lie in [0, 1] all the time.
    """

    name: str
    title: str
    help: str
    passes: Callable[[Task], Passes] | None
    clamps: bool = True

    def run(self, task: Task) -> Run:
        """Do the task."""
        if self.passes is None:
            return run_engine(task)
        return run_reference(self.passes, task, self.clamps)


PROCEDURES = {
    one.name: one
    for one in (
        Procedure(
            ENGINE,
            "our engine, `auto`",
            "What `generate` runs; line-search trials and rejected steps are passes like others.",
            None,
        ),
        Procedure(
            "paper-published",
            "the paper's, as published",
            "Nanda et al. 2023: gradient of unit ℓ₂ norm, step 1, loss fetched at every step, "
            "clamp inside autograd, which from torch 2.15 on freezes pixels at 0 and 1.",
            references.paper_published,
        ),
        Procedure(
            PAPER,
            "the paper's, clamp trap mended",
            "The same with the clamp outside autograd, as the torch of its time behaved.",
            references.paper_mended,
        ),
        Procedure(
            "robustness",
            "robustness",
            "Engstrom et al. 2019, as documented: unit ℓ₂ steps of length 1 within 1000 of the "
            "seed, last ReLU straight-through. One pass a step instead of the library's two.",
            references.robustness,
        ),
        Procedure(
            "feather",
            "Feather et al., shortened",
            "Feather et al. 2023: unit ℓ₂ steps, halved after each of 8 stages, last ReLU "
            "straight-through; stages of 3000 steps shortened in proportion to the passes here.",
            references.feather_shortened,
        ),
        Procedure(
            "plenoptic",
            "plenoptic",
            "Metamer as documented: Adam 0.01, amsgrad, mean squared error + 0.1 · range penalty; "
            "images unclamped while made. What counts is the distance of the clamped image.",
            references.plenoptic,
            clamps=False,
        ),
        Procedure(
            "fourier-adam",
            "Lucid's Fourier + Adam",
            "Lucid and Lucent: Adam 0.05 on a decorrelated spectrum behind a sigmoid, from their "
            "own seed (0.01 · N(0, 1) in the spectrum, nearly grey), without random transforms.",
            references.fourier_adam,
        ),
    )
}
REFERENCES = tuple(name for name in PROCEDURES if name != ENGINE)
