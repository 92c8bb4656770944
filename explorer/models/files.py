"""Checkpoints of one's own: found, checked, and read without running any code in them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.request import RequestError

if TYPE_CHECKING:
    from torch import Tensor

STATE_DICT_KEYS = ("state_dict", "model", "model_state_dict", "state_dict_ema", "net")
PREFIXES = ("module.", "model.", "backbone.", "encoder.")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_state_dict(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The state dict of a checkpoint: safetensors, or torch's format without running its code.

    Found under the usual keys (`state_dict`, `model`, …). Raises RequestError if the file is
    missing, changed since the request was made (`sha256`), or not a checkpoint of plain tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise RequestError("model", f"there is no file {str(path)!r}")
    if sha256 and sha256_of(path) != sha256:
        raise RequestError("weights", f"{path.name} has changed since the request was made")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise RequestError("model", f"{path.name} is no safetensors file: {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # torch's own unpickler raises a dozen kinds for foreign bytes
        raise RequestError(
            "model",
            f"{path.name} is no checkpoint of plain tensors ({type(error).__name__}); save "
            "model.state_dict() with torch.save or safetensors",
        ) from error
    for key in STATE_DICT_KEYS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    tensors = loaded if isinstance(loaded, dict) else {}
    if not tensors or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise RequestError("model", f"{path.name} holds no state dict (names with tensors)")
    return tensors


def strip_prefixes(state: dict[str, Tensor], expected: set[str]) -> dict[str, Tensor]:
    """The state dict without wrappers' prefixes (`module.`, …) where that fits better."""
    best = state
    queue: list[dict[str, Tensor]] = [state]
    while queue:
        current = queue.pop()
        if len(expected & set(current)) > len(expected & set(best)):
            best = current
        for prefix in PREFIXES:
            if any(name.startswith(prefix) for name in current):
                queue.append(
                    {n.removeprefix(prefix): v for n, v in current.items() if n.startswith(prefix)}
                )
    return best


def check_fit(
    state: dict[str, Tensor], expected: dict[str, Tensor], path: Path, architecture: str
) -> None:
    """Raise RequestError that lists the missing, unexpected and misshapen names, if any."""
    problems: list[tuple[str, list[str]]] = [
        ("missing", sorted(set(expected) - set(state))),
        ("unexpected", sorted(set(state) - set(expected))),
        (
            "of another shape",
            sorted(n for n in set(state) & set(expected) if state[n].shape != expected[n].shape),
        ),
    ]
    said = [f"{len(names)} {what} ({_some(names)})" for what, names in problems if names]
    if said:
        raise RequestError(
            "architecture", f"{path.name} does not fit {architecture}: {'; '.join(said)}"
        )


def _some(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
