"""The output of a reproduction: tables, a figure, a contact sheet and the verdicts."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from explorer.files import row_as_text
from explorer.metrics.calibration import RIGHT_AT_LEAST, WRONG_AT_MOST
from explorer.metrics.perceptual_verdict import MIN_VOTES
from explorer.plots.alignment import alignment
from explorer.research.reproduction import paper, tables
from explorer.research.reproduction.claims import RULES, STATEMENTS, TITLES
from explorer.research.reproduction.contact_sheet import contact_sheet
from explorer.research.reproduction.facts import DATA_SETS
from explorer.research.reproduction.judges import SEEDS, judges, seed_of_claims
from explorer.research.reproduction.paper_table import paper_tables
from explorer.research.reproduction.paragraphs import paragraph
from explorer.research.reproduction.plan import LAYER, WRONG_TARGETS
from explorer.research.reproduction.sections import (
    alignment_table,
    ends_table,
    markdown_rows,
    seed_table,
)
from explorer.research.reproduction.tables import Reproduction


def write(run: Reproduction, out: Path) -> None:
    """Write alignment.csv, factors.csv, report.md, figure.html and contact-sheet.png into `out`."""
    rows = tables.alignment_rows(run.answers, run.facts)
    factors = tables.factor_rows(run.table, run.facts)
    _write_csv(out / "alignment.csv", rows)
    _write_csv(out / "factors.csv", factors)
    (out / "report.md").write_text(_markdown(run, factors), encoding="utf-8")
    deciding = tables.deciding_rows(rows)
    chart = alignment(tables.alignment_points(deciding), tables.panels(deciding))
    chart.write_html(out / "figure.html", include_plotlyjs=True, config={"displayModeBar": False})
    contact_sheet(run).save(out / "contact-sheet.png")


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        path.write_text("", encoding="utf-8")
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(map(row_as_text, rows))


def _markdown(run: Reproduction, factors: Sequence[Mapping[str, Any]]) -> str:
    plan = run.plan
    minutes = sum(part["seconds"] for part in run.parts) / 60
    sections = [
        f"# Reproduction, {plan.name}",
        f"`iri reproduce{' --quick' if plan.name == 'quick' else ''}`: {len(run.facts)} networks, "
        f"layer `{LAYER}`, up to {plan.steps} steps to a relative "
        f"distance of {plan.goal:g} ({plan.leaning_steps} steps for the losses that ask for more "
        f"than the match); {minutes:.0f} CPU minutes. Targets: {_targets(run)}.",
        "An IRI of the regularizer-free loss is the *nearest*: of the images within that distance "
        "the one nearest to its seed, as far as it was found, brought there from what the search "
        "left, the image *as searched*. The other losses ask for more than the match, so that "
        "theirs are as searched.",
        "Alignment: the share of IRIs nearer their target than their seed, the mean over the "
        "measures that judge, with its 95 % bootstrap interval over targets. Only IRIs whose match "
        "succeeded count; the number in brackets converged: their distance is at most that. The "
        "number after it is the median relative distance of those that match. *Wrong*: the same "
        f"for {WRONG_TARGETS} targets that the IRI was not made for. Of n answers an interval "
        "reaches at least 3/n from 0 and from 100 % (the rule of three).",
        "## Who judges",
        "Chosen before any IRI was made, by copies of photographs in seeds: a measure judges where "
        f"it finds at least {RIGHT_AT_LEAST:.0%} of recognisable copies nearer their photograph "
        f"than the seed (right), and calls at most {WRONG_AT_MOST:.0%} of them nearer another one "
        f"(wrong). Claims are decided from the paper's N(0, 1) noise where at least {MIN_VOTES} "
        "measures, of different families, can tell, else from the published kind of noise in which "
        "the most can.",
        _judges_table(run),
        "## The claims",
        RULES,
        "None of them shows more than this: intervals are over targets, so that how much another "
        "training of the same network would change is in none of them; the networks are small; "
        "formulas judged, not people. *Alignment alone*, without taking off wrong targets, decides "
        "nothing.",
        *_claims(run),
        "## The paper's table of CIFAR-10, and ours",
        *paper_tables(run),
    ]
    for dataset in run.targets:
        seed = seed_of_claims(run.of_dataset(dataset)[0].side)
        sections += [
            f"## Alignment: {DATA_SETS[dataset]}",
            f"{run.targets[dataset].text}, seed `{seed}`.",
            alignment_table(run, dataset),
            "How far the images moved, and what it changes: regularizer-free loss; "
            "‖IRI − seed‖ as root mean square over pixels, in brackets as a share of the target's "
            "distance from the seed, and the relative distance at the layer; medians.",
            ends_table(run, dataset),
        ]
    sections += [
        "## Effect of a single factor",
        "Regularizer-free loss, nearest IRIs; percentage points from the first network to the "
        "second, of alignment less wrong targets. – where a side does not match or cannot be "
        "judged.",
        markdown_rows(factors)
        if factors
        else "No two of these networks differ in one factor alone.",
    ]
    seeds = seed_table(run)
    if seeds:
        sections += ["## Effect of the seed", seeds]
    return "\n\n".join(sections) + "\n"


def _targets(run: Reproduction) -> str:
    """What the targets are, by data set."""
    texts = [
        f"{targets.text} for networks of {DATA_SETS[dataset]}"
        for dataset, targets in run.targets.items()
    ]
    unknown = [DATA_SETS[name] for name, targets in run.targets.items() if not targets.unseen]
    seen = (
        f"It is not known whether the networks of {' and '.join(unknown)} learned from theirs"
        if unknown
        else "None of the networks learned from its targets"
    )
    return f"{'; '.join(texts)}. {seen}"


def _judges_table(run: Reproduction) -> str:
    rows = []
    for dataset in run.targets:
        side = run.of_dataset(dataset)[0].side
        for seed in SEEDS:
            chosen = judges(side, seed)
            rows.append(
                {
                    "data set": DATA_SETS[dataset],
                    "px": side,
                    "seed": f"`{seed}`" + (" (the paper's)" if seed == paper.SEED else ""),
                    "can tell": ", ".join(each.to_text() for each in chosen) or "none",
                    "decides the claims": "yes" if seed == seed_of_claims(side) else "",
                }
            )
    return markdown_rows(rows)


def _claims(run: Reproduction) -> list[str]:
    """Title, statement and a paragraph per data set, for each claim."""
    sections = []
    for number, title in TITLES.items():
        sections += [f"### {title}", STATEMENTS[number]]
        sections += [paragraph(run, claim) for claim in run.claims if claim.number == number]
    return sections
