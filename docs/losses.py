"""What a loss does to alignment: `python docs/losses.py > docs/losses.md`."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS, STEPS, GOAL = 64, 500, 0.05
MEASURES = ("ssim-16px", "haarpsi", "ssim", "psnr", "robust-features")
BETTER_LOW = ("robust-features",)
FREE = "regularizer-free"
ROBUST = "adversarial --adversary robust-features"


@dataclass(frozen=True)
class Table:
    """The rows (seed, loss) of one network.

    near: only IRIs within GOAL count, not all whose match is beyond the null.
    """

    model: str
    near: bool
    rows: tuple[tuple[str, str], ...]


TABLES = (
    Table(
        "residual-multi-adv1",
        True,
        (("noise", FREE), ("noise", ROBUST), ("grey-noise", FREE), ("grey-noise", ROBUST)),
    ),
    Table(
        "plain-multi-adv2",
        True,
        (("noise", FREE), ("noise", ROBUST)),
    ),
    Table(
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
    Table(
        "residual-multi-standard",
        False,
        tuple(
            ("grey-noise", loss)
            for loss in (FREE, "freq", "freq+transforms", "freq+transforms+fourier")
        ),
    ),
)


def main() -> None:
    """Make every row's IRIs and print one table a network."""
    print("# What a loss does to alignment\n")
    print(
        f"Made by `python docs/losses.py`: {TARGETS} drawn held-out targets, layer `penultimate`, "
        f"{STEPS} steps at most, goal {GOAL}. A cell is the share of the counted IRIs that the "
        "measure finds nearer to their target than to their seed; in brackets the same of a "
        "*wrong* target, the control: a measure whose control is high tells little. The number "
        "after it: of how many of all targets the measure finds the IRI nearer to the target than "
        "the regularizer-free IRI from the same seed is. A measure in italics is kin to what the "
        "loss used, or to the network, and does not judge. `structure` is the adversary where none "
        "is named.\n"
    )
    for table in TABLES:
        print(f"## {table.model}\n")
        counted = f"within {GOAL} and beyond the null" if table.near else "beyond the null"
        print(f"Counted: IRIs {counted}.\n")
        print(f"| seed | loss | beyond the null | ≤ {GOAL} | median distance | ", end="")
        print(" | ".join(MEASURES), "|")
        print("|---" * (5 + len(MEASURES)) + "|")
        free: dict = {}
        for seed, loss in table.rows:
            found = _align(table.model, seed, loss)
            if loss == FREE:
                free = found
            print(_row(seed, loss, found, free, table.near), flush=True)
        print()


def _align(model: str, seed: str, loss: str) -> dict:
    options = f"--seed {seed} --loss {loss} --targets drawn:{TARGETS} --steps {STEPS}"
    command = f"-m explorer align --model embedded:{model} {options} --goal {GOAL} --json"
    done = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _row(seed: str, loss: str, found: dict, free: dict, near: bool) -> str:
    iris = found["iris"]
    beyond = [iri for iri in iris if iri["matched"]]
    within = [iri for iri in beyond if iri["relative_l2"] <= GOAL]
    counted = within if near else beyond
    cells = [seed, f"`{loss}`", str(len(beyond)), str(len(within))]
    cells.append(f"{statistics.median(iri['relative_l2'] for iri in iris):.3f}")
    for name in MEASURES:
        own, wrong = (_share(counted, name, of) for of in ("to_target", "to_mismatched"))
        text = f"{own} ({wrong})"
        if name not in found["alignment"]["judging"]:
            text = f"*{text}*"
        if loss != FREE:
            text += f", {_nearer(iris, free['iris'], name)}"
        cells.append(text)
    return f"| {' | '.join(cells)} |"


def _share(iris: list[dict], name: str, of: str) -> str:
    sign = -1 if name in BETTER_LOW else 1
    scores = [iri["perceptual"][name] for iri in iris]
    nearer = [sign * (score[of] - score["to_seed"]) >= 0 for score in scores]
    return f"{statistics.mean(nearer):.0%}" if nearer else "–"


def _nearer(iris: list[dict], others: list[dict], name: str) -> int:
    sign = -1 if name in BETTER_LOW else 1
    return sum(
        sign * (one["perceptual"][name]["to_target"] - other["perceptual"][name]["to_target"]) > 0
        for one, other in zip(iris, others, strict=True)
    )


if __name__ == "__main__":
    main()
