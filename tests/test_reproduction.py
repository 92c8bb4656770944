"""Alignment, the rules of the claims, and a whole small reproduction from the command line."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from explorer.cli import main
from explorer.metrics.alignment import aligned_share, mean_difference
from explorer.metrics.equal_match import MatchRange
from explorer.models.sources.embedded import names as embedded_names
from explorer.research.reproduction import plan as plans
from explorer.research.reproduction import run as running
from explorer.research.reproduction import tables
from explorer.research.reproduction.answers import Answers
from explorer.research.reproduction.claims import (
    FAILS,
    HOLDS,
    UNCLEAR,
    Claim,
    Effect,
    Facts,
    adversarial_pairs,
    difference,
    judge,
    single_factor_pairs,
)
from explorer.research.reproduction.plan import FAMILIES, FULL, JUDGE, QUICK, Plan, Work
from explorer.research.reproduction.report import _claim_text

FREE = FAMILIES["regularizer-free"]


def answers(
    share: float, count: int = 64, matched: int | None = None, seed: int = 0, wrong: float = 0.0
) -> Answers:
    """`share` of the IRIs nearer their target, shuffled; the last ones unmatched."""
    matched = count if matched is None else matched
    values = np.zeros(count)
    values[: round(share * count)] = 1.0
    values = np.random.default_rng(seed).permutation(values)
    values[matched:] = np.nan
    return Answers(
        nearer={JUDGE: values},
        wrong={JUDGE: np.where(np.isnan(values), np.nan, wrong)},
        counted=("one", "another"),
        matched=np.arange(count) < matched,
        converged=np.arange(count) < matched // 2,
        relative_l2=np.full(count, 0.03),
        moved=np.full(count, 0.2),
        relative=np.full(count, 0.4),
    )


def facts(name: str, **changes: object) -> Facts:
    usual = Facts(name, "residual CNN", "all labels", 0.0, "none", 1600)
    return replace(usual, **changes)


# Alignment


def test_a_share_and_its_interval_agree_with_the_binomial():
    share = aligned_share(np.array([1] * 48 + [0] * 16))
    assert share.value == 0.75
    half = 1.96 * np.sqrt(0.75 * 0.25 / 64)
    assert share.low == pytest.approx(0.75 - half, abs=0.025)
    assert share.high == pytest.approx(0.75 + half, abs=0.025)
    assert aligned_share(np.array([])).to_dict() == {
        "value": None,
        "low": None,
        "high": None,
        "count": 0,
    }
    with pytest.raises(ValueError, match="one answer per IRI"):
        aligned_share(np.zeros((2, 3)))


def test_a_difference_takes_the_same_targets_on_both_sides():
    rng = np.random.default_rng(1)
    first = (rng.random(200) < 0.8).astype(float)
    second = first.copy()
    second[:20] = 0.0
    gap, low, high = mean_difference([(first, second)])
    assert gap == pytest.approx(first[:20].sum() / 200)
    unpaired = 1.96 * np.sqrt(2 * 0.8 * 0.2 / 200)
    assert high - gap < 0.7 * unpaired  # what a target adds to both sides has cancelled
    assert low < gap < high


def test_iris_that_do_not_count_are_left_out_of_a_difference():
    first = np.array([1.0, 1.0, np.nan, np.nan])
    second = np.array([0.0, np.nan, 1.0, 0.0])
    assert mean_difference([(first, second)])[0] == pytest.approx(1 - 1 / 3)
    with pytest.raises(ValueError, match="match succeeded"):
        mean_difference([(first, np.full(4, np.nan))])


# The rules


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(5.1, 30, HOLDS), (4.9, 30, UNCLEAR), (-20, 4.9, FAILS), (-20, 5.1, UNCLEAR)],
)
def test_an_effect_is_judged_by_its_whole_interval(low, high, verdict):
    assert Effect("", (low + high) / 2, low, high).verdict == verdict


def test_a_claim_is_as_good_as_its_worst_effect():
    holds, fails = Effect("", 20, 10, 30), Effect("", -20, -30, -10)
    unclear = Effect("", None, None, None)
    assert Claim("", "", (holds, holds)).verdict == HOLDS
    assert Claim("", "", (holds, unclear)).verdict == UNCLEAR
    assert Claim("", "", (holds, unclear, fails)).verdict == FAILS
    assert Claim("", "", ()).verdict == UNCLEAR


def test_a_side_without_enough_matches_says_nothing():
    few, enough = answers(1.0, matched=31), answers(1.0, matched=32)
    other = answers(0.0)
    assert difference("", [(few, other)]).points is None
    assert difference("", [(enough, other)]).points == pytest.approx(100)
    assert difference("", [(None, other)]).verdict == UNCLEAR


def test_an_effect_between_sides_at_unequal_match_says_so():
    near, equal, far = answers(1.0), answers(0.0), answers(0.0, matched=40)
    equal = replace(equal, relative_l2=np.full(64, 0.045))
    # The last ones match nothing, and do not count.
    far = replace(far, relative_l2=np.where(far.matched, 0.12, 9.0))
    assert difference("", [(near, equal)]).unequal is None
    effect = difference("A minus B", [(near, equal), (near, far)])
    assert effect.unequal == (1, 2, MatchRange(0.03, 0.12))
    text = _claim_text(Claim("", "", (effect,)))
    assert "not at equal match in 1 of 2 comparisons, the worst 0.03 against 0.12" in text


def test_a_side_that_measures_cannot_judge_is_left_out_and_named():
    high, low, other = answers(1.0, wrong=0.06), answers(0.5, wrong=0.05), answers(0.0)
    few = replace(other, counted=("one",))
    effect = difference("", [(high, other), (low, other), (low, few)])
    assert effect.points == pytest.approx(50)
    assert effect.unjudged == (2, 3)
    assert "without 2 of 3 comparisons" in _claim_text(Claim("", "", (effect,)))
    nothing = difference("", [(high, other)])
    assert (nothing.points, nothing.verdict) == (None, UNCLEAR)
    assert "cannot judge" in _claim_text(Claim("", "", (nothing,)))


def test_the_nearest_iris_decide_and_those_as_searched_stand_beside_them():
    nearest = replace(answers(0.25), searched=answers(0.75, wrong=0.5))
    effect = difference("A minus B", [(nearest, answers(0.0))])
    assert effect.points == pytest.approx(25)
    assert effect.searched is not None
    assert effect.searched[0] == pytest.approx(75)
    text = _claim_text(Claim("", "", (effect,)))
    assert text.index("+25 points") < text.index("as searched +75 points")


def world(robust: float, leaning: float, adversarial: float) -> tuple[dict, dict]:
    """Two networks that differ in adversarial training alone, and what each loss says of them."""
    known = {"usual": facts("usual"), "attacked": facts("attacked", epsilon=2.0, steps=2400)}
    table = {
        ("usual", FREE): answers(0.05),
        ("attacked", FREE): answers(robust),
    }
    for name in known:
        table[name, FAMILIES["human-leaning"]] = answers(leaning)
        table[name, FAMILIES["adversarial"]] = answers(adversarial)
    return table, known


def test_a_world_as_in_the_paper_and_its_opposite():
    one, two, three = judge(*world(robust=0.9, leaning=1.0, adversarial=0.0))
    assert (one.verdict, two.verdict) == (HOLDS, HOLDS)
    assert three.verdict == UNCLEAR  # no plain and no contrastive network to compare with
    one, two, _ = judge(*world(robust=0.05, leaning=0.05, adversarial=0.05))
    assert (one.verdict, two.verdict) == (FAILS, FAILS)


def test_pairs_differ_in_one_factor_and_share_a_budget():
    known = {
        one.name: one
        for one in (
            facts("usual"),
            facts("long", epsilon=2.0, steps=6800),
            facts("short", epsilon=2.0, steps=2400),
            facts("plain", architecture="plain CNN", epsilon=2.0, steps=2400),
            facts("both", architecture="plain CNN", augmentation="usual"),
        )
    }
    found = {(factor, a.name, b.name) for factor, a, b in single_factor_pairs(known)}
    assert found == {
        ("adversarial ε", "usual", "long"),
        ("adversarial ε", "usual", "short"),
        ("architecture", "plain", "short"),
    }
    pairs = {(a.name, b.name) for a, b in adversarial_pairs(list(known.values()))}
    assert pairs == {("usual", "long"), ("usual", "short")}


def test_the_cards_say_which_factors_the_networks_differ_in():
    usual = tables.facts_of("residual-multi-standard")
    attacked = tables.facts_of("residual-multi-adv2")
    untrained = tables.facts_of("residual-untrained")
    assert usual.factors | {"adversarial ε": 2.0} == attacked.factors
    assert usual.factors | {"objective": "untrained"} == untrained.factors


# The whole way

TINY = Plan(
    name="tiny",
    steps=4,
    drawn=3,
    gallery=False,
    networks=("residual-untrained", "residual-multi-standard"),
    other_seeds=("uniform",),
)


def test_the_plans_ask_for_every_network_and_every_family_of_losses():
    works = FULL.works(embedded_names())
    assert {work.network for work in works} == set(embedded_names())
    assert {work.loss for work in works} == set(FAMILIES.values())
    assert FULL.drawn >= 64
    assert FULL.gallery
    assert FULL.steps <= 400
    assert {work.seed for work in works} == {FULL.seed, *FULL.other_seeds}
    assert set(QUICK.networks or ()) >= {"residual-multi-standard", "residual-multi-adv2"}


def test_a_reproduction_writes_all_it_promises_and_goes_on_where_it_stopped(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(plans, "QUICK", TINY)
    assert main(["reproduce", "--quick", "--out", str(tmp_path), "--processes", "1"]) == 0
    said = capsys.readouterr().out
    assert "Claim 1" in said
    assert "[7/7]" in said
    with (tmp_path / "alignment.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["network"] for row in rows} == set(TINY.networks or ())
    assert {row["seed"] for row in rows} == {"noise", "uniform"}
    ends = {(row["loss family"], row["image"]) for row in rows}
    only_searched = {(family, "searched") for family in FAMILIES}
    assert ends == only_searched | {("regularizer-free", "nearest")}
    assert all(row["of"] == "3" for row in rows)
    assert all(int(row["converged"]) <= int(row["matched"]) for row in rows)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "not hold" in report
    assert "Effect of the seed" in report
    assert "3 held-out" in report
    assert "plotly" in (tmp_path / "figure.html").read_text(encoding="utf-8")
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        assert sheet.height == 96 * 7

    def never(*_arguments):
        raise AssertionError("nothing was left to be made")

    monkeypatch.setattr(running, "_trials", never)
    assert main(["reproduce", "--quick", "--out", str(tmp_path)]) == 0
    assert "7 of 7 parts are finished already" in capsys.readouterr().out
    part = json.loads(next((tmp_path / "parts").glob("*standard+freq*")).read_text())
    for row in part["rows"]:
        assert "nearest" not in row  # the loss asks for more than the match
        end = row["searched"]
        assert 0 < end["relative_l2"] < 2
        assert end["stopped"]
        assert isinstance(end["converged"], bool)
    part = json.loads(
        next((tmp_path / "parts").glob("*standard+regularizer-free+noise*")).read_text()
    )
    for row in part["rows"]:
        searched, nearest = row["searched"], row["nearest"]
        assert nearest["moved"]["rms"] <= searched["moved"]["rms"]
        assert nearest["relative_l2"] <= searched["relative_l2"] * 1.05  # rounded to 8 bits
        # Of three targets two are wrong ones.
        shares = {one["wrong_nearer_than_seed"] for one in nearest["measures"].values()}
        assert shares <= {0.0, 0.5, 1.0}


def test_what_decides_an_answer_is_in_its_name():
    work = Work("residual-untrained", FREE, "noise")
    assert work.file_name(TINY) != work.file_name(replace(TINY, steps=5))
    assert work.file_name(TINY) == work.file_name(replace(TINY, name="other"))


def test_invalid_options_are_refused(capsys, tmp_path):
    for words, message in (
        (["--processes", "0"], "0 is out of range; it must be at least 1"),
        (["--shelf", "imagenet"], "embedded"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["reproduce", *words, "--out", str(tmp_path)])
        assert message in capsys.readouterr().err
