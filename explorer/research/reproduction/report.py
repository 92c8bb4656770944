"""The output of a reproduction: tables, a figure, a contact sheet and the verdicts."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from explorer.metrics.calibration import RIGHT_AT_LEAST, WRONG_AT_MOST
from explorer.metrics.perceptual_verdict import MIN_VOTES
from explorer.plots.alignment import alignment
from explorer.research.markdown import table as markdown_table
from explorer.research.reproduction import tables
from explorer.research.reproduction.answers import Answers
from explorer.research.reproduction.claims import (
    FREE,
    RULES,
    UNCLEAR,
    Claim,
    Effect,
    Facts,
    judge,
)
from explorer.research.reproduction.plan import (
    FAMILIES,
    LAYER,
    MAX_WRONG,
    WRONG_TARGETS,
    Plan,
)
from explorer.research.reproduction.tables import Key

CELL = 96
LABEL = 300


def write(plan: Plan, parts: Sequence[Mapping[str, Any]], out: Path) -> list[Claim]:
    """Write alignment.csv, factors.csv, report.md, figure.html and contact-sheet.png into `out`."""
    answers = tables.all_answers(parts, "drawn")
    photos = tables.all_answers(parts, "photo")
    facts = {
        name: tables.facts_of(name) for name in dict.fromkeys(part["network"] for part in parts)
    }
    table = tables.table_of(answers, plan)
    claims = judge(table, facts)
    rows = tables.alignment_rows(answers, "drawn") + tables.alignment_rows(photos, "photo")
    factors = tables.factor_rows(table, facts, FREE)
    _write_csv(out / "alignment.csv", rows)
    _write_csv(out / "factors.csv", factors)
    text = _markdown(plan, answers, photos, facts, claims, factors, parts)
    (out / "report.md").write_text(text, encoding="utf-8")
    points = tables.alignment_points(tables.deciding_rows(rows, plan.seed))
    chart = alignment(points, by_alignment(table, facts))
    chart.write_html(out / "figure.html", include_plotlyjs=True, config={"displayModeBar": False})
    contact_sheet(plan, parts).save(out / "contact-sheet.png")
    return claims


def by_alignment(table: Mapping[tuple[str, str], Answers], facts: Mapping[str, Facts]) -> list[str]:
    """The networks' names, by alignment with the regularizer-free loss, highest first."""
    return sorted(facts, key=lambda name: -(table[name, FREE].share().value or 0.0))


def contact_sheet(plan: Plan, parts: Sequence[Mapping[str, Any]]) -> Image.Image:
    """A row of IRIs per network and loss, under a row of their targets; pixel-exact, enlarged."""
    from explorer.research.reproduction.trial import target_pngs

    rows = [("targets", target_pngs(plan))]
    rows += [
        (f"{part['network']}\n{part['loss']}, from {part['seed']}", part["pictures"])
        for part in parts
        if part["seed"] == plan.seed
    ]
    width = LABEL + CELL * max(len(pictures) for _, pictures in rows)
    sheet = Image.new("RGB", (width, CELL * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    for number, (label, pictures) in enumerate(rows):
        draw.text((8, number * CELL + CELL // 3), label, fill="black", font=font)
        for index, text in enumerate(pictures):
            with Image.open(io.BytesIO(base64.b64decode(text))) as png:
                cell = png.convert("RGB").resize((CELL - 4, CELL - 4), Image.Resampling.NEAREST)
            sheet.paste(cell, (LABEL + index * CELL, number * CELL))
    return sheet


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        path.write_text("", encoding="utf-8")
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _markdown(
    plan: Plan,
    answers: Mapping[Key, Answers],
    photos: Mapping[Key, Answers],
    facts: Mapping[str, Facts],
    claims: Sequence[Claim],
    factors: Sequence[Mapping[str, Any]],
    parts: Sequence[Mapping[str, Any]],
) -> str:
    table = tables.table_of(answers, plan)
    count = len(next(iter(answers.values())).matched)
    minutes = sum(part["seconds"] for part in parts) / 60
    sections = [
        f"# Reproduction, {plan.name}",
        f"`iri reproduce{' --quick' if plan.name == 'quick' else ''}`: {len(facts)} networks, "
        f"layer `{LAYER}`, {count} held-out drawn targets"
        + (" and the gallery's photographs" if photos else "")
        + f", up to {plan.steps} steps to a relative distance of {plan.goal:g}, "
        f"seed `{plan.seed}`; {minutes:.0f} minutes of one core.",
        "An IRI of the regularizer-free loss is the *nearest*: of the images within that distance "
        "the one nearest to its seed, as far as it was found, brought there from what the search "
        "left, the image *as searched*. The other losses ask for more than the match, so that "
        "theirs are as searched.",
        f"Alignment: the share of IRIs nearer their target than their seed, {_judges(table)}, with "
        "its 95 % bootstrap interval over targets. A measure counts where it finds at least "
        f"{RIGHT_AT_LEAST:.0%} of recognisable copies of such pictures in seeds of that kind, and "
        f"calls at most {WRONG_AT_MOST:.0%} of other such pictures nearer. Only IRIs whose match "
        "succeeded count; the number in brackets converged: their distance is at most that. The "
        "number after it is the median relative distance of those that match. *Wrong*: the same "
        f"for {WRONG_TARGETS} targets that the IRI was not made for; above {MAX_WRONG:.0%}, or "
        f"where fewer than {MIN_VOTES} measures count, they cannot judge, which is said. The "
        "bootstrap interval of 0 % or 100 % has no width; of n targets, read such a share as "
        "within 3/n.",
        "## The claims",
        RULES,
        *(_claim_text(claim) for claim in claims),
        "## Alignment",
        _alignment_table(table, facts),
        "## How far the images moved, and what it changes",
        "Regularizer-free loss. ‖IRI − seed‖ as root mean square over pixels, in brackets as a "
        "share of the target's distance from the seed, and the relative distance at the layer; "
        "medians.",
        _ends_table(table, facts),
        "## Effect of a single factor",
        "Regularizer-free loss, nearest IRIs; percentage points from the first network to the "
        "second. – where a side does not match or cannot be judged.",
        _table(factors) if factors else "No two of these networks differ in one factor alone.",
    ]
    seeds = _seed_table(answers, plan)
    if seeds:
        sections += ["## Effect of the seed", seeds]
    if photos:
        sections += [
            "## Photographs, unlike any training data",
            _alignment_table(tables.table_of(photos, plan), facts),
        ]
    return "\n\n".join(sections) + "\n"


def _judges(table: Mapping[tuple[str, str], Answers]) -> str:
    """Which measures decide, in words."""
    sets = dict.fromkeys(answers.counted for answers in table.values())
    names = [" and ".join(f"`{name}`" for name in each) or "none" for each in sets]
    return "the mean over the measures that count (" + "; elsewhere ".join(names) + ")"


def _claim_text(claim: Claim) -> str:
    lines = [f"### {claim.title}: {claim.verdict}", claim.statement, ""]
    for effect in claim.effects:
        unjudged, pairs = effect.unjudged
        if effect.points is None or effect.low is None or effect.high is None:
            why = "the measures cannot judge it" if unjudged else "missing or not matched"
            lines.append(f"- {effect.text}: {UNCLEAR}, nothing to compare ({why})")
            continue
        found = _interval(effect.points, effect.low, effect.high)
        before = f"; as searched {_interval(*effect.searched)}" if effect.searched else ""
        left_out = (
            f" (without {unjudged} of {pairs} comparisons, which the measures cannot judge)"
            if unjudged
            else ""
        )
        lines.append(
            f"- {effect.text}: {found}: {effect.verdict}{before}{left_out}{_unequal(effect)}"
        )
    return "\n".join(lines)


def _interval(points: float, low: float, high: float) -> str:
    return f"{points:+.0f} points ({low:+.0f} to {high:+.0f})"


def _unequal(effect: Effect) -> str:
    if effect.unequal is None:
        return ""
    apart, pairs, worst = effect.unequal
    return (
        f" (not at equal match in {apart} of {pairs} comparisons, the worst "
        f"{worst.nearest:.2g} against {worst.farthest:.2g} in median relative distance, so that a "
        "part of it may be the search's)"
    )


def _alignment_table(table: Mapping[tuple[str, str], Answers], facts: Mapping[str, Facts]) -> str:
    rows = []
    for name in by_alignment(table, facts):
        row = {"network": f"`{name}`"}
        for family, loss in FAMILIES.items():
            answers = table.get((name, loss))
            if answers is None:
                row |= dict.fromkeys([family, f"{family}: wrong", f"{family}: matched"], "not run")
                continue
            row[family] = answers.share().to_text() if answers.counts else "– (no match)"
            row[f"{family}: wrong"] = _control(answers) if answers.counts else "–"
            matched, converged = int(answers.matched.sum()), int(answers.converged.sum())
            distance = "" if answers.median_distance is None else f", {answers.median_distance:.2g}"
            row[f"{family}: matched"] = f"{matched}/{len(answers.matched)} ({converged}){distance}"
        rows.append(row)
    return _table(rows)


def _control(answers: Answers) -> str:
    text = answers.control().to_text()
    known = answers.control().value is not None
    return f"{text}: cannot judge" if known and not answers.judged else text


def _ends_table(table: Mapping[tuple[str, str], Answers], facts: Mapping[str, Facts]) -> str:
    rows = []
    for name in by_alignment(table, facts):
        final = table[name, FREE]
        row = {"network": f"`{name}`"}
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
            "–" if before is None or after is None else f"{100 * (after - before):+.0f}"
        )
        rows.append(row)
    return _table(rows)


def _seed_table(answers: Mapping[Key, Answers], plan: Plan) -> str:
    names = [name for name in plan.headline if (name, FREE, plan.seed) in answers]
    kinds = [plan.seed, *plan.other_seeds]
    rows = [
        {
            "network": f"`{name}`",
            "seed": f"`{kind}`",
            "measures that count": ", ".join(answers[name, FREE, kind].counted) or "none",
            "aligned": answers[name, FREE, kind].share().to_text(),
            "wrong": _control(answers[name, FREE, kind]),
            "as searched": answers[name, FREE, kind].as_searched.share().to_text(),
            "as searched: wrong": _control(answers[name, FREE, kind].as_searched),
        }
        for name in names
        for kind in kinds
        if (name, FREE, kind) in answers
    ]
    return _table(rows) if plan.other_seeds and rows else ""


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [["–" if value is None else value for value in row.values()] for row in rows]
    return markdown_table(list(rows[0]), cells)
