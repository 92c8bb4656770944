"""Fine-tunes in timm's format on the Hugging Face Hub: `timm:hf-hub:USER/NAME`, at one commit.

A repository holds `config.json`, which names the architecture and its input, and the weights. The
commit is looked up once, when the request is made, and becomes part of the reference
(`timm:hf-hub:USER/NAME@COMMIT`), so that a repository that changes is a new request.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.errors import RequestError, without_folders
from explorer.models.downloads import Progress, from_hub
from explorer.models.names import first_line
from explorer.network_reference import NetworkReference

if TYPE_CHECKING:
    from torch import nn

PREFIX = "hf-hub:"
CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")

_NAME = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_hub_name(name: str) -> bool:
    """Whether what stands behind `timm:` names a repository; RequestError for a malformed one."""
    if not name.startswith(PREFIX):
        return False
    if ".." in name or not _NAME.fullmatch(name.removeprefix(PREFIX)):
        raise RequestError(
            "model",
            f"{name!r} is no repository; write it like 'timm:{PREFIX}USER/NAME', with a commit "
            "behind '@' where it is not the newest",
        )
    return True


def repository(name: str) -> tuple[str, str | None]:
    """(USER/NAME, revision or None) of `hf-hub:USER/NAME@REVISION`."""
    path, _, revision = name.removeprefix(PREFIX).partition("@")
    return path, revision or None


def pin(reference: NetworkReference) -> NetworkReference:
    """The reference at one commit: that on this machine, else the newest (HubUnreachable if none).

    Only `config.json` is downloaded for it, of what `explorer.models.allowed` allows; RequestError
    for the rest.
    """
    if not is_hub_name(reference.name):
        return reference
    path, revision = repository(reference.name)
    if revision and _COMMIT.fullmatch(revision):
        return reference
    from explorer.models.allowed import check_allowed  # which knows all sources

    check_allowed(reference.model)
    commit = _folder(reference, _ignore).name
    return replace(reference, model=f"timm:{PREFIX}{path}@{commit}")


def create(
    reference: NetworkReference, progress: Progress, pretrained: bool, size: int | None = None
) -> nn.Module:
    """timm's module as `config.json` describes it, with the repository's weights if `pretrained`.

    Raises RequestError where the repository is not in timm's format, HubUnreachable where a
    download is needed and the hub does not answer.
    """
    import timm
    from safetensors import SafetensorError

    folder = _folder(reference, progress)
    if pretrained:
        path, revision = repository(reference.name)
        folder = from_hub(reference.model, path, WEIGHTS, revision, progress).parent
        progress("loading the network")
    fixed: dict[str, Any] = {} if size is None else {"img_size": size}
    try:
        try:
            return timm.create_model(f"local-dir:{folder}", pretrained=pretrained, **fixed)
        except TypeError:  # convolutional networks take any size without being told
            return timm.create_model(f"local-dir:{folder}", pretrained=pretrained)
    except (KeyError, ValueError, RuntimeError, TypeError, SafetensorError, OSError) as error:
        reason = without_folders(first_line(error))
        raise RequestError(
            "model",
            f"{reference.model} is not a network in timm's format ({reason}); it needs a "
            f"{CONFIG} with an architecture that timm knows, and {' or '.join(WEIGHTS)}",
        ) from error


def _folder(reference: NetworkReference, progress: Progress) -> Path:
    """The folder of the repository at its revision, named by the commit, with `config.json`."""
    path, revision = repository(reference.name)
    return from_hub(reference.model, path, (CONFIG,), revision, progress).parent


def _ignore(message: str) -> None:
    """The download of a kilobyte needs no progress."""
