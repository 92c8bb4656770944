"""Checkpoint files: safetensors or torch's formats, told by their first bytes, no code run.

Importing this is cheap; torch comes with the first file that is read.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from explorer.errors import RequestError
from explorer.models.checkpoints import formats
from explorer.models.checkpoints.foreign import foreign_globals, is_whole_network
from explorer.models.origins import printable

FIELD = "model"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a checkpoint file holds.

    shown: what messages call the file: its name, or for a published one `the checkpoint of
        own:NAME`, since visitors never learn where that is stored.
    format: one of `explorer.models.checkpoints.formats.READ`.
    content: nested dicts, lists, plain values and tensors; of safetensors a dict of tensors.
    metadata: the texts in a safetensors file's header.
    """

    shown: str
    format: str
    content: object
    metadata: Mapping[str, str] = field(default_factory=dict)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, shown: str, sha256: str | None = None) -> Checkpoint:
    """The content of a checkpoint file, on the CPU.

    Raises RequestError (field `model`) that says what the file is where it is no checkpoint, and
    (field `weights`) where its SHA-256 is not `sha256`: it changed since the request was made.
    """
    try:
        if not path.is_file():
            kind = "is a folder; name the checkpoint in it" if path.is_dir() else "is not there"
            raise RequestError(FIELD, f"{shown} {kind}")
        if sha256 and sha256_of(path) != sha256:
            raise RequestError("weights", f"{shown} has changed since the request was made")
        format_ = formats.recognise(path, shown)
    except OSError as error:  # its text would name the path
        raise RequestError(FIELD, f"{shown} cannot be read ({error.strerror})") from error
    if format_ == formats.SAFETENSORS:
        return _read_safetensors(path, shown)
    return Checkpoint(shown, format_, _read_torch(path, shown, format_))


def _read_safetensors(path: Path, shown: str) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no dict
            return Checkpoint(shown, formats.SAFETENSORS, tensors, file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise RequestError(
            FIELD, f"{shown} is a damaged safetensors file; fetch or save it again"
        ) from error


def _read_torch(path: Path, shown: str, format_: str) -> object:
    import torch

    with (
        warnings.catch_warnings(action="ignore"),
        torch.serialization.safe_globals(_plain_values()),
    ):
        foreign = foreign_globals(path, format_)
        try:
            with path.open("rb") as file:  # torch would go by the name's ending
                return torch.load(file, map_location="cpu", weights_only=True)
        except MemoryError:
            raise
        except Exception as error:  # torch's own unpickler raises a dozen kinds for other bytes
            raise RequestError(FIELD, f"{shown} {_why_refused(foreign)}") from error


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


def _why_refused(foreign: frozenset[str]) -> str:
    advice = "save model.state_dict() alone with torch.save or safetensors"
    if not foreign:
        return f"is not a checkpoint of plain tensors, or is damaged; {advice}"
    # A network's own class first: it says more than those of its layers.
    ordered = sorted(foreign, key=lambda name: (name.startswith("torch."), name))
    named = ", ".join(map(printable, ordered[:3])) + (", …" if len(foreign) > 3 else "")
    whole = "is a whole pickled network, which " if is_whole_network(foreign) else ""
    return f"{whole}asks for code to be run ({named}), which is never done; {advice}"
