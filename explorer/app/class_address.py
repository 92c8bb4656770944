"""The address at which phones find this app, as far as it can be known from here."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, ip_address
from urllib.parse import urlsplit

import psutil

PUBLIC_URL = "IRI_PUBLIC_URL"

_SOMEWHERE_ELSE = ("192.0.2.1", 9)
"""An address kept for examples (RFC 5737): what is sent there goes nowhere, and nothing is sent."""


def roots(seen: str | None, port: int, base_path: str = "") -> list[str]:
    """Addresses of the app that phones may reach, the likeliest first, without a slash at the end.

    seen: the app's address in the lecturer's browser, without any page. IRI_PUBLIC_URL is the only
    one where it is set. Where the lecturer sees the app by a name that means this machine to
    itself alone, phones need one of its addresses in the network instead; port and base_path are
    the server's, for a browser that says nothing. Raises ValueError where IRI_PUBLIC_URL is not
    the address of a web page.
    """
    public = os.environ.get(PUBLIC_URL, "").strip()
    if public:
        return [checked(public)]
    path = f"/{base_path.strip('/')}" if base_path.strip("/") else ""
    root = (seen or f"http://localhost:{port}{path}").rstrip("/")
    parts = urlsplit(root)
    if not is_this_machine(parts.hostname or ""):
        return [root]
    shown_port = f":{parts.port}" if parts.port else ""
    found = network_addresses()
    return [f"{parts.scheme}://{each}{shown_port}{parts.path}" for each in found] or [root]


def is_reachable(root: str) -> bool:
    """Whether other machines could open an address at all: it does not mean one's own machine."""
    return not is_this_machine(urlsplit(root).hostname or "")


def listens_only_here(server_address: str | None) -> bool:
    """Whether a server that was told to listen at this address hears no other machine."""
    return (
        bool(server_address)
        and is_this_machine(str(server_address))
        and not _is_any(str(server_address))
    )


def is_this_machine(host: str) -> bool:
    """Whether a host name or number means whatever machine it is used on."""
    if host.lower().rstrip(".") in ("", "localhost") or host.lower().endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def network_addresses() -> list[str]:
    """This machine's IPv4 addresses in networks, the one by which it leaves first."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        each.address
        for name, addresses in psutil.net_if_addrs().items()
        if name in up
        for each in addresses
        if each.family == socket.AF_INET
    ]
    return _in_order(found, _leaves_by())


def _in_order(addresses: Iterable[str], first: str | None) -> list[str]:
    usable = [
        each
        for each in dict.fromkeys(addresses)
        if not (address := IPv4Address(each)).is_loopback and not address.is_link_local
    ]
    return sorted(usable, key=lambda each: (each != first, not IPv4Address(each).is_private))


def _leaves_by() -> str | None:
    """The address from which this machine would reach others; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_SOMEWHERE_ELSE)
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def checked(url: str) -> str:
    """The address without a slash at its end; ValueError where it is not that of a web page."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # such as a port that is no number
        usable = None
    if not usable or parts.query or parts.fragment:
        raise ValueError(
            f"{PUBLIC_URL} is {url!r}; it must be the address at which the app opens, such as "
            "https://iri.example.org"
        )
    return url.rstrip("/")
