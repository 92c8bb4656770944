"""What a loss does to alignment: `python docs/losses.py > docs/losses.md`."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGETS, STEPS, GOAL = 32, 500, 0.05
MEASURES = ("ssim-16px", "haarpsi", "ssim", "psnr", "robust-features")
BETTER_LOW = ("robust-features",)
FREE = "regularizer-free"
ADVERSARIAL = (
    FREE,
    "adversarial",
    "adversarial --adversary robust-features",
    "adversarial-published",
)
ROWS = {
    "residual-multi-adv2": [
        (seed, loss) for seed in ("grey-noise", "noise") for loss in ADVERSARIAL
    ],
    "plain-multi-adv2": [("grey-noise", loss) for loss in ADVERSARIAL[:3]],
    "residual-multi-standard": [
        ("grey-noise", loss)
        for loss in (FREE, "freq", "freq+transforms", "freq+transforms+fourier")
    ],
}


def main() -> None:
    """Make every row's IRIs and print one table a network."""
    print("# What a loss does to alignment\n")
    print(
        f"Made by `python docs/losses.py`: {TARGETS} drawn held-out targets, layer `penultimate`, "
        f"{STEPS} steps at most, goal {GOAL}. A cell is the share of the matched IRIs (beyond the "
        "null) that the measure finds nearer to their target than to their seed; in brackets the "
        "same of a *wrong* target, the control: a measure whose control is high tells little. The "
        "number after it: of how many targets the measure finds the IRI nearer to the target than "
        "the regularizer-free IRI from the same seed is. A measure in italics is kin to what the "
        "loss used, or to the network, and does not judge.\n"
    )
    for model, rows in ROWS.items():
        print(f"## {model}\n")
        print(f"| seed | loss | beyond the null | ≤ {GOAL} | median distance | ", end="")
        print(" | ".join(MEASURES), "|")
        print("|---" * (5 + len(MEASURES)) + "|")
        free: dict = {}
        for seed, loss in rows:
            found = _align(model, seed, loss)
            if loss == FREE:
                free = found
            print(_row(seed, loss, found, free), flush=True)
        print()


def _align(model: str, seed: str, loss: str) -> dict:
    options = f"--seed {seed} --loss {loss} --targets drawn:{TARGETS} --steps {STEPS}"
    command = f"-m explorer align --model embedded:{model} {options} --goal {GOAL} --json"
    done = subprocess.run(
        [sys.executable, *command.split()], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _row(seed: str, loss: str, found: dict, free: dict) -> str:
    iris = found["iris"]
    distances = [iri["relative_l2"] for iri in iris]
    near = sum(distance <= GOAL for distance in distances)
    cells = [seed, f"`{loss}`", str(found["matched"]), str(near)]
    cells.append(f"{statistics.median(distances):.3f}")
    for name in MEASURES:
        share = found["alignment"]["measures"][name]
        text = f"{share['value']:.0%} ({share['wrong_target']['value']:.0%})"
        if name not in found["alignment"]["judging"]:
            text = f"*{text}*"
        if loss != FREE:
            text += f", {_nearer(iris, free['iris'], name)}"
        cells.append(text)
    return f"| {' | '.join(cells)} |"


def _nearer(iris: list[dict], others: list[dict], name: str) -> int:
    sign = -1 if name in BETTER_LOW else 1
    return sum(
        sign * (one["perceptual"][name]["to_target"] - other["perceptual"][name]["to_target"]) > 0
        for one, other in zip(iris, others, strict=True)
    )


if __name__ == "__main__":
    main()
