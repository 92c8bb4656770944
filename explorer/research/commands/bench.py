"""`python -m explorer bench`: benchmark against published procedures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from explorer.cli.arguments import file_path
from explorer.cli.command import Command
from explorer.cli.outputs import check_file, check_folder


def _add_options(parser: argparse.ArgumentParser) -> None:
    plans = parser.add_mutually_exclusive_group()
    plans.add_argument("--quick", action="store_true", help="at most three minutes on two cores")
    plans.add_argument(
        "--trained",
        action="store_true",
        help="SqueezeNet trained on ImageNet instead: about three hours on two cores",
    )
    parser.add_argument(
        "--out",
        type=file_path,
        default=Path("benchmark"),
        help="folder of bench.md, bench.json and the parts to continue from (default: %(default)s)",
    )
    parser.add_argument(
        "--into",
        type=file_path,
        metavar="FILE",
        help="Markdown file whose section is to be replaced",
    )


def _run(options: argparse.Namespace) -> None:
    check_folder("out", options.out)
    check_file("into", options.into)
    from explorer.analysis.generation import device
    from explorer.research.benchmark import machine, plan, report, run, trained
    from explorer.research.benchmark.markdown import markdown

    kind = device()
    skipped = trained.why_skipped() if options.trained else None
    if skipped:
        print(skipped, file=sys.stderr)
        return
    name = "trained" if options.trained else "quick" if options.quick else "full"
    chosen = plan.plan_called(name, kind)
    parts = run.run(chosen, options.out, kind, lambda line: print(line, file=sys.stderr))
    facts = machine.describe(kind)
    content = report.to_json(chosen, parts, facts)
    text = markdown(chosen, parts, facts, kind)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench.md").write_text(text, encoding="utf-8")
    (options.out / "bench.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    if options.into is not None:
        report.put_into(options.into, text, kind)
    print(json.dumps(content, indent=1) if options.json else text)


COMMAND = Command(
    "bench", "benchmark against published procedures", _run, _add_options, prints_json=True
)
