"""The walls between the rooms: who may import what, and that nothing is ever unpickled."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchvision", "timm", "torchmetrics", "piq")
LIGHT = (
    "explorer",
    "explorer.request",
    "explorer.result",
    "explorer.validation",
    "explorer.cli",
    "explorer.images",
    "explorer.models.catalogue",
    "explorer.losses.variants",
    "explorer.metrics.perceptual",
    "explorer.metrics.perceptual_verdict",
    "explorer.metrics.representation_measure",
    "explorer.metrics.representation_measures",
    "explorer.metrics.match",
    "explorer.metrics.null",
    "explorer.metrics.invariance",
    "explorer.metrics.alignment",
    "explorer.analysis.eyes",
    "explorer.analysis.people",
    "explorer.analysis.targets",
    "explorer.analysis.network_comparison",
    "explorer.jobs.engine",
    "explorer.jobs.work",
    "explorer.sweep.plan",
    "explorer.sweep.background",
    "explorer.sweep.table",
    "explorer.sweep.form",
    "explorer.store",
    "explorer.store.store",
    "explorer.store.packs",
    "explorer.store.starter",
)


def modules(*packages: str) -> dict[str, Path]:
    """Every module of ours in these packages (or single modules), with its file."""
    found = {}
    for package in packages:
        place = ROOT / package.replace(".", "/")
        if place.with_suffix(".py").is_file():
            found[package] = place.with_suffix(".py")
        for path in place.rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


ALL = modules("app", "explorer")


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(ALL[name].read_text(encoding="utf-8"))


def imports(name: str, *, only_when_imported: bool = False) -> set[str]:
    """Absolute names of the modules that a module imports, `from` names included.

    only_when_imported: leave out what only functions import, and type checkers.
    """
    package = name if ALL[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in _nodes(tree(name), only_when_imported):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(part for part in (start, node.module) if part)
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def _nodes(node: ast.AST, only_when_imported: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if only_when_imported:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
        yield child
        yield from _nodes(child, only_when_imported)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def importers(*packages: str, among: dict[str, Path] = ALL) -> set[str]:
    return {name for name in among if any(within(each, *packages) for each in imports(name))}


def ours(name: str, *, only_when_imported: bool = False) -> set[str]:
    """The modules of ours that a module imports, with the packages they lie in."""
    found = {each for each in imports(name, only_when_imported=only_when_imported) if each in ALL}
    return found | {each.rpartition(".")[0] for each in found if "." in each} - {""}


@cache
def brings_torch(name: str) -> bool:
    """Whether importing this module imports torch or its kin, at whatever remove."""
    seen, queue = set(), [name]
    while queue:
        current = queue.pop()
        if current in seen:
            continue
        seen.add(current)
        if any(within(each, *HEAVY) for each in imports(current, only_when_imported=True)):
            return True
        queue += ours(current, only_when_imported=True)
    return False


# This test's own eyes


def test_the_eyes_of_these_tests_see_what_is_there():
    assert len(ALL) > 50
    assert "explorer.images.encoding" in imports("explorer.images")
    assert "torch" in imports("explorer.jobs.worker")
    assert "torch" not in imports("explorer.jobs.worker", only_when_imported=True)
    assert brings_torch("explorer.analysis.generation")
    assert brings_torch("explorer.synthesis.loop")
    assert not brings_torch("explorer.request")
    assert importers("diskcache")
    assert "explorer.models.sources.embedded" in needed_by("explorer.models.sources")


# Any module can be imported first


def needed_by(name: str) -> set[str]:
    """The modules of ours whose body has to have run before this one's.

    The packages in which this one lies itself may be half loaded, unless it takes a name of theirs.
    """
    found = set()
    for node in _nodes(tree(name), only_when_imported=True):
        if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & set(ALL)
            found |= {node.module} if names - set(ALL) else set()
        elif isinstance(node, ast.Constant):  # `import_module` of a list of names
            found |= {node.value} if isinstance(node.value, str) else set()
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    found &= set(ALL)
    for each in list(found):
        parts = each.split(".")
        packages = {".".join(parts[:count]) for count in range(1, len(parts))}
        found |= {one for one in packages if not within(name, one)}
    return found - {name}


def test_no_module_needs_one_that_needs_it():
    order = TopologicalSorter({name: needed_by(name) for name in ALL})
    try:
        order.prepare()
    except CycleError as error:
        pytest.fail(" needs ".join(reversed(error.args[1])))


# Torch stays in the worker


def loaded_after(*names: str) -> set[str]:
    """Which heavy modules another process has after importing these."""
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stdout.split())


def test_importing_what_the_app_and_the_command_line_need_imports_no_torch():
    assert loaded_after(*LIGHT) == set()


def test_importing_every_plot_imports_no_torch():
    assert loaded_after(*modules("explorer.plots")) == set()


def test_importing_every_page_module_imports_no_torch():
    """Page scripts run when imported, so they are left to the tests that run them."""
    helpers = [name for name in modules("explorer.app") if not is_script(name)]
    assert helpers
    assert loaded_after(*helpers) == set()


def is_script(name: str) -> bool:
    """Whether the module does something on the screen when it is imported."""
    return any(
        isinstance(node, ast.Expr | ast.If | ast.With | ast.For)
        and not isinstance(getattr(node, "value", None), ast.Constant)
        and "TYPE_CHECKING" not in ast.unparse(node).split("\n")[0]
        for node in tree(name).body
    )


@pytest.mark.parametrize("room", ["app", "explorer.app", "explorer.plots", "explorer.study"])
def test_no_function_of_the_screen_imports_what_brings_torch(room):
    for name in modules(room):
        assert not any(within(each, *HEAVY) for each in imports(name)), name
        for other in ours(name):
            assert not brings_torch(other), f"{name} imports {other}"


@pytest.mark.parametrize("name", LIGHT)
def test_what_must_be_light_reaches_no_torch_at_import(name):
    assert not brings_torch(name)


def test_the_engine_and_the_door_import_nothing_heavy_in_any_function():
    for name in ("explorer.jobs.engine", "explorer.jobs.job", "explorer.jobs.tasks"):
        assert not any(brings_torch(other) for other in ours(name)), name
    assert not any(brings_torch(other) for other in ours("explorer.validation"))


def test_no_name_that_a_visitor_may_write_brings_torch_into_the_apps_process():
    code = """
import sys
from explorer.models import catalogue
for name in ("nosuch:x", "resnet", "module:aa", "file:x", "own:x"):
    assert catalogue.find(name) is None
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# Who knows what


STRANGERS = ("explorer.research.raw_sessions", "explorer.research.upload_attack")
"""Who speaks Streamlit's protocol from outside, to measure what strangers can do."""


@pytest.mark.parametrize(
    ("libraries", "rooms"),
    [
        (("streamlit",), ("app", "explorer.app", *STRANGERS)),
        (("prometheus_client",), ("explorer.app",)),
        (("plotly",), ("explorer.plots",)),
        (("distributed", "dask"), ("explorer.jobs",)),
        (("pyarrow",), ("explorer.sweep",)),
        (("diskcache",), ("explorer.store",)),
        (("sqlalchemy", "alembic", "psycopg"), ("explorer.study",)),
    ],
    ids=lambda value: value[0],
)
def test_a_library_is_known_in_one_room_only(libraries, rooms):
    strangers = {name for name in importers(*libraries) if not within(name, *rooms)}
    assert strangers == set()


def test_the_store_knows_nothing_of_the_rest_of_explorer():
    for name in modules("explorer.store"):
        outside = {each for each in ours(name) if not within(each, "explorer.store")}
        assert outside <= {"explorer", "explorer.files"}, name


def test_a_request_is_standard_library_only_and_a_result_adds_numpy():
    for name, more in (
        ("explorer.errors", set()),
        ("explorer.network_reference", {"explorer"}),
        ("explorer.request", {"explorer"}),
        ("explorer.result.provenance", {"explorer"}),
        ("explorer.result", {"numpy", "explorer"}),
    ):
        roots = {each.partition(".")[0] for each in imports(name)}
        assert roots - set(sys.stdlib_module_names) <= more, name
    assert ours("explorer.network_reference") == {"explorer", "explorer.errors"}
    assert ours("explorer.request") == {
        "explorer",
        "explorer.errors",
        "explorer.network_reference",
    }
    records = {"match", "null", "perceptual_verdict"}
    assert {each for each in ours("explorer.result") if each.count(".")} == {
        "explorer.errors",
        "explorer.result",
        "explorer.result.checks",
        "explorer.result.difference",
        "explorer.result.provenance",
        "explorer.result.record_types",
        "explorer.result.tightening",
        "explorer.request",
        "explorer.metrics",
        *(f"explorer.metrics.{name}" for name in records),
    }
    for name in records:
        roots = {each.partition(".")[0] for each in imports(f"explorer.metrics.{name}")}
        assert roots - set(sys.stdlib_module_names) <= {"numpy", "explorer"}, name


def test_the_import_contracts_of_pyproject_hold():
    """Which package may use which: layers, checked by import-linter."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_only_maintainers_tools_use_maintainers_tools():
    """So the benchmark's reference procedures are no second way of making IRIs."""
    others = {
        name for name in importers("explorer.research") if not within(name, "explorer.research")
    }
    assert others == set()


def test_no_page_keeps_anything_where_a_visitors_message_can_clear_it():
    """Streamlit clears its caches for everybody when any visitor's websocket says so."""
    for name in modules("app", "explorer.app"):
        assert "cache_resource" not in ast.unparse(tree(name)), name
        assert "cache_data" not in ast.unparse(tree(name)), name


# Never pickle


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keyword(call: ast.Call, name: str) -> object:
    return next((ast.literal_eval(each.value) for each in call.keywords if each.arg == name), None)


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_unpickled(name):
    for function, call in calls(name):
        last = function.rpartition(".")[2]
        root = function.partition(".")[0]
        assert root not in ("cloudpickle", "dill", "joblib", "marshal", "shelve"), function
        if root in ("pickle", "_pickle", "cPickle"):
            assert last not in ("load", "loads", "Unpickler"), function
        if function == "torch.load":
            assert keyword(call, "weights_only") is True, ast.unparse(call)
        if function in ("np.load", "numpy.load"):
            assert keyword(call, "allow_pickle") is False, ast.unparse(call)
    pulled = {each for each in imports(name) if within(each, "pickle")}
    assert not pulled & {"pickle.load", "pickle.loads", "pickle.Unpickler"}


# Importing


def test_every_module_says_in_its_first_line_what_it_is():
    for name in ALL:
        text = ast.get_docstring(tree(name))
        assert text, name
        assert len(text.splitlines()[0]) <= 100, name
