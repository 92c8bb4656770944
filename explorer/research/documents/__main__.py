"""`python -m explorer.research.documents`: writes every generated document, or checks them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from explorer.research.documents.parts import MEASURED, TEXTS


def main(arguments: list[str] | None = None) -> int:
    """Write or check the documents; 1 where one is not what would be written."""
    options = _parser().parse_args(arguments)
    outdated = []
    for name, text in TEXTS.items():
        path, wanted = options.documents / name, text(options.documents)
        if path.is_file() and path.read_text(encoding="utf-8") == wanted:
            continue
        outdated.append(name)
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
            print(f"written: {path}")
    if options.check and outdated:
        command = "python -m explorer.research.documents --quick"
        print(f"not up to date: {', '.join(outdated)}; run {command}", file=sys.stderr)
        return 1
    if not options.quick and not options.check:
        for name in options.only or MEASURED:
            print(f"{name} …", flush=True)
            MEASURED[name](options.documents)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m explorer.research.documents")
    parser.add_argument("--quick", action="store_true", help="only what is written in seconds")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 where that would change"
    )
    parser.add_argument(
        "--only", nargs="+", choices=list(MEASURED), help="of the measured parts only these"
    )
    parser.add_argument("--documents", type=Path, default=Path("docs"), help="default: docs")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
