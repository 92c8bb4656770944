"""The embedded workers: child processes that are started, watched, replaced and ended."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping

import psutil

from explorer.files import CHECKOUT
from explorer.jobs.parent import PARENT

log = logging.getLogger(__name__)

MAX_FAILED_STARTS = 3
MAX_PAUSE_SECONDS = 30.0
POLL_SECONDS = 0.25
TCP_TIMEOUT = "1 day"
"""How long a connection between scheduler and worker on this machine outlives that one of them is
stopped: Dask's 30 s would end a worker whose app was suspended for a minute. One that hangs is
replaced (`hung_workers.py`), and one that ends closes its connections."""

_TCP_TIMEOUT_VARIABLE = "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP"


class WorkerProcesses:
    """One `python -m explorer worker ADDRESS` per GPU, or one on the CPU, kept alive.

    environment: returns the variables that a worker gets in addition to those of this process;
    called before each start. serving: whether the scheduler has any worker now. on_failing: called
    with a message whenever a worker has ended MAX_FAILED_STARTS times or more in a row while none
    was serving.
    """

    def __init__(
        self,
        address: str,
        environment: Callable[[], Mapping[str, str]],
        serving: Callable[[], bool],
        on_failing: Callable[[str], None],
    ) -> None:
        self._address = address
        self._environment = environment
        self._serving = serving
        self._on_failing = on_failing
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        for slot, gpu in enumerate(visible_gpus() or [None]):
            threading.Thread(target=self._keep_alive, args=(slot, gpu), daemon=True).start()

    def pids(self) -> list[int]:
        """Process ids of the workers that are alive."""
        with self._lock:
            return [process.pid for process in self._processes.values() if process.poll() is None]

    def replace_all(self) -> None:
        """Kill every worker; each is started anew at once."""
        with self._lock:
            for process in self._processes.values():
                process.kill()

    def replace_unless(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait for a job that was given up to stop; replace every worker where it does not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if done():
                return
            time.sleep(0.05)
        log.warning("the worker did not give a job up; it is replaced")
        self.replace_all()

    def replace(self, pid: int) -> None:
        """Kill one worker; another is started at once."""
        with self._lock:
            for process in self._processes.values():
                if process.pid == pid:
                    process.kill()

    def close(self) -> None:
        """End every worker and start no more."""
        self._closing.set()
        with self._lock:
            processes = list(self._processes.values())
        for process in processes:
            process.terminate()
            process.send_signal(signal.SIGCONT)  # a stopped process would not notice
        for process in processes:
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _keep_alive(self, slot: int, gpu: str | None) -> None:
        device = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
        pause, failed_starts = 0.0, 0
        while not self._closing.wait(pause):
            try:
                process = self._start(slot, device)
            except OSError as error:  # such as a full disk, which has no room for the certificate
                log.error("a worker could not be started: %s", error)
                code, served = error.errno or 1, False
            else:
                code, served = self._wait(process) if process is not None else (0, False)
            if self._closing.is_set():
                return
            log.warning("a worker ended with exit code %s; starting another", code)
            pause = 0.0 if served else min(2 * pause + 1, MAX_PAUSE_SECONDS)
            failed_starts = 0 if served else failed_starts + 1
            if failed_starts >= MAX_FAILED_STARTS:
                self._on_failing(
                    f"the worker does not start (it ended {MAX_FAILED_STARTS} times in a row, "
                    f"last with code {code}); its messages in the log say why"
                )

    def _start(self, slot: int, device: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
        """A new worker in this slot; None once the workers are being ended."""
        with self._lock:
            if self._closing.is_set():
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "explorer", "worker", self._address],
                cwd=CHECKOUT,
                env={
                    **os.environ,
                    **self._environment(),
                    **device,
                    PARENT: str(os.getpid()),
                    _TCP_TIMEOUT_VARIABLE: TCP_TIMEOUT,
                },
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the terminal is for this process alone
            )
            self._processes[slot] = process
            return process

    def _wait(self, process: subprocess.Popen[bytes]) -> tuple[int, bool]:
        """Wait for its end: the exit code, and whether any worker served meanwhile."""
        served = False
        while True:
            try:
                return process.wait(timeout=POLL_SECONDS), served
            except subprocess.TimeoutExpired:
                served = served or self._serving()


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped, as by SIGSTOP or a debugger; False where it has ended."""
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    except psutil.NoSuchProcess:
        return False


def visible_gpus() -> list[str]:
    """The GPUs that workers may use, as CUDA_VISIBLE_DEVICES lists them; found without torch."""
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
