"""The model cache: networks that a worker keeps loaded, the least recently used dropped first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path

import torch

from explorer.errors import RequestError
from explorer.models.memory_setting import networks_memory
from explorer.models.network import Network

SHARE = 0.25
"""Of the device's memory, where IRI_NETWORKS_MEMORY says nothing else."""

_CGROUP = Path("/sys/fs/cgroup/memory.max")


class ModelCache:
    """Loaded networks by key. Safe between threads; each network is loaded once.

    Dropping one only lets go of it: a job that is using it keeps it until it is done.
    """

    def __init__(self, budget: Callable[[str], int] | None = None) -> None:
        self._budget = budget or budget_of
        self._lock = threading.Lock()
        self._loading: dict[Hashable, threading.Lock] = {}
        self._networks: OrderedDict[Hashable, Network] = OrderedDict()

    def get(self, key: Hashable, load: Callable[[], Network]) -> Network:
        """The network of this key, loaded now if it is not here; others are dropped for it."""
        with self._lock:
            loading_lock = self._loading.setdefault(key, threading.Lock())
        with loading_lock:
            with self._lock:
                if key in self._networks:
                    self._networks.move_to_end(key)
                    return self._networks[key]
            network = load()
            with self._lock:
                self._networks[key] = network
                self._drop(network.device.type, self._budget(network.device.type))
            return network

    def make_room(self, needed: int, device: str) -> None:
        """Drop what was not used longest, so that `needed` more bytes stay within the budget."""
        with self._lock:
            self._drop(device, self._budget(device) - needed, spare=None)

    def clear(self) -> None:
        """Let go of every network."""
        with self._lock:
            self._networks.clear()

    def __len__(self) -> int:
        return len(self._networks)

    def _drop(self, device: str, allowed: int, spare: int | None = -1) -> None:
        keys = [key for key, kept in self._networks.items() if kept.device.type == device]
        total = sum(self._networks[key].nbytes for key in keys)
        for key in keys[:spare]:
            if total <= allowed:
                return
            total -= self._networks.pop(key).nbytes


def budget_of(device: str) -> int:
    """Bytes that the cache may take on a kind of device: IRI_NETWORKS_MEMORY, or a share."""
    chosen = networks_memory()
    return int(SHARE * memory_of(device)[0]) if chosen is None else chosen


def memory_of(device: str) -> tuple[int, int]:
    """(bytes of the device's memory, bytes that are free), a container's limit respected."""
    if device.startswith("cuda"):
        free, total = torch.cuda.mem_get_info(device)
        return total, free
    import psutil

    memory = psutil.virtual_memory()
    limit = _CGROUP.read_text().strip() if _CGROUP.is_file() else "max"
    if not limit.isdigit():
        return memory.total, memory.available
    used = int(_CGROUP.with_name("memory.current").read_text())
    return min(memory.total, int(limit)), min(memory.available, max(0, int(limit) - used))


def check_room(reference: str, needed: int, device: str) -> None:
    """Raise RequestError that says how big the network is if the device cannot hold it."""
    total, free = memory_of(device)
    if needed <= free:
        return
    where = "the GPU" if device.startswith("cuda") else "this machine"
    raise RequestError(
        "model",
        f"the weights of {reference} alone take {needed / 1e9:.1f} GB, and {where} has "
        f"{free / 1e9:.1f} GB of {total / 1e9:.0f} GB free; choose a smaller network",
    )
