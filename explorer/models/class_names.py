"""Names of a network's classes, from a file of the user's own or from values in a checkpoint.

No torch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from explorer.errors import RequestError

FIELD = "classes"
MOST_BYTES = 16 * 2**20
_PLACEHOLDER = re.compile(r"(label|class)[ _-]?\d+", re.IGNORECASE)
_MOST_NAMES = 100_000
_LONGEST_NAME = 200


def read(path: Path) -> tuple[str, ...]:
    """The class names in a file, in the order of the logits.

    Plain text with one name per line, a JSON list of names, or a JSON object from index to name
    or to [WordNet id, name], as ImageNet's class index is published. Raises RequestError (field
    `classes`) for anything else.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise RequestError(FIELD, f"{path.name} is far larger than any list of class names")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: no text, or no file's name
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise RequestError(FIELD, f"{str(path)!r} cannot be read ({reason})") from error
    if text.lstrip()[:1] in ("[", "{"):
        names = _from_json(path, text)
    else:
        names = [line.strip() for line in text.splitlines()]
        while names and not names[-1]:
            names.pop()
        if "" in names:
            line = names.index("") + 1
            raise RequestError(
                FIELD, f"line {line:,} of {path.name} is empty; write one name per line, none empty"
            )
    if not names or not all(names):
        raise RequestError(
            FIELD, f"{path.name} holds no list of class names; write one name per line, none empty"
        )
    return tuple(names)


def digest(names: tuple[str, ...]) -> str:
    """SHA-256, hexadecimal, of the names in their order."""
    return hashlib.sha256(json.dumps(names).encode("ascii")).hexdigest()


def _from_json(path: Path, text: str) -> list[str]:
    wanted = "write a list of names, or an object from index to name"
    try:
        content = json.loads(text)
    except ValueError as error:
        raise RequestError(FIELD, f"{path.name} is no valid JSON ({error}); {wanted}") from error
    if isinstance(content, dict):
        indices = [str(index) for index in range(len(content))]
        if set(content) != set(indices):
            raise RequestError(FIELD, f"the keys of {path.name} are not 0, 1, 2, …; {wanted}")
        content = [content[index] for index in indices]
    names = [each[-1] if isinstance(each, list) and each else each for each in content]
    if not all(isinstance(name, str) for name in names):
        raise RequestError(FIELD, f"{path.name} holds something else than names; {wanted}")
    return [name.strip() for name in names]


def from_values(value: object) -> tuple[str, ...] | None:
    """The class names in a value of a checkpoint, in the order of the logits; None in any other.

    A list of names, an object from index to name (`idx_to_class`, `id2label`) or from name to index
    (`class_to_idx`, `label2id`); names such as `LABEL_0` are none. Control characters are left out.
    """
    if isinstance(value, Mapping) and 0 < len(value) <= _MOST_NAMES:
        by_index = {
            index: name
            for first, second in value.items()
            for index, name in [_index_and_name(first, second)]
        }
        names = [by_index.get(index) for index in range(len(value))]
    elif isinstance(value, list | tuple) and 0 < len(value) <= _MOST_NAMES:
        names = list(value)
    else:
        return None
    texts = [_plain(name) for name in names if isinstance(name, str)]
    if len(texts) < len(names) or not all(texts) or all(map(_PLACEHOLDER.fullmatch, texts)):
        return None
    return tuple(texts)


def _index_and_name(first: object, second: object) -> tuple[int | None, object]:
    """Of an entry in either direction; the index is None where neither is one."""
    for index, name in ((second, first), (first, second)):
        if isinstance(index, int) and not isinstance(index, bool) and isinstance(name, str):
            return index, name
    if isinstance(first, str) and first.isdigit() and len(first) < 8:
        return int(first), second
    return None, None


def _plain(name: str) -> str:
    kept = "".join(char if char.isprintable() else " " for char in name)
    return " ".join(kept.split())[:_LONGEST_NAME]
