"""Representation distances, the null and the match, against SciPy, NumPy and brute force."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial import distance

from explorer.metrics.by_layer import MOST_RANKED as MOST_RANKED_BY_LAYER
from explorer.metrics.by_layer import compare_layers
from explorer.metrics.equal_match import MatchRange
from explorer.metrics.match import Match, Prediction, beyond_null, shortfalls
from explorer.metrics.matching import match_representations
from explorer.metrics.no_match import reasons
from explorer.metrics.null import QUANTILES, Distribution, Null
from explorer.metrics.null_distribution import null_distribution
from explorer.metrics.representation import (
    MOST_RANKED,
    SNR_CAP_DB,
    all_measures,
    average_ranks,
    cosine,
    pearson,
    ranked_part,
    relative_l2,
    snr_db,
    spearman,
)
from explorer.metrics.representation_measures import pair_measures
from explorer.models.network import InputSpec, Network

torch.set_num_threads(1)


def relu_like(*shape: int, rng_seed: int = 0) -> torch.Tensor:
    """Random numbers of which about half are exactly zero, as after a ReLU."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(rng_seed)).relu()


def test_distances_agree_with_numpy_and_scipy_on_representations_full_of_zeros():
    a, b = relu_like(3, 4, 5, 6), relu_like(3, 4, 5, 6, rng_seed=1)
    for n in range(3):
        x, y = a[n].flatten().double().numpy(), b[n].flatten().double().numpy()
        relative = np.linalg.norm(x - y) / np.linalg.norm(y)
        assert relative_l2(a, b)[n].item() == pytest.approx(relative, rel=1e-12)
        assert pearson(a, b)[n].item() == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-12)
        assert spearman(a, b)[n].item() == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)
        assert snr_db(a, b)[n].item() == pytest.approx(-20 * math.log10(relative), abs=1e-9)
        assert cosine(a, b)[n].item() == pytest.approx(1 - distance.cosine(x, y), abs=1e-12)


def test_all_measures_at_once_are_the_single_ones():
    a, b = relu_like(3, 4, 5, 6), relu_like(3, 4, 5, 6, rng_seed=1)
    found = all_measures(a, b)
    assert list(found) == list(pair_measures())
    for name, alone in zip(found, (relative_l2, cosine, pearson, spearman, snr_db), strict=True):
        assert found[name].tolist() == alone(a, b).tolist(), name


def test_ranking_a_part_of_many_numbers_is_near_ranking_all_in_match_and_null_alike():
    numbers = 3 * MOST_RANKED
    a = relu_like(4, numbers)
    b = a + 0.5 * relu_like(4, numbers, rng_seed=1)
    measured, whole = all_measures(a, b), spearman(a, b)
    assert measured["spearman"].tolist() != whole.tolist()
    assert measured["spearman"].tolist() == pytest.approx(whole.tolist(), abs=0.01)
    assert measured["pearson"].tolist() == pearson(a, b).tolist()
    part = ranked_part(torch.arange(numbers, dtype=torch.float64)[None])[0]
    assert len(part) == MOST_RANKED
    assert part.diff().min() > 0
    places = part.long()
    assert measured["spearman"].tolist() == spearman(a[:, places], b[:, places]).tolist()
    null = null_distribution(torch.cat([a[:1], b[:1]]))  # its only pair is a match of the above
    assert null.ranked == MOST_RANKED
    assert null.distributions["spearman"].max == pytest.approx(float(measured["spearman"][0]))
    assert Null.from_dict(json.loads(json.dumps(null.to_dict()))).ranked == MOST_RANKED
    assert torch.equal(ranked_part(a[:, :MOST_RANKED]), a[:, :MOST_RANKED])
    assert null_distribution(a[:, :MOST_RANKED]).ranked is None


class Handing(torch.nn.Module):
    """A container that hands on its part's output, a ReLU that writes in place, a large layer."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(inplace=True))
        self.same = torch.nn.Identity()
        self.large = torch.nn.Upsample(scale_factor=20)

    def forward(self, x):
        return self.large(self.same(self.inner(x)))


def test_every_layer_is_measured_as_it_was_when_it_was_ready():
    torch.manual_seed(0)
    module = Handing()
    network = Network(
        "file:test", module, InputSpec(size=(16, 16), mean=(0.0,) * 3, std=(1.0,) * 3)
    )
    images, targets = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    samples = compare_layers(network, images, targets)
    convolution = module.inner[0]
    with torch.no_grad():
        before = [convolution(x).numpy().reshape(2, -1) for x in (images, targets)]
    after = [np.maximum(x, 0) for x in before]
    expected = {"inner.0": before, "inner.1": after, "inner": after, "same": after}
    for n, layers in enumerate(samples):
        assert [layer.name for layer in layers] == [
            *("inner.0", "inner.1", "inner", "same", "large", "penultimate", "logits")
        ]
        by_name = {layer.name: layer.values for layer in layers}
        for name, (a, b) in expected.items():
            x, y = a[n].astype(float), b[n].astype(float)
            row = by_name[name]
            relative = np.linalg.norm(x - y) / np.linalg.norm(y)
            assert row["relative_l2"] == pytest.approx(relative, rel=1e-5), name
            assert row["cosine"] == pytest.approx(1 - distance.cosine(x, y), abs=1e-5), name
            assert row["pearson"] == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-5), name
            # One unit that rounding lifts above 0 has the ranks of half of the others move.
            assert row["spearman"] == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-3), name
            assert row["snr_db"] == pytest.approx(-20 * math.log10(relative), abs=1e-3), name
        ranked = {layer.name: layer.ranked for layer in layers}
        assert ranked["large"] == MOST_RANKED_BY_LAYER < 4 * 280 * 280
        assert by_name["large"]["spearman"] == pytest.approx(by_name["same"]["spearman"], abs=0.03)
        assert ranked["same"] is None


def test_a_dead_layer_has_no_numbers_where_they_are_undefined():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.Threshold(1e9, 0.0))
    network = Network("file:test", module, InputSpec(size=(8, 8)))
    (layers,) = compare_layers(network, torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8))
    dead = {layer.name: layer.values for layer in layers}["1"]
    assert (dead["relative_l2"], dead["snr_db"]) == (0.0, SNR_CAP_DB)
    assert dead["cosine"] is dead["pearson"] is dead["spearman"] is None


def test_tied_values_share_their_mean_rank_as_scipy_ranks_them():
    rows = torch.tensor([[3.0, 1, 1, 2, 1], [0, 0, 0, 0, 0], [-1, 5, 5, -1, 2]])
    expected = np.stack([stats.rankdata(row) for row in rows.numpy()])
    np.testing.assert_array_equal(average_ranks(rows).numpy(), expected)


def test_a_relative_distance_of_a_tenth_is_twenty_decibels():
    target = torch.tensor([[3.0, 4.0]])
    assert snr_db(target * 1.1, target).item() == pytest.approx(20, abs=1e-5)


def test_large_representations_with_a_large_offset_keep_their_precision():
    generator = torch.Generator().manual_seed(0)
    a = 1000 + torch.randn(1, 200_000, generator=generator)
    b = a + 0.1 * torch.randn(1, 200_000, generator=generator)
    x, y = a[0].double().numpy(), b[0].double().numpy()
    assert pearson(a, b).item() == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
    expected = np.linalg.norm(x - y) / np.linalg.norm(y)
    assert relative_l2(a, b).item() == pytest.approx(expected, rel=1e-9)


def test_degenerate_representations_have_the_documented_values():
    zero, one = torch.zeros(1, 4), torch.ones(1, 4)
    ramp = torch.arange(4.0)[None]
    assert relative_l2(zero, zero).item() == 0
    assert relative_l2(one, zero).item() == math.inf
    assert snr_db(one, one).item() == snr_db(zero, zero).item() == SNR_CAP_DB
    assert snr_db(one, zero).item() == -SNR_CAP_DB
    assert math.isnan(cosine(zero, ramp).item())
    assert math.isnan(cosine(ramp, zero).item())
    constant = torch.full((1, 7), 0.1)
    assert math.isnan(pearson(constant, torch.arange(7.0)[None]).item())
    assert math.isnan(spearman(ramp, one).item())
    assert math.isnan(spearman(ramp, ramp / torch.tensor([[1.0, 1, 0, 1]]) * 0).item())


def test_shapes_that_differ_or_lack_a_batch_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\)"):
        relative_l2(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match="one row per image"):
        pearson(torch.zeros(3), torch.zeros(3))


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return relu_like(7, 3, 40, rng_seed=5) + 0.3 * relu_like(1, 3, 40, rng_seed=6)


def test_null_is_that_of_a_double_loop_over_all_ordered_pairs(pictures):
    null = null_distribution(pictures, bins=10)
    values = {measure.null: [] for measure in pair_measures().values()}
    rows = pictures.flatten(1).double().numpy()
    for i, x in enumerate(rows):
        for j, y in enumerate(rows):
            if i != j:
                relative = np.linalg.norm(x - y) / np.linalg.norm(y)
                values["relative_l2"].append(relative)
                values["cosine"].append(1 - distance.cosine(x, y))
                values["pearson_r2"].append(stats.pearsonr(x, y)[0] ** 2)
                values["spearman"].append(stats.spearmanr(x, y)[0])
                values["snr_db"].append(-20 * np.log10(relative))
    assert (null.n_pictures, null.n_pairs) == (7, 42)
    for name, expected in values.items():
        distribution = null.distributions[name]
        assert distribution.n == 42
        assert list(distribution.quantiles.values()) == pytest.approx(
            np.quantile(expected, list(QUANTILES.values())), abs=1e-9
        )
        # An edge touches the extreme values, where the last digit decides: widen by that much.
        edges = np.array(distribution.edges) + np.r_[-1e-9, np.zeros(9), 1e-9]
        np.testing.assert_array_equal(distribution.counts, np.histogram(expected, edges)[0])


def test_null_does_not_depend_on_how_many_columns_are_taken_at_a_time(pictures, monkeypatch):
    whole = null_distribution(pictures)
    monkeypatch.setattr("explorer.metrics.null_distribution._CHUNK_NUMBERS", 7 * 13)
    parts = null_distribution(pictures)
    for name in ("relative_l2", "cosine", "pearson_r2", "spearman"):
        expected = whole.distributions[name].quantiles
        assert parts.distributions[name].quantiles == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("measure", pair_measures().values(), ids=lambda measure: measure.name)
def test_all_pairs_at_once_are_what_the_measure_itself_gives(pictures, monkeypatch, measure):
    at_once = null_distribution(pictures).distributions[measure.null]
    alone = replace(measure, of_all_pairs=None)
    monkeypatch.setattr(
        "explorer.metrics.null_distribution.pair_measures", lambda: {measure.name: alone}
    )
    monkeypatch.setattr("explorer.metrics.null_distribution._CHUNK_NUMBERS", 3 * 120)
    one_by_one = null_distribution(pictures).distributions[measure.null]
    assert one_by_one.n == at_once.n
    assert one_by_one.quantiles == pytest.approx(at_once.quantiles, abs=1e-9)


def test_null_of_nearly_equal_pictures_is_not_lost_to_cancellation():
    base = 100 + relu_like(1, 5000)
    pictures = torch.cat([base, base + 1e-5 * relu_like(1, 5000, rng_seed=1).round()])
    x, y = pictures.double().numpy()
    expected = np.linalg.norm(x - y) / np.linalg.norm(y)
    assert null_distribution(pictures).relative_l2.max == pytest.approx(expected, rel=1e-6)


def test_null_survives_json_and_dead_pictures():
    dead = torch.cat([torch.zeros(2, 6), relu_like(2, 6)])
    null = null_distribution(dead, source="four pictures")
    assert null.n_pairs == 12
    assert null.distributions["spearman"].n == null.distributions["cosine"].n == 2
    assert null.source == "four pictures"
    assert null.relative_l2.n == null.distributions["snr_db"].n == 6  # without zero targets
    text = json.dumps(null.to_dict(), allow_nan=False)
    assert Null.from_dict(json.loads(text)) == null
    empty = null_distribution(torch.ones(3, 4))
    back = Null.from_dict(json.loads(json.dumps(empty.to_dict(), allow_nan=False)))
    assert back.distributions["spearman"].n == 0
    assert math.isnan(back.distributions["spearman"].max)
    with pytest.raises(ValueError, match="at least 2 pictures, not 1"):
        null_distribution(torch.ones(1, 4))


def match_one(*arguments, **named) -> Match:
    (match,) = match_representations(*arguments, **named)
    return match


def test_a_close_representation_is_a_match_and_an_unrelated_one_is_not(pictures):
    null = null_distribution(pictures)
    target = relu_like(1, 3, 40, rng_seed=9)
    close = match_one(target + 0.01 * relu_like(1, 3, 40, rng_seed=10), target, null)
    assert close.beyond_null
    assert close.same_class is None
    assert close.same
    assert not match_one(relu_like(1, 3, 40, rng_seed=11), target, null).same


def test_an_inverted_representation_is_no_match_though_its_r_squared_is_one(pictures):
    null = null_distribution(pictures)
    target = relu_like(1, 120, rng_seed=9)
    inverted = match_one(-target, target, null)
    assert inverted.values["pearson"] == pytest.approx(-1)
    assert not inverted.beyond_null


def test_each_of_the_three_tests_can_fail_a_match_alone(pictures):
    null = null_distribution(pictures)
    target = relu_like(1, 120, rng_seed=9)
    loud = match_one(3 * target, target, null)  # correlations of 1, but far away
    assert loud.values["pearson"] == pytest.approx(1)
    assert loud.values["spearman"] == pytest.approx(1)
    assert not loud.beyond_null
    assert not match_one(torch.ones(1, 120), target, null).beyond_null


def test_same_class_is_judged_on_the_class_logits_only(pictures):
    null = null_distribution(pictures)
    target = relu_like(2, 120, rng_seed=9)
    logits = torch.tensor([[0.0, 2, 1, 9], [3, 0, 0, 9]])  # the last one belongs to another head
    target_logits = torch.tensor([[0.0, 3, 1, 0], [0, 4, 0, 0]])
    same, other = match_representations(
        target, target, null, logits, target_logits, classes=("cat", "car", "mug")
    )
    assert (same.same_class, same.target_class, same.iri_class) == (True, "car", "car")
    assert same.same
    assert [each.name for each in same.iri_top] == ["car", "mug", "cat"]
    odds = np.exp([0, 2, 1]) / np.exp([0, 2, 1]).sum()
    assert same.iri_top[0].probability == pytest.approx(odds[1], abs=1e-6)
    assert (other.same_class, other.iri_class) == (False, "cat")
    assert other.beyond_null
    assert not other.same


def test_classes_of_one_name_are_still_two_classes(pictures):
    null = null_distribution(pictures)
    target = relu_like(1, 120, rng_seed=9)
    match = match_one(
        target,
        target,
        null,
        torch.tensor([[1.0, 0]]),
        torch.tensor([[0.0, 1]]),
        classes=("crane", "crane"),
    )
    assert match.same_class is False


def test_match_is_json_with_undefined_numbers_as_null(pictures):
    null = null_distribution(pictures)
    plain = match_one(torch.ones(1, 120), torch.zeros(1, 120), null).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["relative_l2"] is None
    assert plain["same"] is False


def test_logits_that_do_not_fit_are_refused(pictures):
    null = null_distribution(pictures)
    x = relu_like(1, 120)
    with pytest.raises(ValueError, match="5 classes with 5 names do not fit 3 logits"):
        match_one(x, x, null, torch.zeros(1, 3), torch.zeros(1, 3), classes=tuple("abcde"))


def test_each_deciding_measure_must_be_beyond_the_largest_of_the_null():
    largest = {"snr_db": 3.0, "pearson_r2": 0.49, "spearman": 0.6, "relative_l2": 2.0}
    null = Null(
        *(2, 2),
        {name: Distribution(2, {"max": value}, (), ()) for name, value in largest.items()},
    )
    good = {"snr_db": 3.1, "pearson": 0.71, "spearman": 0.61, "relative_l2": 9.0}
    assert beyond_null(good, null)
    for name, value in (("snr_db", 3.0), ("pearson", 0.7), ("spearman", 0.6), ("pearson", -0.9)):
        assert not beyond_null(good | {name: value}, null), name
    for name in ("snr_db", "pearson", "spearman"):
        assert not beyond_null(good | {name: None}, null), name

    def why(values=None, rounded=None, same_class=True, part=False):
        tops = ((Prediction(0, "cat", 1.0),), (Prediction(int(not same_class), "mug", 1.0),))
        matches = [
            Match(
                good | (each or {}), beyond_null(good | (each or {}), null), same_class, *tops, part
            )
            for each in (values, rounded)
        ]
        return reasons(*matches, null)

    assert why() == ()
    assert why({"snr_db": 2.96}) == (
        "No match by signal to noise: it is 2.96 dB, and unrelated images reach 3.00 dB.",
    )
    assert why({"spearman": 0.5999}) == (
        "No match by Spearman correlation: it is 0.5999, and unrelated images reach 0.6000.",
    )
    assert why({"pearson": 0.5}) == (
        "No match by squared Pearson correlation: it is 0.250, and unrelated images reach 0.490.",
    )
    assert why({"pearson": -0.9}) == (
        "No match by Pearson correlation: it is -0.900, and has to be above 0.",
    )
    assert why({"spearman": None}) == (
        "No match by Spearman correlation, which is undefined here.",
    )
    assert len(why({"spearman": 0.1, "snr_db": 0.0})) == 2
    assert why(None, {"spearman": 0.5}) == (
        "Rounding to 8 bits loses the match. No match by "
        "Spearman correlation: it is 0.500, and unrelated images reach 0.600.",
    )
    assert why(same_class=False) == ("The classes differ: the target is “cat”, the IRI “mug”.",)
    assert why(same_class=False, part=True) == ()


def test_one_number_fails_by_the_99_percent_of_the_pairs_below_which_it_is():
    empty = Distribution(0, {"max": math.nan}, (), ())
    snr = Distribution(2, {"q99": 20.0, "max": 40.0}, (), ())
    null = Null(2, 2, {"snr_db": snr, "pearson_r2": empty, "spearman": empty})
    values = {"snr_db": 12.0, "pearson": None, "spearman": None}
    assert beyond_null(values | {"snr_db": 21.0}, null)
    match = Match(values, beyond_null(values, null))
    assert reasons(match, match, null) == (
        "No match by signal to noise: it is 12.0 dB, and has to be above 20.0 dB, below which 99 % "
        "of the pairs of unrelated images stay.",
    )


def test_ranks_that_unrelated_pictures_share_do_not_forbid_a_match():
    numbers = torch.randn(60, 6, generator=torch.Generator().manual_seed(0))
    null = null_distribution(numbers)
    ranks = null.distributions["spearman"]
    assert ranks.max == pytest.approx(1)  # 720 orders, 1,770 pairs
    target = numbers[:1]
    assert match_one(target * 1.001, target, null).beyond_null
    value = ranks.quantiles["q99"] - 0.01
    found = {"snr_db": 60.0, "pearson": 0.9999, "spearman": value}
    (failed,) = shortfalls(found, null)
    assert (failed.measure, failed.limit) == ("spearman", ranks.quantiles["q99"])
    strict = Distribution(2, {"q99": 0.5, "max": 0.979}, (), ())
    null = replace(null, distributions={**null.distributions, "spearman": strict})
    (failed,) = shortfalls(found | {"spearman": 0.978}, null)
    assert failed.limit == 0.979


def test_a_failure_of_an_older_result_without_its_numbers_is_still_said():
    match = Match({"relative_l2": 0.5}, False)
    null = Null(2, 2, {"relative_l2": Distribution(2, {}, (), ())})
    assert reasons(match, match, null) == (
        "Some unrelated images are as alike to the network as these two.",
    )


# Whether results that stand side by side are at equal match


@pytest.mark.parametrize(
    ("distances", "expected", "warning"),
    [
        ([0.13, 0.42, 0.2], (0.13, 0.42), "not at equal match: 0.13 against 0.42, more than 1.5"),
        ([0.04, 0.05, 0.06], (0.04, 0.06), ""),
        ([0.00001, 0.001], (0.00001, 0.001), ""),  # both are exact to any eye
        ([None, math.inf, 0.3], (0.3, 0.3), ""),
        ([], (None, None), ""),
    ],
)
def test_matches_are_equal_within_a_factor_and_else_a_sentence_says_so(
    distances, expected, warning
):
    spread = MatchRange.of(distances)
    assert (spread.nearest, spread.farthest) == expected
    assert spread.equal is spread.to_dict()["equal"] is (warning == "")
    assert warning in spread.warning
    assert (spread.warning == "") is spread.equal
