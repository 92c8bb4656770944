"""The local modules that a Python file imports: their content, and importing them afresh. No torch.

Followed are `import`, `from … import` and `import_module("…")` wherever they stand in a file, to
files and packages in the folder of the first file, and from these on. Not followed are names that
are only known when the code runs, compiled extensions, and modules elsewhere on the import path
(installed ones, the current folder, PYTHONPATH).
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from explorer.models.library_code import is_library_file

_ours: dict[str, dict[str, ModuleType]] = {}
"""By the hash of an architecture's source, the local modules that it imported."""


def local_modules(path: Path) -> dict[str, Path]:
    """The files of the local modules that a Python file imports, directly or not, by their names.

    Raises OSError for a file that cannot be read. What does not parse imports nothing.
    """
    folder = path.parent
    found: dict[str, Path] = {}
    waiting = [(path, "")]
    while waiting:
        file, package = waiting.pop()
        for name in _imported(file.read_bytes(), package):
            for module, source in _files(folder, name):
                if module not in found and source != path:
                    found[module] = source
                    is_package = source.name == "__init__.py"
                    parent = module if is_package else module.rpartition(".")[0]
                    waiting.append((source, parent))
    return dict(sorted(found.items()))


def _imported(source: bytes, package: str) -> Iterator[str]:
    """The full names of the modules, or of what may be modules, that a source imports."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join(filter(None, [*above, base]))
            # Of `from a import *`, too, the submodules that a itself imports are found in a.
            yield from filter(None, (base, *(f"{base}.{each.name}" for each in node.names)))
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            name = node.args[0].value
            if called in ("import_module", "__import__") and isinstance(name, str):
                yield name if not name.startswith(".") else f"{package}{name}"


def _files(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """The files that run when a module is imported: its own, and those of the packages around."""
    parts = name.strip(".").split(".")
    for end in range(1, len(parts) + 1):
        place = folder.joinpath(*parts[:end])
        for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
            if file.is_file():
                yield ".".join(parts[:end]), file
                break


@contextmanager
def importing(path: Path, digest: str, modules: Mapping[str, Path]) -> Iterator[None]:
    """While this lasts, imports find the files next to `path`, as they are on disk now.

    digest: the hash of the file and its local modules, under which these are kept. Modules of the
    same names from other folders, or from before a change, are set aside; libraries never are.
    """
    previous, writes_bytecode = dict(sys.modules), sys.dont_write_bytecode
    names = {*modules, *(each for name in modules for each in _packages(name))}
    earlier = {id(module) for kept in _ours.values() for module in kept.values()}
    aside = {
        name: module
        for name, module in previous.items()
        if id(module) in earlier or (name in names and not _is_library(module))
    }
    for name in aside:
        del sys.modules[name]
    sys.modules.update(_ours.get(digest, {}))
    importlib.invalidate_caches()
    sys.path.insert(0, str(path.parent))
    sys.dont_write_bytecode = True  # it would be out of date for a change in the same second
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_bytecode
        sys.path.remove(str(path.parent))
        _ours[digest] = _ours.get(digest, {}) | {
            name: module
            for name, module in list(sys.modules.items())
            if name in names and previous.get(name) is not module and not _is_library(module)
        }
        for name, module in aside.items():
            if id(module) not in earlier:
                sys.modules[name] = module


def _is_library(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if file is None:
        return not hasattr(module, "__path__")  # a folder without __init__.py has that
    return is_library_file(file)


def _packages(name: str) -> list[str]:
    """The packages around a module: of a.b.c, a.b and a."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]
