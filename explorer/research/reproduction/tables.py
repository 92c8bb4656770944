"""From a run's rows to answers, and from answers to the tables of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from explorer.models.sources import embedded
from explorer.plots.alignment import AlignmentPoint
from explorer.research.reproduction.answers import Answers
from explorer.research.reproduction.claims import (
    Facts,
    Table,
    difference,
    single_factor_pairs,
)
from explorer.research.reproduction.plan import FAMILIES, JUDGE, Plan

Key = tuple[str, str, str]
"""(network, loss, seed kind)."""

_OBJECTIVES = {
    "untrained": "untrained",
    "contrastive": "SimCLR",
    "TRADES": "TRADES",
    "MART": "MART",
}


def facts_of(name: str) -> Facts:
    """The facts of an embedded network's card that the rules need."""
    card = embedded.card(name)
    kind = card["objective"].split(",")[0].split(" ")[0]
    labels = {"multi": "all labels", "object": "object labels"}.get(card["labels"], card["labels"])
    return Facts(
        name=name,
        architecture=card["family"],
        objective=_OBJECTIVES.get(kind, labels),
        epsilon=float(card["epsilon"]),
        augmentation=card["recipe"]["augmentation"],
        steps=card["steps"],
    )


def answers_of(rows: Sequence[Mapping[str, Any]]) -> Answers:
    """The answers of one network, loss and seed kind; nan for IRIs without a match."""
    searched = _answers([row["searched"] for row in rows])
    if any("nearest" not in row for row in rows):
        return searched
    return replace(_answers([row["nearest"] for row in rows]), searched=searched)


def _answers(rows: Sequence[Mapping[str, Any]]) -> Answers:
    """At one end of the search."""
    by_measure: dict[str, list[bool]] = {}
    for row in rows:
        for name, one in row["measures"].items():
            by_measure.setdefault(name, []).append(one["judges"])
    counted = tuple(name for name, judges in by_measure.items() if all(judges))

    def columns(question: str) -> dict[str, np.ndarray]:
        found = {
            name: np.array(
                [
                    value if row["matched"] and value is not None else np.nan
                    for row in rows
                    for value in (row["measures"].get(name, {}).get(question),)
                ],
                dtype=float,
            )
            for name in by_measure
        }
        counting = [found[name] for name in counted] or [np.full(len(rows), np.nan)]
        return {JUDGE: np.mean(counting, axis=0), **found}

    return Answers(
        nearer=columns("nearer_target"),
        wrong=columns("wrong_nearer_than_seed"),
        counted=counted,
        matched=np.array([row["matched"] for row in rows]),
        converged=np.array([row["matched"] and row["converged"] for row in rows]),
        relative_l2=np.array([row["relative_l2"] for row in rows]),
        moved=np.array([row["moved"]["rms"] for row in rows]),
        relative=np.array([row["moved"]["relative"] for row in rows], dtype=float),
    )


def all_answers(parts: Iterable[Mapping[str, Any]], kind: str) -> dict[Key, Answers]:
    """(network, loss, seed) → answers, over the targets of one kind ("drawn" or "photo")."""
    answers: dict[Key, Answers] = {}
    for part in parts:
        rows = [row for row in part["rows"] if row["kind"] == kind]
        if rows:
            answers[part["network"], part["loss"], part["seed"]] = answers_of(rows)
    return answers


def table_of(answers: Mapping[Key, Answers], plan: Plan) -> Table:
    """The answers that decide the claims: those of the plan's own seed kind."""
    return {
        (network, loss): one for (network, loss, seed), one in answers.items() if seed == plan.seed
    }


def alignment_rows(answers: Mapping[Key, Answers], kind: str) -> list[dict[str, Any]]:
    """One row per network, loss, seed, end and measure: shares in percent, intervals, controls."""
    family_of = {loss: family for family, loss in FAMILIES.items()}
    rows = []
    for (network, loss, seed), final in answers.items():
        ends = {"searched": final.as_searched}
        if final.searched is not None:
            ends = {"nearest": final, **ends}
        for end, one in ends.items():
            for measure in one.nearer:
                share, control = one.share(measure), one.control(measure)
                rows.append(
                    {
                        "network": network,
                        "loss family": family_of[loss],
                        "loss": loss,
                        "seed": seed,
                        "targets": kind,
                        "image": end,
                        "measure": measure,
                        "counts": "yes" if measure in (JUDGE, *one.counted) else "no",
                        "aligned %": _percent(share.value),
                        "low": _percent(share.low),
                        "high": _percent(share.high),
                        "wrong target %": _percent(control.value),
                        "matched": int(one.matched.sum()),
                        "converged": int(one.converged.sum()),
                        "of": len(one.matched),
                        "median relative distance": round(float(np.median(one.relative_l2)), 4),
                        "median moved RMS": round(float(np.median(one.moved)), 4),
                        "median moved relative": round(float(np.median(one.relative)), 4),
                    }
                )
    return rows


def deciding_rows(
    rows: Iterable[Mapping[str, Any]], seed: str, kind: str = "drawn"
) -> list[Mapping[str, Any]]:
    """Those of `alignment_rows` that decide: by JUDGE, of the nearest image where there is one."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        if (row["measure"], row["seed"], row["targets"]) != (JUDGE, seed, kind):
            continue
        key = row["network"], row["loss"]
        if row["image"] == "nearest" or key not in found:
            found[key] = row
    return list(found.values())


def alignment_points(rows: Iterable[Mapping[str, Any]]) -> list[AlignmentPoint]:
    """What the figure shows of `alignment_rows`; rows without a match are left out."""
    return [
        AlignmentPoint(
            network=row["network"],
            family=row["loss family"],
            aligned=row["aligned %"],
            low=row["low"],
            high=row["high"],
            control=row["wrong target %"],
            matched=int(row["matched"]),
            of=int(row["of"]),
        )
        for row in rows
        if row["aligned %"] is not None
    ]


def factor_rows(table: Table, facts: Mapping[str, Facts], loss: str) -> list[dict[str, Any]]:
    """The effect of each factor on alignment, for every pair that differs in it alone."""
    rows = []
    for factor, first, second in single_factor_pairs(facts):
        effect = difference("", [(table.get((second.name, loss)), table.get((first.name, loss)))])
        rows.append(
            {
                "factor": factor,
                "from": str(first.factors[factor]),
                "to": str(second.factors[factor]),
                "networks": f"{first.name} → {second.name}",
                "points": _rounded(effect.points),
                "low": _rounded(effect.low),
                "high": _rounded(effect.high),
            }
        )
    return sorted(rows, key=lambda row: (row["factor"], row["networks"]))


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
