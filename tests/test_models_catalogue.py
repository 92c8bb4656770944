"""The catalogue: what it says is what the libraries say, and the operator's own list."""

import json
from pathlib import Path

import pytest
import timm
import torch
from timm.data import resolve_data_config
from torchvision import models

from explorer.models import catalogue, models_toml, pretrained
from explorer.models.checkpoints.reading import sha256_of
from explorer.models.loading import cache, load, untrained
from explorer.models.sources import embedded, robust, torchhub
from explorer.network_reference import NetworkReference
from explorer.request import Request, RequestError
from explorer.research import pretrained_table

CURATED = catalogue.curated()


# The curated list


def test_the_curated_list_spans_the_papers_factors():
    def having(**facts) -> set[str]:
        return {
            entry.reference
            for entry in CURATED
            if all(getattr(entry, name) == value for name, value in facts.items())
        }

    assert 40 <= len(CURATED) <= 50
    assert len({entry.reference for entry in CURATED}) == len(CURATED)
    for objective in (
        "supervised",
        "adversarial",
        "contrastive",
        "self-distilled",
        "masked",
        "image-text",
        "semi-supervised",
    ):
        assert having(objective=objective), objective
    for family in ("ResNet", "VGG", "DenseNet", "Inception", "ConvNeXt", "ViT", "Swin"):
        assert having(family=family), family
    assert having(norm="l2", residual=False)
    assert having(norm="linf", residual=True)
    assert having(objective="contrastive", residual=True)
    assert {entry.epsilon for entry in CURATED if entry.norm == "l2"} == {1.0, 3.0, 5.0}
    assert {round(entry.epsilon * 255) for entry in CURATED if entry.norm == "linf"} == {4, 8}


@pytest.mark.parametrize("entry", CURATED, ids=lambda entry: entry.reference)
def test_an_entry_of_the_curated_list_is_complete(entry):
    for name in ("title", "summary", "family", "augmentation", "data", "licence", "paper"):
        assert getattr(entry, name), name
    assert entry.paper.startswith("https://")
    assert entry.group in catalogue.GROUPS
    assert entry.parameters > 1e6
    assert entry.megabytes > (0 if entry.reference.startswith("compressed:") else 10)
    assert len(entry.mean) == len(entry.std) == 3
    assert json.loads(json.dumps(entry.to_dict()))["reference"] == entry.reference
    assert len(entry.title) <= 40


@pytest.mark.parametrize("entry", CURATED, ids=lambda entry: entry.reference)
def test_a_name_on_the_curated_list_exists_in_its_source_and_is_described_as_there(entry):
    record, name = catalogue.split_reference(entry.reference)
    source = record.name
    if source == "timm":
        assert name in timm.list_pretrained()
        config = timm.get_pretrained_cfg(name)
        data = resolve_data_config(pretrained_cfg=config.to_dict())
        assert entry.input_size == data["input_size"][1:]
        assert entry.mean == pytest.approx(data["mean"], rel=1e-5)
        assert entry.std == pytest.approx(data["std"], rel=1e-5)
        assert entry.crop_pct == pytest.approx(data["crop_pct"], rel=1e-5)
        assert entry.interpolation == data["interpolation"]
        assert entry.licence == config.license
    elif source == "torchvision":
        architecture, _, tag = name.partition("/")
        weights = models.get_model_weights(architecture)[tag]
        preset = weights.transforms()
        assert entry.input_size == (preset.crop_size[0],) * 2
        assert entry.mean == pytest.approx(preset.mean)
        assert entry.crop_pct == pytest.approx(
            preset.crop_size[0] / preset.resize_size[0], rel=1e-5
        )
        assert entry.parameters == weights.meta["num_params"]
    elif source == "robust":
        assert name in robust.names()
    elif source == "compressed":
        assert (
            entry.parameters == models.get_model_weights(name)["IMAGENET1K_V1"].meta["num_params"]
        )
    else:
        assert source == "hub"
        assert name in torchhub.CHECKPOINTS


def test_parameters_are_counted_rightly():
    for reference in (
        "timm:resnet18",
        "timm:convnext_tiny.fb_in1k",
        "robust:wide_resnet50_4_l2_eps3",
        "robust:densenet_l2_eps3",
        "hub:resnet50_dino",
    ):
        with torch.device("meta"):
            module = untrained(reference).module
        assert catalogue.parameters(reference) == sum(
            entry.numel() for entry in module.parameters()
        )


# What torchvision and timm know


def test_every_name_in_the_table_is_known_to_its_library():
    there = set(timm.list_pretrained())
    listed = {name.partition(":")[2] for name in pretrained.references("timm")}
    assert len(listed) > 1_700
    assert listed <= there
    for reference in pretrained.references("torchvision"):
        architecture, _, tag = reference.partition(":")[2].partition("/")
        assert tag in models.get_model_weights(architecture).__members__


def test_the_table_is_what_the_libraries_say_today():
    rows = list(pretrained_table.of_torchvision())
    assert [pretrained.find(row.reference) for row in rows] == [
        pretrained.PretrainedEntry.from_line(row.to_line()) for row in rows
    ]
    for row in pretrained_table.of_timm(lambda name: 1):
        there = pretrained.find(row.reference)
        assert there is not None, f"{row.reference}: python -m explorer.research.pretrained_table"
        assert (there.size, there.location) == (row.size, row.location)


def test_default_weights_are_named():
    assert pretrained.full_reference("timm:resnet18") == "timm:resnet18.a1_in1k"
    assert timm.get_pretrained_cfg("resnet18").tag == "a1_in1k"
    assert pretrained.full_reference("torchvision:resnet50") == "torchvision:resnet50/IMAGENET1K_V2"
    assert models.ResNet50_Weights.DEFAULT.name == "IMAGENET1K_V2"
    for same in ("timm:resnet18.tv_in1k", "timm:nobody", "embedded:x", "timm:resnet"):
        assert pretrained.full_reference(same) == same


def test_names_are_found_by_any_of_their_parts():
    assert "timm:beit_base_patch16_224.in22k_ft_in22k" in pretrained.search("224 Beit, base")
    assert pretrained.search("resnet50")[0].partition(":")[2].startswith("resnet50")
    assert pretrained.search("no such network") == []
    assert pretrained.search(" ") == []
    assert len(pretrained.search("resnet", 10)) == 10


def test_networks_without_a_classifier_are_not_offered():
    assert "torchvision:vgg16/IMAGENET1K_FEATURES" not in pretrained.references()


# Names that are not right


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("robust:resnet50_l2_eps4", "'robust:resnet50_l2_eps"),
        ("robust:vgg16_bn_l2_eps1", "'robust:vgg16_bn_l2_eps"),
        ("hub:resnet50_moco", "'hub:resnet50_moco_v2'"),
        ("own:nobody", "the operator lists them"),
        ("torchvision:../x", "torchvision:resnet50/IMAGENET1K_V2"[:24]),
        ("robus:resnet50_l2_eps3", "did you mean 'robust:'"),
        ("cifar10-vgg-adv1", "'cifar10-vgg-adv1'; write 'embedded:cifar10-vgg-adv1'; use"),
        ("cifar10-vgg-adv", "did you mean 'embedded:cifar10-vgg-adv1'?"),
        ("resnet18", "write 'timm:resnet18' or 'torchvision:resnet18'; use"),
        ("nosuch", "unknown source in 'nosuch'; use 'embedded:NAME'"),
    ],
)
def test_a_name_that_does_not_exist_is_answered_with_the_nearest(reference, expected):
    with pytest.raises(RequestError) as caught:
        catalogue.entry(reference)
    assert caught.value.field == "model"
    assert expected in caught.value.message


def test_robust_networks_off_the_curated_list_are_described_by_their_name():
    entry = catalogue.entry("robust:mobilenet_l2_eps3")
    assert (entry.objective, entry.norm, entry.epsilon, entry.licence) == (
        "adversarial",
        "l2",
        3.0,
        "mit",
    )
    assert catalogue.entry("robust:resnet18_linf_eps0.5").epsilon == pytest.approx(0.5 / 255)
    assert catalogue.entry("robust:mobilenet_l2_eps0").objective == "supervised"


def test_listing_a_source_and_searching_it():
    assert {entry.reference for entry in catalogue.listed("robust")} == {
        f"robust:{name}" for name in robust.names()
    }
    matches = catalogue.listed(None, "vit dino")
    assert matches
    assert all("dino" in entry.reference for entry in matches)


# The operator's own networks


@pytest.fixture
def published(tmp_path, monkeypatch) -> Path:
    """A models.toml with one network of three classes that takes 64 px."""
    torch.manual_seed(0)
    module = timm.create_model("resnet10t", pretrained=False, num_classes=3)
    torch.save({"state_dict": module.state_dict()}, tmp_path / "lab.pt")
    path = tmp_path / "models.toml"
    path.write_text(
        "[networks.lab-net]\n"
        'file = "lab.pt"\n'
        'architecture = "timm:resnet10t"\n'
        'title = "Our network"\n'
        'summary = "Three kinds of things."\n'
        "input_size = 64\n"
        "mean = [0.5, 0.5, 0.5]\n"
        "std = [0.25, 0.25, 0.25]\n"
        'classes = ["cup", "cat", "car"]\n'
        'objective = "contrastive"\n'
    )
    monkeypatch.setenv("IRI_MODELS_TOML", str(path))
    return path


def test_a_published_network_is_offered_and_sees_as_its_entry_says(published):
    (entry,) = catalogue.listed("own")
    assert (entry.reference, entry.title, entry.group) == ("own:lab-net", "Our network", "own")
    assert (entry.input_size, entry.classes) == ((64, 64), ("cup", "cat", "car"))
    assert "lab.pt" not in json.dumps(entry.to_dict())
    fingerprint = models_toml.fingerprint("lab-net")
    network = load(NetworkReference("own:lab-net", weights=fingerprint))
    assert (network.input.size, network.input.mean) == ((64, 64), (0.5, 0.5, 0.5))
    assert network.classes == ("cup", "cat", "car")
    same = load(
        NetworkReference(
            f"file:{published.parent / 'lab.pt'}",
            "timm:resnet10t",
            sha256_of(published.parent / "lab.pt"),
        )
    ).with_input("a test", size=(64, 64), mean=(0.5,) * 3, std=(0.25,) * 3)
    images = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(network(images), same(images))


def test_without_a_list_nothing_is_published(tmp_path, monkeypatch):
    monkeypatch.setenv("IRI_MODELS_TOML", str(tmp_path / "none.toml"))
    assert catalogue.listed("own") == ()


def test_a_changed_checkpoint_or_setting_is_another_request(published):
    before = models_toml.fingerprint("lab-net")
    text = published.read_text()
    published.write_text(text.replace("0.25, 0.25, 0.25", "0.2, 0.2, 0.2"))
    settings = models_toml.fingerprint("lab-net")
    published.write_text(text.replace("Three kinds", "Kinds"))
    assert models_toml.fingerprint("lab-net") == before != settings
    torch.save({}, published.parent / "lab.pt")
    content = models_toml.fingerprint("lab-net")
    assert len({before, settings, content}) == 3
    keys = {Request("own:lab-net", weights=weights).key for weights in (before, settings, content)}
    assert len(keys) == 3
    cache.clear()
    with pytest.raises(RequestError, match="has changed") as caught:
        load(NetworkReference("own:lab-net", weights=before))
    assert caught.value.field == "weights"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[networks", "no TOML"),
        ("networks = 3", r"\[networks.NAME\]"),
        ("[networks.a]\nfile = 'x'", "architecture is missing"),
        ("[networks.a]\narchitecture = 'timm:x'", "file is missing"),
        ("[networks.a]\nfile = 'x'\narchitecture = 'timm:x'\nsize = 3", "no such key 'size'"),
        ("[networks.a]\nfile = 'x'\narchitecture = 'timm:x'\nmean = 0.5", "three numbers"),
        ("[networks.a]\nfile = 'x'\narchitecture = 'timm:x'\nclasses = 'a'", "list of texts"),
        ("[networks.a]\nfile = 'x'\narchitecture = 'timm:x'\ninput_size = 1.5", "whole number"),
        ("[networks.'A b']\nfile = 'x'\narchitecture = 'timm:x'", "small letters"),
    ],
)
def test_a_wrong_list_is_answered_in_a_sentence(tmp_path, monkeypatch, text, expected):
    path = tmp_path / "models.toml"
    path.write_text(text)
    monkeypatch.setenv("IRI_MODELS_TOML", str(path))
    with pytest.raises(RequestError, match=expected) as caught:
        catalogue.listed("own")
    assert caught.value.field == "models.toml"


def test_classes_that_do_not_match_the_network_are_refused(published):
    published.write_text(published.read_text().replace(', "car"', ""))
    with pytest.raises(RequestError, match="2 classes"):
        load(NetworkReference("own:lab-net", weights=models_toml.fingerprint("lab-net")))


def test_the_counterpart_of_an_embedded_network_differs_in_adversarial_training_alone():
    for name in embedded.names():
        other = embedded.counterpart(name)
        if other is None:
            continue
        one, two = (embedded.card(each)["recipe"] for each in (name, other))
        assert (one["epsilon"] > 0) != (two["epsilon"] > 0)
        same = ("dataset", "architecture", "objective", "augmentation", "rng_seed")
        assert [one[fact] for fact in same] == [two[fact] for fact in same]
    assert embedded.counterpart("residual-multi-adv2") == "residual-multi-standard"
    assert embedded.counterpart("residual-multi-standard") == "residual-multi-adv2"
    assert embedded.counterpart("residual-untrained") is None
    with pytest.raises(RequestError, match="unknown"):
        embedded.counterpart("residual-multi")
