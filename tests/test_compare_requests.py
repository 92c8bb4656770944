"""A comparison is a list of requests: one thing varies, all else stays; scripts make the same."""

from __future__ import annotations

import shlex
from dataclasses import replace
from itertools import groupby, permutations

import numpy as np
import pytest

from explorer.analysis import compared
from explorer.analysis.compared import Compared, Group
from explorer.analysis.variation import (
    AXES,
    FACTORS,
    MOST,
    by_factors,
    default_values,
    factor_of,
    ladder,
    random_seeds,
    vary,
)
from explorer.cli import options as cli_options
from explorer.cli import program, scripts
from explorer.errors import RequestError
from explorer.metrics.match import MatchState
from explorer.metrics.null import Distribution
from explorer.metrics.perceptual_verdict import PerceptualVerdict
from explorer.models import catalogue
from explorer.request import Request
from explorer.validation import validate

SMALL = "embedded:residual-multi-adv2"
BASE = {**Request.defaults(), "model": SMALL}


def test_only_what_varies_differs_and_what_a_value_cannot_have_is_left_out():
    base = {**BASE, "adversary": "structure", "nearest": True, "term_weights": {"tv": 1e-3}}
    base["loss"] = "freq"
    cells = vary(base, AXES["losses"], ["regularizer-free", "freq", "adversarial"])
    free, smooth, adversarial = (cell.request for cell in cells)
    assert free.nearest
    assert free.adversary is None
    assert free.term_weights is None
    assert smooth.nearest is None
    assert smooth.term_weights == (("tv", 1e-3),)
    assert adversarial.adversary == "structure"
    assert replace(smooth, loss=free.loss, term_weights=None, nearest=True) == free
    assert {cell.value for cell in cells} == {cell.request.loss for cell in cells}


def test_each_value_may_be_made_for_several_targets_or_from_several_random_seeds():
    cells = vary(BASE, AXES["losses"], ["freq", "regularizer-free"], ["cat", "coffee"])
    assert [(each.request.loss, each.request.target) for each in cells] == [
        ("freq", "cat"),
        ("freq", "coffee"),
        ("regularizer-free", "cat"),
        ("regularizer-free", "coffee"),
    ]
    drawn = vary(BASE, AXES["seeds"], ["white", "noise", "cat"], random_seeds(2**32 - 1, 2))
    assert [(each.value, each.again) for each in drawn] == [
        ("white", 2**32 - 1),  # a plain image, and a picture, are the same from every random seed
        ("noise", 2**32 - 1),
        ("noise", 0),
        ("cat", 2**32 - 1),
    ]


def test_a_value_that_cannot_be_right_says_why_and_the_others_stay():
    cells = vary(BASE, AXES["layers"], ["stage1", "stage9"])
    assert [cell.request is None for cell in cells] == [False, True]
    assert "'stage9' is not a layer" in cells[1].error
    named = vary(
        BASE, AXES["networks"], [SMALL, "file:/etc/x"], check_model=catalogue.check_visitor_may_name
    )
    assert "command line only" in named[1].error
    same = vary(BASE | {"seed": "cat"}, AXES["targets"], ["cat", "dog"])
    assert "same image" in same[0].error


@pytest.mark.parametrize(
    ("values", "message"), [([], "at least one"), (["cat"], f"{MOST} at most")]
)
def test_an_empty_comparison_and_one_that_is_too_large_are_refused(values, message):
    with pytest.raises(RequestError, match=message):
        vary(BASE | {"seed": "noise"}, AXES["targets"], values, random_seeds(0, MOST + 1))


def test_the_ladder_is_every_stage_in_order_with_both_ends():
    def rungs(reference: str) -> list[str]:
        return ladder(catalogue.entry(reference).layers)

    assert rungs("embedded:imagenette-vgg-adv1") == [
        "stem",
        "stack1",
        "stack2",
        "stack3",
        "penultimate",
        "logits",
    ]
    squeezenet = rungs("compressed:squeezenet1_0")
    assert squeezenet[1:3] == ["features.3", "features.4"]
    assert squeezenet[-2:] == ["penultimate", "logits"]
    assert "features.12" not in squeezenet, "the penultimate map is that block's"
    deep = [(f"blocks.{n}", "Block", (8, n)) for n in range(40)] + [("penultimate", "", (3,))]
    assert len(ladder(deep)) == 12
    assert ladder(deep)[0] == "blocks.0"
    assert ladder(deep)[-2:] == ["blocks.39", "penultimate"]


def test_defaults_hold_the_settings_own_value_and_can_be_right():
    for axis in AXES.values():
        base = BASE | {"seed": "uniform", "target": "books", "loss": "freq-lp"}
        layers = ladder(catalogue.entry(SMALL).layers)
        values = default_values(axis, base, layers)
        assert str(base[axis.field]) in values
        assert all(cell.request is not None for cell in vary(base, axis, values))
    assert factor_of("embedded:imagenette-vgg-adv1", "architecture") == "VGG-like CNN"
    assert factor_of("timm:none-such", "training") == "unknown"


def test_networks_by_default_differ_in_a_factor_and_stand_group_by_group():
    own = "embedded:imagenette-residual-standard-b"
    models = default_values(AXES["networks"], BASE | {"model": own})
    assert models[0] == own
    levels = [tuple(factor_of(model, each) for each in FACTORS) for model in models]
    assert len(set(levels)) == len(models) == 8, "the second initialisation is no factor"
    training = [level[1] for level in levels]
    assert len(list(groupby(training))) == len(set(training))
    by_architecture = by_factors(models, "architecture")
    assert sorted(by_architecture) == sorted(models)
    architectures = [factor_of(model, "architecture") for model in by_architecture]
    assert len(list(groupby(architectures))) == len(set(architectures))
    assert by_factors(models[::-1], None) == models[::-1]


def test_the_python_of_a_comparison_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    base = BASE | {"steps": 2, "nearest": False, "seed": "white"}
    cells = vary(base, AXES["losses"], ["regularizer-free", "adversarial"])
    requests = [cell.request for cell in cells]
    script = scripts.python(requests)
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "script", "exec"), names := {})
    assert [validate(Request(**names["shared"], **each)) for each in names["varied"]] == requests
    assert len(list(tmp_path.glob("iri-*.png"))) == 2
    assert capsys.readouterr().out.count("matched") >= 2


def test_the_python_of_one_request_asks_for_the_same():
    request = validate(Request(SMALL, loss="freq", term_weights={"tv": 1e-3}, goal=0.05))
    script = scripts.python([request]).replace("generate(request)", "None")
    names: dict = {}
    exec(script.split("result =")[0].replace("generate", "RequestError"), names)
    assert validate(names["request"]) == request
    upload = scripts.python([replace(request, target=f"picture:{'a' * 64}")])
    assert 'read_upload(Path("YOUR_PICTURE.png")' in upload
    assert "generate(request, pictures)" in upload
    compile(scripts.python([replace(request, continues="b" * 64)]), "script", "exec")


def test_the_commands_ask_for_the_same():
    cells = vary(BASE | {"nearest": False}, AXES["layers"], ["stage1", "logits"])
    lines = scripts.commands([cell.request for cell in cells]).splitlines()
    for line, cell in zip(lines, cells, strict=True):
        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "explorer"]
        parsed = program._parser().parse_args(words[3:])
        requests, _ = cli_options.requests_from(parsed, parsed.target)
        assert requests == [cell.request]
    assert [line.rpartition(" ")[2] for line in lines] == ["iri/01", "iri/02"]


def a_result(
    state: MatchState,
    nearer: int,
    counted: int = 4,
    distance: float = 0.02,
    layer: str = "penultimate",
) -> Compared:
    return Compared(
        request=validate(Request(SMALL, layer)),
        state=state,
        relative_l2=distance,
        null=Distribution.of(np.linspace(0.5, 1.5, 11)),
        person=PerceptualVerdict(nearer, counted, 0, 0, wrong_nearer=0.25),
        perceptual=(),
        moved=None,
        steps=1,
        seconds=1.0,
        iri_png=b"",
        layers=tuple(name for name, _, _ in catalogue.entry(SMALL).layers),
    )


def test_only_converged_images_are_averaged_and_the_others_are_counted():
    results = [
        a_result(MatchState.CONVERGED, 4),
        a_result(MatchState.CONVERGED, 1),
        a_result(MatchState.CONVERGED, 1, counted=1),
        a_result(MatchState.MATCHED, 0),
        a_result(MatchState.NOT_MATCHED, 0),
    ]
    group = Group.of("one", results)
    assert group.share.value == pytest.approx((1 + 0.25) / 2)
    assert group.share.count == 2
    assert group.wrong == 0.25
    assert compared.left_out(results) == (
        "Left out of the bars: 1 matched above its goal (hollow); 1 not matched; 1 converged, but "
        "too few measures can tell."
    )
    assert compared.left_out(results[:2]) == ""


def test_the_sentences_name_the_extremes_and_the_factor_means():
    full, none = (
        Group.of(name, [a_result(MatchState.CONVERGED, nearer)])
        for name, nearer in (("A", 4), ("B", 0))
    )
    assert "from 0% (B) to 100% (A)" in compared.spread([full, none], "the loss")
    assert "from 0% (B, B and 2 more) to 100% (A and A)" in compared.spread(
        [full, none, none, full, none, none], "the loss"
    )
    assert compared.spread([full, full], "the loss").startswith("Whatever the loss, 100%")
    open_one = Group.of("C", [a_result(MatchState.MATCHED, 2)])
    assert compared.spread([full, full, open_one], "the loss").startswith("For the 2 of 3 that")
    text = compared.by_factor([full, none, none], ["x", "y", "x"], "Training")
    assert text == "Mean by training (number of networks): x 50% (2), y 0% (1)."
    ladder_says = compared.where_it_falls_apart
    assert "up to A; at B they" in ladder_says([full, none], 2)
    assert "up to A; from B on" in ladder_says([full, none, none], 3)
    assert "at A only" in ladder_says([none, full], 2)
    assert ladder_says([full, full], 2).startswith("At every layer most")
    assert ladder_says([none, none], 2).startswith("At no layer do most")


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_ladder_speaks_of_its_layers_from_the_image_to_the_classes_in_whatever_order(order):
    held = {"stem": 4, "stage1+0.5*stage2": 4, "logits": 0}
    groups = [
        Group.of(layer, [a_result(MatchState.CONVERGED, nearer, layer=layer)])
        for layer, nearer in held.items()
    ]
    says = compared.where_it_falls_apart([groups[at] for at in order], 3)
    assert "up to stage1+0.5*stage2; at logits they" in says


def test_a_ladder_that_is_not_finished_says_of_how_many_layers_it_speaks():
    full, none = (
        Group.of(name, [a_result(MatchState.CONVERGED, nearer)])
        for name, nearer in (("A", 4), ("B", 0))
    )
    assert compared.where_it_falls_apart([full], 5) == (
        "At A most measures call the image nearer its target. 1 of the 5 layers has an answer."
    )
    assert compared.where_it_falls_apart([none], 5) == (
        "No majority of measures calls the image nearer its target at B. "
        "1 of the 5 layers has an answer."
    )
    assert compared.where_it_falls_apart([full, none], 5).endswith(
        "at B they no longer do. 2 of the 5 layers have an answer."
    )
