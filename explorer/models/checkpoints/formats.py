"""What a file is, told by its first bytes and not by its name: a checkpoint or not. No torch."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from explorer.errors import RequestError

SAFETENSORS = "safetensors"
TORCH = "torch"
LEGACY_TORCH = "torch, before 1.6"
READ = (SAFETENSORS, TORCH, LEGACY_TORCH)
"""The formats that are read."""

_LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_MOST_HEADER = 100_000_000
"""Bytes of a safetensors header, at most, as its own library allows."""

_SAVE = "save model.state_dict() with torch.save or safetensors"
_KERAS = f"load it in Keras, copy its weights into a PyTorch network and {_SAVE}"

_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"version https://git-lfs", "is a Git LFS pointer, not the checkpoint; run `git lfs pull`"),
    (0, b"\x89HDF\r\n\x1a\n", f"is an HDF5 file, as Keras and TensorFlow write; {_KERAS}"),
    (0, b"\x93NUMPY", f"is a NumPy array, not a PyTorch checkpoint; {_SAVE}"),
    (4, b"TFL3", f"is a TensorFlow Lite network; {_KERAS}"),
    (0, b"\x08\x01\x12", f"is a TensorFlow SavedModel; {_KERAS}"),
    (0, b"GGUF", f"is a GGUF file; {_SAVE}"),
    (0, b"<", "is a web page or XML, not a checkpoint; its download went wrong, fetch it again"),
    (0, b"\x1f\x8b", "is compressed with gzip; unpack it first"),
    (0, b"BZh", "is compressed with bzip2; unpack it first"),
    (0, b"\xfd7zXZ", "is compressed with xz; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it first"),
    (257, b"ustar", "is a tar archive; unpack it, or save the checkpoint again with torch ≥ 1.6"),
    (0, b"\x89PNG", "is a PNG picture, not a checkpoint"),
    (0, b"\xff\xd8\xff", "is a JPEG picture, not a checkpoint"),
    (0, b"%PDF", "is a PDF document, not a checkpoint"),
)
"""(offset, bytes there, what the file is and what to do)."""

_PICKLE = f"is a Python pickle that torch.save did not write, and is never unpickled; {_SAVE}"
_ONNX = (
    f"is an ONNX network, not a PyTorch checkpoint; from the network it was exported from, {_SAVE}"
)
_ONNX_FIELDS = b"\x12\x1a\x22\x2a\x32\x3a\x42"
"""What may follow the format's version in ONNX's protobuf: producer, domain, graph, …"""


def recognise(path: Path, shown: str) -> str:
    """The file's format, one of READ; shown: what messages call it.

    Raises RequestError (field `model`) that says what the file is where it is none of them, and
    OSError where it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"PK\x03\x04"):
        reason = _zip_reason(path)
        if reason is None:
            return TORCH
    elif start.startswith(_LEGACY_MAGIC):
        return LEGACY_TORCH
    else:
        length = int.from_bytes(start[:8], "little")
        if start[8:9] == b"{" and length <= max(_MOST_HEADER, size):
            if _safetensors_end(path, length) <= size:
                return SAFETENSORS
            reason = f"is a safetensors file that is cut off after {size:,} bytes; fetch it again"
        else:
            reason = _other_reason(path, start, size)
    raise RequestError("model", f"{shown} {reason}")


def _safetensors_end(path: Path, length: int) -> int:
    """The size that a safetensors file has by its header, which takes `length` bytes."""
    with path.open("rb") as file:
        file.seek(8)
        header = file.read(length)
    try:
        entries = json.loads(header).values()
        ends = [entry["data_offsets"][1] for entry in entries if "data_offsets" in entry]
    except (ValueError, LookupError, TypeError, AttributeError):
        ends = []  # the library that reads it says what is wrong
    return 8 + length + max(ends, default=0)


def _zip_reason(path: Path) -> str | None:
    """Why a zip archive is no checkpoint; None where torch.save wrote it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        size = path.stat().st_size
        return f"is cut off after {size:,} bytes, or damaged; fetch or save it again"
    inner = [name.partition("/")[2] for name in names]
    if "data.pkl" in inner:
        if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
            return (
                "is a TorchScript archive, whose code is never run; save "
                "torch.jit.load(FILE).state_dict() with torch.save"
            )
        return None
    if any(name.endswith(".npy") for name in names):
        return f"is a NumPy archive (.npz), not a PyTorch checkpoint; {_SAVE}"
    if any(name.endswith(".weights.h5") for name in names):
        return f"is a Keras archive; {_KERAS}"
    if "archive_format" in inner or any(name.startswith("models/") for name in inner):
        return f"is a network exported by torch.export, whose code is never run; {_SAVE}"
    return "is a zip archive without a checkpoint's data.pkl; if the checkpoint is in it, unpack it"


def _other_reason(path: Path, start: bytes, size: int) -> str:
    if not start:
        return "is empty (0 bytes); fetch or save it again"
    if not any(start):
        return "begins with zeros only, as a download does that was broken off; fetch it again"
    for offset, magic, reason in _OTHERS:
        if start[offset:].startswith(magic):
            return reason
    text = start.lstrip()
    if text.startswith((b"{", b"[")):
        return _json_reason(path)
    if start[0] == 0x80 and 2 <= start[1] <= 5:
        return _PICKLE
    if start[0] == 0x08 and start[2:3] and start[2] in _ONNX_FIELDS:
        return _ONNX
    return (
        f"is not a checkpoint: {size:,} bytes that begin neither like torch.save's nor like "
        f"safetensors; {_SAVE}"
    )


def _json_reason(path: Path) -> str:
    try:
        content = json.loads(path.read_bytes())
        parts = set(content["weight_map"].values())
    except (ValueError, LookupError, TypeError, AttributeError):
        return "is JSON text, not a checkpoint; name the file with the weights"
    return (
        f"is the index of a checkpoint in {len(parts)} files, not the checkpoint; save it as one "
        "file with safetensors"
    )
