"""The page of docs/reference about the library: its public names, from their docstrings."""

from __future__ import annotations

import ast
import inspect
import re

import explorer

_FIELD = re.compile(r"^(\w+(?:, \w+)*): ")


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
    defaults = [""] * required + [f" = {ast.unparse(each)}" for each in node.args.defaults]
    return [
        ast.unparse(argument) + default
        for argument, default in zip(node.args.args, defaults, strict=True)
    ]


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _prose(node: ast.FunctionDef | ast.ClassDef) -> str:
    """The docstring; a line that begins with a field's or argument's name begins a list item."""
    text = ast.get_docstring(node) or ""
    return "\n".join(_FIELD.sub(r"- `\1`: ", line.strip()) for line in text.splitlines())
