"""The nulls that ship: measured again, found by what they depend on, and small."""

import copy
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from scipy import stats

from explorer.analysis import null_sources, nulls, shipped_nulls
from explorer.analysis.null_sources import (
    NULL_HELD_OUT_PICTURES,
    NullSource,
    card_of,
    gallery_and_drawn_source,
    gallery_source,
    held_out_facts,
    usual_source,
)
from explorer.analysis.nulls import measured_null, null_key, null_of
from explorer.errors import RequestError
from explorer.metrics.null import Distribution, Null
from explorer.models.loading import load
from explorer.models.network import Network
from explorer.models.sources import compressed, embedded
from explorer.network_reference import NetworkReference
from explorer.research import null_table
from explorer.research.null_table import Wanted, held_out_source, nulls_of, wanted
from explorer.research.training.datasets import DATASETS
from explorer.research.training.photos import Photos

SQUEEZENET = "compressed:squeezenet1_0"
DATA = Path(__file__).parents[2] / "shared" / "data"
PUBLISHED = DATA / "squeezenet1_0-compressed.net"
PACKS = {"imagenette": DATA / "imagenette128.npz", "cifar10": DATA / "cifar10.npz"}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network_of(model: str) -> Network:
    return load(NetworkReference(model), "cpu")


@pytest.fixture
def squeezenet(monkeypatch) -> Network:
    if not PUBLISHED.exists():
        pytest.skip("the published file is not here")
    monkeypatch.setattr(compressed, "from_url", lambda *_: PUBLISHED)
    return compressed.load(NetworkReference(SQUEEZENET), lambda text: None)


@pytest.fixture
def table(tmp_path, monkeypatch):
    """An empty table in the place of the one that ships."""
    monkeypatch.setattr(shipped_nulls, "TABLE", tmp_path / "table.json.gz")
    shipped_nulls._table.cache_clear()
    yield shipped_nulls.TABLE
    shipped_nulls._table.cache_clear()


def ship(nulls: dict[str, Null]) -> None:
    shipped_nulls.TABLE.write_bytes(shipped_nulls.packed(nulls))
    shipped_nulls._table.cache_clear()


def check_measured_again(network: Network, layer: str, source: NullSource) -> None:
    now = measured_null(network, layer, source)
    null = shipped_nulls.shipped(null_key(network, layer, source.facts))
    assert (null.n_pictures, null.n_pairs) == (now.n_pictures, now.n_pairs)
    assert (null.source, null.ranked) == (now.source, now.ranked)
    assert null.distributions.keys() == now.distributions.keys()
    for name, expected in now.distributions.items():
        found = null.distributions[name]
        assert found.n == sum(found.counts) == expected.n
        assert found.quantiles == pytest.approx(expected.quantiles, rel=1e-3, abs=1e-4), name
        assert found.edges == pytest.approx(expected.edges, rel=1e-3, abs=1e-4), name
        # Rounding on another machine may move a value over an edge, not many of them.
        moved = np.abs(np.subtract(found.counts, expected.counts)).sum()
        assert moved <= 0.02 * expected.n, name


def test_they_are_what_is_measured_now():
    for model, layer in (("residual-multi-standard", "penultimate"), ("vit-multi-adv2", "logits")):
        network = network_of(f"embedded:{model}")
        check_measured_again(network, layer, gallery_and_drawn_source())


def test_squeezenets_are_what_is_measured_now(squeezenet):
    assert usual_source(squeezenet).facts == gallery_source().facts
    check_measured_again(squeezenet, "features.2", gallery_source())


def held_out_photographs(dataset: str) -> list[np.ndarray]:
    """The first held-out photographs in their random order, straight from the pack."""
    stored, side = DATASETS[dataset].stored, DATASETS[dataset].side
    with np.load(PACKS[dataset]) as pack:
        test = np.flatnonzero(pack["split"] == 1)
        jpeg, offset = pack["jpeg"], pack["offset"]
    order = np.random.default_rng(0).permutation(len(test))[:NULL_HELD_OUT_PICTURES]
    margin, images = (stored - side) // 2, []
    for index in test[order]:
        with Image.open(io.BytesIO(jpeg[offset[index] : offset[index + 1]].tobytes())) as photo:
            image = ImageOps.fit(photo.convert("RGB"), (stored, stored), Image.Resampling.BICUBIC)
        images.append(np.asarray(image)[margin : margin + side, margin : margin + side])
    return images


@pytest.mark.parametrize("dataset", PACKS)
def test_those_of_photographs_are_what_is_measured_now(dataset):
    cards = {each.model: each.card for each in wanted() if held_out_facts(each.card)}
    models = [model for model, card in cards.items() if card["recipe"]["dataset"] == dataset]
    if not (models and PACKS[dataset].exists()):
        pytest.skip("no such network ships, or its photographs are not here")
    images, text = (
        held_out_photographs(dataset),
        f"500 held-out photographs of {DATASETS[dataset].title}",
    )
    source = NullSource(text, held_out_facts(cards[models[0]]), lambda _size: images)
    check_measured_again(network_of(models[0]), "penultimate", source)


def test_every_embedded_network_has_its_own_at_the_layers_that_people_name():
    """Else run `python -m explorer.research.null_table`."""
    found = set()
    for each in wanted():
        assert {"penultimate", "logits"} <= set(each.layers)
        if each.model.startswith("embedded:"):
            network = network_of(each.model)
            facts = held_out_facts(each.card) or usual_source(network).facts
            found |= {null_key(network, layer, facts) for layer in each.layers}
    assert found <= shipped_nulls.keys(), "the network, its layers or the pictures have changed"
    assert shipped_nulls.TABLE.stat().st_size < 2_000_000


def test_one_that_ships_is_not_measured_and_a_changed_network_or_picture_has_another(monkeypatch):
    network, source = network_of("embedded:residual-multi-standard"), gallery_and_drawn_source()
    count = len(source.load(64))
    with monkeypatch.context() as patched:
        patched.setattr(nulls, "measured_null", lambda *_: pytest.fail("it was measured"))
        assert null_of(network, "penultimate").n_pairs == count * (count - 1)

    def key_of(changed: Network = network, layer="penultimate", facts: Sequence = source.facts):
        return null_key(changed, layer, facts)

    key = key_of()
    assert shipped_nulls.shipped(key) is not None
    others = [
        key_of(layer="logits"),
        key_of(replace(network, input=replace(network.input, size=(96, 96)))),
        key_of(replace(network, input=replace(network.input, mean=(0.4,) * 3))),
        key_of(facts=("another photograph",)),
    ]
    monkeypatch.setattr(nulls, "NULL_VERSION", -1)
    others.append(key_of())
    monkeypatch.undo()
    module = copy.deepcopy(network.module)  # loaded networks are kept
    with torch.no_grad():
        next(module.parameters()).view(-1)[0] += 1e-3
    others.append(key_of(replace(network, module=module)))
    assert len({key, *others}) == 7
    assert not any(map(shipped_nulls.shipped, others[1:]))  # that of the logits ships, too


# Networks that learned from photographs

UNTRAINED = "embedded:residual-untrained"
LAYERS = ("stage2.1.relu2", "stage2", "grid", "penultimate")


@pytest.fixture
def photo_network(table, monkeypatch) -> Wanted:
    """A network whose card says that it learned from photographs; six of them make its null."""
    of_drawn = embedded.card
    name = UNTRAINED.partition(":")[2]
    card = of_drawn(name) | {"data_digest": "f00d", "recipe": {"dataset": "imagenette"}}
    monkeypatch.setattr(embedded, "card", lambda asked: card if asked == name else of_drawn(asked))
    monkeypatch.setattr(null_sources, "NULL_HELD_OUT_PICTURES", 6)
    return Wanted(UNTRAINED, LAYERS, card)


def photographs(count: int = 8, digest: str = "f00d") -> dict[str, Photos]:
    images = np.random.default_rng(1).integers(0, 256, (count, 72, 72, 3), np.uint8)
    labels = np.zeros((count, 1), np.int64)
    data = Photos(DATASETS["imagenette"], ("a",), {"test": images}, {"test": labels}, digest)
    return {"imagenette": data}


def test_a_photo_networks_null_is_of_held_out_photographs_of_its_own_data(photo_network):
    ship(nulls_of(photo_network, photographs()))
    network = network_of(UNTRAINED)
    null = null_of(network, "stage2")
    assert (null.source, null.n_pictures) == ("6 held-out photographs of Imagenette", 6)
    assert null == null_of(network, "stage2.1.relu2")  # the same numbers
    assert null.n_pairs == null.relative_l2.n == 30
    assert null_of(network, "grid").relative_l2 != null.relative_l2

    shown = photographs()["imagenette"].images["test"][:6, 4:68, 4:68].transpose(0, 3, 1, 2) / 255
    taken = []
    hook = network.module.stage2.register_forward_hook(lambda *given: taken.append(given[-1]))
    network(torch.from_numpy(shown).float())
    hook.remove()
    rows = taken[0].flatten(1).double().numpy()
    pairs = [(a, b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
    for name, values in {
        "relative_l2": [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in pairs],
        "spearman": [stats.spearmanr(a, b)[0] for a, b in pairs],
        "pearson_r2": [stats.pearsonr(a, b)[0] ** 2 for a, b in pairs],
    }.items():
        for quantile, share in (("min", 0.0), ("q50", 0.5), ("max", 1.0)):
            found = null.distributions[name].quantiles[quantile]
            assert found == pytest.approx(np.quantile(values, share), rel=1e-4), name


def test_where_it_does_not_ship_it_is_of_the_gallery_without_drawn_pictures(photo_network):
    ship(nulls_of(photo_network, photographs()))
    network = network_of(UNTRAINED)
    smaller = replace(network, input=replace(network.input, size=(32, 32)))
    for changed, layer in ((network, "stage2@channel=3"), (network, "grid.0"), (smaller, "grid")):
        null = null_of(changed, layer)
        assert (
            null.source == gallery_source().text == f"the gallery's {null.n_pictures} photographs"
        )
    assert null_of(network, "grid", gallery_source()).source == gallery_source().text


def test_drawn_pictures_are_in_the_nulls_of_the_networks_that_learned_from_them_alone():
    assert usual_source(network_of("embedded:vgg-multi-adv2")).text.endswith("36 drawn pictures")
    stranger = replace(network_of("embedded:vgg-multi-adv2"), reference="torchvision:resnet50")
    assert card_of(stranger) == {}
    assert "drawn" not in usual_source(stranger).text
    photographs_alone = usual_source(stranger).load(64)
    assert len(photographs_alone) == len(usual_source(stranger).facts)
    # Of fewer, more than one in a thousand pairs of unrelated pictures passes (docs/measures.md).
    assert len(photographs_alone) >= 40


def test_without_the_photographs_the_table_keeps_what_it_has(photo_network, monkeypatch):
    drawn = next(each for each in wanted() if not held_out_facts(each.card))
    drawn = replace(drawn, layers=("logits",))
    monkeypatch.setattr(null_table, "wanted", lambda: iter([drawn, photo_network]))
    said = []
    null_table.write({}, said.append)
    shipped_nulls._table.cache_clear()
    assert "--data imagenette=PATH" in said[2]
    assert len(shipped_nulls.keys()) == 1
    null_table.write(photographs(), said.append)
    shipped_nulls._table.cache_clear()
    of_both = shipped_nulls.keys()
    assert len(of_both) == 1 + len(LAYERS)
    monkeypatch.setattr(null_table, "measured_nulls", lambda *_: pytest.fail("measured again"))
    null_table.write({}, said.append)
    shipped_nulls._table.cache_clear()
    assert shipped_nulls.keys() == of_both
    monkeypatch.setattr(null_table, "wanted", lambda: iter([photo_network]))
    null_table.write({}, said.append)
    shipped_nulls._table.cache_clear()
    assert len(shipped_nulls.keys()) == len(LAYERS)  # nobody asks for the other any more


def test_a_run_that_breaks_off_keeps_what_was_measured(photo_network, monkeypatch):
    drawn = next(each for each in wanted() if not held_out_facts(each.card))
    drawn = replace(drawn, layers=("logits",))
    monkeypatch.setattr(null_table, "wanted", lambda: iter([drawn, photo_network]))
    with pytest.raises(RequestError, match="not the photographs of Imagenette that"):
        null_table.write(photographs(digest="other"), lambda line: None)
    shipped_nulls._table.cache_clear()
    assert len(shipped_nulls.keys()) == 1
    with pytest.raises(RequestError, match="5 held-out photographs are too few"):
        held_out_source(photo_network.card, photographs(5)["imagenette"])


def test_packing_keeps_a_null(table):
    generator = np.random.default_rng(0)
    distributions = {
        "relative_l2": Distribution.of(generator.random(100)),
        "constant": Distribution.of(np.full(5, 0.25)),
        "undefined": Distribution.of(np.array([np.nan])),
    }
    null = Null(3, 6, distributions, "three pictures", ranked=7)
    ship({"null:a": null, "null:c": replace(null, source="three others")})
    back = shipped_nulls.shipped("null:a")
    assert shipped_nulls.shipped("null:b") is None
    assert shipped_nulls.shipped("null:c").source == "three others"
    assert (back.n_pictures, back.n_pairs, back.source, back.ranked) == (3, 6, "three pictures", 7)
    for name, expected in distributions.items():
        found = back.distributions[name]
        assert (found.n, found.counts) == (expected.n, expected.counts)
        assert found.quantiles == pytest.approx(expected.quantiles, rel=1e-7, nan_ok=True)
        assert found.edges == pytest.approx(expected.edges, rel=1e-7)
