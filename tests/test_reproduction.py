"""Alignment, the rules of the claims, and a whole small reproduction from the command line."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.cli import main
from explorer.errors import RequestError
from explorer.images import gallery
from explorer.images.fitting import fit
from explorer.metrics import calibration
from explorer.metrics.alignment import aligned_share, mean_difference
from explorer.metrics.calibration import Calibration
from explorer.metrics.equal_match import MatchRange
from explorer.metrics.registry import PERCEPTUAL_MEASURES, paper_measures
from explorer.models.sources.embedded import names as embedded_names
from explorer.plots.alignment import alignment
from explorer.research import photo_data
from explorer.research.figures import reproduction_chart
from explorer.research.reproduction import judges as judging
from explorer.research.reproduction import paper, tables
from explorer.research.reproduction import plan as plans
from explorer.research.reproduction import run as running
from explorer.research.reproduction.answers import Answers
from explorer.research.reproduction.claims import (
    FAILS,
    HOLDS,
    UNCLEAR,
    Claim,
    Effect,
    difference,
    judge,
)
from explorer.research.reproduction.facts import (
    Facts,
    adversarial_pairs,
    budgets,
    facts_of,
    single_factor_pairs,
)
from explorer.research.reproduction.judges import SEEDS, judges, seed_of_claims
from explorer.research.reproduction.paper_table import paper_tables
from explorer.research.reproduction.paragraphs import _effect, interval, paragraph
from explorer.research.reproduction.plan import FAMILIES, FULL, JUDGE, QUICK, Plan, Work
from explorer.research.reproduction.report import _targets
from explorer.research.reproduction.targets import Targets, targets_of
from explorer.research.training import photos as photographs_module
from explorer.research.training import training
from explorer.research.training.datasets import DATASETS

FREE = FAMILIES["regularizer-free"]
ROOT = Path(__file__).parents[1]
POINTS = r"([-+]\d+) points \(([-+]\d+) to ([-+]\d+)\)"


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
    usual = Facts(
        name, "imagenette", 64, "residual CNN", "labels", 0.0, "resized crop", 2000, 2000, 0
    )
    passes = {"passes": changes["updates"]} if "updates" in changes else {}
    return replace(usual, **(passes | changes))


ATTACKED = {"epsilon": 1.0, "updates": 3200}


# Alignment


def test_a_share_and_its_interval_agree_with_the_binomial():
    share = aligned_share(np.array([1] * 48 + [0] * 16))
    assert share.value == 0.75
    half = 1.96 * np.sqrt(0.75 * 0.25 / 64)
    assert share.low == pytest.approx(0.75 - half, abs=0.025)
    assert share.high == pytest.approx(0.75 + half, abs=0.025)
    # Nearly all alike tells no more than all alike: an interval is 3/N wide at the least.
    nearly = aligned_share(np.array([0.2] + [0] * 97))
    assert (nearly.low, nearly.high) == (0.0, aligned_share(np.zeros(98)).high)
    assert nearly.to_text() == "0 % (0–3)"
    assert aligned_share(1 - np.array([0.2] + [0] * 97)).low == pytest.approx(1 - 3 / 98)
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
    assert Claim(1, "imagenette", (holds, holds)).verdict == HOLDS
    assert Claim(1, "imagenette", (holds, unclear)).verdict == UNCLEAR
    assert Claim(1, "imagenette", (holds, unclear, fails)).verdict == FAILS
    assert Claim(1, "imagenette", ()).verdict == UNCLEAR


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
    text = _effect(effect)
    assert "not at equal match in 1 of 2 comparisons, the worst 0.03 against 0.12" in text


def test_wrong_targets_are_taken_off_and_sides_that_too_few_measures_judge_left_out():
    high, low, other = answers(1.0, wrong=0.3), answers(0.5, wrong=0.05), answers(0.0)
    few = replace(other, counted=("one",))
    effect = difference("", [(high, other), (low, other), (low, few)])
    assert effect.points == pytest.approx(100 * np.mean([1 - 0.3, 0.5 - 0.05]))
    assert effect.unjudged == (1, 3)
    assert "without 1 of 3 comparisons" in _effect(effect)
    # What no rule asks for: alignment alone.
    assert effect.aligned is not None
    assert effect.aligned[0] == pytest.approx(100 * np.mean([1, 0.5]))
    # Measures that call anything near say nothing.
    assert difference("", [(answers(1.0, wrong=1.0), other)]).verdict == FAILS
    nothing = difference("", [(high, few)])
    assert (nothing.points, nothing.verdict) == (None, UNCLEAR)
    assert "too few measures judge it" in _effect(nothing)


def test_the_nearest_iris_decide_and_those_as_searched_stand_beside_them():
    nearest = replace(answers(0.25), searched=answers(0.75, wrong=0.5))
    effect = difference("A minus B", [(nearest, answers(0.0))])
    assert effect.points == pytest.approx(25)
    assert effect.searched is not None
    assert effect.searched[0] == pytest.approx(25)  # 75 less the half of the wrong targets
    text = _effect(effect)
    assert text.index("A minus B: +25 points") < text.index("as searched +25 points")


def world(robust: float, leaning: float, adversarial: float) -> tuple[dict, dict]:
    """Two networks that differ in adversarial training alone, and what each loss says of them."""
    known = {"usual": facts("usual"), "attacked": facts("attacked", **ATTACKED)}
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
    assert [effect.points for effect in two.effects] == [pytest.approx(100 * (58 - 3) / 64)]
    assert three.verdict == UNCLEAR  # no plain and no contrastive network to compare with
    one, two, _ = judge(*world(robust=0.05, leaning=0.05, adversarial=0.05))
    assert (one.verdict, two.verdict) == (FAILS, FAILS)


def test_claims_are_decided_for_each_data_set_from_its_own_networks():
    table, known = world(robust=0.9, leaning=1.0, adversarial=0.0)
    other = {name: replace(each, dataset="cifar10") for name, each in known.items()}
    both = known | {f"c-{name}": replace(each, name=f"c-{name}") for name, each in other.items()}
    table |= {(f"c-{name}", loss): answers(0.5) for name, loss in table}
    claims = {(claim.number, claim.dataset): claim.verdict for claim in judge(table, both)}
    assert claims[2, "imagenette"] == HOLDS
    assert claims[2, "cifar10"] == FAILS
    assert len(claims) == 6


def test_the_third_claim_compares_each_factor_at_equal_budgets():
    shares = {
        facts("short", **ATTACKED, initialisation=1): 0.8,
        facts("long", epsilon=1.0, updates=10_000): 1.0,
        facts("plain", **ATTACKED, architecture="plain CNN"): 0.5,
        facts("vgg", **ATTACKED, architecture="VGG-like CNN"): 0.3,
        facts("simclr", objective="SimCLR", augmentation="simclr"): 0.1,
        facts("simclr-adv", **ATTACKED, objective="SimCLR", augmentation="simclr"): 0.9,
        facts("bare", **ATTACKED, augmentation="none"): 0.4,
        facts("trades", epsilon=1.0, updates=1200, passes=3600, objective="TRADES"): 0.7,
    }
    table = {(each.name, FREE): answers(share, count=100) for each, share in shares.items()}
    (claim,) = (c for c in judge(table, {each.name: each for each in shares}) if c.number == 3)
    points = {effect.text.split(",")[0]: effect.points for effect in claim.effects}
    assert points == {
        "skips minus no skips": pytest.approx(30),  # without the one that was trained longest
        "contrastive minus labels": pytest.approx(10),
        "contrastive": pytest.approx(80),
    }
    further = {effect.text.split(",")[0]: effect.points for effect in claim.further}
    assert "residual CNN minus plain CNN" not in further  # it decides
    assert further["residual CNN minus VGG-like CNN"] == pytest.approx(50)
    assert further["usual augmentation minus none"] == pytest.approx(40)
    assert "TRADES minus adversarial training" in further


def test_pairs_differ_in_one_factor_and_belong_together():
    known = [
        facts("usual", updates=5000),
        facts("usual-b", initialisation=1),
        facts("long", epsilon=1.0, updates=10_000),
        facts("short", **ATTACKED, initialisation=1),
        facts("plain", **ATTACKED, architecture="plain CNN"),
        facts("both", architecture="plain CNN", augmentation="none"),
        facts("elsewhere", **ATTACKED, dataset="cifar10"),
    ]
    pairs = {(a.name, b.name) for a, b in adversarial_pairs(known)}
    assert pairs == {("long", "usual"), ("short", "usual-b")}
    assert {(factor, a.name, b.name) for factor, a, b in single_factor_pairs(known)} == {
        ("adversarial ε", "usual", "long"),
        ("adversarial ε", "usual-b", "short"),
        ("architecture", "plain", "short"),
    }
    assert budgets(adversarial_pairs(known)) == (
        "10,000 against 5,000, 3,200 against 2,000 updates"
    )
    assert budgets([(known[3], known[4])]) == ""


def test_the_cards_say_which_factors_the_networks_differ_in():
    usual, attacked = facts_of("residual-multi-standard"), facts_of("residual-multi-adv2")
    assert usual.factors | {"adversarial ε": 2.0} == attacked.factors
    assert usual.factors | {"objective": "untrained"} == facts_of("residual-untrained").factors
    assert facts_of("residual-simclr").objective == "SimCLR"
    assert (attacked.updates, attacked.passes, attacked.dataset) == (6800, 6800, "drawn")
    assert usual.clean is not None
    assert attacked.attacked is not None
    assert attacked.attacked > 90


# Who judges


def test_who_judges_is_what_the_calibration_says_of_photographs():
    rows = json.loads(calibration.TABLE.read_text(encoding="utf-8"))["photograph"]
    for side in (32, 64):
        for seed in SEEDS:
            found = {}
            for name, sides in rows.items():
                right, wrong = sides.get(str(side), {}).get(seed, (0, 1))
                if right >= 0.7 and wrong <= 0.2 and PERCEPTUAL_MEASURES[name].smallest <= side:
                    family = PERCEPTUAL_MEASURES[name].family or name
                    found.setdefault(family, []).append((right - wrong, name))
            best = {max(those)[1] for those in found.values()}
            assert {each.measure for each in judges(side, seed)} == best


def test_the_papers_seed_decides_where_two_can_tell_and_else_the_one_where_most_can(monkeypatch):
    able = {"noise": ("haarpsi", "psnr"), "light-noise": (), "grey-noise": ("haarpsi",)}

    def told(measure, _size, seed):
        return Calibration(0.9, 0.0) if measure in able.get(seed, ()) else Calibration(0.1, 0.0)

    monkeypatch.setattr(judging, "calibration_of", told)
    assert seed_of_claims(64) == "noise"
    able["noise"] = ("haarpsi",)
    assert seed_of_claims(64) == "noise"  # no other has two
    able["feather-noise"] = ("haarpsi", "psnr")
    assert seed_of_claims(64) == "feather-noise"
    able["light-noise"] = ("haarpsi", "psnr", "edge-directions")
    assert seed_of_claims(64) == "light-noise"


# Beside the paper


def test_the_score_is_the_papers_mean_and_deviation_over_its_four_scorers():
    four = paper_measures()
    assert len(four) == 4
    shares = dict(zip(four, (0.93, 0.01, 0.81, 0.56), strict=True))
    nearer = {name: answers(share, 100).nearer[JUDGE] for name, share in shares.items()}
    nearer["psnr"] = answers(1.0, 100).nearer[JUDGE]
    assert paper.scorers(nearer, 32) == four
    mean, deviation = paper.score(nearer, four)
    assert mean == pytest.approx((93 + 1 + 81 + 56) / 4)
    assert deviation == pytest.approx(np.std([93, 1, 81, 56]))
    # Without the four: one measure a family, whatever else was downloaded.
    of_here = paper.scorers(["ssim", "ssim-16px", "psnr", "lpips-alex"], 32)
    assert sorted(of_here)[0] == "psnr"
    assert len(of_here) == 2
    assert paper.score({"psnr": np.full(4, np.nan)}, ["psnr"]) is None


def made_up(shares: dict[str, float]) -> tables.Reproduction:
    """A reproduction of networks named as ours, with these shares, by all measures and ends."""
    known = {
        name: facts(
            name,
            dataset="cifar10",
            side=32,
            clean=81.25,
            **(ATTACKED if "adv1" in name else {}),
        )
        for name in shares
    }
    seeds = dict.fromkeys([paper.SEED, seed_of_claims(32)])
    found = {
        (name, FREE, seed): replace(
            answers(share, 100),
            nearer={name: answers(share, 100).nearer[JUDGE] for name in (JUDGE, "psnr", "haarpsi")},
            wrong={name: answers(0.01, 100).nearer[JUDGE] for name in (JUDGE, "psnr", "haarpsi")},
            searched=None,
        )
        for name, share in shares.items()
        for seed in seeds
    }
    targets = {"cifar10": Targets("100 photographs", ("a",), np.zeros((1, 3, 32, 32), np.float32))}
    claims = judge(tables.table_of(found, known), known)
    return tables.Reproduction(FULL, known, targets, [], found, claims)


def test_the_papers_numbers_stand_beside_ours():
    run = made_up({"cifar10-resnet-standard": 0.03, "cifar10-resnet-adv1": 0.6})
    text, table, by_measure = (paper_tables(run)[i] for i in (0, 1, 3))
    assert "LPIPS's weights are not here" in text
    lines = {line.split(" | ")[3]: line for line in table.splitlines() if "cifar10" in line}
    attacked = lines["`cifar10-resnet-adv1`"]
    assert "76.5 ± 15.9" in attacked
    assert "60.0 ± 0.0 | 1.0 ± 0.0 | 60.0 ± 0.0 | 100/100 | 81.2 | –" in attacked
    assert "| – | – |" in lines["`cifar10-vgg-adv1`"]
    assert "60 (1)" in by_measure
    assert "None of the networks" in paper_tables(replace(run, answers={}))[0]


def test_a_paragraph_says_what_was_measured_what_not_and_what_the_paper_found():
    run = made_up({"cifar10-resnet-standard": 0.03, "cifar10-resnet-adv1": 0.6})
    text = paragraph(run, next(claim for claim in run.claims if claim.number == 2))
    assert "CIFAR-10: holds.** Measured on" in text
    assert "2 networks" in text
    assert "100 photographs" in text
    assert "(3,200 against 2,000 updates): +57 points" in text
    assert "trained for different times" in text
    assert "above usual ones (ResNet-18 +76.5 points); that holds here, too" in text
    vgg = made_up({"cifar10-vgg-standard": 0.03, "cifar10-vgg-adv1": 0.6})
    text = paragraph(vgg, next(claim for claim in vgg.claims if claim.number == 2))
    assert "(VGG-16 +0.25 points). By the rule above its VGG-16 would not count" in text
    assert "here it holds for the 1 pair." in text
    assert interval(-0.4, -1, 0.2) == "+0 points (-1 to +0)"
    text = paragraph(run, next(claim for claim in run.claims if claim.number == 3))
    assert "None of the networks" in text


# Targets


@pytest.fixture
def photographs_of_imagenette(tmp_path, monkeypatch):
    """A folder of ten tiny pictures of each of Imagenette's classes."""
    monkeypatch.setattr(training, "SCRATCH", tmp_path / "cache")
    rng = np.random.default_rng(0)
    for name in DATASETS["imagenette"].classes:
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(10):
            picture = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
            picture.save(folder / f"{number}.png")
    return tmp_path / "photos"


def test_targets_are_held_out_photographs_or_the_gallerys(photographs_of_imagenette, monkeypatch):
    photos = photo_data.photographs([f"imagenette={photographs_of_imagenette}"])
    mine = targets_of("imagenette", 64, 7, photos)
    assert mine.text == "7 photographs of the user’s own in classes named as Imagenette’s"
    run = replace(made_up({"cifar10-resnet-standard": 0.03}), targets={"imagenette": mine})
    assert "not known whether the networks of Imagenette learned from theirs" in _targets(run)
    with monkeypatch.context() as patched:
        patched.setattr(photographs_module.Photos, "published", True)
        again = {"imagenette": replace(photos["imagenette"])}
        published = targets_of("imagenette", 64, 7, again)
    assert published.text == "7 held-out photographs of Imagenette"
    assert "None of the networks learned" in _targets(replace(run, targets={"cifar10": published}))
    held_out = photos["imagenette"].held_out(7).images
    assert np.array_equal(mine.images, held_out.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    others = targets_of("cifar10", 32, 3, photos)
    assert others.text == "3 photographs of the gallery"
    assert others.unseen
    assert others.names == gallery.names()[:3]
    assert np.array_equal(others.images[2], fit(gallery.load(others.names[2]), (32, 32)))
    assert mine.digest != others.digest
    monkeypatch.setattr(photographs_module, "_decode", None)
    with pytest.raises(RequestError, match="has not the classes of CIFAR-10"):
        photo_data.photographs([f"cifar10={photographs_of_imagenette}"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photos.npz"], "does not say whose photographs these are; write imagenette=PATH"),
        (["imagenet=x"], "imagenette"),
        (["imagenette=/nowhere"], "there is no file or folder '/nowhere'"),
        (["imagenette=a", "imagenette=b"], "given twice"),
    ],
)
def test_data_that_cannot_be_right_is_refused_in_a_sentence(words, message, capsys, tmp_path):
    data = [each for word in words for each in ("--data", word)]
    options = ["--networks", "residual-untrained", "--out", str(tmp_path)]
    assert main(["reproduce", *data, *options]) == 2
    assert message in capsys.readouterr().err


# The whole way

TINY = Plan(name="tiny", steps=4, leaning_steps=3, targets=3)
NETWORKS = ("residual-untrained", "residual-multi-standard")


def test_the_plans_run_every_photo_network_and_stay_within_what_ships():
    known = [facts("imagenette-residual-standard"), facts("c", dataset="cifar10", side=32)]
    works = FULL.works(known)
    assert {work.network for work in works if work.loss == FREE} == {each.name for each in known}
    assert {work.loss for work in works if work.network == known[0].name} == set(FAMILIES.values())
    assert {work.seed for work in works if work.network == known[0].name} == {
        seed_of_claims(64),
        *FULL.other_seeds,
    }
    table = facts("cifar10-resnet-adv1", dataset="cifar10", side=32)
    assert Work(table.name, FREE, paper.SEED) in QUICK.works([table])
    assert FULL.targets >= 100
    for plan in (QUICK, FULL):
        assert set(plan.facts()) <= set(embedded_names())


def test_a_reproduction_writes_all_it_promises_and_goes_on_where_it_stopped(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(plans, "QUICK", TINY)
    words = ["reproduce", "--quick", "--out", str(tmp_path), "--networks", *NETWORKS]
    assert main([*words, "--processes", "1"]) == 0
    said = capsys.readouterr().out
    assert "Claim 1" in said
    assert "[6/6]" in said
    with (tmp_path / "alignment.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["network"] for row in rows} == set(NETWORKS)
    assert {row["seed"] for row in rows} == {seed_of_claims(64)}
    ends = {(row["loss family"], row["image"]) for row in rows}
    only_searched = {(family, "searched") for family in FAMILIES}
    assert ends == only_searched | {("regularizer-free", "nearest")}
    assert all(row["of"] == "3" for row in rows)
    assert all(int(row["converged"]) <= int(row["matched"]) for row in rows)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "can't tell" in report
    assert "3 photographs of the gallery" in report
    assert "76.5 ± 15.9" in report
    assert "plotly" in (tmp_path / "figure.html").read_text(encoding="utf-8")
    with Image.open(tmp_path / "contact-sheet.png") as sheet:
        assert sheet.height == 96 * 7

    def never(*_arguments):
        raise AssertionError("nothing was left to be made")

    monkeypatch.setattr(running, "_trials", never)
    assert main(words) == 0
    assert "6 of 6 parts are finished already" in capsys.readouterr().out
    part = json.loads(next((tmp_path / "parts").glob("*standard+freq*")).read_text())
    for row in part["rows"]:
        assert "nearest" not in row  # the loss asks for more than the match
        end = row["searched"]
        assert 0 < end["relative_l2"] < 2
        assert end["stopped"]
        assert isinstance(end["converged"], bool)
    part = json.loads((next((tmp_path / "parts").glob("*standard+regularizer-free*"))).read_text())
    assert part["judges"] == [each.measure for each in judges(64, part["seed"])]
    for row in part["rows"]:
        searched, nearest = row["searched"], row["nearest"]
        assert nearest["moved"]["rms"] <= searched["moved"]["rms"]
        assert nearest["relative_l2"] <= searched["relative_l2"] * 1.05  # rounded to 8 bits
        # Of three targets two are wrong ones.
        shares = {one["wrong_nearer_than_seed"] for one in nearest["measures"].values()}
        assert shares <= {0.0, 0.5, 1.0}


def test_the_figure_has_a_panel_for_each_data_set_and_its_seed():
    rows = reproduction_chart.read(ROOT / "docs/reproduction/alignment.csv")
    first, second = panels = tables.panels(rows)
    assert first.title.startswith("Imagenette, seed noise · human-leaning and adversarial run on 6")
    assert second.title.startswith("CIFAR-10, seed light-noise · ")
    assert (len(first.networks), len(second.networks)) == (14, 14)
    assert first.networks[-1].startswith("imagenette")
    chart = alignment(tables.alignment_points(rows), panels)
    assert [chart.layout.yaxis.ticktext, chart.layout.yaxis2.ticktext] == [
        each.networks for each in panels
    ]
    for name in ("report.md", "factors.csv"):
        text = (ROOT / "docs/reproduction" / name).read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.])-0(\.0)?(?![\d.])", text)


def test_the_stored_report_sets_the_second_claim_beside_the_paper_as_it_would_today():
    stored = (ROOT / "docs/reproduction/report.md").read_text(encoding="utf-8")
    shares = {name: 0.6 if "-adv1" in name else 0.03 for name in FULL.facts() if "cifar" in name}
    run = made_up({name: share for name, share in shares.items() if paper.row_of(name)})
    claim = next(claim for claim in run.claims if claim.number == 2)
    today = paragraph(run, claim).splitlines()[-1].partition("In the paper")[2]
    assert today.partition("; here")[0] in stored


def test_the_documents_state_what_the_report_says():
    report = (ROOT / "docs/reproduction/report.md").read_text(encoding="utf-8")
    measured = [[*map(int, each)] for each in re.findall(POINTS, report)]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Does the paper's")[2]
    readme = " ".join(readme.partition("![")[0].replace("−", "-").split())
    stated = re.findall(r"([-+]?\d+), ([-+]?\d+) to ([-+]?\d+)", readme)
    assert len(stated) == 9
    for points, low, high in stated:
        known = [int(points), int(low), int(high)]
        assert known in measured or [-known[0], -known[2], -known[1]] in measured, known
    rows = csv.DictReader((ROOT / "docs/reproduction/alignment.csv").open(encoding="utf-8"))
    shares = {
        row["seed"]: f"{float(row['aligned %']):.0f} %"
        for row in rows
        if (row["network"], row["image"]) == ("imagenette-residual-standard", "nearest")
        and row["measure"] == "edge-directions"
    }
    reading = " ".join((ROOT / "docs/reading-a-result.md").read_text(encoding="utf-8").split())
    assert f"calls {shares['noise']} aligned from `noise`" in reading
    assert f"and {shares['feather-noise']} from `feather-noise`" in reading


def test_what_decides_an_answer_is_in_its_name():
    work = Work("residual-untrained", FREE, "noise")
    assert work.file_name(TINY, "a") != work.file_name(replace(TINY, steps=5), "a")
    assert work.file_name(TINY, "a") != work.file_name(TINY, "b")
    assert work.file_name(TINY, "a") == work.file_name(replace(TINY, name="other"), "a")
    leaning = replace(work, loss=FAMILIES["human-leaning"])
    assert leaning.file_name(TINY, "a") == leaning.file_name(replace(TINY, steps=5), "a")


def test_invalid_options_are_refused(capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        main(["reproduce", "--processes", "0", "--out", str(tmp_path)])
    assert "0 is out of range; it must be at least 1" in capsys.readouterr().err
    assert main(["reproduce", "--networks", "residual-mutli", "--out", str(tmp_path)]) == 2
    assert "residual-multi" in capsys.readouterr().err
