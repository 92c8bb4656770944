"""Registries: the records of one kind of thing by name, from which everything else is derived.

A record says all that the program knows of a thing: its name, title, help, limits and function.
Labels on the page, help texts, validation, listings and tables in the documents are read from it,
so that adding a thing is one record and one line that registers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol, TypeVar

from explorer.errors import unknown


class Record(Protocol):
    """What every record has."""

    @property
    def name(self) -> str:
        """The name by which requests, links and the command line know it."""


R = TypeVar("R", bound=Record)


class Registry(Mapping[str, R]):
    """Records by name, in the order in which they were registered.

    kind: what they are, for messages (`optimiser`). field: of a request, which errors name.
    """

    def __init__(self, kind: str, field: str, records: Iterable[R] = ()) -> None:
        self.kind, self.field = kind, field
        self._records: dict[str, R] = {}
        for record in records:
            self.register(record)

    def register(self, record: R) -> R:
        """Add a record; ValueError where its name is taken."""
        if record.name in self._records:
            raise ValueError(f"there is a {self.kind} {record.name!r} already")
        self._records[record.name] = record
        return record

    def register_from(self, path: str) -> R:
        """Register the record at `module:NAME`, such as `explorer.images.ramp:RAMP`."""
        module, _, name = path.partition(":")
        record: R = getattr(import_module(module), name)
        return self.register(record)

    def named(self, name: str) -> R:
        """The record of this name; RequestError suggests the nearest and lists them all."""
        if name not in self._records:
            raise unknown(self.field, self.kind, name, self._records)
        return self._records[name]

    @contextmanager
    def holding(self, record: R) -> Iterator[R]:
        """While this lasts the record is registered, too."""
        self.register(record)
        try:
            yield record
        finally:
            self._records.pop(record.name, None)

    def __getitem__(self, name: str) -> R:
        return self._records[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)
