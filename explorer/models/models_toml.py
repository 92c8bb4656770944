"""Checkpoints that the operator publishes in the app: `models.toml`. No torch.

    [networks.lab-resnet50]
    file = "/srv/models/lab.pt"            # or relative to models.toml
    architecture = "timm:resnet50"
    title = "ResNet-50, our training"
    summary = "What we did to it, in a sentence."

Optional: `weights_key`, `input_size` (px), `mean`, `std`, `interpolation`, `crop_pct`,
`crop_mode`, `classes`, and the facts that the picker shows (`family`, `residual`, `objective`,
`augmentation`, `data`, `norm`, `epsilon`, `licence`, `paper`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, get_type_hints

from explorer.errors import RequestError, did_you_mean, shortened
from explorer.files import CHECKOUT, expanded
from explorer.images.fitting import CROP_MODES
from explorer.models.architectures import python
from explorer.models.architectures.declared import check_declared
from explorer.models.checkpoints.reading import sha256_of
from explorer.network_reference import SIZE_RANGE, NetworkReference

log = logging.getLogger(__name__)

FILE = "models.toml"
VARIABLE = "IRI_MODELS_TOML"

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_SECRET = ("file", "architecture")
"""Whose values no message shows: visitors read these messages, too."""

_INPUT = ("mean", "std", "interpolation", "crop_pct", "crop_mode")
_CHOICES = {"crop_mode": CROP_MODES, "norm": ("l2", "linf")}
_LARGEST_EPSILON = 1000.0
"""Above any radius of attacks in training, on images in [0, 1]."""

_WEB_ADDRESS = re.compile(r"https?://[^\s()<>\[\]`|]+")


@dataclass(frozen=True)
class PublishedNetwork:
    """One entry of models.toml; None and "" stand for what it does not say."""

    name: str
    file: str
    architecture: str
    title: str = ""
    summary: str = ""
    input_size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    interpolation: str | None = None
    crop_pct: float | None = None
    crop_mode: str | None = None
    weights_key: str | None = None
    classes: tuple[str, ...] = ()
    family: str = ""
    residual: bool = False
    objective: str = ""
    augmentation: str = ""
    data: str = ""
    norm: str = ""
    epsilon: float = 0.0
    licence: str = ""
    paper: str = ""

    @property
    def input(self) -> dict[str, object]:
        """How pictures are brought to it, where that differs from its architecture's way."""
        values = {name: getattr(self, name) for name in _INPUT}
        return {name: value for name, value in values.items() if value is not None}


def toml_path() -> Path:
    """Where models.toml is stored: IRI_MODELS_TOML, or next to app.py, or in the current folder."""
    chosen = os.environ.get(VARIABLE, "").strip()
    return expanded(VARIABLE, chosen) if chosen else (CHECKOUT or Path.cwd()) / FILE


def check_models_toml() -> None:
    """Raise RequestError for a models.toml that is wrong, or that IRI_MODELS_TOML alone knows."""
    if os.environ.get(VARIABLE, "").strip() and not toml_path().is_file():
        raise RequestError(
            VARIABLE,
            f"there is no file {toml_path().name} where it says; name the file that lists the "
            "networks which you publish, or leave it out",
        )
    _published()


def networks() -> dict[str, PublishedNetwork]:
    """The published networks by name; none where there is no models.toml.

    Raises RequestError (field `models.toml`) that says what is wrong with the file.
    """
    try:
        return _published()
    except RequestError as error:
        _log_once(str(error))
        raise


def _published() -> dict[str, PublishedNetwork]:
    path = toml_path()
    try:
        return _read(path, path.stat().st_mtime_ns) if path.is_file() else {}
    except OSError as error:
        raise RequestError(FILE, f"it cannot be read ({error.strerror})") from error


def named(name: str) -> PublishedNetwork:
    """The published network of this name; RequestError lists those that there are."""
    published = networks()
    if name in published:
        return published[name]
    suggestion = did_you_mean(name, published, "own:", cutoff=0.4)
    choice = ", ".join(f"'own:{each}'" for each in published)
    choice = f"choose one of {choice}" if choice else "there are none; the operator lists them"
    raise RequestError("model", f"'own:{name}' is not published here; {suggestion}{choice}")


def fingerprint(name: str) -> str:
    """SHA-256 of a published network's checkpoint and of what models.toml says of its input.

    It stands in the request, so that a changed file or setting is a new request.
    """
    network = named(name)
    path = Path(network.file)
    try:
        if not path.is_file():
            raise RequestError("model", f"the checkpoint of 'own:{name}' is not there any more")
        stat = path.stat()
        content = _digest(path, stat.st_size, stat.st_mtime_ns)
    except OSError as error:  # its text would tell visitors where the file is
        reason = f"the checkpoint of 'own:{name}' cannot be read ({error.strerror})"
        raise RequestError("model", reason) from error
    architecture = network.architecture
    if python.is_python(architecture):
        try:
            architecture = python.source_hash(architecture)
        except (RequestError, OSError, ValueError, SyntaxError) as error:
            _log_once(f"own:{name}: {error}")
            reason = f"the architecture of 'own:{name}' cannot be read; the log says why"
            raise RequestError("model", reason) from error
    settings: list[object] = [architecture, network.input_size, network.input, network.classes]
    if network.weights_key is not None:
        settings.append(network.weights_key)
    return hashlib.sha256(json.dumps([content, settings]).encode()).hexdigest()


@lru_cache(maxsize=256)
def _digest(path: Path, _size: int, _changed: int) -> str:
    return sha256_of(path)


@lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> dict[str, PublishedNetwork]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # also of numbers that are too long
        raise RequestError(FILE, f"it is no TOML: {error}") from error
    rows = content.pop("networks", {})
    for name in content:
        raise RequestError(
            FILE, f"no such table {shortened(name)}; networks are written as [networks.NAME]"
        )
    if not isinstance(rows, dict):
        raise RequestError(FILE, "networks are written as [networks.NAME]")
    return {name: _network(name, row, path.parent) for name, row in rows.items()}


def _network(name: str, row: object, folder: Path) -> PublishedNetwork:
    table = f"[networks.{name}]"
    if not _NAME.fullmatch(name) or not isinstance(row, dict):
        raise RequestError(FILE, f"{table}: a name is of small letters, digits, '.', '_' and '-'")
    hints = get_type_hints(PublishedNetwork)
    allowed = {field.name for field in fields(PublishedNetwork)} - {"name"}
    for key in row:
        if key not in allowed:
            raise RequestError(FILE, f"{table}: no such key {key!r}; {', '.join(sorted(allowed))}")
    for key in ("file", "architecture"):
        if not isinstance(row.get(key), str) or not row[key]:
            what = "is missing" if not row.get(key) else "is not a text"
            raise RequestError(FILE, f"{table}: {key} {what}")
    values: dict[str, Any] = {
        key: _value(table, key, value, str(hints[key])) for key, value in row.items()
    }
    try:
        values["file"] = str((folder / row["file"]).resolve())
    except (ValueError, OSError) as error:  # such as a null character in it
        raise RequestError(FILE, f"{table}: file cannot be a file's name ({error})") from error
    if "input_size" in values:
        low, high = SIZE_RANGE
        size = values["input_size"]
        if not low <= size <= high:
            raise RequestError(FILE, f"{table}: input_size is from {low} to {high} px, not {size}")
    network = PublishedNetwork(name=name, **({"title": name} | values))
    _check_facts(table, network, values)
    try:
        if python.is_python(network.architecture):
            network = replace(network, architecture=_pinned(table, network.architecture, folder))
        else:
            check_declared(network.architecture)
        _reference(network).check()
    except RequestError as error:
        raise RequestError(FILE, f"{table}: {error.field}: {error.message}") from error
    return network


def _check_facts(table: str, network: PublishedNetwork, values: Mapping[str, object]) -> None:
    """Raise RequestError for what a page would show or a picture be cropped by, and cannot be."""
    for key, choices in _CHOICES.items():
        if key in values and values[key] not in choices:
            raise RequestError(
                FILE, f"{table}: {key} is {' or '.join(choices)}, not {shortened(values[key])}"
            )
    if not 0 <= network.epsilon <= _LARGEST_EPSILON:
        raise RequestError(
            FILE, f"{table}: epsilon is a number from 0 on, not {shortened(network.epsilon)}"
        )
    if network.paper and not _WEB_ADDRESS.fullmatch(network.paper):
        raise RequestError(
            FILE,
            f"{table}: paper is the address of a web page, which begins with https://, not "
            f"{shortened(network.paper)}",
        )


def _pinned(table: str, architecture: str, folder: Path) -> str:
    """A `python:` architecture with the file's full path, which the log alone may name."""
    try:
        return python.pinned(architecture, folder)
    except RequestError as error:
        _log_once(f"{FILE}: {table}: {error}")
        raise RequestError(
            "architecture",
            "it names no Python file that is there; write it like 'python:FILE.py:CALLABLE' (the "
            "log says more)",
        ) from error


@lru_cache(maxsize=64)
def _log_once(message: str) -> None:
    """Log a message that every run of a page would repeat."""
    log.error(message)


def _reference(network: PublishedNetwork) -> NetworkReference:
    """The settings as those of a reference, which knows what they may be."""
    return NetworkReference(
        f"own:{network.name}",
        weights="0" * 64,
        mean=network.mean,
        std=network.std,
        interpolation=network.interpolation,
        crop_pct=network.crop_pct,
    )


def _value(table: str, key: str, value: Any, hint: str) -> Any:
    """The value in the field's type; RequestError if it is of another."""
    wanted, ok = "a text", isinstance(value, str)
    if "tuple[float" in hint:
        ok = isinstance(value, list) and len(value) in (1, 3) and all(map(_is_number, value))
        wanted = "three numbers, or one for a grey network"
        value = tuple(map(float, value)) if ok else value
    elif "tuple[str" in hint:
        ok = isinstance(value, list) and all(isinstance(each, str) for each in value)
        wanted, value = "a list of texts", tuple(value) if ok else value
    elif "bool" in hint:
        wanted, ok = "true or false", isinstance(value, bool)
    elif "int" in hint:
        wanted, ok = "a whole number", isinstance(value, int) and not isinstance(value, bool)
    elif "float" in hint:
        ok = _is_number(value)
        wanted, value = "a number", float(value) if ok else value
    if not ok:
        shown = f"a {type(value).__name__}" if key in _SECRET else shortened(value)
        raise RequestError(FILE, f"{table}: {key} is {wanted}, not {shown}")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
