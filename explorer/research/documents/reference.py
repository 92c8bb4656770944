"""The tables of docs/reference: what each registry holds, as the command line lists it."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from explorer.metrics.calibration import DRAWN, PHOTOGRAPH
from explorer.research.markdown import table

Row = Mapping[str, Any]


def losses() -> str:
    """Loss variants by family, and the terms that they are made of."""
    from explorer.losses.variants import FAMILIES

    rows = listed("losses")
    sections = [_head("Loss variants", "iri losses")]
    for family, meaning in FAMILIES.items():
        own = [row for row in rows if row["family"] == family and "+" not in row["name"]]
        cells = [(_code(row["name"]), row["title"], _code(row["formula"])) for row in own]
        sections += [
            f"## {family.capitalize()}",
            meaning,
            table(("variant", "title", "formula"), cells),
        ]
    sections += [
        "The losses of a difference need what the image is to differ from: `--away-from`, as "
        "`iri diverse` sets it, or `--observer` ([images made to differ](../new-pictures.md))."
    ]
    suffixed = sum("+" in row["name"] for row in rows)
    sections += [
        "`+transforms` after a name: the match must survive the published random transforms T; "
        "`+centred-transforms`: those that are centred on the image. `+fourier`: the image is a "
        f"function of its spectrum z. All make a loss human-leaning; {suffixed} more variants are "
        "made so.",
        "## Terms",
        _terms(),
    ]
    return _document(sections)


def _terms() -> str:
    from explorer.losses.terms import TERMS

    rows = [
        (_code(term.name), term.symbol, "subtracted" if term.repels else "added", term.help)
        for term in TERMS.values()
    ]
    return table(("term", "formula", "in a loss", "asks for"), rows)


def optimisers() -> str:
    """The optimisers, and what each composes."""
    from explorer.synthesis.optimizers.registry import OPTIMISERS

    rows = [(_code(record.name), record.help) for record in OPTIMISERS.values()]
    return _document(
        [_head("Optimisers", "iri optimisers"), table(("optimiser", "what it does"), rows)]
    )


def measures() -> str:
    """Perceptual and representation measures with their ranges, limits and sources."""
    rows = listed("measures")
    perceptual = [row for row in rows if row["kind"] == "perceptual"]
    others = [row for row in rows if row["kind"] != "perceptual"]
    return _document(
        [
            _head("Measures", "iri measures"),
            "## Of a pair of images",
            table(
                ("measure", "compares", "range", "nearer", "least side", "family", "source"),
                [
                    (
                        _code(row["name"]),
                        row["says"],
                        _range(row["range"]),
                        row["nearer"],
                        f"{row['smallest']} px" if row["smallest"] > 1 else None,
                        row["rests_on"],
                        row["source"],
                    )
                    for row in perceptual
                ],
            ),
            "Needs a download: " + _names(row for row in perceptual if row["needs_download"]) + ".",
            "## Who can tell",
            "Copies of photographs in a seed that are called nearer their own photograph than the "
            "seed, and those that are called nearer another photograph, in percent; **bold** where "
            "the measure may vote ([which measures count](../measures.md#which-measures-count)).",
            _calibration(PHOTOGRAPH),
            "The same of drawn targets:",
            _calibration(DRAWN),
            "## Of a pair of representations",
            table(
                ("measure", "formula", "range", "nearer", "source"),
                [
                    (
                        _code(row["name"]),
                        row["says"],
                        _range(row["range"]),
                        row["nearer"],
                        row["source"],
                    )
                    for row in others
                ],
            ),
        ]
    )


def _calibration(target_kind: str) -> str:
    """Every calibrated measure's shares, a line a side and a column a kind of seed."""
    from explorer.images.seeds import SEED_KINDS
    from explorer.metrics.calibration import PICTURE, calibrated_sides, calibration_of
    from explorer.metrics.registry import PERCEPTUAL_MEASURES

    kinds = (*SEED_KINDS, PICTURE)
    rows = []
    for name in PERCEPTUAL_MEASURES:
        for side in calibrated_sides(name, target_kind):
            found = [calibration_of(name, (side, side), kind, target_kind) for kind in kinds]
            cells = [
                f"{100 * each.right:.0f} / {100 * each.wrong:.0f}" if each else "" for each in found
            ]
            bold = [
                f"**{cell}**" if each and each.can_tell else cell
                for cell, each in zip(cells, found, strict=True)
            ]
            rows.append((_code(name), f"{side} px", *bold))
    return table(("measure", "side", *kinds), rows)


def networks() -> str:
    """The sources, and the networks that ship and the curated ones, source by source."""
    from explorer.models.sources import SOURCES, published

    sources = [(_code(source.example), source.help) for source in SOURCES.values()]
    sections = [_head("Networks", "iri models")]
    sections += ["## Sources", table(("reference", "what it is"), sources)]
    header = ("reference", "title", "input", "parameters", "objective", "licence")
    by_source: dict[str, list[Row]] = {}
    for row in listed("models"):
        by_source.setdefault(row["reference"].partition(":")[0], []).append(row)
    by_source.pop(published.SOURCE.name, None)  # those of this machine
    for source, rows in by_source.items():
        cells = [
            (
                _code(row["reference"]),
                row["title"],
                _size(row["input_size"]),
                f"{row['parameters'] / 1e6:.1f} M" if row["parameters"] else None,
                row["objective"],
                row["licence"],
            )
            for row in rows
        ]
        sections += [f"## {source}", table(header, cells)]
    return _document(sections)


def images() -> str:
    """Seed kinds, noise targets and the gallery."""
    from explorer.images.noise_targets import NOISE_TARGETS
    from explorer.images.seeds import SEED_KINDS

    kinds = ("name", "title", "meaning")
    return _document(
        [
            _head("Seeds and targets", "iri gallery"),
            "## Seed kinds",
            table(kinds, [(_code(r.name), r.title, r.help) for r in SEED_KINDS.values()]),
            "## Noise targets",
            table(kinds, [(_code(r.name), r.title, r.help) for r in NOISE_TARGETS.values()]),
            "## The gallery",
            table(
                ("name", "title", "credit", "licence"),
                [
                    (_code(row["name"]), row["title"], row["credit"], row["licence"])
                    for row in listed("gallery")
                ],
            ),
        ]
    )


def commands() -> str:
    """Every command with its options."""
    from explorer.cli.program import COMMANDS

    sections = [
        _head("Commands", "iri COMMAND --help"),
        "`iri COMMAND` and, in a checkout, `python -m explorer COMMAND` are the same. Exit code 0: "
        "success; 2: invalid settings, the message names the field and what is allowed; 1: a "
        "failure while running; 130: interrupted.",
    ]
    for command in COMMANDS.values():
        parser = argparse.ArgumentParser(prog=f"iri {command.name}")
        if command.prints_json:
            parser.add_argument("--json", action="store_true", help="print JSON for scripts")
        command.add_options(parser)
        sections += [f"## iri {command.name}", f"{command.help[0].upper()}{command.help[1:]}."]
        shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
        rows = [_option(action) for action in shown if action.dest != "help"]
        sections += [table(("option", "meaning"), rows)] if rows else []
    return _document(sections)


def _option(action: argparse.Action) -> tuple[str, str]:
    value = action.metavar or (action.dest if not action.option_strings else action.dest.upper())
    if isinstance(value, tuple):
        value = " ".join(value)
    if not action.option_strings:
        name = f"{{{','.join(action.choices)}}}" if action.choices else value
    elif action.nargs == 0:
        name = ", ".join(action.option_strings)
    else:
        name = f"{', '.join(action.option_strings)} {value}"
    return _code(name), (action.help or "") % {**vars(action), "prog": "iri"}


def listed(command: str) -> list[Row]:
    """What `iri COMMAND --json` prints."""
    from explorer.cli import main

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        main([command, "--json"])
    rows: list[Row] = json.loads(printed.getvalue())
    return rows


def _head(title: str, command: str = "") -> str:
    listing = f" The same, as the command line lists it: `{command}`." if command else ""
    return f"# {title}\n\nWritten by `python -m explorer.research.documents`.{listing}"


def _document(sections: Sequence[str]) -> str:
    return "\n\n".join(sections) + "\n"


def _code(text: str) -> str:
    return f"`{text}`"


def _names(rows: Iterator[Row]) -> str:
    return ", ".join(_code(row["name"]) for row in rows)


def _range(ends: Sequence[float | None]) -> str:
    low, high = ("∞" if end is None else f"{end:g}" for end in ends)
    return re.sub("^-", "−", f"{low} to {high}")


def _size(size: Sequence[int] | None) -> str | None:
    return "×".join(map(str, size)) if size else None
