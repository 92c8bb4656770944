"""What a sweep will take, before it runs: how much is cached already, time, and disk."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from explorer.analysis.bytes_store import keep
from explorer.jobs.worker_processes import visible_gpus
from explorer.losses.variants import loss_of
from explorer.models import catalogue
from explorer.request import Request
from explorer.store import Store

_PREFIX = "pace:"
_KEPT = 0.5  # of an earlier pace, when a new one is measured

# Seconds and bytes of an IRI in a batch, on one CPU core: of small networks (docs/benchmarks.md).
_SECONDS_PER_PASS = 0.0015  # at 64×64 px
_SECONDS_BESIDES = 0.9
_MOST_PASSES = 300  # most searches of the match alone end earlier than their budget
_GPU_SPEEDUP = 15
_BYTES_PER_PIXEL, _BYTES_BESIDES = 16, 85_000


@dataclass(frozen=True)
class Pace:
    """What one IRI takes, in a batch: seconds of a worker, and bytes in the cache."""

    seconds: float
    bytes: float


@dataclass(frozen=True)
class Estimate:
    """What is left to do of a sweep.

    requests, cached: how many there are, and of how many the result is there. seconds: for the
    others, by as many workers as now serve. bytes: of the others in the cache. pack_bytes: of the
    pack of all. timed: the share of the others whose network has been timed on this machine.
    """

    requests: int
    cached: int
    seconds: float
    bytes: float
    pack_bytes: float
    timed: float

    @property
    def missing(self) -> int:
        """How many are to be generated."""
        return self.requests - self.cached

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, for `iri plan --json`."""
        return {
            "requests": self.requests,
            "cached": self.cached,
            "missing": self.missing,
            "seconds": round(self.seconds, 1),
            "cache_bytes": round(self.bytes),
            "pack_bytes": round(self.pack_bytes),
            "timed": round(self.timed, 3),
        }

    def sentence(self) -> str:
        """Count, time and disk in a line."""
        if not self.missing:
            all_of_them = "It is" if self.requests == 1 else f"All {self.requests:,} are"
            return f"{all_of_them} in the cache; nothing has to be generated."
        basis = "" if self.timed == 1 else ", a rough guess until its networks have been timed here"
        return (
            f"{self.missing:,} to generate, {self.cached:,} in the cache already; "
            f"about {duration(self.seconds)}{basis}; about {size(self.bytes)} in the cache and "
            f"{size(self.pack_bytes)} in the pack."
        )


def cached_keys(requests: Sequence[Request], store: Store) -> set[str]:
    """The keys of the requests whose result the store has."""
    return {request.key for request in requests} & set(store.results(""))


def estimate(requests: Sequence[Request], store: Store, workers: int = 1) -> Estimate:
    """The estimate for these requests, of which the store may have some results."""
    cached = cached_keys(requests, store)
    paces: dict[str, Pace | None] = {}
    seconds = size_here = pack = 0.0
    timed = 0
    for request in requests:
        key = pace_key(request)
        if key not in paces:
            paces[key] = _read(store.get(key))
        pace = paces[key] or _guess(request)
        pack += pace.bytes
        if request.key not in cached:
            seconds += pace.seconds
            size_here += pace.bytes
            timed += paces[key] is not None
    missing = len(requests) - len(cached)
    return Estimate(
        requests=len(requests),
        cached=len(cached),
        seconds=seconds / max(1, workers),
        bytes=size_here,
        pack_bytes=pack,
        timed=timed / missing if missing else 1.0,
    )


def seconds_of(requests: Iterable[Request], store: Store) -> dict[str, float]:
    """What each request's IRI takes in seconds, as far as that is known, by the request's key."""
    paces: dict[str, Pace] = {}
    found = {}
    for request in requests:
        key = pace_key(request)
        if key not in paces:
            paces[key] = _read(store.get(key)) or _guess(request)
        found[request.key] = paces[key].seconds
    return found


def pace_key(request: Request) -> str:
    """The store's key of the pace of IRIs like this one: same network, same effort."""
    effort = round(math.log2(request.steps))
    facts = [request.network.identity, effort, bool(request.nearest)]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return f"{_PREFIX}{digest}"


def learn(store: Store, measured: Mapping[str, Sequence[Pace]]) -> None:
    """Keep what IRIs took, by `pace_key`, for later estimates."""
    for key, paces in measured.items():
        seconds, count = fmean(each.seconds for each in paces), fmean(each.bytes for each in paces)
        before = _read(store.get(key)) or Pace(seconds, count)
        kept = (
            _KEPT * before.seconds + (1 - _KEPT) * seconds,
            _KEPT * before.bytes + (1 - _KEPT) * count,
        )
        keep(store, key, json.dumps(kept).encode())


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min` or `2 d 4 h`."""
    if seconds < 99.5:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def size(count: float) -> str:
    """`3 MB` or `1.2 GB`."""
    return f"{max(1, round(count / 1e6)):,} MB" if count < 9.5e8 else f"{count / 1e9:,.1f} GB"


def _read(data: bytes | None) -> Pace | None:
    if data is None:
        return None
    try:
        seconds, count = map(float, json.loads(data))
        return Pace(seconds, count)
    except (ValueError, TypeError):
        return None


def _guess(request: Request) -> Pace:
    """A pace for a network that has not been timed here, by the number of its pixels."""
    height, width = catalogue.input_size_or_default(request.network)
    loss = loss_of(request)
    passes = min(request.steps, _MOST_PASSES) if loss.only_match else request.steps
    passes *= 2 if request.nearest else 1
    seconds = height * width / 64**2 * (_SECONDS_PER_PASS * passes + _SECONDS_BESIDES)
    speedup = _GPU_SPEEDUP if visible_gpus() else 1
    return Pace(seconds / speedup, _BYTES_PER_PIXEL * height * width + _BYTES_BESIDES)
