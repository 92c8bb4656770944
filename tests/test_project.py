"""What ships: the wheel's contents, its metadata, and the documents' links and generated parts."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """The wheel as pip builds it, with the build requirements that are installed."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def tracked(pattern: str) -> set[str]:
    """Paths of the files that git knows and that match, or of all where this is no repository."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listing.returncode:
        paths = {str(path.relative_to(ROOT)) for path in ROOT.glob(f"{pattern}/**/*")}
        return {path for path in paths if "__pycache__" not in path and (ROOT / path).is_file()}
    return {path for path in listing.stdout.splitlines() if (ROOT / path).is_file()}


def test_the_wheel_holds_every_file_of_the_package(wheel):
    assert tracked("explorer") <= set(wheel.namelist())


def test_the_wheel_holds_the_starter_results_and_the_apps_settings(wheel):
    names = set(wheel.namelist())
    starters = {Path(path).name for path in tracked("cache/starter")}
    assert "manifest.json" in starters
    assert len(starters) > 1
    assert {f"explorer/store/starter_results/{name}" for name in starters} <= names
    config = "explorer/app/.streamlit/config.toml"
    assert wheel.read(config) == (ROOT / ".streamlit" / "config.toml").read_bytes()


def test_the_wheel_holds_weights_pictures_and_tables(wheel):
    names = set(wheel.namelist())
    for ending, least in ((".safetensors", 12), (".js", 3), (".tsv", 1), (".toml", 2)):
        assert sum(name.endswith(ending) for name in names) >= least, ending
    assert "explorer/images/gallery/CREDITS.md" in names
    assert "explorer/py.typed" in names


def test_nothing_but_the_package_is_installed(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"explorer"}


def test_dependencies_are_those_of_requirements_txt(wheel):
    (metadata,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    required = Parser().parsestr(wheel.read(metadata).decode()).get_all("Requires-Dist")
    declared = [each for each in required if "extra ==" not in each]
    assert [distribution(each) for each in required if each not in declared] == [
        "pillow-heif",
        "psycopg",
    ]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    assert sorted(map(distribution, declared)) == sorted(map(distribution, listed))


def distribution(requirement: str) -> str:
    """The name in a requirement such as `timm~=1.0.31`."""
    return re.split(r"[^\w-]", requirement)[0]


def test_the_command_iri_is_the_command_line(wheel):
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "iri = explorer.cli:main" in wheel.read(entry_points).decode()


def test_the_build_requirements_are_in_the_test_requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert set(project["build-system"]["requires"]) <= set(listed)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)\s#]+)", text)
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_documents_name_are_there(document):
    text = re.sub(r"```python.*?```", "", document.read_text(encoding="utf-8"), flags=re.S)
    named = set(re.findall(r"(?<!New file )`((?:explorer|docs|tests)/[\w./-]+\.\w+)`", text))
    assert not {path for path in named if "NAME" not in path and not (ROOT / path).exists()}


def test_the_generated_documents_are_up_to_date():
    """If not: python -m explorer.research.documents --quick"""
    command = [sys.executable, "-m", "explorer.research.documents", "--quick", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_readmes_two_commands_are_kept():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    make = "python3 -m venv .venv && .venv/bin/pip install -r"
    assert f"{make} requirements.txt && .venv/bin/streamlit run app.py" in text
    assert f"{make} tests/requirements.txt && .venv/bin/python -m pytest" in text


def test_the_benchmarks_stay_short():
    lines = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150


def test_no_source_file_is_over_300_lines():
    long = {
        path: count
        for path in tracked("explorer")
        if path.endswith(".py")
        and (count := len((ROOT / path).read_text(encoding="utf-8").splitlines())) > 300
    }
    assert not long


def test_at_most_nine_modules_stand_directly_under_the_package():
    assert len(list((ROOT / "explorer").glob("*.py"))) <= 9
