"""The recipes of CONTRIBUTING.md, followed in a copy of the package: each works as it stands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCK = r"\n\n```python\n(?P<code>.*?)```"
NEW_FILE = re.compile(r"New file `(?P<path>[^`]+)`:" + BLOCK, re.S)
AFTER = re.compile(r"In `(?P<path>[^`]+)`, after `(?P<anchor>[^`]+)`:" + BLOCK, re.S)
AT_END = re.compile(r"At the end of `(?P<path>[^`]+)`:" + BLOCK, re.S)


@pytest.fixture(scope="module")
def recipes() -> dict[str, str]:
    """The text of each recipe by its title, such as `A loss term`."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^### (.+)$", text.partition("## How to add")[2], flags=re.M)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, recipes) -> Path:
    """A copy of the checkout in which every recipe has been followed."""
    copy = tmp_path_factory.mktemp("checkout")
    shutil.copytree(
        ROOT / "explorer", copy / "explorer", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, copy / name)
    for recipe in recipes.values():
        for match in NEW_FILE.finditer(recipe):
            path = copy / match["path"]
            assert not path.exists()
            path.write_text(match["code"], encoding="utf-8")
        for match in AFTER.finditer(recipe):
            path = copy / match["path"]
            before, anchor, after = path.read_text(encoding="utf-8").partition(match["anchor"])
            assert anchor, match["anchor"]
            path.write_text(f"{before}{anchor}\n{match['code'].rstrip()}{after}", encoding="utf-8")
        for match in AT_END.finditer(recipe):
            with (copy / match["path"]).open("a", encoding="utf-8") as file:
                file.write(f"\n{match['code']}")
    return copy


@pytest.fixture
def run(checkout, tmp_path):
    """Runs Python in the copy, offline; what it printed."""

    def run(*arguments: str) -> str:
        environment = os.environ | {
            "PYTHONPATH": str(checkout),
            "IRI_OFFLINE": "1",
            "IRI_CACHE_DIR": str(tmp_path / "cache"),
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_there_is_a_recipe_for_every_kind_of_thing(recipes):
    kinds = (
        *("loss term", "loss variant", "optimiser", "perceptual measure"),
        *("representation measure", "seed kind", "noise target", "network source"),
        *("page", "command"),
    )
    assert [title.split(maxsplit=1)[1] for title in recipes] == list(kinds)


def test_a_recipe_is_one_new_file_at_most_and_one_place_in_another(recipes):
    for title, recipe in recipes.items():
        assert len(NEW_FILE.findall(recipe)) <= 1, title
        assert len(AFTER.findall(recipe)) + len(AT_END.findall(recipe)) == 1, title


def test_the_listings_hold_what_was_added(run):
    program = """
from explorer.app.pages import PAGES
from explorer.cli import main
from explorer.images.noise_targets import NOISE_TARGETS
from explorer.synthesis.optimizers.registry import OPTIMISERS
import sys
for listing in (["losses"], ["losses", "--terms"], ["measures"], ["hello", "Ada"]):
    main(listing)
print(*PAGES, *OPTIMISERS, *NOISE_TARGETS)
assert "torch" not in sys.modules
"""
    printed = run("-c", program)
    for name in (
        *("brightness", "smooth", "smooth+transforms+fourier", "mean-colour", "relative_linf"),
        *("Hello, Ada!", "hello", "rmsprop", "dim-noise"),
    ):
        assert name in printed


@pytest.mark.slow
def test_they_work_together_in_one_result(run):
    program = """
from explorer import Request, generate
result = generate(
    Request(
        model="scratch:resnet18",
        layer="layer1",
        size=64,
        target="dim-noise",
        seed="ramp",
        loss="smooth",
        optimiser="rmsprop",
        term_weights={"brightness": 0.5},
        steps=3,
    )
)
assert result.curves.loss[-1] < result.curves.loss[0]
assert result.provenance.weights["brightness"] == 0.5
assert result.match.values["relative_linf"] > 0
print(*(row.measure for row in result.perceptual))
"""
    assert "mean-colour" in run("-c", program)


def test_the_snippets_are_formatted_and_typed(checkout, recipes):
    files = [match["path"] for recipe in recipes.values() for match in NEW_FILE.finditer(recipe)]
    for tool in (["ruff", "check"], ["ruff", "format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", *tool, *files], cwd=checkout, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
