"""The report's tables of alignment, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from explorer.research.markdown import table as markdown_table
from explorer.research.reproduction.answers import Answers
from explorer.research.reproduction.plan import FAMILIES, FREE
from explorer.research.reproduction.tables import Reproduction


def markdown_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table of rows that all have the same columns; None is a dash."""
    cells = [["–" if value is None else value for value in row.values()] for row in rows]
    return markdown_table(list(rows[0]), cells)


def alignment_table(run: Reproduction, dataset: str) -> str:
    """One row per network, three columns per family of losses."""
    rows = []
    for facts in run.of_dataset(dataset):
        row = {"network": f"`{facts.name}`"}
        for family, loss in FAMILIES.items():
            answers = run.table.get((facts.name, loss))
            if answers is None:
                row |= dict.fromkeys([family, f"{family}: wrong", f"{family}: matched"], "not run")
                continue
            row[family] = _aligned(answers)
            row[f"{family}: wrong"] = _control(answers) if answers.counts else "–"
            matched, converged = int(answers.matched.sum()), int(answers.converged.sum())
            distance = "" if answers.median_distance is None else f", {answers.median_distance:.2g}"
            row[f"{family}: matched"] = f"{matched}/{len(answers.matched)} ({converged}){distance}"
        rows.append(row)
    return markdown_rows(rows)


def ends_table(run: Reproduction, dataset: str) -> str:
    """The images as searched and the nearest ones, regularizer-free."""
    rows = []
    for facts in run.of_dataset(dataset):
        final = run.table[facts.name, FREE]
        row = {"network": f"`{facts.name}`"}
        for end, answers in (("as searched", final.as_searched), ("nearest", final)):
            moved, relative = (np.median(each) for each in (answers.moved, answers.relative))
            row |= {
                f"{end}: aligned": answers.share().to_text(),
                f"{end}: wrong": _control(answers),
                f"{end}: moved": f"{moved:.3f} ({relative:.2f})",
                f"{end}: distance": f"{np.median(answers.relative_l2):.3f}",
            }
        before, after = final.as_searched.share().value, final.share().value
        row["points, searched to nearest"] = (
            "–" if before is None or after is None else f"{100 * (after - before):+z.0f}"
        )
        rows.append(row)
    return markdown_rows(rows)


def seed_table(run: Reproduction) -> str:
    """Networks with regularizer-free IRIs from more than one kind of seed; "" if there are none."""
    kinds: dict[str, list[str]] = {}
    for network, loss, seed in run.answers:
        if loss == FREE:
            kinds.setdefault(network, []).append(seed)
    rows = []
    for network, seeds in kinds.items():
        for seed in seeds if len(seeds) > 1 else ():
            answers = run.answers[network, FREE, seed]
            rows.append(
                {
                    "network": f"`{network}`",
                    "seed": f"`{seed}`",
                    "judged by": ", ".join(answers.counted) or "none",
                    "aligned": _aligned(answers),
                    "wrong": _control(answers),
                    "as searched": answers.as_searched.share().to_text(),
                    "as searched: wrong": _control(answers.as_searched),
                }
            )
    return markdown_rows(rows) if rows else ""


def _aligned(answers: Answers) -> str:
    if not answers.counts:
        return "– (no match)"
    return answers.share().to_text() if answers.counted else "not measured"


def _control(answers: Answers) -> str:
    text = answers.control().to_text()
    few = answers.counted and not answers.judged
    return f"{text}: too few measures judge" if few else text
