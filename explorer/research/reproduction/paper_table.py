"""The paper's table of CIFAR-10 with our numbers next to its, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from explorer.metrics.registry import paper_measures
from explorer.research.reproduction import paper
from explorer.research.reproduction.answers import Answers
from explorer.research.reproduction.plan import FREE, JUDGE
from explorer.research.reproduction.sections import markdown_rows
from explorer.research.reproduction.tables import Reproduction


def paper_tables(run: Reproduction) -> list[str]:
    """Sections: what was done alike and what not, the table, and ours by every measure."""
    ours = {
        row.network: run.answers[row.network, FREE, paper.SEED]
        for row in paper.TABLE
        if (row.network, FREE, paper.SEED) in run.answers
    }
    if not ours:
        return [
            f"{_SOURCE} None of the networks of this run has a counterpart in it.",
            _table({}, run),
        ]
    one = next(iter(ours))
    names = paper.scorers((name for name in ours[one].nearer if name != JUDGE), run.facts[one].side)
    count = len(ours[one].matched)
    return [
        f"{_SOURCE} Ours: small networks that learned from the same "
        f"data set, {run.targets[run.facts[one].dataset].text}, the same loss, the same seed and "
        "the same form of score: the share of IRIs with d(IRI, target) ≤ d(IRI, seed), mean ± "
        f"standard deviation over {_scorers(names)}. Of {count} IRIs those count that match. "
        "*As searched* is what the paper does, with another optimiser; *nearest* has no "
        "counterpart there. *Wrong*: the same score for wrong targets, which the paper does not "
        "give. It is a form of score and no verdict: who can tell in such seeds stands above.",
        _table(ours, run, names),
        "Ours by every measure, as searched, % of the IRIs that match; in brackets for wrong "
        "targets:",
        _by_measure(ours),
    ]


_SOURCE = f"Printed: {paper.SOURCE}."


def _scorers(names: tuple[str, ...]) -> str:
    if names == paper_measures():
        return "the same four LPIPS networks, with LPIPS's published linear heads or none"
    return (
        "what ships, one measure a family ("
        + ", ".join(f"`{name}`" for name in names)
        + "): LPIPS's weights are not here, so that the paper's and our percentages are not of one "
        "scale, and only their order can be compared"
    )


def _table(ours: Mapping[str, Answers], run: Reproduction, names: Sequence[str] = ()) -> str:
    rows = []
    for row in paper.TABLE:
        line: dict[str, object] = {
            "training": row.training,
            "the paper's network": row.design,
            "paper": _number(row.aligned, row.deviation),
            "our network": f"`{row.network}`" if row.network else "none",
        }
        answers = ours.get(row.network)
        if answers is None:
            line |= dict.fromkeys(_OURS, "–")
        else:
            searched, facts = answers.as_searched, run.facts[row.network]
            values = (
                _score(paper.score(searched.nearer, names)),
                _score(paper.score(searched.wrong, names)),
                _score(paper.score(answers.nearer, names)),
                f"{int(searched.matched.sum())}/{len(searched.matched)}",
                None if facts.clean is None else f"{facts.clean:.1f}",
                None if facts.attacked is None else f"{facts.attacked:.1f}",
            )
            line |= dict(zip(_OURS, values, strict=True))
        rows.append(line)
    return markdown_rows(rows)


_OURS = (
    "ours, as searched",
    "wrong",
    "ours, nearest",
    "matched",
    "accuracy, clean, %",
    "accuracy, PGD ε 1, %",
)


def _by_measure(ours: Mapping[str, Answers]) -> str:
    rows = []
    for network, answers in ours.items():
        line: dict[str, object] = {"network": f"`{network}`"}
        for measure in answers.as_searched.nearer:
            if measure != JUDGE:
                share = answers.as_searched.share(measure).value
                wrong = answers.as_searched.control(measure).value
                line[measure] = (
                    None
                    if share is None or wrong is None
                    else f"{100 * share:.0f} ({100 * wrong:.0f})"
                )
        rows.append(line)
    return markdown_rows(rows)


def _number(value: float, deviation: float | None) -> str:
    return f"{value:g}" if deviation is None else f"{value:g} ± {deviation:g}"


def _score(found: tuple[float, float] | None) -> str | None:
    return None if found is None else f"{found[0]:.1f} ± {found[1]:.1f}"
