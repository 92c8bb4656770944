"""What neighbours in a network, other users of the machine and visitors can do to the app."""

from __future__ import annotations

import ipaddress
import tomllib

import pytest
from stranger import (
    ROOT,
    App,
    job_events,
    job_now,
    listening,
    ports,
    running_app,
    strike,
    until,
    visitor,
)

pytestmark = pytest.mark.slow

LONG = "?target=cat&seed=uniform&effort=long&goal=0&optimiser=adam"


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    everywhere = {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}
    with running_app(tmp_path_factory.mktemp("security") / "cache", everywhere) as app:
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


def test_an_app_that_is_not_told_otherwise_is_reached_from_this_machine_only():
    settings = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    assert settings["server"]["address"] == "localhost"


def test_who_lacks_the_certificate_of_this_run_has_nothing_run(app: App, tmp_path):
    from distributed.security import Security

    doors = {port for one in app.processes() for port in ports(one)} - {app.port}
    assert len(doors) >= 2
    mark = tmp_path / "mark"
    forged = Security.temporary().get_connection_args("client")
    addresses = [f"{scheme}://127.0.0.1:{port}" for scheme in ("tcp", "tls") for port in doors]
    strike(addresses, mark, forged)
    assert not mark.exists()


def test_a_visitor_who_clears_the_caches_takes_nobodys_job_away(app: App):
    (worker,) = app.workers()
    with visitor(app) as patient, visitor(app) as stranger:
        assert "Not generated yet" in patient.visit(LONG)
        patient.visit(LONG, press="Generate")
        token = patient.token
        assert token is not None
        events = job_events(app, token)
        until(lambda: next(events)["step"])
        for _ in range(3):
            before = job_now(app, token)["step"]
            stranger.send(clear_cache=True)
            assert "To the network: the same?" in stranger.visit()
            until(lambda before=before: next(events)["step"] > before)
            patient.visit(LONG)
            assert patient.token == token
        assert app.workers() == [worker]
        assert "Cancelled." in patient.visit(LONG, press="Cancel")


def test_only_who_asked_is_offered_to_cancel_also_after_a_reload(app: App):
    asked = LONG.replace("cat", "coffee")
    with visitor(app, "a" * 32) as patient, visitor(app, "b" * 32) as stranger:
        patient.visit(asked)
        patient.visit(asked, press="Generate")
        assert "Cancel" in patient.buttons
        assert "can be cancelled only there" in stranger.visit(asked)
        assert "Cancel" not in stranger.buttons
        assert stranger.token is not None, "they watch it"
        with visitor(app, "a" * 32) as reloaded:
            assert "can be cancelled only there" not in reloaded.visit(asked)
            assert "Cancelled." in reloaded.visit(asked, press="Cancel")
