"""The embedded workers: child processes that are started, watched, replaced and ended."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent.parent
MOST_FAILED_STARTS = 3
LONGEST_PAUSE_SECONDS = 30.0
LOOK_SECONDS = 0.25


class Children:
    """One `python -m explorer worker ADDRESS` per GPU, or one on the CPU, kept alive.

    environment: gives the variables that a worker gets beside those of this process, before each
    start. serving: whether the scheduler has any worker now. cannot_serve: called with the exit
    code whenever one has ended MOST_FAILED_STARTS times or more in a row while none was serving.
    """

    def __init__(
        self,
        address: str,
        environment: Callable[[], Mapping[str, str]],
        serving: Callable[[], bool],
        cannot_serve: Callable[[int], None],
    ) -> None:
        self._address = address
        self._environment = environment
        self._serving = serving
        self._cannot_serve = cannot_serve
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._processes: dict[int, subprocess.Popen] = {}
        for slot, gpu in enumerate(visible_gpus() or [None]):
            threading.Thread(target=self._keep, args=(slot, gpu), daemon=True).start()

    def pids(self) -> list[int]:
        """Process ids of the workers that are alive."""
        with self._lock:
            return [one.pid for one in self._processes.values() if one.poll() is None]

    def replace_all(self) -> None:
        """Kill every worker; each is started anew at once."""
        with self._lock:
            for process in self._processes.values():
                process.kill()

    def close(self) -> None:
        """End every worker and start no more."""
        self._closing.set()
        with self._lock:
            processes = list(self._processes.values())
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _keep(self, slot: int, gpu: str | None) -> None:
        chosen = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
        pause, failed_starts = 0.0, 0
        while not self._closing.wait(pause):
            try:
                process = self._start(slot, chosen)
            except OSError as error:  # such as no room for its certificate
                log.error("a worker could not be started: %s", error)
                code, served = error.errno or 1, False
            else:
                code, served = self._watch(process) if process is not None else (0, False)
            if self._closing.is_set():
                return
            log.warning("a worker ended with code %s; the next one starts", code)
            pause = 0.0 if served else min(2 * pause + 1, LONGEST_PAUSE_SECONDS)
            failed_starts = 0 if served else failed_starts + 1
            if failed_starts >= MOST_FAILED_STARTS:
                self._cannot_serve(code)

    def _start(self, slot: int, chosen: Mapping[str, str]) -> subprocess.Popen | None:
        """A new worker in this slot; None once the workers are being ended."""
        with self._lock:
            if self._closing.is_set():
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "explorer", "worker", self._address],
                cwd=ROOT,
                env=os.environ | self._environment() | chosen,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the terminal is for us alone
            )
            self._processes[slot] = process
            return process

    def _watch(self, process: subprocess.Popen) -> tuple[int, bool]:
        """Wait for its end: the exit code, and whether any worker served meanwhile."""
        served = False
        while True:
            try:
                return process.wait(timeout=LOOK_SECONDS), served
            except subprocess.TimeoutExpired:
                served = served or self._serving()


def visible_gpus() -> list[str]:
    """The GPUs that workers may use, as CUDA_VISIBLE_DEVICES wants them; found without torch."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [gpu for gpu in allowed.split(",") if gpu.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    listed = subprocess.run(
        [program, "--query-gpu=index", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    return listed.stdout.split() if listed.returncode == 0 else []
