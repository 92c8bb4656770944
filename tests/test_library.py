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
    generate_batch,
    layer_profile,
    null,
    stir,
)
from explorer.analysis.targets import target_set
from explorer.images.encoding import from_8bit, from_png
from explorer.images.folder import picture_files
from explorer.images.gallery import load as gallery_picture
from explorer.request import RNG_SEED_RANGE
from explorer.research.documents.library import library
from explorer.validation import validate, with_null

STANDARD, ROBUST = "embedded:residual-simclr", "embedded:residual-simclr-adv2"
QUICK = Request(model=STANDARD, steps=12, seed="uniform", nearest=False)


@pytest.fixture(scope="module")
def result():
    return generate(QUICK)


def test_the_reference_lists_every_argument_and_describes_each_in_an_item():
    found = library()
    of_set = found.partition("\n## diverse_set\n")[2].partition("\n## ")[0]
    assert "\n    *,\n    compare: bool = True,\n" in of_set
    assert "\n- `compare`: make the IRIs from random seeds, too.\n" in of_set
    assert "\n- `null_folder`, `classes_file`: the folder" in found
    assert "\n    result = continue_result(result, steps=500)\n```" in found


def test_every_exported_name_is_there():
    for name in explorer.__all__:
        assert getattr(explorer, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'generat'"):
        explorer.generat  # noqa: B018


def test_align_counts_what_generate_makes(result):
    report = align(replace(QUICK, seed="noise"), "drawn:3")
    assert len(report.results) == report.counts.of == 3
    assert [each.request.rng_seed for each in report.results] == [0, 1, 2]
    again = generate(report.results[1].request, report.targets.pictures)
    np.testing.assert_allclose(again.iri, report.results[1].iri, atol=0.02)
    matched = [each for each in report.results if each.matched]
    assert report.counts.matched == report.alignment.count == len(matched)
    # The layout of photographs tells them apart in noise, that of drawn pictures does not.
    rows = report.results[0].perceptual
    of_photographs = {e.measure for e in rows if e.counts_in_verdict and e.to_target is not None}
    assert of_photographs - set(report.alignment.counted) == {"detail-map"}
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


def test_too_few_targets_for_stir_are_refused_before_anything_is_made():
    class Nothing:
        def generate(self, *_):
            raise AssertionError("nothing is to be made")

    with pytest.raises(RequestError, match="targets: linear CKA needs at least 3, not 2"):
        stir(QUICK, QUICK, "drawn:2", runner=Nothing())


class Listed:
    """A runner that keeps the requests and makes nothing."""

    def generate(self, requests, pictures, batch_size):
        self.requests = list(requests)
        raise InterruptedError


def asked_for(targets, request=QUICK) -> list[Request]:
    runner = Listed()
    with pytest.raises(InterruptedError):
        align(request, targets, runner=runner)
    return runner.requests


def test_targets_are_a_word_a_path_a_list_of_names_or_a_set(tmp_path):
    for name in ("cat", "coffee", "astronaut"):
        Image.fromarray(gallery_picture(name)).save(tmp_path / f"{name}.png")
    of_path = asked_for(tmp_path)
    assert len(of_path) == 3
    assert of_path == asked_for(str(tmp_path))
    assert [each.target for each in asked_for(["cat", "coffee"])] == ["cat", "coffee"]
    chosen = target_set(["noise", "cat"], 64)
    assert [each.target for each in asked_for(chosen)] == ["noise", "cat"]


def test_a_network_alone_stands_for_the_default_request():
    for network in (STANDARD, NetworkReference(STANDARD)):
        (made,) = asked_for(["cat"], network)
        assert made == validate(Request(model=STANDARD, target="cat"))


def test_no_target_is_a_seed_of_either_network_of_stir():
    runner = Listed()
    with pytest.raises(InterruptedError):
        stir(
            Request(model=STANDARD, seed="cat"),
            Request(model=ROBUST, seed="coffee"),
            ["cat", "coffee", "astronaut", "noise", "noise-1"],
            runner=runner,
        )
    assert [each.target for each in runner.requests] == ["astronaut", "noise", "noise-1"]


def test_the_largest_random_seed_for_so_many_targets_is_named():
    largest = RNG_SEED_RANGE[1] - 1
    assert asked_for(["cat", "coffee"], replace(QUICK, rng_seed=largest))[1].rng_seed == largest + 1
    with pytest.raises(RequestError) as error:
        asked_for(["cat", "coffee"], replace(QUICK, rng_seed=largest + 1))
    assert error.value.field == "rng_seed"
    assert str(largest + 1) in error.value.message
    assert error.value.message.endswith(f"largest that works is {largest}")


def test_compare_sees_what_the_layer_profile_sees(result):
    comparison = compare(result, ROBUST, "penultimate")
    assert comparison.network == NetworkReference(ROBUST)
    pictures = from_png(result.iri_png), from_png(result.target_png)
    profile = layer_profile(ROBUST, *pictures)
    assert comparison.layers == profile
    (penultimate,) = [row for row in profile if row.name == "penultimate"]
    assert comparison.match.relative_l2 == pytest.approx(penultimate.values["relative_l2"], 1e-4)


def test_the_iri_as_it_is_has_the_layers_of_its_result(result):
    profile = layer_profile(STANDARD, result.iri, from_png(result.target_png))
    for row, expected in zip(profile, result.layers, strict=True):
        assert row.name == expected.name
        assert row.values == pytest.approx(expected.values, rel=1e-3, abs=1e-4)


def test_floats_of_another_size_are_fitted_like_the_picture_in_8_bits():
    picture = gallery_picture("cat")
    assert picture.shape[:2] != (64, 64)
    rows = layer_profile(STANDARD, from_8bit(picture), picture)
    assert {row.values["relative_l2"] for row in rows} == {0}


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
    folder = str(tmp_path)
    alone = generate(replace(QUICK, null_folder=folder))
    assert alone.null.n_pairs == compare(result, ROBUST, null_folder=folder).null.n_pairs == 4 * 3
    assert alone.request.key == with_null(QUICK, tmp_path).key
    (of_align,) = asked_for(["cat"], replace(QUICK, null_folder=folder))
    assert of_align.null == alone.request.null


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: null(STANDARD, "stage9"), "layer"),
        (lambda: null("embedded:nobody"), "model"),
        (lambda: layer_profile("nowhere:net", *[gallery_picture("cat")] * 2), "model"),
        (lambda: layer_profile(STANDARD, *[np.full((3, 64, 64), 2, np.float32)] * 2), "picture"),
        (lambda: align(QUICK, "galery"), "targets"),
        (lambda: align(QUICK, ""), "targets"),
        (lambda: align(QUICK, []), "targets"),
        (lambda: align(QUICK, ["kat"]), "target"),
        (lambda: generate(replace(QUICK, null_folder="/nonexistent")), "null_folder"),
        (lambda: align(replace(QUICK, null_folder="/nonexistent")), "null_folder"),
    ],
)
def test_what_cannot_be_right_names_its_field(call, field):
    with pytest.raises(RequestError) as error:
        call()
    assert error.value.field == field


def test_a_null_folder_that_is_not_there_is_named_by_compare(result):
    with pytest.raises(RequestError, match="null_folder: "):
        compare(result, ROBUST, null_folder="/nonexistent")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: generate({"model": STANDARD}),
            "must be a Request, .* not dict; .*from_dict",
        ),
        (lambda: generate(STANDARD), "request must be a Request, .* not str"),
        (lambda: generate_batch(QUICK), "requests must be a list of Request, not Request"),
        (lambda: align(3), "request must be a Request"),
        (lambda: stir(STANDARD, None), "request must be a Request"),
        (lambda: align(QUICK, 3), "targets must be gallery, .* not int"),
        (lambda: compare("result.zip", STANDARD), "result must be a Result, .* not str"),
        (lambda: null(None), "network must be a Network, a NetworkReference or a str"),
        (lambda: layer_profile(None, *[gallery_picture("cat")] * 2), "network must be"),
        (lambda: layer_profile(STANDARD, "cat", "cat"), "picture must be .* not str"),
        (
            lambda: layer_profile(STANDARD, *[np.zeros((64, 64, 3))] * 2),
            r"picture must be .* not float64 of shape \(64, 64, 3\)",
        ),
        (lambda: Request.from_dict([1]), "read from a mapping, not list"),
    ],
)
def test_another_type_is_refused_in_a_sentence(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_no_requests_have_no_results():
    assert generate_batch([]) == []
