"""Who votes on "to a person: the same?", what the votes rest on, and the wrong-target control."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from explorer.analysis.batch_images import WRONG_TARGETS, mismatched_for, seed_kind_of
from explorer.analysis.targets import target_set
from explorer.images import gallery, seeds
from explorer.metrics import calibration
from explorer.metrics.calibration import DRAWN, PHOTOGRAPH, PICTURE, calibration_of
from explorer.metrics.layout import DETAIL_FLOOR, DIRECTION_FLOOR, detail_map, edge_directions
from explorer.metrics.perceptual import compare
from explorer.metrics.perceptual_verdict import (
    MIN_VOTES,
    Comparison,
    PerceptualVerdict,
    verdict,
    why_counted,
    why_counted_here,
)
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.metrics.votes import with_votes
from explorer.request import Request
from explorer.research.calibration import copies, shares

torch.set_num_threads(1)


@pytest.fixture
def no_downloads(monkeypatch, tmp_path):
    monkeypatch.setenv("IRI_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


@pytest.fixture
def table(monkeypatch, tmp_path):
    """Sets the calibration: by measure, side and kind of seed, photographs and drawn targets."""

    def set_to(rows: dict, drawn: dict | None = None) -> None:
        path = tmp_path / "calibration.json"
        path.write_text(json.dumps({"photograph": rows, "drawn": drawn or {}}))
        monkeypatch.setattr(calibration, "TABLE", path)
        calibration._table.cache_clear()

    yield set_to
    calibration._table.cache_clear()


def flat(level: float, size: int = 64) -> torch.Tensor:
    return torch.full((1, 3, size, size), level)


def drawing(size: int, horizontal: bool = False) -> torch.Tensor:
    """Stripes in one half, nothing in the other, 1×3×size×size."""
    image = torch.full((size, size), 0.5)
    stripes = (torch.arange(size) // 8 % 2).float()
    image[: size // 2] = stripes
    return (image.T if horizontal else image).expand(1, 3, -1, -1)


# The rule ---------------------------------------------------------------------------------------


def test_a_family_has_one_vote_that_of_its_best_calibrated_member(table, no_downloads):
    table(
        {
            "ssim": {"64": {"noise": [0.7, 0.1]}},
            "ssim-16px": {"64": {"noise": [0.9, 0.1]}},
            "structure": {"64": {"noise": [0.9, 0.25]}},
        }
    )
    rows = compare(flat(0.4), flat(0.3), flat(0.9), seed_kind="noise", allow_download=False)
    by_name = {each.measure: each for each in rows}
    assert by_name["ssim-16px"].counts_in_verdict
    assert why_counted(by_name["ssim"]) == "no: another of its family votes"
    assert why_counted(by_name["structure"]) == ("no: calls 25% of wrong targets nearer here")
    families = Counter(
        PERCEPTUAL_MEASURES[each.measure].family or each.measure
        for each in rows
        if each.counts_in_verdict and each.to_target is not None
    )
    assert set(families.values()) == {1}
    assert families["ssim"] == 1
    voting = [each for each in rows if each.counts_in_verdict and each.to_target is not None]
    assert verdict(rows).counted == sum(each.abstains is None for each in voting)


def test_the_next_best_member_votes_where_the_best_is_in_the_loss_or_missing(table):
    table({"psnr": {"64": {"noise": [0.9, 0.0]}}, "ciede2000": {"64": {"noise": [0.7, 0.0]}}})
    images = (flat(0.4), flat(0.3), flat(0.9))
    free = compare(*images, seed_kind="noise", allow_download=False)
    assert {e.measure for e in free if e.counts_in_verdict} >= {"psnr"}
    assert "ciede2000" not in {e.measure for e in free if e.counts_in_verdict}
    bound = compare(*images, None, frozenset({"psnr"}), seed_kind="noise", allow_download=False)
    pixels = [e for e in bound if e.measure in ("psnr", "ciede2000")]
    assert not any(e.counts_in_verdict for e in pixels)  # one formula with the loss's


def test_the_row_is_that_of_the_nearest_side_and_of_the_worst_seed_for_an_unknown_one(table):
    table(
        {
            "ssim": {
                "64": {"noise": [0.7, 0.1], "white": [0.6, 0.0]},
                "224": {"noise": [0.1, 0.0], "white": [0.9, 0.5]},
            }
        }
    )
    assert calibration_of("ssim", (100, 300), "noise").right == 0.7
    assert calibration_of("ssim", (130, 130), "noise").right == 0.1
    assert calibration_of("ssim", (512, 448), "white").wrong == 0.5
    assert calibration_of("ssim", (224, 224), "ramp").margin == pytest.approx(0.1)
    assert calibration_of("lpips-vgg", (224, 224), "noise") is None


def test_with_fewer_than_two_votes_the_answer_is_not_measured():
    def answer(*counts: int) -> str:
        return PerceptualVerdict(*counts, 0, 0).answer

    assert MIN_VOTES == 2
    assert answer(0, 0) == answer(1, 1) == answer(0, 1) == "not measured"
    assert (answer(2, 2), answer(1, 2), answer(0, 2)) == ("yes", "undecided", "no")
    assert "not measured" in PerceptualVerdict(1, 1, 0, 0).sentence


# The table --------------------------------------------------------------------------------------


def test_the_table_has_every_measure_that_ships_for_every_seed_at_every_side():
    for name, measure in PERCEPTUAL_MEASURES.items():
        if measure.needs_download:
            continue
        for targets, sides in ((PHOTOGRAPH, ("32", "64", "224")), (DRAWN, ("64",))):
            by_side = calibration._table()[targets].get(name, {})
            assert set(by_side) == {side for side in sides if int(side) >= measure.smallest}
            for by_seed in by_side.values():
                assert set(by_seed) == {*seeds.kinds(), PICTURE}, name
                assert all(0 <= share <= 1 for pair in by_seed.values() for share in pair)


@pytest.mark.parametrize(
    ("name", "kind", "targets"),
    [
        ("edge-directions", "noise", PHOTOGRAPH),
        ("detail-map", "grey-noise", PHOTOGRAPH),
        ("psnr", PICTURE, PHOTOGRAPH),
        ("detail-map", "noise", DRAWN),
    ],
)
def test_the_table_is_what_its_command_computes(name, kind, targets):
    stored = calibration_of(name, (64, 64), kind, targets)
    assert (stored.right, stored.wrong) == pytest.approx(
        shares(PERCEPTUAL_MEASURES[name], 64, kind, targets), abs=0.03
    )


def test_the_kind_of_target_decides_who_votes(table, no_downloads):
    good, bad = {"64": {"noise": [0.9, 0.1]}}, {"64": {"noise": [0.9, 0.4]}}
    table({"ssim": good, "detail-map": good}, {"ssim": good, "detail-map": bad})
    images = (flat(0.4), flat(0.3), flat(0.9))
    of_photographs = compare(*images, seed_kind="noise", allow_download=False)
    height_and_width = (64, 64)
    of_drawn = with_votes(of_photographs, height_and_width, "noise", DRAWN)
    votes = [
        {each.measure for each in rows if each.counts_in_verdict}
        for rows in (of_photographs, of_drawn, with_votes(of_drawn, height_and_width, "noise"))
    ]
    assert {"ssim", "detail-map"} <= votes[0] == votes[2]
    assert votes[1] == votes[0] - {"detail-map"}


def test_drawn_pictures_in_noise_leave_one_family_that_can_tell_at_64_px():
    def voters(kind: str) -> set[str]:
        measures = [each for each in PERCEPTUAL_MEASURES.values() if not each.needs_download]
        found = {each.name: calibration_of(each.name, (64, 64), kind, DRAWN) for each in measures}
        return {name for name, row in found.items() if row is not None and row.can_tell}

    assert voters("noise") == {"edge-directions"}
    assert {"structure", "edge-directions"} <= voters("grey-noise")
    assert "detail-map" not in voters("grey-noise") | voters("uniform")


def test_align_lets_vote_who_can_tell_for_its_targets():
    assert target_set("drawn:1", 64).kind == DRAWN
    assert target_set("gallery", 64).kind == PHOTOGRAPH


def test_a_copy_is_half_seed_and_half_photograph_or_its_outline_or_the_negative_of_that():
    photograph, seed = torch.rand(2, 3, 48, 48), torch.rand(2, 3, 48, 48)
    whole, outline, negative = copies(photograph, seed, 0.5)
    level = 0.5 / 255 + 1e-6
    assert (whole - (photograph + seed) / 2).abs().max() <= level
    # Outline and negative are mirror images about middle grey, so together they are the seed.
    assert ((outline + negative) - (seed + 0.5)).abs().max() <= 2 * level
    fine = photograph[0].double().numpy()
    fine = fine - gaussian_filter(fine, (0, 3, 3), mode="nearest", truncate=3)
    drawn = np.clip(0.5 + 0.2 * fine / fine.std(ddof=1), 0, 1)
    assert np.abs(outline[0].numpy() - (drawn + seed[0].numpy()) / 2).max() <= level + 1e-4


def test_no_measure_that_sees_pixels_votes_on_noise_at_224_px_and_two_that_see_layout_do():
    def votes(name: str) -> bool:
        return calibration_of(name, (224, 224), "noise").can_tell

    assert votes("edge-directions")
    assert votes("detail-map")
    assert not any(votes(name) for name in ("ssim", "ms-ssim", "psnr", "haarpsi", "ciede2000"))


# The measures of layout -------------------------------------------------------------------------


def expected_distance(a: np.ndarray, b: np.ndarray, field, widths, floor: float) -> float:
    """Both fields written out cell by cell in float64, 64×64 images in 8×8 cells of 8 px."""
    distances = []
    for sigma in widths:
        fields = []
        for image in (a, b):
            values = field(image, sigma)
            power = np.mean([np.sum(np.square(v)) for v in values])
            fields.append(values / np.sqrt(power + (floor / 8) ** 2))
        distances.append(np.mean([np.sum(np.square(u - v)) for u, v in zip(*fields, strict=True)]))
    return float(np.mean(distances))


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    return gaussian_filter(image, (0, sigma, sigma), mode="mirror", truncate=3)


def cells(plane: np.ndarray, count: int = 8):
    """Means over count×count cells; where cells don't divide the side, they overlap by a pixel."""
    height = len(plane)
    edges = [(k * height // count, -(-(k + 1) * height // count)) for k in range(count)]
    return np.array([plane[t:b, left:r].mean() for t, b in edges for left, r in edges])


def directions(image: np.ndarray, sigma: float) -> np.ndarray:
    smooth = blurred(image, sigma)
    dx = smooth[:, :-1, 1:] - smooth[:, :-1, :-1]
    dy = smooth[:, 1:, :-1] - smooth[:, :-1, :-1]
    trace = cells((dx**2 + dy**2).sum(0))
    strength = np.sqrt((trace + 1e-4) * (trace.mean() + 1e-4))
    both = [cells((dx**2 - dy**2).sum(0)), cells((2 * dx * dy).sum(0))]
    return np.stack(both, -1) / strength[:, None]


def detail(image: np.ndarray, sigma: float) -> np.ndarray:
    band = blurred(image, sigma) - blurred(image, 2 * sigma)
    level = np.log(cells(np.square(band).sum(0)) + 1e-4)
    return (level - level.mean())[:, None]


@pytest.mark.parametrize(
    ("measure", "field", "widths", "floor"),
    [
        (edge_directions, directions, (2, 3), DIRECTION_FLOOR),
        (detail_map, detail, (1.5, 3), DETAIL_FLOOR),
    ],
)
def test_layout_is_its_formula_written_out_with_scipy(measure, field, widths, floor):
    a, b = torch.rand(2, 3, 64, 64), drawing(64).repeat(2, 1, 1, 1)
    for n in range(2):
        one, other = (each[n].double().numpy() for each in (a, b))
        expected = expected_distance(one, other, field, widths, floor)
        assert measure(a, b)[n].item() == pytest.approx(expected, rel=1e-3)
    assert measure(b, b).abs().max() < 1e-6
    assert measure(flat(0.2), flat(0.9)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [64, 224])
@pytest.mark.parametrize("measure", [edge_directions, detail_map])
def test_layout_finds_a_drawing_in_noise_and_its_negative_and_no_other(measure, size):
    seed = torch.from_numpy(seeds.make_seed("noise", (size, size), 0))[None]
    own, other = drawing(size), drawing(size, horizontal=True)
    for shown in (own, 1 - own):
        iri = 0.6 * seed + 0.4 * shown
        assert measure(iri, own) < measure(iri, seed) < measure(iri, other)


# The control ------------------------------------------------------------------------------------


def test_the_control_is_the_mean_over_the_wrong_targets_and_the_share_nearer_than_the_seed():
    wrong = torch.cat([flat(0.45), flat(0.9), flat(0.7), flat(0.1)])
    rows = compare(flat(0.5), flat(0.55), flat(0.7), wrong, allow_download=False)
    psnr = next(each for each in rows if each.measure == "psnr")
    decibels = [-20 * np.log10(abs(0.5 - level)) for level in (0.45, 0.9, 0.7, 0.1)]
    assert psnr.to_mismatched == pytest.approx(np.mean(decibels), abs=1e-3)
    assert psnr.wrong_nearer == 0.5  # .45, and .7 which is as near as the seed
    assert psnr.nearer_than_mismatched
    assert psnr.abstains == "it calls 50% of the wrong targets nearer, too"
    two = [answer("a", 0.2, 0.9, wrong_nearer=0.2), answer("b", 0.2, 0.9, wrong_nearer=0.0)]
    found = verdict([*two, answer("c", 0.2, 0.9, wrong_nearer=0.8)], ("a", "b", "c", "d", "e"))
    assert found.wrong_nearer == pytest.approx(0.1)  # of those that do not abstain
    assert PerceptualVerdict.from_dict(found.to_dict()) == found


def test_each_request_has_wrong_targets_of_its_own_and_always_the_same():
    names = gallery.names()
    request = Request("embedded:residual-multi-adv2", target="cat", seed="noise")
    assert mismatched_for(request) == mismatched_for(request)
    drawn = {
        target: mismatched_for(Request(request.model, target=target, seed="noise", rng_seed=n))
        for n, target in enumerate((*names, *(f"picture:{digit * 64}" for digit in "0123456789")))
    }
    for target, wrong in drawn.items():
        assert len(set(wrong)) == WRONG_TARGETS == 5
        assert target not in wrong
    assert len(set(drawn.values())) > 0.9 * len(drawn)
    often = Counter(name for wrong in drawn.values() for name in wrong)
    assert set(often) == set(names)
    assert max(often.values()) < 0.7 * len(drawn)


def test_seeds_are_told_apart_by_what_they_are():
    assert seed_kind_of(Request("embedded:x", seed="feather-noise")) == "feather-noise"
    assert seed_kind_of(Request("embedded:x", seed="cat")) == PICTURE
    assert seed_kind_of(Request("embedded:x", seed=f"picture:{'0' * 64}")) == PICTURE


def test_a_verdict_of_an_older_version_is_still_read():
    old = {
        "nearer_target": 4,
        "judges": 6,
        "nearer_than_mismatched": 5,
        "judges_of_mismatched": 6,
        "mismatched": "rocket",
    }
    found = PerceptualVerdict.from_dict(old)
    assert (found.answer, found.mismatched, found.wrong_nearer) == ("yes", ("rocket",), None)
    assert PerceptualVerdict.from_dict({"judges": 1, "nearer_target": 1}).mismatched == ()


def answer(name: str, to_target: float, to_seed: float, wrong_nearer: float = 0.0) -> Comparison:
    """A comparison by a measure that counts, lower is nearer."""
    return Comparison(
        measure=name,
        nearer="lower",
        to_target=to_target,
        to_seed=to_seed,
        to_mismatched=1.0,
        used_in_loss=False,
        same_family=False,
        nearer_target=to_target < to_seed,
        nearer_than_mismatched=None,
        wrong_nearer=wrong_nearer,
    )


def test_a_measure_abstains_where_it_says_nothing_of_this_very_image():
    yes, no = answer("a", 0.2, 0.9), answer("b", 0.9, 0.2)
    tie = answer("c", 0.96, 0.93)
    fooled = answer("d", 0.2, 0.9, wrong_nearer=0.4)
    assert [each.abstains is None for each in (yes, no, tie, fooled)] == [True, True, False, False]
    assert verdict([yes, no, tie, fooled]).counted == 2
    assert verdict([yes, no, tie, fooled]).answer == "undecided"
    # One that is left alone decides nothing.
    assert verdict([yes, tie, fooled]).answer == "not measured"
    assert why_counted(fooled) == "yes"
    assert why_counted_here(fooled) == "no: it calls 40% of the wrong targets nearer, too"
    assert why_counted_here(tie) == "no: target and seed are about as near"


def test_one_yes_among_noes_leaves_it_undecided():
    yes, no = answer("a", 0.2, 0.9), answer("b", 0.9, 0.2)
    assert verdict([no, no]).answer == "no"
    assert verdict([yes, no, no]).answer == "undecided"
    assert verdict([yes, yes, no]).answer == "yes"
