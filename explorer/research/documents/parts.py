"""The parts of the documents: which file each one is, and what writes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from explorer.research.documents import reference
from explorer.research.documents.library import library

NETWORK_CHECK = "networks.jsonl"

Text = Callable[[Path], str]
"""The whole text of a document; called with the folder of the documents."""


def _checked_networks(documents: Path) -> str:
    from explorer.research import network_check
    from explorer.research.commands.check_networks import markdown

    rows = markdown(list(network_check.read(documents / NETWORK_CHECK).values()))
    return (
        "# Networks that were checked\n\nWritten by `python -m explorer.research.documents` from "
        "what `iri check-networks` measured, with random weights: the relative distance before "
        "and after 20 steps of Adam from grey noise at an early, a middle and the penultimate "
        "layer, and the largest difference of the truncated and the whole pass.\n\n" + rows
    )


def _embedded_networks(documents: Path) -> str:
    from explorer.research.training.table import markdown

    return markdown()


def _packages(documents: Path) -> str:
    from explorer.research.figures.packages import svg

    return svg()


TEXTS: Mapping[str, Text] = {
    "reference/losses.md": lambda documents: reference.losses(),
    "reference/optimisers.md": lambda documents: reference.optimisers(),
    "reference/measures.md": lambda documents: reference.measures(),
    "reference/networks.md": lambda documents: reference.networks(),
    "reference/images.md": lambda documents: reference.images(),
    "reference/commands.md": lambda documents: reference.commands(),
    "reference/library.md": lambda documents: library(),
    "reference/checked-networks.md": _checked_networks,
    "zoo/networks.md": _embedded_networks,
    "architecture.svg": _packages,
}
"""Written in seconds, the same on every machine."""


def _variants(documents: Path) -> None:
    from explorer.research.figures.loss_variants import write

    write(documents)


def _zoo(documents: Path) -> None:
    from explorer.research.figures.zoo_iris import write

    write(documents)


def _screenshots(documents: Path) -> None:
    from explorer.research.figures.screenshots import write

    write(documents)


def _reproduction(documents: Path) -> None:
    from explorer.cli import main
    from explorer.research.figures.reproduction_chart import write

    out = Path("reproduction")
    if main(["reproduce", "--out", str(out)]):
        raise SystemExit("the reproduction failed")
    write(documents, out)


def _benchmark(documents: Path) -> None:
    from explorer.analysis.generation import device
    from explorer.cli import main

    out = Path("benchmark")
    if main(["bench", "--out", str(out)]):
        raise SystemExit("the benchmark failed")
    report = (out / "bench.md").read_text(encoding="utf-8")
    document = documents / "reference" / f"benchmark-{device()}.md"
    document.write_text(re.sub("^#(?=#+ )", "", report, flags=re.MULTILINE), encoding="utf-8")


MEASURED: Mapping[str, Callable[[Path], None]] = {
    "variants": _variants,
    "zoo": _zoo,
    "screenshots": _screenshots,
    "benchmark": _benchmark,
    "reproduction": _reproduction,
}
"""Generated images and measurements, from minutes to an hour; the quickest first."""
