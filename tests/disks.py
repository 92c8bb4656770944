"""Disks that are full or read-only, for a test's child process alone.

Root may write where modes forbid it, so modes prove nothing: the child gets a mount of its own in
namespaces of its own, which end with it.
"""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
SMALL = 'mount -t tmpfs -o size=3m tmpfs "$0"'
_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


@cache
def can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    command = [*_UNSHARE, "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(command, capture_output=True, timeout=20).returncode == 0


def run_on(mount: str, directory: Path, code: str, *arguments: object) -> str:
    """What Python code printed whose directory, `sys.argv[1]`, is on such a disk.

    mount: shell commands that mount it at "$0". Skips the test where nothing can be mounted.
    """
    if not can_mount():
        pytest.skip("mounts need Linux with unprivileged user namespaces")
    directory.mkdir(exist_ok=True)
    script = f'{mount} && exec "$@"'
    done = subprocess.run(
        [*_UNSHARE, "sh", "-c", script, directory, sys.executable, "-c", code, directory]
        + [str(each) for each in arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
