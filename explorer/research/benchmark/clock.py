"""Timing on devices that run asynchronously, and the memory that was used."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


class Clock:
    """Laps in seconds: the host's clock on a CPU, the device's own events on CUDA.

    `start` begins a lap and discards the time before it; `lap` ends one and begins the next.
    Neither waits for the device.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._lap_started_at: Any = None
        self._laps: list[tuple[Any, Any]] = []  # (host, CPU) seconds, or CUDA events

    def _now(self) -> Any:
        if not self._cuda:
            return time.perf_counter(), time.process_time()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def start(self) -> None:
        """Begin a lap."""
        self._lap_started_at = self._now()

    def lap(self) -> None:
        """End the current lap and begin the next."""
        now = self._now()
        self._laps.append((self._lap_started_at, now))
        self._lap_started_at = now

    def laps(self) -> list[float]:
        """All laps so far, in seconds; waits for the device."""
        if not self._cuda:
            return [end[0] - begin[0] for begin, end in self._laps]
        torch.cuda.synchronize()
        return [begin.elapsed_time(end) / 1000 for begin, end in self._laps]

    def cpu_laps(self) -> list[float] | None:
        """The CPU time of this process in each lap, all its threads; None for laps on CUDA.

        On a machine that others use, too, this measures the cost of a lap better than its length.
        """
        if self._cuda:
            return None
        return [end[1] - begin[1] for begin, end in self._laps]


def peak_memory(work: Callable[[], object], device: torch.device) -> int | None:
    """Peak memory of `work` in bytes, beyond what was in use before it; None where unknown.

    CUDA: torch's statistics of allocated memory. CPU: resident memory of this process, whose peak
    only Linux can reset; memory that earlier work has freed is returned to the system first.
    """
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except (OSError, AttributeError):
        return None
    before = _resident("VmRSS")
    work()
    return max(0, _resident("VmHWM") - before)


def _resident(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")
