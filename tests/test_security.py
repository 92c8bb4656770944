"""What neighbours in a network, other users of the machine and visitors can do to the app."""

from __future__ import annotations

import ipaddress
import re

import pytest
from stranger import App, listening, ports, running_app, strike, until, visitor

pytestmark = pytest.mark.slow

LONG = "?target=cat&seed=uniform&effort=long&goal=0&optimiser=adam"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with running_app(tmp_path_factory.mktemp("security") / "cache") as app:
        with visitor(app) as first:
            assert "Not generated yet" in first.visit(LONG)
            until(lambda: len(app.workers()) == 1 and len(ports(app.workers()[0])) >= 2)
        yield app


def test_nothing_but_the_web_port_can_be_reached_from_another_machine(app: App):
    reachable = {
        (" ".join(process.cmdline()[1:4]), address, port)
        for process in app.processes()
        for address, port in listening(process)
        if not ipaddress.ip_address(address).is_loopback
    }
    assert {port for _, _, port in reachable} == {app.port}, reachable


def test_who_lacks_the_certificate_of_this_run_has_nothing_run(app: App, tmp_path):
    from distributed.security import Security

    doors = {port for one in app.processes() for port in ports(one)} - {app.port}
    assert len(doors) >= 2
    mark = tmp_path / "mark"
    forged = Security.temporary().get_connection_args("client")
    addresses = [f"{scheme}://127.0.0.1:{port}" for scheme in ("tcp", "tls") for port in doors]
    strike(addresses, mark, forged)
    assert not mark.exists()


def step(page: str) -> int:
    """How far the job is that the page shows, 0 before its first step."""
    found = re.search(r"Generating the image: step ([\d,]+) of", page)
    return int(found[1].replace(",", "")) if found else 0


def test_a_visitor_who_clears_the_caches_takes_nobodys_job_away(app: App):
    (worker,) = app.workers()
    with visitor(app) as patient, visitor(app) as stranger:
        assert "Not generated yet" in patient.visit(LONG)
        patient.visit(LONG, press="Generate")
        until(lambda: step(patient.visit(LONG)))
        for _ in range(3):
            before = step(patient.visit(LONG))
            stranger.send(clear_cache=True)
            assert "To the network: the same?" in stranger.visit()
            until(lambda before=before: step(patient.visit(LONG)) > before)
        assert app.workers() == [worker]
        assert "Cancelled." in patient.visit(LONG, press="Cancel")
