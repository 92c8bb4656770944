"""Architectures that a user's own Python builds: `python:FILE.py:CALLABLE`.

The file is run, so it is for the command line and for operators, never for visitors. CALLABLE is a
`torch.nn.Module` class or a function that returns a module. It is called with `num_classes=` where
it takes that, else without arguments. What the module says of its input in timm's way
(`pretrained_cfg` or `default_cfg` with `input_size`, `mean`, `std`, `interpolation`, `crop_pct`) is
used; what neither it nor the checkpoint states is ImageNet's usual.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError, did_you_mean
from explorer.files import expanded
from explorer.models.architectures.local_imports import importing, local_modules
from explorer.models.architectures.record import Architecture, ArchitectureSource
from explorer.models.architectures.torchvision import classifier
from explorer.models.names import first_line
from explorer.models.origins import assumed
from explorer.network_reference import CODE_ARCHITECTURE

if TYPE_CHECKING:
    from torch import nn

    from explorer.models.network import Network

FIELD = "architecture"
USUAL_SIDE = 224
_USUAL = assumed("ImageNet's usual ones; neither the file nor the checkpoint states any")
_HOW = f"write it like '{CODE_ARCHITECTURE}:net.py:build'"


def is_python(reference: str | None) -> bool:
    """Whether an architecture's reference is one of these."""
    return reference is not None and reference.startswith(f"{CODE_ARCHITECTURE}:")


def pinned(reference: str, folder: Path | None = None) -> str:
    """The reference with the file's full path; relative ones are of `folder` or the current one.

    Raises RequestError (field `architecture`) where there is no such file.
    """
    path, name = _split(reference.partition(":")[2])
    path = (folder or Path()).joinpath(expanded(FIELD, path)).resolve()
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # too long for a file's name, or with a null character
        is_file = False
    if not is_file:
        raise RequestError(FIELD, f"there is no file {str(path)!r}; {_HOW}")
    return f"{CODE_ARCHITECTURE}:{path}:{name}"


def source_hash(reference: str) -> str:
    """SHA-256, hexadecimal, of the file, the callable's name and the local modules it imports.

    Which these are: see `explorer.models.architectures.local_imports`. Files that the code reads
    while it runs are no part of it.
    """
    path, name = _split(reference.partition(":")[2])
    try:
        hashed = hashlib.sha256(path.read_bytes() + b"\0" + name.encode())
        for module, file in local_modules(path).items():
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            hashed.update(f"\0{module} {content}".encode())
    except OSError as error:
        unread = Path(error.filename or path).name
        raise RequestError(FIELD, f"{unread} cannot be read ({error.strerror})") from error
    return hashed.hexdigest()


def architecture(name: str, size: int | None) -> Architecture:
    """The architecture of `FILE.py:CALLABLE`; RequestError for what is not there or fails."""
    path, attribute = _split(name)
    digest, modules = source_hash(f"{CODE_ARCHITECTURE}:{name}"), local_modules(path)
    build = _callable(path, attribute, digest, modules)

    def create(num_classes: int | None = None) -> nn.Module:
        with importing(path, digest, modules):
            return _built(build, f"{path.name}:{attribute}", num_classes)

    return Architecture(create, lambda reference, module: _describe(reference, module, size))


def _split(name: str) -> tuple[Path, str]:
    path, _, attribute = name.rpartition(":")
    if not path or not attribute.isidentifier():
        raise RequestError(FIELD, f"{name!r} names no file and callable; {_HOW}")
    return Path(path), attribute


def _callable(
    path: Path, name: str, digest: str, modules: Mapping[str, Path]
) -> Callable[..., Any]:
    """The callable in the file, which is run afresh each time its content is another one."""
    module_name = f"_iri_architecture_{digest[:16]}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise RequestError(FIELD, f"{path.name} is no Python file; {_HOW}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            with importing(path, digest, modules):
                spec.loader.exec_module(module)
        except Exception as error:  # whatever the user's code raises
            del sys.modules[module_name]
            raise RequestError(FIELD, f"{path.name} fails: {_told(error)}") from error
    found = getattr(module, name, None)
    if not callable(found):
        names = [key for key, value in vars(module).items() if callable(value) and key[:1] != "_"]
        suggestion = did_you_mean(name, names, most=3)
        raise RequestError(
            FIELD,
            f"{path.name} has no callable {name!r}; {suggestion}it has "
            f"{', '.join(names[:6]) or 'none'}",
        )
    return found


def _built(build: Callable[..., Any], name: str, num_classes: int | None) -> nn.Module:
    from torch import nn

    options = {}
    if num_classes is not None:
        if not _takes(build, "num_classes"):
            raise RequestError(
                FIELD,
                f"{name} takes no num_classes, and the checkpoint has {num_classes} classes; let "
                "it take num_classes, or build the network with that many",
            )
        options["num_classes"] = num_classes
    try:
        module = build(**options)
    except RequestError:
        raise
    except Exception as error:  # whatever the user's code raises
        raise RequestError(FIELD, f"{name} fails: {_told(error)}") from error
    if not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise RequestError(FIELD, f"{name} returns a {kind}, not a torch.nn.Module")
    return module


def _takes(build: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(build).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(each.name == name or each.kind is each.VAR_KEYWORD for each in parameters)


def _describe(reference: str, module: nn.Module, size: int | None) -> Network:
    from explorer.models.grey import grey_input, input_channels, with_grey_input
    from explorer.models.network import InputSpec, Network, output_count

    config = getattr(module, "pretrained_cfg", None) or getattr(module, "default_cfg", None) or {}
    config = config if isinstance(config, dict) else vars(config)
    settings = {
        name: config[name]
        for name in ("mean", "std", "interpolation", "crop_pct")
        if config.get(name) is not None
    }
    *_, height, width = config.get("input_size") or (USUAL_SIDE, USUAL_SIDE)
    head = classifier(module)
    outputs = output_count(module.get_submodule(head)) if head else 0
    spec = InputSpec(size=(size, size) if size else (int(height), int(width)))
    network = Network(reference, module, spec, head, class_count=outputs, family="python")
    if input_channels(module) is None and len(settings.get("mean", ())) == 1:
        network = replace(network, input=grey_input(network.input))
    network = with_grey_input(network)
    stated = {*settings, *(["size"] if config.get("input_size") or size else [])}
    usual = dict.fromkeys(("mean", "std", "size", "interpolation", "crop_pct"), _USUAL)
    unstated = {name: origin for name, origin in usual.items() if name not in stated}
    network = replace(network, origins={**unstated, **network.origins})
    origin = f"{type(module).__name__}.pretrained_cfg"
    return network.with_input(origin, **settings) if settings else network


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


ARCHITECTURES = ArchitectureSource(
    name=CODE_ARCHITECTURE,
    title="architectures in Python files",
    help="any torch.nn.Module that a file of your own builds (the file is run)",
    example=f"{CODE_ARCHITECTURE}:net.py:build",
    architecture=architecture,
)
