"""From a run's rows to answers, and from answers to the tables of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from explorer.plots.alignment import AlignmentPoint, Panel
from explorer.research.reproduction.answers import Answers
from explorer.research.reproduction.claims import Claim, Table, difference, judge
from explorer.research.reproduction.facts import (
    DATA_SETS,
    Facts,
    among,
    budgets,
    single_factor_pairs,
)
from explorer.research.reproduction.judges import seed_of_claims
from explorer.research.reproduction.plan import FAMILIES, FREE, JUDGE, Plan
from explorer.research.reproduction.targets import Targets

Key = tuple[str, str, str]
"""(network, loss, seed kind)."""


def answers_of(part: Mapping[str, Any]) -> Answers:
    """The answers of one network, loss and seed kind; nan for IRIs without a match."""
    rows, judges = part["rows"], part["judges"]
    searched = _answers([row["searched"] for row in rows], judges)
    if any("nearest" not in row for row in rows):
        return searched
    return replace(_answers([row["nearest"] for row in rows], judges), searched=searched)


def _answers(rows: Sequence[Mapping[str, Any]], judges: Sequence[str]) -> Answers:
    """At one end of the search; judges: the measures that may count, each unless it is in the loss
    or related to the loss or the network."""
    by_measure: dict[str, list[bool]] = {}
    for row in rows:
        for name, one in row["measures"].items():
            by_measure.setdefault(name, []).append(one["counts"])
    counted = tuple(name for name, counts in by_measure.items() if all(counts) and name in judges)

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


def all_answers(parts: Iterable[Mapping[str, Any]]) -> dict[Key, Answers]:
    """(network, loss, seed) → answers."""
    return {(part["network"], part["loss"], part["seed"]): answers_of(part) for part in parts}


def table_of(answers: Mapping[Key, Answers], facts: Mapping[str, Facts]) -> Table:
    """The answers that decide the claims: those from the seed kind of each network's claims."""
    return {
        (network, loss): one
        for (network, loss, seed), one in answers.items()
        if seed == seed_of_claims(facts[network].side)
    }


def alignment_rows(
    answers: Mapping[Key, Answers], facts: Mapping[str, Facts]
) -> list[dict[str, Any]]:
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
                        "data set": facts[network].dataset,
                        "loss family": family_of[loss],
                        "loss": loss,
                        "seed": seed,
                        "decides": "yes" if seed == seed_of_claims(facts[network].side) else "no",
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


def deciding_rows(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of `alignment_rows` that decide: by JUDGE, of the nearest image where there is one."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        if row["measure"] != JUDGE or row["decides"] != "yes":
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


def panels(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """One per data set of `deciding_rows`, its networks by alignment, the best first.

    Its title says the seed, and of how many networks each family of losses was run.
    """
    found = []
    for dataset in dict.fromkeys(row["data set"] for row in rows):
        here = [row for row in rows if row["data set"] == dataset]
        shares = {row["network"]: row["aligned %"] or 0 for row in here if row["loss"] == FREE}
        names = tuple(sorted(shares, key=lambda name: -shares[name]))
        title = f"{DATA_SETS[dataset]}, seed {here[0]['seed']}"
        others = [family for family, loss in FAMILIES.items() if loss != FREE]
        run = {len([row for row in here if row["loss family"] == family]) for family in others}
        if run != {len(names)}:
            count = " and ".join(map(str, sorted(run)))
            title += f" · {' and '.join(others)} run on {count} of {len(names)} networks"
        found.append(Panel(title, names))
    return found


def factor_rows(table: Table, facts: Mapping[str, Facts]) -> list[dict[str, Any]]:
    """The effect of each factor on alignment less wrong targets, for every pair that differs in it
    alone.
    """
    rows = []
    for factor, first, second in single_factor_pairs(facts.values()):
        pair = [(table.get((second.name, FREE)), table.get((first.name, FREE)))]
        effect = difference("", pair, budgets([(second, first)]))
        rows.append(
            {
                "factor": factor,
                "from": str(first.factors[factor]),
                "to": str(second.factors[factor]),
                "networks": f"{first.name} → {second.name}",
                "points": _rounded(effect.points),
                "low": _rounded(effect.low),
                "high": _rounded(effect.high),
                "alignment alone": _rounded(effect.aligned[0] if effect.aligned else None),
                "budgets": effect.budgets or "equal",
            }
        )
    return sorted(rows, key=lambda row: (row["factor"], row["networks"]))


def _percent(value: float | None) -> float | None:
    return _rounded(None if value is None else 100 * value)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1) + 0.0  # no negative zero


@dataclass(frozen=True)
class Reproduction:
    """All that a report is made of.

    facts: of the networks, by name. targets: by data set. answers: by network, loss and seed kind.
    """

    plan: Plan
    facts: Mapping[str, Facts]
    targets: Mapping[str, Targets]
    parts: Sequence[Mapping[str, Any]]
    answers: Mapping[Key, Answers]
    claims: Sequence[Claim]

    @classmethod
    def of(
        cls,
        plan: Plan,
        facts: Mapping[str, Facts],
        targets: Mapping[str, Targets],
        parts: Sequence[Mapping[str, Any]],
    ) -> Reproduction:
        """From the parts of a run, judged by the rules."""
        answers = all_answers(parts)
        claims = judge(table_of(answers, facts), facts)
        return cls(plan, facts, targets, parts, answers, claims)

    @property
    def table(self) -> Table:
        """The answers that decide the claims."""
        return table_of(self.answers, self.facts)

    def of_dataset(self, dataset: str) -> list[Facts]:
        """The networks of a data set, by alignment with the regularizer-free loss, best first."""
        table = self.table
        return sorted(
            among(self.facts.values(), dataset=dataset),
            key=lambda each: -(table[each.name, FREE].share().value or 0.0),
        )
