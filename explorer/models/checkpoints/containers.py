"""The plain values in a checkpoint: options, configurations and metadata next to its weights.

Told by their shape, not by a list of keys: every dict, options object and JSON text is looked into
as far as it is no state dict and nothing of the training, such as an optimiser's state.
"""

from __future__ import annotations

import ast
import json
import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from explorer.models.checkpoints.reading import Checkpoint

_MOST_DEPTH = 4
_MOST_CONTAINERS = 2000
_LONGEST_TEXT = 1_000_000
OF_TRAINING = re.compile(
    r"optim|schedul|callback|loops?$|loss|criterion|scaler|mixup|histor|metric|discriminator"
    r"|train_?(aug|pipeline|transform|data|loader|set)|augment|_transform_train|^_(parameters|buffers)",
    re.IGNORECASE,
)
"""Names of what does not say how the network is evaluated."""


@dataclass(frozen=True)
class Container:
    """Plain values by their names. path: its dotted name in the checkpoint; "" is the top level."""

    path: str
    values: Mapping[str, Any]

    @property
    def depth(self) -> int:
        """How deep it is nested; 0 is the top level."""
        return self.path.count(".") + 1 if self.path else 0

    def name(self, key: str) -> str:
        """The dotted name of one of its values."""
        return f"{self.path}.{key}" if self.path else key


def containers(checkpoint: Checkpoint) -> Iterator[Container]:
    """Every container of plain values, the least nested first."""
    queue: list[tuple[tuple[str, ...], object]] = [
        ((), checkpoint.content),
        *((("metadata",), each) for each in ([checkpoint.metadata] if checkpoint.metadata else [])),
    ]
    for _ in range(_MOST_CONTAINERS):
        if not queue:
            return
        path, content = queue.pop(0)
        values = _plain(content)
        if values is None or _is_state_dict(values):
            continue
        yield Container(".".join(path), values)
        if len(path) < _MOST_DEPTH:
            queue += [
                ((*path, name), value)
                for name, value in values.items()
                if not OF_TRAINING.search(name) and isinstance(value, _NESTED)
            ]


_NESTED = (Mapping, Namespace, str)


def _plain(content: object) -> Mapping[str, Any] | None:
    """The values by names in a dict, an options object, JSON, or a configuration in Python."""
    if isinstance(content, Namespace):
        content = vars(content)
    elif isinstance(content, str):
        content = _from_text(content)
    if not isinstance(content, Mapping):
        return None
    return {str(name): value for name, value in content.items()}


def _is_state_dict(values: Mapping[str, Any]) -> bool:
    tensors = sum(isinstance(value, Tensor) for value in values.values())
    return tensors > 8 and 2 * tensors > len(values)


def _from_text(text: str) -> object:
    start = text.lstrip()[:1]
    if len(text) > _LONGEST_TEXT:
        return None
    try:
        if start == "{":
            return json.loads(text)
        if "mean" in text and "dict(" in text:  # as OpenMMLab's toolboxes save theirs
            return _assignments(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return None


def _assignments(text: str) -> dict[str, Any]:
    """`name = value` of a Python text, as far as the values are literals; nothing is run."""
    return {
        statement.targets[0].id: _literal(statement.value)
        for statement in ast.parse(text).body
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
    }


def _literal(node: ast.expr) -> object:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return {each.arg: _literal(each.value) for each in node.keywords if each.arg}
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        return {str(key): _literal(each) for key, each in zip(keys, node.values, strict=True)}
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return None
