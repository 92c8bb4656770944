"""The sources of networks, one file each; a new one is registered by one line here."""

from __future__ import annotations

from explorer.models.source import Source
from explorer.models.sources import (
    embedded,
    file,
    published,
    robust,
    timm,
    torchhub,
    torchvision,
)
from explorer.registry import Registry

SOURCES: Registry[Source] = Registry("source", "model")

SOURCES.register(embedded.SOURCE)
SOURCES.register(timm.SOURCE)
SOURCES.register(torchvision.SOURCE)
SOURCES.register(robust.SOURCE)
SOURCES.register(torchhub.SOURCE)
SOURCES.register(published.SOURCE)
SOURCES.register(file.SOURCE)
