"""Alignment over a set of IRIs against counting by hand, the binomial and brute force."""

import json
from dataclasses import replace

import numpy as np
import pytest

from explorer.metrics.alignment import alignment, nearer_target, nearer_wrong, over_measures
from explorer.metrics.perceptual_verdict import Comparison


def compared(
    measure: str, to_target: float | None, to_seed: float | None, wrong: float | None, **more
) -> Comparison:
    fields = {"nearer": "lower", "used_in_loss": False} | more
    return Comparison(
        measure=measure,
        to_target=to_target,
        to_seed=to_seed,
        to_mismatched=wrong,
        same_family=False,
        nearer_target=None,
        nearer_than_mismatched=None,
        **fields,
    )


def iris(nearer: dict[str, list[int]], unused: tuple[str, ...] = ()) -> list[list[Comparison]]:
    """One IRI per column: 1 where the measure finds it nearer its target than its seed.

    unused: measures that do not count, because the loss used them.
    """
    count = len(next(iter(nearer.values())))
    return [
        [
            compared(name, 1.0 - answers[n], 0.5, 0.9, used_in_loss=name in unused)
            for name, answers in nearer.items()
        ]
        for n in range(count)
    ]


def test_shares_mean_and_deviation_are_those_of_counting():
    found = alignment(
        iris({"a": [1, 1, 1, 0], "b": [1, 0, 0, 0], "c": [1, 1, 1, 1]}, unused=("c",))
    )
    assert found.count == 4
    assert {name: share.value for name, share in found.shares.items()} == {
        "a": 0.75,
        "b": 0.25,
        "c": 1.0,
    }
    assert all(share.value == 0 for share in found.wrong.values())
    assert found.counted == ("a", "b")
    assert found.mean == 0.5
    assert found.deviation == 0.25  # of the population, as numpy.std and the paper's notebook
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_a_tie_counts_as_in_the_paper_and_direction_is_the_measures():
    tie = compared("a", 0.3, 0.3, 0.1)
    assert nearer_target(tie) == 1.0
    assert nearer_wrong(tie) == 1.0
    assert nearer_target(replace(tie, to_target=0.31)) == 0.0
    higher = replace(tie, nearer="higher")
    assert nearer_target(replace(higher, to_target=0.31)) == 1.0
    assert nearer_wrong(higher) == 0.0
    assert np.isnan(nearer_target(replace(tie, to_seed=None)))


def test_the_control_is_the_mean_share_of_wrong_targets():
    row = compared("a", 0.1, 0.3, 0.2, wrong_nearer=0.4)
    assert nearer_wrong(row) == 0.4
    assert nearer_wrong(replace(row, wrong_nearer=None)) == 1.0  # an older result's single one
    found = alignment([[row], [replace(row, wrong_nearer=0.0)]])
    assert found.wrong["a"].value == pytest.approx(0.2)
    assert found.wrong["a"].to_text().startswith("20 % (")


def test_the_interval_of_the_mean_is_that_of_drawing_targets_for_all_measures_together():
    rng = np.random.default_rng(3)
    easy = rng.random(50)
    answers = {name: (easy < level).astype(int) for name, level in (("a", 0.3), ("b", 0.6))}
    found = alignment(iris({name: list(values) for name, values in answers.items()}))
    both = np.mean(list(answers.values()), axis=0)
    drawn = [both[rng.integers(0, 50, 50)].mean() for _ in range(4000)]
    assert found.low == pytest.approx(np.quantile(drawn, 0.025), abs=0.02)
    assert found.high == pytest.approx(np.quantile(drawn, 0.975), abs=0.02)
    # What is hard for both widens the interval; each measure's own luck would cancel.
    apart = sum(np.var(values) for values in answers.values()) ** 0.5 / 2 / 50**0.5
    assert found.high - found.low > 1.1 * 2 * 1.96 * apart


def test_a_measure_without_values_is_left_out_and_a_single_missing_one_is_not_counted():
    some = iris({"a": [1, 1, 0, 1], "gone": [1, 1, 1, 1], "b": [1, 1, 0, 1]})
    for each in some:
        each[1] = replace(each[1], to_target=None, to_seed=None, to_mismatched=None)
    some[3][0] = replace(some[3][0], to_target=None)
    found = alignment(some)
    assert set(found.shares) == {"a", "b"}
    assert (found.shares["a"].count, found.shares["a"].value) == (3, pytest.approx(2 / 3))
    assert found.mean == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert found.low is not None


def test_without_iris_or_measures_that_count_there_is_no_mean():
    nothing = alignment([])
    assert (nothing.count, nothing.mean, nothing.low, nothing.shares) == (0, None, None, {})
    # One that counts is too few, as in the verdict of a single result.
    uncounted = alignment(iris({"a": [1, 0], "b": [1, 1]}, unused=("a",)))
    assert (uncounted.mean, uncounted.deviation, uncounted.counted) == (None, None, ("b",))
    assert uncounted.low is None
    assert uncounted.shares["a"].value == 0.5
    assert over_measures([]) == (None, None)
