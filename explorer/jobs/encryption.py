"""Who may talk to the job engine: TLS between app, scheduler and workers, and where they listen.

Dask runs whatever function it is sent, for everybody who reaches one of its ports. So the embedded
scheduler and its workers listen on the loopback address only and speak TLS with a certificate of
this run, which other users of the machine cannot read. A cluster's certificates are those of
Dask's own configuration (https://distributed.dask.org/en/stable/tls.html).
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from explorer.request import RequestError

if TYPE_CHECKING:
    from distributed.security import Security

LOOPBACK = "127.0.0.1"
_CONFIGURATION = "DASK_DISTRIBUTED__COMM__"


class RunCertificate:
    """A self-signed certificate and its key, made anew for one run of the engine, valid for a year.

    security: for scheduler and client in this process. They and the workers accept nobody who
    cannot show the same certificate.
    """

    def __init__(self) -> None:
        from distributed.security import Security

        self.security: Security = Security.temporary()
        self._folder = Path(tempfile.mkdtemp(prefix="iri-tls-"))  # mode 0700
        self._certificate = self._folder / "certificate.pem"
        self._key = self._folder / "key.pem"
        self._certificate.write_text(self.security.tls_worker_cert)
        self._key.touch(mode=0o600)
        self._key.write_text(self.security.tls_worker_key)

    def worker_environment(self) -> dict[str, str]:
        """The environment variables from which a worker process on this machine takes it."""
        return {
            f"{_CONFIGURATION}TLS__CA_FILE": str(self._certificate),
            f"{_CONFIGURATION}TLS__WORKER__CERT": str(self._certificate),
            f"{_CONFIGURATION}TLS__WORKER__KEY": str(self._key),
            f"{_CONFIGURATION}REQUIRE_ENCRYPTION": "true",
        }

    def remove(self) -> None:
        """Delete both files; workers that run already go on."""
        shutil.rmtree(self._folder, ignore_errors=True)


def listening_host(scheduler: str, insecure: bool = False) -> str | None:
    """The address on which a worker of this scheduler listens; None for every interface.

    scheduler: `tcp://HOST:PORT` or `tls://HOST:PORT`. A worker of a scheduler on this machine
    listens on the loopback address. insecure: whether others may reach the worker without TLS.
    Raises RequestError (field `address`) for an address of another form, for a scheduler on
    another machine without TLS, and where certificates are missing; OSError for an unknown host.
    """
    encrypted, host = _parts(scheduler)
    if encrypted:
        check_certificates("worker")
    if _is_this_machine(host):
        return LOOPBACK
    if not encrypted and not insecure:
        raise RequestError(
            "address",
            f"{scheduler} is on another machine and not encrypted, so everybody in the network "
            "could have this worker run any program; use tls://HOST:PORT with certificates (see "
            "docs/deployment.md), or, where nobody else reaches this network, add --insecure",
        )
    return None


def is_open_to_others(scheduler: str) -> bool:
    """Whether what is sent to this scheduler crosses a network unencrypted.

    Raises as `listening_host` does for an address of another form and for an unknown host.
    """
    encrypted, host = _parts(scheduler)
    if encrypted:
        check_certificates("client")
    return not encrypted and not _is_this_machine(host)


def check_certificates(role: str) -> None:
    """RequestError (field `address`) where Dask's configuration names no files for this role.

    role: `client` or `worker`.
    """
    from distributed.security import Security

    configured = Security().get_tls_config_for_role(role)
    for name, setting in (
        ("ca_file", "TLS__CA_FILE"),
        ("cert", f"TLS__{role.upper()}__CERT"),
        ("key", f"TLS__{role.upper()}__KEY"),
    ):
        path = configured[name]
        if path is None and name == "key":
            continue  # it may be in the certificate's file
        if path is None or not os.path.isfile(path):
            there = "is not set" if path is None else f"says {path!r}, where there is no file"
            raise RequestError(
                "address", f"tls:// needs certificates, but {_CONFIGURATION}{setting} {there}"
            )


def _parts(scheduler: str) -> tuple[bool, str]:
    """Whether it is encrypted, and its host."""
    try:
        address = urlsplit(scheduler)
        port, host = address.port, address.hostname
    except ValueError:
        port, host = None, None
    if not port or not host or address.scheme not in ("tcp", "tls"):
        raise RequestError(
            "address",
            f"{scheduler!r} is no scheduler's address; write it like tls://HOST:8786 or "
            "tcp://127.0.0.1:8786",
        )
    return address.scheme == "tls", host


def _is_this_machine(host: str) -> bool:
    """Whether everything that the name stands for is a loopback address."""
    found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    return all(ipaddress.ip_address(str(one).partition("%")[0]).is_loopback for one in found)
