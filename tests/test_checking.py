"""check-networks: a sample of six architectures, and what it does when one does not work."""

import dataclasses
import json
import os

import pytest
import torch
from torch import nn

from explorer import cli
from explorer.models.network import InputSpec, Network
from explorer.research import network_check
from explorer.research.commands import check_networks
from explorer.research.network_check import FAILED, OK, SKIPPED, Checked

SAMPLE = (
    "timm:test_resnet",
    "timm:test_convnext",
    "timm:test_nfnet",
    "timm:test_vit",
    "timm:mobilenetv3_small_050",
    "timm:levit_128s",
)


@pytest.mark.slow
@pytest.mark.parametrize("reference", SAMPLE)
def test_a_sample_of_architectures_works(reference):
    found = network_check.check(reference)
    assert (found.state, found.reason) == (OK, "")
    assert found.layers > 20
    assert len(found.descents) == 3
    assert found.descents[-1][0] == "penultimate"
    assert all(after < before for _, before, after in found.descents)
    assert found.difference <= network_check.TOLERANCE


def test_one_that_is_too_large_is_skipped_with_the_reason():
    found = network_check.check("timm:resnet18", max_parameters=1e6)
    assert found.state == SKIPPED
    assert found.reason == "12 M parameters, more than 1 M"


class Dead(nn.Module):
    """No gradient reaches the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x.detach()).mean((2, 3))


class Moody(nn.Module):
    """Gives another answer every time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.conv(x)
        return (x * torch.rand(())).mean((2, 3))


@pytest.mark.parametrize("module", [Dead, Moody])
def test_what_does_not_work_is_found(monkeypatch, module):
    torch.manual_seed(0)
    network = Network("timm:odd", module(), InputSpec((16, 16)))
    monkeypatch.setattr(network_check, "untrained", lambda reference: network)
    if module is Dead:
        with pytest.raises(RuntimeError):
            network_check.check("timm:odd")
    else:
        found = network_check.check("timm:odd")
        assert found.state == FAILED
        assert "the truncated pass differs" in found.reason


def crash(pipe, *arguments):
    os._exit(7)


def test_a_network_that_takes_its_process_with_it_is_a_failure_and_no_more(monkeypatch):
    monkeypatch.setattr(network_check, "_check_and_send", crash)
    found = network_check.check_apart("timm:any")
    assert (found.state, found.reason) == (FAILED, "its process ended with code 7")


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    looked: list[str] = []

    def check_apart(reference, most, memory):
        looked.append(reference)
        return Checked(reference, SKIPPED if len(looked) == 2 else OK, seconds=1.0)

    monkeypatch.setattr(network_check, "check_apart", check_apart)
    out = str(tmp_path / "found.jsonl")
    names = ["timm:resnet18", "timm:resnet26", "timm:resnet34"]
    words = ["check-networks", *names, "--out", out]
    assert cli.main(words[:3] + words[4:]) == 0
    assert looked == names[:2]
    assert cli.main(words) == 0
    assert looked == names
    assert "2 ok, 0 failed, 1 skipped" in capsys.readouterr().out
    assert cli.main(["check-networks", "--out", out, "--markdown"]) == 0
    assert f"| {names[2]} |" in capsys.readouterr().out


def test_the_random_draw_goes_on_until_enough_were_not_skipped(tmp_path, monkeypatch):
    def check_apart(reference, most, memory):
        return Checked(reference, SKIPPED if "vit" in reference else OK)

    monkeypatch.setattr(network_check, "check_apart", check_apart)
    out = tmp_path / "found.jsonl"
    assert cli.main(["check-networks", "--random", "10", "--out", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    drawn = [row for row in rows if row["group"] == check_networks.DRAWN]
    assert sum(row["state"] == OK for row in drawn) == 10
    assert len({row["reference"] for row in drawn}) == len(drawn) > 10
    order = [row["reference"] for row in drawn]
    assert order == list(network_check.random_architectures(0))[: len(order)]
    assert order != list(network_check.random_architectures(1))[: len(order)]
    assert dataclasses.asdict(Checked(**rows[0])) == rows[0]
