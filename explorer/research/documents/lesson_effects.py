"""`python -m explorer.research.documents.lesson_effects`: the report's effects, for the lesson.

The documents do not ship with the app, so that step 7 of the lesson reads them from a file of its
own. Run this after each new `docs/reproduction/report.md`; a test compares the two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import explorer

OUT = Path(explorer.__file__).parent / "app" / "lesson" / "effects.json"
REPORT = Path("docs/reproduction/report.md")

_POINTS = r"([+-]\d+) points \(([+-]\d+) to ([+-]\d+)\)"
_DATA_SET = re.compile(r"\*\*([\w-]+): (?:holds|does not hold|can't tell)\.\*\*")
_EFFECT = re.compile(
    rf"- (?P<text>.+?)(?: \((?P<budgets>[\d,]+ against .+? updates)\))?: {_POINTS}, "
    r"(?P<comparisons>\d+) comparisons? over up to (?P<targets>\d+) targets: "
    r"(?P<verdict>holds|does not hold|can't tell)"
    rf"(?:; as searched {_POINTS})?(?:; alignment alone {_POINTS})?(?P<rest>.*)"
)


def effects(report: str) -> dict[str, Any]:
    """The command of a report, and its effects that have an interval, each once, in its order."""
    command = re.search(r"`(iri reproduce[^`]*)`", report)
    return {"command": command[1] if command else "", "effects": list(_effects(report))}


def _effects(report: str) -> Iterator[dict[str, Any]]:
    for block in re.split(r"^(?=\*\*|#)", report, flags=re.MULTILINE):
        if found := _DATA_SET.match(block):
            yield from _of_one_claim(block, found[1])


def _of_one_claim(block: str, data_set: str) -> Iterator[dict[str, Any]]:
    for line in block.splitlines():
        if found := _EFFECT.fullmatch(line):
            points, low, high, *rest = found.groups()[2:5] + found.groups()[8:11]
            yield {
                "text": found["text"],
                "data_set": data_set,
                "points": int(points),
                "low": int(low),
                "high": int(high),
                "verdict": found["verdict"],
                "comparisons": int(found["comparisons"]),
                "targets": int(found["targets"]),
                "searched": [int(each) for each in rest if each is not None],
                "budgets": found["budgets"] or "",
                "equal_match": "not at equal match" not in found["rest"],
                "designs_differ": "designs differ in more than skips" in block,
            }


def text(report: str) -> str:
    """The whole file of the effects of a report."""
    return json.dumps(effects(report), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the effects of the report in this checkout."""
    OUT.write_text(text(REPORT.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"written: {OUT}")


if __name__ == "__main__":
    main()
