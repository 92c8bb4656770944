"""A scheduler with two workers of their own, in the open and over TLS, and who may listen where."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dask
import psutil
import pytest
import torch
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from distributed.security import Security
from distributed.utils import get_ip
from stranger import ROOT, listening, ports, strike, until

from explorer import cli
from explorer.analysis import warm_up
from explorer.jobs import encryption, work, worker
from explorer.jobs import job as states
from explorer.jobs.engine import SCHEDULER_GONE, Engine
from explorer.request import Request, RequestError
from explorer.store import Store

QUICK = Request(model="embedded:residual-multi-standard", layer="stage1", steps=50, goal=0.0)
ELSEWHERE = "192.0.2.1"  # kept for documentation: nobody has it


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    """Dask's settings that name the files of one certificate for all roles."""
    made = Security.temporary()
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(made.tls_client_cert)
    key.write_text(made.tls_client_key)
    roles = ("client", "scheduler", "worker")
    return (
        {"distributed.comm.tls.ca-file": str(certificate)}
        | {f"distributed.comm.tls.{role}.cert": str(certificate) for role in roles}
        | {f"distributed.comm.tls.{role}.key": str(key) for role in roles}
    )


def as_environment(settings: dict[str, str]) -> dict[str, str]:
    """The same as variables, such as DASK_DISTRIBUTED__COMM__TLS__CA_FILE."""
    return {
        "DASK_" + name.upper().replace(".", "__").replace("-", "_"): value
        for name, value in settings.items()
    }


@contextmanager
def scheduler(
    protocol: str,
    place: Path,
    environment: dict[str, str],
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[str]:
    """The address of a scheduler process that runs in the folder `place`."""
    file = place / "scheduler.json"
    words = ["--host", f"{protocol}://{host}", "--port", str(port), "--no-dashboard"]
    words += ["--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)]
    with process("distributed.cli.dask_scheduler", *words, cwd=place, environment=environment):
        until(lambda: file.is_file() and file.read_text().endswith("}"))
        yield json.loads(file.read_text())["address"]


@contextmanager
def process(*words: str, cwd: Path, environment: dict[str, str]) -> Iterator[psutil.Process]:
    """`python -m` with these words, until the block ends."""
    started = psutil.Popen(
        [sys.executable, "-m", *words],
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        with suppress(psutil.NoSuchProcess):  # it has ended by itself
            started.terminate()
        started.wait(timeout=20)


@pytest.fixture(params=[("tcp", 1), ("tls", 2)], ids=["tcp, 1 worker", "tls, 2 workers"])
def cluster(request, tmp_path, files):
    """A scheduler's address and its worker processes."""
    protocol, count = request.param
    environment = as_environment(files) if protocol == "tls" else {}
    with ExitStack() as stack:
        known = environment | {"PYTHONPATH": str(ROOT)}
        address = stack.enter_context(scheduler(protocol, tmp_path, known))
        workers = [
            process("explorer", "worker", address, cwd=ROOT, environment=environment)
            for _ in range(count)
        ]
        yield address, [stack.enter_context(worker) for worker in workers]


@pytest.mark.slow
def test_workers_of_a_cluster_make_the_jobs_and_only_tls_keeps_strangers_out(
    cluster, files, tmp_path
):
    address, workers = cluster
    encrypted = address.startswith("tls://")
    with dask.config.set(files if encrypted else {}):
        engine = Engine(Store(tmp_path / "cache", starter_directory="/nowhere"), address)
        try:
            requests = [replace(QUICK, steps=50 + more) for more in range(4)]
            engine.submit(requests, subscriber="a")
            until(lambda: all(engine.job(one.key).finished for one in requests))
            for request in requests:
                assert engine.job(request.key).state == states.DONE, engine.job(request.key)
                assert engine.result(request.key).request == request
            until(lambda: len(engine._cluster.client.scheduler_info()["workers"]) == len(workers))
        finally:
            engine.close()
    assert {host for one in workers for host, _ in listening(one)} == {"127.0.0.1"}
    mark = tmp_path / "mark"
    doors = [port for one in workers for port in ports(one)]
    strike([f"{scheme}://127.0.0.1:{port}" for scheme in ("tcp", "tls") for port in doors], mark)
    assert mark.exists() == (not encrypted), "this is how a worker without TLS obeys everybody"


def test_a_worker_listens_beyond_its_machine_only_with_tls_or_when_told_so(files):
    for here in ("tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"):
        assert encryption.listening_host(here) == "127.0.0.1"
        assert not encryption.is_open_to_others(here)
    for there in (f"tcp://{ELSEWHERE}:8786", "tcp://0.0.0.0:8786"):
        with pytest.raises(RequestError, match="neither encrypted nor") as caught:
            encryption.listening_host(there)
        assert caught.value.field == "address"
        assert encryption.listening_host(there, insecure=True) is None
        assert encryption.is_open_to_others(there)
    with dask.config.set(files):
        assert encryption.listening_host(f"tls://{ELSEWHERE}:8786") is None
        assert encryption.listening_host("tls://127.0.0.1:8786") == "127.0.0.1"
        assert not encryption.is_open_to_others(f"tls://{ELSEWHERE}:8786")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"tcp://{ELSEWHERE}:8786", "everybody in the network could have this worker run"),
        (f"tls://{ELSEWHERE}:8786", "DASK_DISTRIBUTED__COMM__TLS__CA_FILE is not set"),
        ("tcp://127.0.0.1", "write it like tls://HOST:8786"),
        ("tcp://127.0.0.1:8786/", "write it like tls://HOST:8786"),
        ("TCP://127.0.0.1:8786", "write it like tls://HOST:8786"),
        (" tcp://127.0.0.1:8786", "write it like tls://HOST:8786"),
        ("tcp://me@127.0.0.1:8786", "write it like tls://HOST:8786"),
        ("tcp://..:8786", "'..' is not a valid host name"),
        ("tcp://127.0.0.1:scheduler", "write it like tls://HOST:8786"),
        ("http://127.0.0.1:8786", "write it like tls://HOST:8786"),
        ("nonsense", "write it like tls://HOST:8786"),
    ],
)
def test_an_address_that_a_worker_cannot_serve_is_refused_in_a_sentence(capsys, address, said):
    assert cli.main(["worker", address]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tls://127.0.0.1:9", "DASK_DISTRIBUTED__COMM__TLS__CA_FILE is not set"),
        ("127.0.0.1", "write it like tls://HOST:8786"),
    ],
)
def test_an_app_that_cannot_attach_to_its_cluster_says_why(tmp_path, address, said):
    engine = Engine(Store(tmp_path), scheduler_address=address)
    engine.submit(QUICK)
    until(lambda: engine.job(QUICK.key).finished, 30)
    assert "DASK_SCHEDULER_ADDRESS: " in engine.job(QUICK.key).error
    assert said in engine.job(QUICK.key).error
    engine.close()


def test_a_scheduler_that_does_not_know_the_project_is_not_taken_for_a_dead_worker(tmp_path):
    with scheduler("tcp", tmp_path, {}) as address:
        engine = Engine(Store(tmp_path / "cache"), scheduler_address=address)
        engine.submit(QUICK)
        until(lambda: engine.job(QUICK.key).finished, 30)
        assert "No module named 'explorer'" in engine.job(QUICK.key).error
        call = engine.call(work.layers, QUICK.network)
        with pytest.raises(RuntimeError, match="No module named 'explorer'"):
            call.result(30)
        engine.close()


def test_a_scheduler_that_goes_away_is_said_at_once_and_used_again_once_it_is_back(
    tmp_path, caplog
):
    known = {"PYTHONPATH": str(ROOT)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with ExitStack() as stack:
        with scheduler("tcp", tmp_path, known, port=port) as address:
            engine = Engine(Store(tmp_path / "cache"), scheduler_address=address)
            stack.callback(engine.close)
            engine.submit(QUICK)
            until(lambda: engine.job(QUICK.key).stage == "the cluster has no worker yet", 20)
        for steps in (51, 52):  # just after it has gone, and later
            later = replace(QUICK, steps=steps)
            engine.submit(later)
            for request in (QUICK, later):
                until(lambda key=request.key: engine.job(key).finished, 6)
                assert engine.job(request.key).error == SCHEDULER_GONE
        (tmp_path / "scheduler.json").unlink(missing_ok=True)
        address = stack.enter_context(scheduler("tcp", tmp_path, known, port=port))
        until(lambda: engine._cluster._contact.holds, 3)
        engine.submit(QUICK)
        stack.enter_context(process("explorer", "worker", address, cwd=ROOT, environment={}))
        until(lambda: engine.job(QUICK.key).state == states.DONE)
    assert not [each for each in caplog.records if each.levelno > logging.WARNING]


def test_a_worker_refuses_a_scheduler_on_its_machine_that_others_reach(
    tmp_path, monkeypatch, capsys
):
    if get_ip().startswith("127."):
        pytest.skip("this machine has no network")
    for name in ("warm_up", "warm_up_measures"):
        monkeypatch.setattr(warm_up, name, lambda: None)
    monkeypatch.setattr(worker, "cores", torch.get_num_threads)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    with scheduler("tcp", tmp_path, {}, host="0.0.0.0") as address:
        port = address.rpartition(":")[2]
        assert cli.main(["worker", f"tcp://127.0.0.1:{port}"]) == 2
    assert f"{address} is neither encrypted nor" in capsys.readouterr().err


def expired(path: Path) -> None:
    """A certificate that was valid for a day, ten days ago, with its key in the same file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "expired")])
    then = datetime.now(UTC) - timedelta(days=10)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(then).not_valid_after(then + timedelta(days=1))
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(
        made.sign(key, hashes.SHA256()).public_bytes(pem)
        + key.private_bytes(pem, private, serialization.NoEncryption())
    )


@pytest.mark.parametrize("role", ["client", "worker"])
def test_certificates_that_cannot_be_used_are_named(files, tmp_path, role):
    other = tmp_path / "other"
    other.mkdir()
    expired(other / "expired.pem")
    (other / "empty.pem").touch()
    cert, key = (f"distributed.comm.tls.{role}.{part}" for part in ("cert", "key"))
    for wrong, said in (
        ({cert: str(other / "gone.pem")}, r"__CERT is .*gone\.pem', which is not a file"),
        ({cert: str(other / "empty.pem")}, r"cannot be used .*empty\.pem"),
        ({key: str(other / "expired.pem")}, r"cannot be used .*MISMATCH"),
        ({"distributed.comm.tls.ca-file": str(other / "empty.pem")}, r"cannot be used .*empty"),
        ({cert: str(other / "expired.pem"), key: None}, r"expired\.pem' has expired"),
    ):
        with dask.config.set(files | wrong), pytest.raises(RequestError, match=said) as caught:
            encryption.check_address("tls://127.0.0.1:8786", role)
        assert caught.value.field == "address"
    with dask.config.set(files):
        encryption.check_address("tls://127.0.0.1:8786", role)
    required = {"distributed.comm.require-encryption": True}
    with dask.config.set(required), pytest.raises(RequestError, match="REQUIRE_ENCRYPTION"):
        encryption.check_address("tcp://127.0.0.1:8786", role)


def test_the_command_line_refuses_a_schedulers_address_that_cannot_be_one(monkeypatch, capsys):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "127.0.0.1")
    words = ("generate", "--model", QUICK.model, "--target", "cat", "--seed", "uniform")
    assert cli.main(list(words)) == 2
    assert (
        "DASK_SCHEDULER_ADDRESS: '127.0.0.1' is not a scheduler's address"
        in capsys.readouterr().err
    )


def test_the_key_of_a_run_is_for_nobody_else_and_goes_with_the_run():
    certificate, seen = encryption.RunCertificate(), set()
    for _ in range(2):
        settings = certificate.worker_environment().values()
        paths = [Path(value) for value in settings if value.endswith(".pem")]
        folder = paths[0].parent
        assert all(path.is_file() and path.parent == folder for path in paths)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert "PRIVATE KEY" in paths[-1].read_text()
        assert stat.S_IMODE(paths[-1].stat().st_mode) == 0o600
        assert folder not in seen
        seen.add(folder)
        # A cleaner of temporary files takes it away, and somebody else makes one of that name.
        shutil.rmtree(folder)
        folder.mkdir(mode=0o777)
    paths = certificate.worker_environment().values()
    certificate.remove()
    assert not any(Path(path).exists() for path in paths)
