"""The figures: numbers in, the right marks out."""

from __future__ import annotations

import math

import pytest

from explorer.plots.match import by_layer, falling_curve, null_histogram
from explorer.plots.perception import lean, leaning
from explorer.plots.style import SEED, TARGET


def test_lean_is_plus_one_at_the_target_minus_one_at_the_other_and_zero_between():
    assert lean("ssim", "higher", 1.0, 0.0) == 1.0
    assert lean("ssim", "higher", 0.0, 1.0) == -1.0
    assert lean("lpips-vgg", "lower", 0.3, 0.3) == 0.0
    assert lean("ssim", "higher", 1.0, 1.0) == 0.0


def test_lean_of_psnr_compares_root_mean_squared_errors():
    to_target, to_other = 20.0, 10.0
    near, far = 0.1, math.sqrt(0.1)
    assert lean("psnr", "higher", to_target, to_other) == pytest.approx((far - near) / (far + near))


def test_the_matched_layer_is_marked_where_it_lies():
    chart = by_layer(["a", "b", "c"], [1.0, None, 0.01], "c")
    marked = chart.data[1]
    assert (list(marked.x), list(marked.y)) == ([3], [0.01])


def test_a_measure_without_a_logarithmic_axis_shows_values_below_zero():
    chart = by_layer(["a", "b"], [-0.5, 1.0], "b", "cosine", logarithmic=False)
    assert list(chart.data[0].y) == [-0.5, 1.0]
    assert chart.layout.yaxis.type != "log"
    assert chart.layout.yaxis.title.text == "cosine"
    assert by_layer(["a"], [0.5], "a").layout.yaxis.type == "log"


def test_the_curve_shows_every_step_the_goal_and_the_null():
    chart = falling_curve([0, 1, 2], [1.0, 0.5, 0.1], goal=0.01, null_smallest=0.4)
    assert list(chart.data[0].y) == [1.0, 0.5, 0.1]
    assert sorted(shape.y0 for shape in chart.layout.shapes) == [0.01, 0.4]
    assert [note.y for note in chart.layout.annotations] == [math.log10(0.01), math.log10(0.4)]


def test_the_null_histogram_holds_all_pairs_and_the_iri():
    chart = null_histogram([1, 3], [0.5, 1.0, 1.5], 0.02, 4)
    assert sum(chart.data[0].y) == 4
    assert list(chart.data[1].x) == [0.02, 0.02]
    assert chart.layout.xaxis.rangemode == "tozero"
    chart = null_histogram([1, 3], [-0.2, 0.1, 0.4], 0.98, 4, "cosine")
    assert chart.layout.xaxis.title.text == "cosine"
    assert chart.layout.xaxis.rangemode == "normal"


def test_measures_that_may_not_judge_are_striped_and_missing_ones_left_out():
    def row(measure, held_out, to_target, **more):
        return {
            "measure": measure,
            "nearer": "higher",
            "to_target": to_target,
            "to_seed": 0.5,
            "to_mismatched": None,
            "held_out": held_out,
        } | more

    def looks(rows, titles):
        bars = leaning(rows, titles).data[0]
        marks = zip(bars.marker.color, bars.marker.pattern.shape, strict=True)
        return dict(zip(bars.y, marks, strict=True))

    rows = [row("ssim", True, 0.9), row("haarpsi", False, 0.9), row("ms-ssim", True, None)]
    found = looks(rows, {"ssim": "SSIM", "haarpsi": "HaarPSI"})
    assert found == {"SSIM": (TARGET, ""), "HaarPSI": (TARGET, "/")}
    rows = [row("ssim", True, 0.1, judges=True), row("haarpsi", True, 0.1, judges=False)]
    found = looks(rows, {"ssim": "SSIM", "haarpsi": "HaarPSI"})
    assert found == {"SSIM": (SEED, ""), "HaarPSI": (SEED, "/")}
