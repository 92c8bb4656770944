"""The figures: numbers in, the right marks out."""

from __future__ import annotations

import math

import pytest

from explorer.metrics.match import LayerComparison
from explorer.metrics.null import Distribution
from explorer.metrics.perceptual_verdict import Comparison
from explorer.metrics.representation_measures import pair_measures
from explorer.plots.match import falling_curve, layer_profile, null_histogram
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


def profile(values, layer: str, measure: str = "relative_l2"):
    layers = [LayerComparison(name, "", {measure: value}) for name, value in values.items()]
    return layer_profile(layers, pair_measures()[measure], layer)


def test_the_matched_layer_is_marked_in_its_place():
    chart = profile({"a": 1.0, "b": None, "c": 0.01}, "c")
    marked = chart.data[1]
    assert (list(marked.x), list(marked.y)) == ([3], [0.01])


def test_only_the_relative_distance_has_a_logarithmic_axis():
    chart = profile({"a": -0.5, "b": 1.0}, "b", "cosine")
    assert list(chart.data[0].y) == [-0.5, 1.0]
    assert chart.layout.yaxis.type != "log"
    assert chart.layout.yaxis.title.text == "cosine"
    assert profile({"a": 0.5}, "a").layout.yaxis.type == "log"


def test_a_distance_of_zero_is_a_gap_with_a_mark_at_the_bottom_of_the_axis():
    chart = profile({"a": 1.0, "b": 0.0, "c": 0.01}, "c")
    assert list(chart.data[0].y) == [1.0, None, 0.01]
    assert (list(chart.data[2].x), chart.data[2].marker.symbol) == ([2], "triangle-down")
    assert chart.layout.yaxis.range[0] < math.log10(chart.data[2].y[0]) < math.log10(0.01)
    assert profile({"a": 0.5, "b": 0.0}, "b").data[1].y[0] > 0, "matched exactly: at the bottom"
    assert list(profile({"a": 0.5, "b": 0.0}, "a", "cosine").data[0].y) == [0.5, 0.0]
    assert list(falling_curve([0, 1], [1.0, 0.0], 0.01).data[0].y) == [1.0, None]


def test_layers_keep_apart_where_their_names_are_cut():
    names = [
        f"features.{n}.{part}_activation" for n in (3, 12) for part in ("squeeze", "expand1x1")
    ]
    ticks = profile(dict.fromkeys([*names, "logits"], 0.5), "logits").layout.xaxis.ticktext
    assert len(set(ticks)) == 5
    assert ticks[-1] == "logits"
    assert all(len(tick) <= 20 for tick in ticks)
    twins = [f"layer{n}.0.downsample.0" for n in range(1, 5)]
    assert len(set(profile(dict.fromkeys(twins, 0.5), twins[0]).layout.xaxis.ticktext)) == 4


def test_the_curve_shows_every_step_the_goal_and_the_null():
    chart = falling_curve([0, 1, 2], [1.0, 0.5, 0.1], goal=0.01, null_smallest=0.4)
    assert list(chart.data[0].y) == [1.0, 0.5, 0.1]
    assert sorted(shape.y0 for shape in chart.layout.shapes) == [0.01, 0.4]
    assert [note.y for note in chart.layout.annotations] == [math.log10(0.01), math.log10(0.4)]


def test_the_null_histogram_holds_all_pairs_and_the_iri():
    chart = null_histogram(Distribution(4, {}, (1, 3), (0.5, 1.0, 1.5)), 0.02)
    assert sum(chart.data[0].y) == 4
    assert list(chart.data[1].x) == [0.02, 0.02]
    assert chart.layout.xaxis.rangemode == "tozero"
    chart = null_histogram(Distribution(4, {}, (1, 3), (-0.2, 0.1, 0.4)), 0.98, "cosine")
    assert chart.layout.xaxis.title.text == "cosine"
    assert chart.layout.xaxis.rangemode == "normal"


def test_measures_that_do_not_count_are_hatched_and_missing_ones_left_out():
    def compared(measure, to_target, *, used_in_loss=False, redundant=False):
        return Comparison(
            *(measure, "higher", to_target, 0.5, None, used_in_loss, False, None, None),
            redundant=redundant,
        )

    tied = compared("structure", 0.51)
    assert tied.abstains

    bars = leaning(
        [
            compared("ssim", 0.9),
            compared("haarpsi", 0.1, used_in_loss=True),
            compared("psnr", 30.0, redundant=True),
            compared("ms-ssim", None),
            compared("of-another-version", 0.9),
            tied,
        ],
        {"ssim": "SSIM", "haarpsi": "HaarPSI", "psnr": "PSNR", "ms-ssim": "MS-SSIM"},
    ).data[0]
    marks = zip(bars.marker.color, bars.marker.pattern.shape, strict=True)
    assert dict(zip(bars.y, marks, strict=True)) == {
        "SSIM": (TARGET, ""),
        "HaarPSI": (SEED, "/"),
        "PSNR": (TARGET, "/"),
        "of-another-version": (TARGET, ""),
        "structure": (TARGET, "/"),
    }


def test_a_figure_is_drawn_once_for_the_same_numbers_and_anew_for_others():
    steps, distances = (0, 10, 20), (1.0, 0.25, 0.125)
    drawn = falling_curve(steps, distances, 0.02)
    assert falling_curve((0, 10, 20), (1.0, 0.25, 0.125), 0.02) is drawn
    others = (
        falling_curve(steps, (1.0, 0.25, 0.1250001), 0.02),
        falling_curve(steps, distances, 0.03),
    )
    assert drawn not in others
    assert others[0].to_json() != drawn.to_json() != others[1].to_json()
