"""The limits of an app as a value: none at home, or those of a public demo on two cores."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace

LIMIT = "limit"
"""Metadata of the fields that are limits: (least, most), in the field's unit."""


def _limit(least: int, most: int) -> int | None:
    """A whole number, or None for no limit."""
    return field(default=None, metadata={LIMIT: (least, most)})  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Hosting:
    """What visitors of an app may do; as it is without arguments, all that the app can do.

    hosted: strangers use this app; nobody manages it from a page. Every limit is per visitor (one
    browser) and None where there is none:
    max_waiting, max_running: jobs in line, jobs that run. max_requests: results asked for at once.
    max_steps: of a search. max_px: side of the network's input. abandon_seconds: a job that nobody
    watches is cancelled after so long. upload_bytes: pictures held; all_upload_bytes: of everybody.
    max_classes: classes opened in a day, and further sets of images in them.
    networks: references, `*` for any characters, that visitors may name besides what ships and the
    curated list. max_network_bytes: size of a network's weights that visitors may have downloaded.
    free_disk_bytes: what a download leaves free. allowed_hosts: names by which the app answers, *
    for a part; () for any. metrics_address, metrics_port: where Prometheus reads; None for nowhere.
    """

    hosted: bool = False
    max_waiting: int | None = _limit(1, 1_000)
    max_running: int | None = _limit(1, 100)
    max_requests: int | None = _limit(1, 10_000)
    max_steps: int | None = _limit(1, 50_000)
    max_px: int | None = _limit(16, 1024)
    abandon_seconds: int | None = _limit(5, 86_400)
    upload_bytes: int | None = _limit(1_000_000, 10_000_000_000)
    all_upload_bytes: int | None = _limit(1_000_000, 10**12)
    max_classes: int | None = _limit(1, 100_000)
    networks: tuple[str, ...] = ()
    max_network_bytes: int | None = _limit(1_000_000, 10**12)
    free_disk_bytes: int = field(default=500_000_000, metadata={LIMIT: (0, 10**13)})
    allowed_hosts: tuple[str, ...] = ()
    metrics_address: str = "127.0.0.1"
    metrics_port: int | None = field(default=None, metadata={LIMIT: (1, 65_535)})

    @property
    def restricts_networks(self) -> bool:
        """Whether visitors may name only what ships, the curated list and `networks`."""
        return self.hosted or bool(self.networks)

    @property
    def in_words(self) -> str:
        """Every setting with its value, as in a TOML file, on one line."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return ", ".join(
            f"{name} = {json.dumps('none' if value is None else value)}"
            for name, value in values.items()
        )

    @property
    def limits(self) -> dict[str, tuple[int, int]]:
        """The least and the most that each limit can be, by its name."""
        return {each.name: each.metadata[LIMIT] for each in fields(self) if LIMIT in each.metadata}


HOME = Hosting()
DEMO = replace(
    HOME,
    hosted=True,
    max_waiting=2,
    max_running=1,
    max_requests=24,
    max_steps=2_000,
    max_px=320,
    abandon_seconds=60,
    upload_bytes=21_000_000,  # 20 MB as browsers count them
    all_upload_bytes=150_000_000,
    max_classes=24,
    max_network_bytes=250_000_000,
    free_disk_bytes=1_000_000_000,
)
"""A public demo on two CPU cores."""
