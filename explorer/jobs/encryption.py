"""TLS between app, scheduler and workers, and the addresses on which they listen.

Dask runs whatever function it is sent, for everybody who reaches one of its ports. So the embedded
scheduler and its workers listen on the loopback address only and use TLS with a certificate of
this run, which other users of the machine cannot read. A cluster's certificates are those of
Dask's own configuration (https://distributed.dask.org/en/stable/tls.html).
"""

from __future__ import annotations

import ipaddress
import shutil
import socket
import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from explorer.errors import RequestError
from explorer.models.names import first_line

if TYPE_CHECKING:
    from distributed.security import Security

LOOPBACK = "127.0.0.1"
_CONFIGURATION = "DASK_DISTRIBUTED__COMM__"


class RunCertificate:
    """A self-signed certificate and its key, created for one run of the engine, valid for a year.

    security: for scheduler and client in this process. They and the workers accept only those who
    present the same certificate.
    """

    def __init__(self) -> None:
        from distributed.security import Security

        self.security: Security = Security.temporary()
        self._folders: list[Path] = []

    def worker_environment(self) -> dict[str, str]:
        """The environment variables from which a worker process on this machine reads it.

        Call this before each start: temporary files may have been cleaned up meanwhile. Each call
        writes to a new folder, since somebody else may own the old name by then.
        """
        folder = Path(tempfile.mkdtemp(prefix="iri-tls-"))  # mode 0700
        self._folders.append(folder)
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        contents = self.security.get_tls_config_for_role("worker")
        certificate.write_text(contents["cert"])
        key.touch(mode=0o600)
        key.write_text(contents["key"])
        return {
            f"{_CONFIGURATION}TLS__CA_FILE": str(certificate),
            f"{_CONFIGURATION}TLS__WORKER__CERT": str(certificate),
            f"{_CONFIGURATION}TLS__WORKER__KEY": str(key),
            f"{_CONFIGURATION}REQUIRE_ENCRYPTION": "true",
        }

    def remove(self) -> None:
        """Delete all files; workers that are running are not affected."""
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)


def listening_host(scheduler: str, insecure: bool = False) -> str | None:
    """The address on which a worker of this scheduler listens; None for every interface.

    scheduler: `tcp://HOST:PORT` or `tls://HOST:PORT`. A worker of a scheduler on this machine
    listens on the loopback address. insecure: whether others may reach the worker without TLS.
    Raises RequestError (field `address`) for an address of another form, for one that is neither
    encrypted nor loopback, or where certificates cannot be used; OSError for an unknown host.
    """
    check_address(scheduler, "worker")
    if not insecure:
        refuse_open(scheduler)
    return LOOPBACK if _is_loopback(scheduler) else None


def refuse_open(scheduler: str) -> None:
    """Raise RequestError (field `address`) where anybody in the network can reach a scheduler."""
    if is_open_to_others(scheduler):
        raise RequestError(
            "address",
            f"{scheduler} is neither encrypted nor a loopback address, so everybody in the network "
            "could have this worker run any program; use tls://HOST:PORT with certificates (see "
            "docs/deployment.md), let the scheduler listen on tcp://127.0.0.1 alone, or, where "
            "nobody else reaches this network, add --insecure",
        )


def is_open_to_others(scheduler: str) -> bool:
    """Whether other machines can reach this scheduler, or read its messages, unencrypted."""
    return not scheduler.startswith("tls://") and not _is_loopback(scheduler)


def check_address(scheduler: str, role: str) -> None:
    """Raise RequestError (field `address`) where no scheduler can be reached in this way.

    role: `client` or `worker`. Either the address is malformed, or the certificates that Dask's
    configuration names cannot be used.
    """
    import dask
    import distributed  # noqa: F401  (its settings are known once it is imported)

    try:
        address = urlsplit(scheduler)
        well_formed = address.hostname and address.port
        well_formed = well_formed and scheduler == f"{address.scheme}://{address.netloc}"
    except ValueError:
        well_formed = False
    if not well_formed or address.scheme not in ("tcp", "tls") or "@" in scheduler:
        raise RequestError(
            "address",
            f"{scheduler!r} is not a scheduler's address; write it like tls://HOST:8786 or "
            "tcp://127.0.0.1:8786",
        )
    if address.scheme == "tls":
        _check_certificates(role)
    elif dask.config.get("distributed.comm.require-encryption"):
        raise RequestError(
            "address",
            f"{scheduler} is not encrypted, but Dask's configuration requires it "
            f"({_CONFIGURATION}REQUIRE_ENCRYPTION); write it like tls://HOST:8786",
        )


def _check_certificates(role: str) -> None:
    from distributed.security import Security

    security = Security()
    configured = security.get_tls_config_for_role(role)
    for name, setting in (
        ("ca_file", "TLS__CA_FILE"),
        ("cert", f"TLS__{role.upper()}__CERT"),
        ("key", f"TLS__{role.upper()}__KEY"),
    ):
        path = configured[name]
        if path is None and name == "key":
            continue  # it may be in the certificate's file
        if path is None or not Path(path).is_file():
            problem = "is not set" if path is None else f"is {path!r}, which is not a file"
            raise RequestError(
                "address", f"tls:// needs certificates, but {_CONFIGURATION}{setting} {problem}"
            )
    files = ", ".join(configured[name] for name in ("ca_file", "cert", "key") if configured[name])
    try:
        security.get_connection_args(role)
        expired = _expires(Path(configured["cert"])) < datetime.now(UTC)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise RequestError(
            "address", f"the certificates for tls:// cannot be used ({first_line(error)}): {files}"
        ) from error
    if expired:
        raise RequestError("address", f"the certificate {configured['cert']!r} has expired")


def _expires(certificate: Path) -> datetime:
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def _is_loopback(scheduler: str) -> bool:
    """Whether the host's name resolves to loopback addresses only."""
    host = urlsplit(scheduler).hostname or ""
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except UnicodeError as error:
        raise RequestError("address", f"{host!r} is not a valid host name") from error
    return all(ipaddress.ip_address(each.partition("%")[0]).is_loopback for each in addresses)
