"""What people recognised in metamers: published facts, for the networks that have the weights."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.analysis.people import (
    CHANCE,
    FACTS,
    PHOTOGRAPH,
    published_networks,
    recognition_of,
)
from explorer.cli import main
from explorer.models import catalogue
from explorer.models.sources import timm
from explorer.network_reference import NetworkReference
from explorer.plots.people import RecognitionPoint, recognition

RESNET = "torchvision:resnet50/IMAGENET1K_V1"


def test_the_facts_are_shares_of_people_with_their_errors():
    rows = list(csv.DictReader(FACTS.open(encoding="utf-8")))
    assert len(rows) == 120
    for row in rows:
        assert 0 < float(row["recognition"]) <= 1
        assert 0 < float(row["standard_error"]) < 0.06
        assert int(row["participants"]) in (20, 21, 22)
    photographs = [float(row["recognition"]) for row in rows if row["layer"] == PHOTOGRAPH]
    assert min(photographs) > 0.85


def test_the_curve_of_resnet50_is_that_of_the_published_table():
    curve = recognition_of(RESNET)
    assert curve.layers == ("relu", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc")
    assert [each.number for each in curve.experiments] == [1, 3, 5, 7]
    first = curve.experiments[0]
    assert (first.participants, first.photographs.mean) == (22, 0.8946)
    layer4 = first.layers["layer4"]
    assert (layer4.mean, layer4.standard_error, layer4.network) == (0.2115, 0.0317, 0.9785)
    assert curve.chance == CHANCE == 0.0625
    assert (curve.layer_of("penultimate"), curve.layer_of("logits")) == ("avgpool", "fc")
    assert curve.layer_of("layer4.0") is None


@pytest.mark.parametrize(
    "other",
    [
        "torchvision:resnet50/IMAGENET1K_V2",
        "robust:resnet50_l2_eps3",
        "hub:resnet50_moco_v2",
        "embedded:imagenette-residual-adv1",
        "file:resnet50.pt",
        NetworkReference(RESNET, size=128),
        NetworkReference(RESNET, mean=(0.5, 0.5, 0.5)),
    ],
)
def test_other_weights_or_another_input_have_no_curve(other):
    assert recognition_of(other) is None


def test_every_network_of_theirs_has_a_ground_and_every_one_of_ours_exists():
    tested = published_networks()
    assert len(tested) == 30
    assert all(each.ground for each in tested)
    ours = [name for each in tested for name in each.references]
    assert len(set(ours)) == len(ours) == 12
    near = [each.near for each in tested if each.near]
    assert all(catalogue.entry(name) is not None for name in (*ours, *near))
    assert not {*ours} & {name for name in near if not name.endswith("IMAGENET1K_V1")}
    assert all(recognition_of(name) is not None for name in ours)
    assert recognition_of("torchvision:alexnet").name == "alexnet"


def test_the_names_of_a_layer_are_names_of_the_same_numbers():
    """With random weights; of the one network whose layers have other names than theirs."""
    import torch

    from explorer.models.layers import list_layers, representations

    curve = recognition_of("timm:resnet50_clip.openai")
    network = timm.untrained(NetworkReference(curve.reference))
    network.module.eval()
    order = [layer.name for layer in list_layers(network)]
    assert sorted(curve.layers, key=order.index) == list(curve.layers)
    images = torch.rand(1, 3, *network.input.size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = representations(
            network, [n for names in curve.names.values() for n in names], images
        )
    for layer, names in curve.names.items():
        for name in names:
            assert torch.equal(found[name].flatten(), found[layer].flatten()), name


def test_the_figure_has_a_line_per_experiment_and_leaves_untested_layers_empty():
    points = [RecognitionPoint("photographs", 0.9, 0.02, 1), RecognitionPoint("fc", 0.1, 0.01, 0.9)]
    ticks = ["photographs", "layer1.0", "fc"]
    chart = recognition([("people, experiment 1 (22)", points)], ticks, 1 / 16)
    people, network = chart.data
    assert (list(people.x), list(people.y)) == ([0, 2], [0.9, 0.1])
    assert list(people.error_y.array) == [0.02, 0.01]
    assert list(network.y) == [1, 0.9]
    assert [shape.y0 for shape in chart.layout.shapes] == [1 / 16]
    assert list(chart.layout.xaxis.ticktext) == ticks


def test_the_command_prints_the_curve_and_says_why_there_is_none(capsys):
    assert main(["people", RESNET, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["experiments"][0]["layers"][4]["mean"] == 0.2115
    assert "N(0.5, 0.05)" in printed["measured"]
    assert main(["people", RESNET]) == 0
    assert "layer4                      21.1%    3.2%    97.9%" in capsys.readouterr().out
    assert main(["people"]) == 0
    assert "not the same weights: robust:resnet50_l2_eps3" in capsys.readouterr().out
    assert main(["people", "robust:resnet50_l2_eps3"]) == 2
    assert "trained anew by Salman" in capsys.readouterr().err
    assert main(["people", "torchvision:resnet50"]) == 2
    assert f"did you mean '{RESNET}'" in capsys.readouterr().err


def test_the_facts_are_read_without_torch():
    code = f"import sys; from explorer.analysis.people import recognition_of as r; r({RESNET!r}); "
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
