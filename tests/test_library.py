"""What a notebook imports: `from explorer import …`, every use case as a function."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import explorer
from explorer import (
    NetworkReference,
    Request,
    RequestError,
    align,
    compare,
    generate,
    layer_profile,
    null,
    stir,
)
from explorer.images.encoding import from_png
from explorer.images.folder import picture_files
from explorer.images.gallery import load as gallery_picture

STANDARD, ROBUST = "embedded:plain-multi-standard", "embedded:plain-multi-adv2"
QUICK = Request(model=STANDARD, steps=12, seed="uniform")


@pytest.fixture(scope="module")
def result():
    return generate(QUICK)


def test_every_exported_name_is_there():
    for name in explorer.__all__:
        assert getattr(explorer, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'generat'"):
        explorer.generat  # noqa: B018


def test_align_counts_what_generate_makes(result):
    report = align(QUICK, "drawn:3")
    assert len(report.results) == report.counts.of == 3
    assert [each.request.rng_seed for each in report.results] == [0, 1, 2]
    again = generate(report.results[1].request, report.targets.pictures)
    np.testing.assert_allclose(again.iri, report.results[1].iri, atol=1e-4)
    matched = [each for each in report.results if each.matched]
    assert report.counts.matched == report.alignment.count == len(matched)
    assert set(report.to_json()) >= {"request", "targets", "alignment", "paper", "iris"}


def test_the_seed_is_no_target_of_its_own():
    with pytest.raises(RequestError, match="the seed is the only one"):
        align(
            Request(model=STANDARD, seed="picture:" + "0" * 64),
            explorer.analysis.targets.TargetSet("one", {"picture:" + "0" * 64: "it"}, {}),
        )


def test_stir_of_a_network_with_itself_sees_the_same_twice():
    report = stir(QUICK, QUICK, "drawn:4")
    assert report.shared.similarity == pytest.approx(1, abs=1e-6)
    assert report.shared.first_given_second.value == pytest.approx(
        report.shared.second_given_first.value, abs=1e-6
    )
    assert [counts.of for counts in report.counts] == [4, 4]


def test_too_few_targets_for_stir_are_named():
    once = replace(QUICK, steps=1)
    with pytest.raises(RequestError, match="targets: CKA needs at least 3 images"):
        stir(once, once, "drawn:2")


def test_compare_sees_what_the_layer_profile_sees(result):
    comparison = compare(result, NetworkReference(ROBUST), "penultimate")
    pictures = from_png(result.iri_png), from_png(result.target_png)
    profile = layer_profile(ROBUST, *pictures)
    assert comparison.layers == profile
    (penultimate,) = [row for row in profile if row.name == "penultimate"]
    assert comparison.match.relative_l2 == pytest.approx(penultimate.values["relative_l2"], 1e-4)


def test_a_picture_is_itself_at_every_layer():
    picture = gallery_picture("cat")
    assert {row.values["relative_l2"] for row in layer_profile(STANDARD, picture, picture)} == {0}


def test_the_null_is_that_of_the_result_and_a_folder_makes_another(result, tmp_path):
    assert null(STANDARD).to_dict() == result.null.to_dict()
    rng = np.random.default_rng(0)
    for number in range(4):
        pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    assert len(picture_files(tmp_path)) == 4
    assert null(STANDARD, "logits", tmp_path).n_pairs == 4 * 3


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: null(STANDARD, "stage9"), "layer"),
        (lambda: null("embedded:nobody"), "model"),
        (lambda: layer_profile("nowhere:net", *[gallery_picture("cat")] * 2), "model"),
        (lambda: align(QUICK, "galery"), "targets"),
    ],
)
def test_what_cannot_be_right_names_its_field(call, field):
    with pytest.raises(RequestError) as error:
        call()
    assert error.value.field == field
