"""A paragraph per claim and data set: what was measured, what came out, what it does not show."""

from __future__ import annotations

from explorer.research.reproduction import paper
from explorer.research.reproduction.answers import MIN_MATCHED
from explorer.research.reproduction.claims import FAILS, HOLDS, MARGIN, UNCLEAR, Claim, Effect
from explorer.research.reproduction.facts import DATA_SETS
from explorer.research.reproduction.judges import judges, seed_of_claims
from explorer.research.reproduction.plan import LAYER
from explorer.research.reproduction.tables import Reproduction


def paragraph(run: Reproduction, claim: Claim) -> str:
    """One claim about the networks of one data set."""
    title = f"**{DATA_SETS[claim.dataset]}: {claim.verdict}.**"
    if not claim.networks:
        return f"{title} None of the networks of this run can be compared for it."
    lines = [f"{title} {_measured(run, claim)}", ""]
    lines += [f"- {_effect(effect)}" for effect in claim.effects]
    if claim.further:
        lines += ["", "Further, deciding nothing:", ""]
        lines += [f"- {_effect(effect)}" for effect in claim.further]
    lines += ["", f"{_not_shown(run, claim)} {_beside_paper(run, claim)}".strip()]
    return "\n".join(lines)


def _measured(run: Reproduction, claim: Claim) -> str:
    side = run.of_dataset(claim.dataset)[0].side
    seed = seed_of_claims(side)
    chosen = judges(side, seed)
    by = (
        " and ".join(f"`{each.measure}`" for each in chosen)
        or "no measure, for none can tell there"
    )
    networks = f"{claim.networks} network{'' if claim.networks == 1 else 's'}"
    return (
        f"Measured on {networks} that learned from {DATA_SETS[claim.dataset]}, with "
        f"{run.targets[claim.dataset].text} as targets, at `{LAYER}`, from `{seed}`, judged by "
        f"{by}."
    )


def _effect(effect: Effect) -> str:
    """`A minus B: +38 points (95 % interval +30 to +45): holds; …`."""
    unjudged, pairs = effect.unjudged
    with_budgets = f" ({effect.budgets})" if effect.budgets else ""
    if effect.points is None or effect.low is None or effect.high is None:
        why = "too few measures judge it" if unjudged else "missing or not matched"
        return f"{effect.text}{with_budgets}: {UNCLEAR}, nothing to compare ({why})"
    found = interval(effect.points, effect.low, effect.high)
    before = f"; as searched {interval(*effect.searched)}" if effect.searched else ""
    alone = f"; alignment alone {interval(*effect.aligned)}" if effect.aligned else ""
    left_out = (
        f" (without {unjudged} of {pairs} comparisons, which too few measures judge)"
        if unjudged
        else ""
    )
    return (
        f"{effect.text}{with_budgets}: {found}, {_count(pairs - unjudged, 'comparison')} over up "
        f"to {effect.targets} targets: {effect.verdict}{before}{alone}{left_out}{_unequal(effect)}"
    )


def interval(points: float, low: float, high: float) -> str:
    """`+38 points (+30 to +45)`."""
    return f"{points:+z.0f} points ({low:+z.0f} to {high:+z.0f})"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _unequal(effect: Effect) -> str:
    if effect.unequal is None:
        return ""
    apart, pairs, worst = effect.unequal
    return (
        f" (not at equal match in {apart} of {pairs} comparisons, the worst "
        f"{worst.nearest:.2g} against {worst.farthest:.2g} in median relative distance, so that a "
        "part of it may be the search's)"
    )


def _not_shown(run: Reproduction, claim: Claim) -> str:
    """The limits that apply to these very effects."""
    effects = [*claim.effects, *claim.further]
    limits = []
    if any(effect.budgets for effect in effects):
        limits.append(
            "where budgets are given in brackets the sides were trained for different times, which "
            "may be a part of the effect"
        )
    if any(effect.unjudged[0] for effect in effects):
        limits.append(
            "sides that too few measures judge are left out, and those that are left may not be "
            "like them"
        )
    if any(effect.points is None and not effect.unjudged[1] for effect in claim.effects):
        limits.append(
            "what has nothing to compare was not run, does not ship, or matches fewer than "
            f"{MIN_MATCHED:.0%} of its targets"
        )
    facts = run.of_dataset(claim.dataset)
    if claim.number == 3 and len({each.architecture for each in facts}) > 2:
        limits.append("designs differ in more than skips, but for the plain one")
    return f"To be read with it: {'; '.join(limits)}." if limits else ""


def _beside_paper(run: Reproduction, claim: Claim) -> str:
    """What the paper found; of CIFAR-10 and claim 2 for the designs of this run."""
    said = f"In the paper {paper.FOUND[claim.number]}"
    verdict = {
        HOLDS: "that holds here, too",
        FAILS: "here that does not hold as the rules ask it",
        UNCLEAR: "this run neither confirms nor contradicts it",
    }[claim.verdict]
    rows = [paper.row_of(each.name) for each in run.of_dataset(claim.dataset)]
    designs = {row.design for row in rows if row is not None and row.training == paper.ATTACKED}
    effects = {
        design: points
        for design, points in paper.effect(paper.ATTACKED).items()
        if design in designs
    }
    if claim.number != 2 or not effects:
        return f"{said}; {verdict}."
    said += f" ({', '.join(f'{design} {effects[design]:+g} points' for design in effects)})"
    below = [design for design, points in effects.items() if points <= MARGIN]
    if not below:
        return f"{said}; {verdict}."
    judged = (
        f"{said}. By the rule above its {' and '.join(below)} would not count, "
        f"with no more than {MARGIN:g} points"
    )
    return f"{judged}; here {_here(claim)}."


def _here(claim: Claim) -> str:
    """For how many pairs the second claim holds."""
    holding = sum(effect.verdict == HOLDS for effect in claim.effects)
    if holding == len(claim.effects):
        return f"it holds for {'all' if holding > 1 else 'the'} {_count(holding, 'pair')}"
    return f"it holds for {holding} of {_count(len(claim.effects), 'pair')}"
