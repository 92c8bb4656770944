"""What tests of the store of judgements use: a small stimulus set, and their own PostgreSQL."""

import hashlib
import io
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from PIL import Image

from explorer.request import Request
from explorer.study.records import Stimulus
from explorer.study.stimulus_set import StimulusSet


def small_set(count: int = 20, title: str = "Small") -> StimulusSet:
    """So many stimuli of two networks, each with a target of its own, in single colours."""
    pictures: dict[str, bytes] = {}

    def add(red: int, green: int) -> str:
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), (red, green, len(title))).save(buffer, "PNG")
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        pictures[sha256] = buffer.getvalue()
        return sha256

    stimuli = []
    for place in range(count):
        model = f"embedded:imagenette-residual-{('adv1', 'standard')[place % 2]}"
        request = Request(model=model, target="astronaut", seed="noise", rng_seed=place)
        stimuli.append(
            Stimulus(
                name=f"image-{place}",
                key=request.key,
                request=request.to_dict(),
                iri=add(place, 0),
                target=add(place, 1),
                seed=add(place, 2),
                model=model,
                layer="penultimate",
                loss="freq",
                target_name=f"target-{place}",
                seed_name="noise",
                margins={"lpips": 0.5},
                held_out=("lpips",),
            )
        )
    return StimulusSet("small", title, tuple(stimuli), pictures)


class Postgres:
    """A running PostgreSQL server that listens on a socket in its own folder alone.

    fsync: whether a commit is on disk, as on any real server; without it tests are quicker.
    """

    def __init__(self, folder: Path, programs: Path, fsync: bool) -> None:
        self._folder, self._programs, self._fsync = folder, programs, fsync
        self._schemas = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._as_user = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres")
            self._as_user = {"user": "postgres"}
        self._run("initdb", "-U", "iri", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        values = {"listen_addresses": "", "shared_buffers": "16MB", "max_connections": "60"}
        values["fsync"] = "on" if self._fsync else "off"
        settings = [each for name, value in values.items() for each in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-k", self._folder, *settings],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self._folder,
                **self._as_user,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self._connect().close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    pytest.fail((self._folder / "log").read_text()[-2000:])
                time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash does: nothing that is not on disk by now is written."""
        assert self._process is not None
        self._run("pg_ctl", "stop", "-m", "immediate")
        self._process.wait(30)

    def new_database(self) -> str:
        """An address with no tables: that of a new schema, which is quicker than a database."""
        self._schemas += 1
        schema = f"study_{self._schemas}"
        with self._connect() as connection:
            connection.execute(f"CREATE SCHEMA {schema}")
        return f"postgresql://iri@/postgres?host={self._folder}&options=-csearch_path%3D{schema}"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, "-D", self._data, *arguments],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **self._as_user,
        )

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(f"host={self._folder} user=iri dbname=postgres")


@contextmanager
def postgres_server(*, fsync: bool = False) -> Iterator[Postgres]:
    """Debian's PostgreSQL, in a folder of its own; the test is skipped where there is none."""
    found = shutil.which("initdb")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found and not versions:
        if os.environ.get("IRI_REQUIRE_POSTGRES"):
            pytest.fail("there is no PostgreSQL, and IRI_REQUIRE_POSTGRES is set")
        pytest.skip("there is no PostgreSQL here; apt-get install postgresql")
    programs = versions[-1].parent if versions else Path(str(found)).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="iri-pg-", dir="/tmp"))  # a socket's path is short
    try:
        server = Postgres(folder, programs, fsync)
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
