"""Numbers for Prometheus on a port of their own, which no visitor reaches: queue, jobs, memory.

Off unless `explorer.hosting` names a port. Counted when somebody asks, at no other time.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import suppress

import psutil
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from explorer.app.uploads import UPLOADS, sessions
from explorer.errors import RequestError
from explorer.hosting import Hosting
from explorer.hosting.reading import FILE
from explorer.images.apart import decoder_of_this_process
from explorer.jobs.engine import Engine
from explorer.jobs.shared import engine_of_this_process

log = logging.getLogger(__name__)

OUTCOMES = ("done", "failed", "cancelled", "abandoned", "retried")
"""Of jobs since the app started, as `Engine.metrics` names them."""


def start(limits: Hosting) -> None:
    """Serve the numbers at the configured address; RequestError where that cannot be.

    Where another process has the port, the log says so: of several replicas that share a file of
    limits, one serves its numbers.
    """
    if limits.metrics_port is None:
        return
    registry = CollectorRegistry()
    registry.register(AppCollector())
    address, port = limits.metrics_address, limits.metrics_port
    try:
        start_http_server(port, address, registry)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            log.error("No metrics: another process has the port %s of %s", port, address)
            return
        reason = (error.strerror or "nobody knows why").lower()
        raise RequestError(
            FILE, f"metrics_port = {port} of {address} cannot be listened at: {reason}"
        ) from error
    log.warning("Metrics for Prometheus: http://%s:%s/metrics", address, port)


class AppCollector(Collector):
    """What is known of this process now, as Prometheus reads it."""

    def describe(self) -> list[Metric]:
        """Nothing: asking the engine for it would start it."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every number, freshly counted."""
        engine = engine_of_this_process()
        counts = engine.metrics()
        yield _gauge("iri_jobs_waiting", "Jobs in line.", counts["waiting"])
        yield _gauge("iri_jobs_running", "Jobs that run.", counts["running"])
        jobs = CounterMetricFamily("iri_jobs", "Jobs that ended, by outcome.", labels=["outcome"])
        for outcome in OUTCOMES:
            jobs.add_metric([outcome], counts[outcome])
        yield jobs
        yield _counter("iri_worker_seconds", "Seconds of computing.", counts["worker_seconds"])
        yield _counter("iri_cache_hits", "Results found in the cache.", counts["cache_hits"])
        yield _counter("iri_cache_misses", "Results computed.", counts["cache_misses"])
        yield _gauge("iri_sessions", "Open tabs.", sessions())
        held = sum(UPLOADS.held().values())
        yield _gauge("iri_upload_bytes", "Uploads in memory, in bytes.", held)
        memory = GaugeMetricFamily(
            "iri_memory_bytes", "Resident memory, by process.", labels=["process"]
        )
        for name, size in memory_of(engine).items():
            memory.add_metric([name], size)
        yield memory


def memory_of(engine: Engine) -> dict[str, int]:
    """Resident bytes of the app, its workers on this machine, and the decoder of uploads."""
    decoder = decoder_of_this_process().pid
    return {
        "app": _resident([psutil.Process().pid]),
        "workers": _resident(engine.worker_pids()),
        "decoder": _resident([] if decoder is None else [decoder]),
    }


def _resident(pids: list[int]) -> int:
    total = 0
    for pid in pids:
        with suppress(psutil.Error):  # it has ended meanwhile
            total += psutil.Process(pid).memory_info().rss
    return total


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value)
