"""The picture of docs/architecture.md: the packages, from the import contract and their docstrings.

python -m explorer.research.figures.packages
"""

from __future__ import annotations

import ast
import textwrap
import tomllib
from html import escape
from pathlib import Path

import explorer

PICTURE = "architecture.svg"
PACKAGE = Path(explorer.__file__).parent
TENSORS = {"analysis", "synthesis", "losses", "metrics", "models", "zoo"}
"""Packages whose work is done in the worker process; the others are light to import."""

WIDTH, MARGIN, GAP = 900, 16, 8
LINE, PADDING = 17, 9
NAME = 145  # px of the name, where the description follows on its line
CHARACTER = 6.3  # px, of the descriptions' font
FILLS = {"light": "#e3f1ee", "tensors": "#fbe9d7", "maintainers": "#eceff1"}
LEGEND = (
    ("light", "pages, commands, queue, storage: never import torch"),
    ("tensors", "tensor work, in the worker process"),
    ("maintainers", "maintainers' tools"),
)


def write(documents: Path) -> None:
    """Write the picture."""
    (documents / PICTURE).write_text(svg(), encoding="utf-8")


def layers() -> list[list[str]]:
    """Names of the packages and modules, from the top; a layer uses only those below it."""
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = (contract for contract in contracts if contract["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def purpose(name: str) -> str:
    """The first sentence of a package's or module's docstring, without its full stop."""
    places = (PACKAGE / name / "__init__.py", PACKAGE / f"{name}.py")
    (source,) = (place for place in places if place.is_file())
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].partition(". ")[0].rstrip(".")


def svg() -> str:
    """The whole picture: a row of boxes for each layer, and a legend."""
    top = MARGIN
    shapes: list[str] = []
    for layer in layers():
        width = (WIDTH - 2 * MARGIN - GAP * (len(layer) - 1)) / len(layer)
        indent = NAME if len(layer) == 1 else 0
        texts = [
            textwrap.wrap(purpose(name), int((width - 2 * PADDING - indent) / CHARACTER))
            for name in layer
        ]
        height = 2 * PADDING + LINE * (max(map(len, texts)) + (not indent))
        for place, (name, lines) in enumerate(zip(layer, texts, strict=True)):
            left = MARGIN + place * (width + GAP)
            shapes.append(_frame(left, top, width, height, name))
            shapes += _words(left + PADDING, top + PADDING + 13, indent, name, lines)
        top += height + GAP
    top += GAP
    for place, (kind, meaning) in enumerate(LEGEND):
        left = MARGIN + (0, 400, 680)[place]
        shapes.append(
            f'<rect x="{left}" y="{top}" width="14" height="14" rx="3" fill="{FILLS[kind]}" '
            'stroke="#8a9491"/>'
        )
        shapes.append(f'<text x="{left + 21}" y="{top + 12}">{escape(meaning)}</text>')
    height = top + 14 + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12.5" '
        'fill="#1c2321">'
    )
    title = "<title>Packages of explorer; each uses only what stands below it</title>"
    ground = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, title, ground, *shapes, "</svg>", ""])


def _frame(left: float, top: float, width: float, height: float, name: str) -> str:
    kind = "tensors" if name in TENSORS else "maintainers" if name == "research" else "light"
    return (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}" rx="6" '
        f'fill="{FILLS[kind]}" stroke="#8a9491"/>'
    )


def _words(left: float, line: float, indent: int, name: str, lines: list[str]) -> list[str]:
    """The name, and its description: after it where there is an indent, else below it."""
    words = [f'<text x="{left:.1f}" y="{line}" font-weight="bold" font-size="14">{name}</text>']
    for number, text in enumerate(lines, start=0 if indent else 1):
        place = f'x="{left + indent:.1f}" y="{line + LINE * number}"'
        words.append(f"<text {place}>{escape(text)}</text>")
    return words


if __name__ == "__main__":
    write(Path("docs"))
