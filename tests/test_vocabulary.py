"""Texts that people see use the field's words, not private ones.

Seen are: every string of the app and the command line that is no docstring, what their
components' HTML and JavaScript say, titles, help texts and messages of the library, the cards of
the embedded networks, and the documents.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

FIELDS_WORDS = {
    r"cannot be made": "Invalid settings: …",
    r"one is finished already": "Already generated.",
    r"not made yet": "Not generated yet",
    r"in the making": "Generating …",
    r"was not made(?! for)": "Generation failed",
    r"other noise": "another random seed",
    r"\bhangs? (on|from)\b": "depend on",
    r"take it with you": "Download",
    r"striped bars|may not judge": "Hatched: not counted in the verdict",
    r"random numbers? that|from \S* ?random numbers?|\brandom number \d": "random seed",
    r"gradients pass the": "straight-through gradient",
    r"random moves": "random transforms",
    r"moves? the spectrum|moved about|by its spectrum": "Fourier parametrisation",
    r"whose eyes": "the network to invert",
    r"every step \(": "all layers",
    r"called so": "no match",
    r"no judge": "no measure available",
    r"rather (yes|no)": "mostly yes, mostly no",
    r"attack-trained|trained against attacks": "adversarially trained",
    r"(taught|learned) by pairs": "SimCLR",
    r"taught to hold": "TRADES",
    r"(taught )?by its mistakes": "MART",
    r"second start": "initialisation 2",
    r"trained as usual": "standard training",
    r"our engine beside": "benchmark against published procedures",
    r"look after": "manage",
    r"looks at pictures": "input resolution (px)",
    r"to be had": "available",
    r"; there (are|is) ": "choose one of",
    r"\bbeside\b": "next to, compared with",
    r"\b(files?|folders?|weights|results|they|it) lies?\b(?! (above|below|between))": "are stored",
    r"\bof (ours|our own)\b": "our",
    r"\bthe door\b": "validation",
    r"\bthe shelf\b": "curated list",
}
"""The field's words by a pattern of what stood for them."""


def python_strings(path: Path) -> Iterator[str]:
    """Every string in the module that is no docstring; f-strings without their expressions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    in_f_strings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.Constant)]
            in_f_strings |= set(map(id, parts))
            yield "…".join(str(part.value) for part in parts)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings | in_f_strings
        ):
            yield node.value


def json_strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from json_strings(each)


def texts(path: Path) -> list[str]:
    """What people may see of a file."""
    if path.suffix == ".py":
        return list(python_strings(path))
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return list(json_strings(json.loads(text)))
    if path.suffix == ".js":
        return [re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)]
    return [text]


OTHERS = "explorer/study/jspsych_front/jspsych/"
"""Released files of jsPsych, unchanged."""

SEEN = sorted(
    path
    for pattern in (
        "explorer/**/*.py",
        "explorer/**/*.html",
        "explorer/**/*.js",
        "explorer/zoo/**/*.json",
        "cache/starter/*.json",
        "README.md",
        "CONTRIBUTING.md",
        "docs/*.md",
    )
    for path in ROOT.glob(pattern)
    if not path.is_relative_to(ROOT / OTHERS)
)


def test_the_texts_of_a_module_are_its_strings_without_docstrings(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        '"""Module."""\nA = "seen"\n\n\ndef f(x):\n    """F."""\n    return f"a{x}b"\n'
    )
    assert sorted(texts(module)) == ["a…b", "seen"]
    assert ROOT / "explorer/app/pages/explore.py" in SEEN


@pytest.mark.parametrize("path", SEEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_shows_no_private_words(path):
    found = [
        f"{match[0]!r} in {text[max(0, match.start() - 40) : match.end() + 20]!r}: say {words!r}"
        for text in texts(path)
        for pattern, words in FIELDS_WORDS.items()
        for match in re.finditer(pattern, " ".join(text.split()), re.IGNORECASE)
    ]
    assert not found, "\n".join(found)
