"""Checkpoints: read without running any code in them, and checked against an architecture."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError

if TYPE_CHECKING:
    from torch import Tensor

STATE_DICT_KEYS = ("state_dict", "model", "model_state_dict", "state_dict_ema", "net")
PREFIXES = ("module.", "model.", "backbone.", "encoder.", "encoder_q.")


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
        with _plain_tensors():
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise RequestError("model", f"{path.name} is no safetensors file: {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # torch's own unpickler raises a dozen kinds for other bytes
        raise RequestError("model", f"{path.name} {_why_refused(path)}") from error
    for key in STATE_DICT_KEYS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    tensors = loaded if isinstance(loaded, dict) else {}
    if not tensors or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise RequestError("model", f"{path.name} holds no state dict (names with tensors)")
    return tensors


@contextmanager
def _plain_tensors() -> Iterator[None]:
    """While this lasts torch reads tensors and plain values, and does not warn of other content."""
    import torch

    with (
        warnings.catch_warnings(action="ignore"),
        torch.serialization.safe_globals(_plain_values()),
    ):
        yield


def _plain_values() -> list[Any]:
    """What training scripts save with the weights and holds no code: numpy's numbers, options.

    Under numpy's old module name, too, by which checkpoints of its first version ask for it.
    """
    import argparse

    import numpy as np

    multiarray: Any = import_module("numpy._core.multiarray")  # not in numpy's type stubs
    scalar, rebuild = multiarray.scalar, multiarray._reconstruct
    return [
        argparse.Namespace,
        np.dtype,
        np.ndarray,
        scalar,
        rebuild,
        (scalar, "numpy.core.multiarray.scalar"),
        (rebuild, "numpy.core.multiarray._reconstruct"),
        *(type(np.dtype(kind)) for kind in "?bhilqBHILQefd"),
    ]


def _why_refused(path: Path) -> str:
    import torch

    try:
        with _plain_tensors():
            foreign = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # no checkpoint at all, or one older than such a list can be made of
        foreign = []
    if foreign:
        some = ", ".join(sorted(foreign)[:3]) + (", …" if len(foreign) > 3 else "")
        return (
            f"asks for code to be run ({some}), which is never done; save model.state_dict() alone "
            "with torch.save or safetensors"
        )
    return (
        "is not a checkpoint of plain tensors, or is damaged; save model.state_dict() with "
        "torch.save or safetensors"
    )


def strip_prefixes(state: dict[str, Tensor], expected: set[str]) -> dict[str, Tensor]:
    """The state dict without wrappers' prefixes (`module.`, …) where that fits better.

    Names outside the wrapper (a projector, an attacker's copy of the network) go with it.
    """
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


def normaliser(state: dict[str, Tensor]) -> dict[str, tuple[float, ...]]:
    """`mean` and `std` that a checkpoint of the `robustness` library carries, or nothing.

    Its buffers are `normalizer.new_mean` and `new_std`, 3×1×1, next to the network.
    """
    statistics = {}
    for name, value in state.items():
        for field in ("mean", "std"):
            if name.removeprefix("module.") == f"normalizer.new_{field}" and value.numel() == 3:
                numbers = value.flatten().tolist()
                statistics[field] = tuple(float(f"{number:.6g}") for number in numbers)
    return statistics


def check_fit(
    state: dict[str, Tensor], expected: dict[str, Tensor], path: Path, architecture: str
) -> None:
    """Raise RequestError that lists the missing, unexpected and misshapen names, if any."""
    misshapen = sorted(
        name for name in set(state) & set(expected) if state[name].shape != expected[name].shape
    )
    for name in misshapen:
        here, wanted = state[name].shape, expected[name].shape
        if len(here) == len(wanted) == 4 and wanted[1] == 3 and here[0] == wanted[0]:
            raise RequestError(
                "architecture",
                f"the first layer of {path.name} ({name}) takes {_channels(here[1])}; only "
                "networks for RGB images (3 channels) work here",
            )
    problems: list[tuple[str, list[str]]] = [
        ("missing", sorted(set(expected) - set(state))),
        ("unexpected", sorted(set(state) - set(expected))),
        ("of another shape", misshapen),
    ]
    listed = [f"{len(names)} {what} ({_some(names)})" for what, names in problems if names]
    if listed:
        raise RequestError(
            "architecture", f"{path.name} does not fit {architecture}: {'; '.join(listed)}"
        )


def _channels(count: int) -> str:
    return "1 channel (greyscale images)" if count == 1 else f"{count} channels"


def _some(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
