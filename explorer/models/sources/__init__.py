"""The sources of networks, one file each.

A new source is a file here with a record `SOURCE`, and its module's name below.
"""

from __future__ import annotations

from importlib import import_module

from explorer.models.source import Source
from explorer.registry import Registry

_MODULES = (
    "explorer.models.sources.embedded",
    "explorer.models.sources.compressed",
    "explorer.models.sources.timm",
    "explorer.models.sources.torchvision",
    "explorer.models.sources.robust",
    "explorer.models.sources.torchhub",
    "explorer.models.sources.published",
    "explorer.models.sources.file",
    "explorer.models.sources.module",
)
"""In the order in which lists show them."""

SOURCES: Registry[Source] = Registry(
    "source", "model", (import_module(module).SOURCE for module in _MODULES)
)
