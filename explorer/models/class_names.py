"""Names of a network's classes from a file of the user's own, and the digest that stands for them.

No torch.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from explorer.errors import RequestError

FIELD = "classes"
MOST_BYTES = 16 * 2**20


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
