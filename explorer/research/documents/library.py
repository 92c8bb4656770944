"""The page of docs/reference about the library: its public names, from their docstrings."""

from __future__ import annotations

import ast
import inspect
import itertools
import re

import explorer

_DESCRIBED = re.compile(r"(?:^|(?<=[.;]) )(?:(?P<names>\w+(?:, \w+)*):|(?P<raises>Raises\b))")
"""Where a sentence begins to describe arguments or fields, or to say what is raised."""

_EXAMPLE = " " * 4


def library() -> str:
    """Signature and docstring of every public function, fields and members of every class."""
    sections = [
        "# Library",
        "Written by `python -m explorer.research.documents`. `from explorer import …` gives these "
        "names; each is imported when it is first used.",
    ]
    nodes = [_definition(name) for name in explorer.__all__]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    for node in functions:
        sections += [f"## {node.name}", _code(_signature(node)), _prose(node)]
    for each in classes:
        sections += [f"## {each.name}", *_class(each)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _definition(name: str) -> ast.stmt:
    return ast.parse(inspect.getsource(getattr(explorer, name))).body[0]


def _class(node: ast.ClassDef) -> list[str]:
    fields = [
        f"{ast.unparse(each.target)}: {ast.unparse(each.annotation)}"
        + (f" = {ast.unparse(each.value)}" if each.value is not None else "")
        for each in node.body
        if isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each.annotation)
    ]
    members = [
        f"- `{_member(each)}`: {(ast.get_docstring(each) or '').partition(chr(10))[0]}"
        for each in node.body
        if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")
    ]
    return [_prose(node), _code("\n".join(fields)) if fields else "", "\n".join(members)]


def _member(node: ast.FunctionDef) -> str:
    if any(ast.unparse(each).endswith("property") for each in node.decorator_list):
        return node.name
    own = [argument for argument in _arguments(node) if argument not in ("self", "cls")]
    return f"{node.name}({', '.join(own)})"


def _signature(node: ast.FunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    arguments = _arguments(node)
    line = f"{node.name}({', '.join(arguments)}){returns}"
    if len(line) <= 100:
        return line
    lines = "".join(f"    {argument},\n" for argument in arguments)
    return f"{node.name}(\n{lines}){returns}"


def _arguments(node: ast.FunctionDef) -> list[str]:
    """`name: type = default` of each."""
    required = len(node.args.args) - len(node.args.defaults)
    defaults = [*itertools.repeat(None, required), *node.args.defaults]
    by_place = zip(node.args.args, defaults, strict=True)
    by_name = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    star = ["*"] if node.args.kwonlyargs else []
    return [*map(_argument, by_place), *star, *map(_argument, by_name)]


def _argument(given: tuple[ast.arg, ast.expr | None]) -> str:
    argument, default = given
    return ast.unparse(argument) + ("" if default is None else f" = {ast.unparse(default)}")


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _prose(node: ast.FunctionDef | ast.ClassDef) -> str:
    """The docstring; where a field or an argument is described a list item begins."""
    paragraphs = re.split(r"\n\s*\n", ast.get_docstring(node) or "")
    return "\n\n".join(_paragraph(each, _names(node)) for each in paragraphs)


def _names(node: ast.FunctionDef | ast.ClassDef) -> set[str]:
    """Of its arguments or fields."""
    if isinstance(node, ast.FunctionDef):
        return {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}
    return {ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)}


def _paragraph(text: str, names: set[str]) -> str:
    """One paragraph of a docstring as Markdown: an example, or sentences and list items."""
    lines = text.splitlines()
    if all(line.startswith(_EXAMPLE) for line in lines):
        return _code("\n".join(line.removeprefix(_EXAMPLE) for line in lines))
    flowing = " ".join(line.strip() for line in lines)
    return _DESCRIBED.sub(lambda match: _item(match, names), flowing).strip()


def _item(match: re.Match[str], names: set[str]) -> str:
    if match["raises"]:
        return "\n\nRaises"
    described = match["names"].split(", ")
    if not names.issuperset(described):
        return match[0]
    return f"\n- {', '.join(f'`{name}`' for name in described)}:"
