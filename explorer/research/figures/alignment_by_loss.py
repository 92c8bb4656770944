"""What each family of losses makes of alignment: docs/reference/alignment-by-loss.md, in minutes.

python -m explorer.research.figures.alignment_by_loss
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer.research.markdown import table

DOCUMENT = "reference/alignment-by-loss.md"
TARGETS, STEPS, GOAL = 64, 500, 0.05
MEASURES = ("ssim-16px", "haarpsi", "ssim", "psnr", "robust-features")
LOWER_IS_NEARER = ("robust-features",)
FREE = "regularizer-free"
CENTRED = "freq+centred-transforms"
ROBUST = "adversarial --adversary robust-features"
HEAD = f"""# What a loss does to alignment

Written by `python -m explorer.research.figures.alignment_by_loss`: {TARGETS} drawn held-out
targets, layer `penultimate`, at most {STEPS} steps, goal {GOAL}. A cell is the share of the
counted IRIs that the measure finds nearer to their target than to their seed; in brackets the
same for a *wrong* target, the control: a measure whose control is high says little. The number
after it: for how many of all targets the measure finds the IRI nearer to the target than the
regularizer-free IRI from the same seed is. A measure in italics shares its backbone or its
formula with the loss, or is a relative of the network, and does not count in the verdict.
`structure` is the adversary where none is named.
"""

Report = Mapping[str, Any]
"""What `iri align --json` prints."""


@dataclass(frozen=True)
class Comparison:
    """The (seed, loss) rows of one network.

    near: only IRIs within GOAL count, not all whose match is beyond the null.
    """

    model: str
    near: bool
    rows: tuple[tuple[str, str], ...]


COMPARISONS = (
    Comparison(
        "residual-multi-adv1",
        True,
        (("noise", FREE), ("noise", ROBUST), ("grey-noise", FREE), ("grey-noise", ROBUST)),
    ),
    Comparison("plain-multi-adv2", True, (("noise", FREE), ("noise", ROBUST))),
    Comparison(
        "residual-multi-adv2",
        True,
        (
            ("grey-noise", FREE),
            ("grey-noise", "adversarial"),
            ("grey-noise", "adversarial-published"),
            ("noise", FREE),
            ("noise", "adversarial"),
        ),
    ),
    Comparison(
        "residual-multi-standard",
        False,
        tuple(("grey-noise", loss) for loss in (FREE, "freq", CENTRED, f"{CENTRED}+fourier")),
    ),
)


def write(documents: Path) -> None:
    """Align every network by every loss and write the tables."""
    sections = [HEAD]
    header = ["seed", "loss", "beyond the null", f"≤ {GOAL}", "median distance", *MEASURES]
    for comparison in COMPARISONS:
        reports = {
            (seed, loss): _align(comparison.model, seed, loss) for seed, loss in comparison.rows
        }
        rows = [
            _row(seed, loss, report, reports[seed, FREE], comparison.near)
            for (seed, loss), report in reports.items()
        ]
        counted = f"within {GOAL} and beyond the null" if comparison.near else "beyond the null"
        sections.append(
            f"## {comparison.model}\n\nCounted: IRIs {counted}.\n\n{table(header, rows)}\n"
        )
        print(comparison.model, flush=True)
    (documents / DOCUMENT).write_text("\n".join(sections), encoding="utf-8")


def _align(model: str, seed: str, loss: str) -> Report:
    options = f"--seed {seed} --loss {loss} --targets drawn:{TARGETS} --steps {STEPS}"
    command = f"-m explorer align --model embedded:{model} {options} --goal {GOAL} --json"
    finished = subprocess.run(
        [sys.executable, *command.split()], capture_output=True, text=True, check=True
    )
    report: Report = json.loads(finished.stdout)
    return report


def _row(seed: str, loss: str, report: Report, free: Report, near: bool) -> list[str]:
    iris = report["iris"]
    beyond = [iri for iri in iris if iri["matched"]]
    within = [iri for iri in beyond if iri["relative_l2"] <= GOAL]
    counted = within if near else beyond
    cells = [seed, f"`{loss}`", str(len(beyond)), str(len(within))]
    cells.append(f"{statistics.median(iri['relative_l2'] for iri in iris):.3f}")
    for name in MEASURES:
        cell = f"{_share(counted, name)} ({_wrong_share(counted, name)})"
        if name not in report["alignment"]["judging"]:
            cell = f"*{cell}*"
        if loss != FREE:
            cell += f", {_nearer(iris, free['iris'], name)}"
        cells.append(cell)
    return cells


def _share(iris: Sequence[Mapping[str, Any]], name: str) -> str:
    sign = -1 if name in LOWER_IS_NEARER else 1
    scores = [iri["perceptual"][name] for iri in iris]
    nearer = [sign * (score["to_target"] - score["to_seed"]) >= 0 for score in scores]
    return f"{statistics.mean(nearer):.0%}" if nearer else "–"


def _wrong_share(iris: Sequence[Mapping[str, Any]], name: str) -> str:
    shares = [iri["perceptual"][name]["wrong_nearer"] for iri in iris]
    return f"{statistics.mean(shares):.0%}" if shares else "–"


def _nearer(
    iris: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], name: str
) -> int:
    sign = -1 if name in LOWER_IS_NEARER else 1
    return sum(
        sign * (iri["perceptual"][name]["to_target"] - other["perceptual"][name]["to_target"]) > 0
        for iri, other in zip(iris, others, strict=True)
    )


if __name__ == "__main__":
    write(Path("docs"))
