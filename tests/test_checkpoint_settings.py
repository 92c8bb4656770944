"""What a checkpoint states of its own input is used: each layout against torch's own computation.

One small network is saved in every layout that people save. The representation that is loaded from
the file equals the module's own on pictures normalised by hand with the layout's numbers, and
differs from that with ImageNet's.
"""

import argparse
import html
import json
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from explorer.analysis.comparison import compare
from explorer.app.naming import literal
from explorer.cli import compare as compare_command
from explorer.errors import RequestError
from explorer.models import class_names
from explorer.models.layers import representation
from explorer.models.loading import load
from explorer.models.network import InputSpec
from explorer.network_reference import NetworkReference
from explorer.result import Result
from explorer.result.provenance import NetworkUsed
from explorer.store import starter

ARCHITECTURE = "timm:test_resnet"
MEAN, STD = (0.11, 0.32, 0.53), (0.64, 0.35, 0.26)
OTHER = (0.2, 0.4, 0.6)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
ASSUMED = ((0.5,) * 3, (0.5,) * 3)
"""Of timm's test_resnet."""
CLASSES = ("ant", "bee", "cat", "dog", "eel")
NAMED = {"mean": torch.tensor(MEAN), "std": torch.tensor(STD)}


def lively(name, **options):
    """timm's network, its batch normalisation as after some training."""
    torch.manual_seed(3)
    module = timm.create_model(name, **options)
    for name, tensor in module.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            tensor.add_(0.2 * torch.rand(tensor.shape))
    return module.eval()


def differs(one, other):
    """By 5 % and more: what another mean and deviation make of the representation."""
    return float((one - other).norm() / other.norm()) > 0.05


@pytest.fixture(scope="module")
def module():
    return lively("test_resnet", num_classes=len(CLASSES))


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))


def saved(tmp_path, content, name="net.pt"):
    torch.save(content, tmp_path / name)
    return tmp_path / name


def opened(path, architecture=ARCHITECTURE, **settings):
    from explorer.models.checkpoints.reading import sha256_of

    return load(NetworkReference(f"file:{path}", architecture, sha256_of(path), **settings))


def by_hand(module, images, mean, std):
    """What goes into the classifier, normalised and computed by torch and timm alone."""
    with torch.no_grad():
        seen = (images - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
        return module.forward_head(module.forward_features(seen), pre_logits=True)


def under(prefix, state):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def shaped(*shape):
    return {name: tensor.view(shape) for name, tensor in NAMED.items()}


def lightning(state):
    return {"state_dict": under("model.", state) | under("normalize.", NAMED), "epoch": 3}


def robustness(state):
    buffers = {"new_mean": shaped(3, 1, 1)["mean"], "new_std": shaped(3, 1, 1)["std"]}
    return {
        "model": under("module.model.", state)
        | under("module.normalizer.", buffers)
        | under("module.attacker.model.", state)
        | under("module.attacker.normalize.", buffers)
    }


OF_TENSORS = {
    "lightning": (lightning, "normalize.mean"),
    "lightning_normalizer": (
        lambda state: {
            "state_dict": under("net.", state) | under("normalizer.", shaped(1, 3, 1, 1))
        },
        "normalizer.mean",
    ),
    "sequential": (lambda state: under("1.", state) | under("0.", NAMED), "0.mean"),
    "sequential_parallel": (
        lambda state: under("module.1.", state) | under("module.0.", shaped(1, 3, 1, 1)),
        "module.0.mean",
    ),
    "buffers_next_to_layers": (lambda state: state | shaped(1, 3, 1, 1), "mean"),
    "robustbench": (
        lambda state: (
            state | {"mu": NAMED["mean"].view(1, 3, 1, 1), "sigma": NAMED["std"].view(1, 3, 1, 1)}
        ),
        "mu",
    ),
    "robustbench_normalize": (
        lambda state: under("model.", state) | under("normalize.", shaped(1, 3, 1, 1)),
        "normalize.std",
    ),
    "robustness": (robustness, "module.normalizer.new_mean"),
    "image_mean": (
        lambda state: (
            under("model.", state) | {"image_mean": NAMED["mean"], "image_std": NAMED["std"]}
        ),
        "image_mean",
    ),
    "pixel_mean": (
        lambda state: (
            under("backbone.", state)
            | {"pixel_mean": 255 * NAMED["mean"], "pixel_std": 255 * NAMED["std"]}
        ),
        "pixel_mean",
    ),
    "transform": (
        lambda state: under("net.", state) | under("transform.", shaped(3, 1, 1)),
        "transform.mean",
    ),
    "preprocess": (
        lambda state: (
            under("_orig_mod.net.", state) | under("_orig_mod.preprocess.normalize.", NAMED)
        ),
        "preprocess.normalize.mean",
    ),
    "normalization": (
        lambda state: (
            under("backbone.", state)
            | {"normalization.means": NAMED["mean"], "normalization.sds": NAMED["std"]}
        ),
        "normalization.sds",
    ),
    "underscored": (
        lambda state: (
            under("model.", state) | {"norm._mean": NAMED["mean"], "norm._std": NAMED["std"]}
        ),
        "norm._mean",
    ),
    "next_to_the_state_dict": (lambda state: {"state_dict": state, **NAMED}, "mean"),
    "half": (
        lambda state: (
            under("model.", state)
            | {f"normalize.{name}": tensor.double() for name, tensor in NAMED.items()}
        ),
        "normalize.mean",
    ),
}
"""By layout: how a state dict is wrapped, and a name that the origin must hold."""


@pytest.mark.parametrize("layout", OF_TENSORS)
def test_a_normalisation_saved_with_the_weights_is_used(tmp_path, module, images, layout):
    wrap, name = OF_TENSORS[layout]
    network = opened(saved(tmp_path, wrap(module.state_dict())))
    ours = representation(network, "penultimate", images)
    torch.testing.assert_close(ours, by_hand(module, images, MEAN, STD), rtol=1e-5, atol=1e-5)
    for others in (IMAGENET, ASSUMED):
        assert differs(ours, by_hand(module, images, *others))
    for setting in ("mean", "std"):
        assert network.origins[setting].startswith("the checkpoint (")
        assert name in network.origins[setting]
    assert ("255" in " ".join(network.notes)) == (layout == "pixel_mean")


def options(**values):
    return argparse.Namespace(lr=0.1, opt="sgd", **values)


TEXT_MEAN, TEXT_STD = ", ".join(map(str, MEAN)), ", ".join(map(str, STD))
OPENMMLAB = f"""
model = dict(type='ImageClassifier', backbone=dict(type='ResNet', depth=50))
data_preprocessor = dict(mean=[{", ".join(str(255 * value) for value in MEAN)}],
    std=[{", ".join(str(255 * value) for value in STD)}], to_rgb=True)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))
"""

OF_VALUES = {
    "timm": ({"args": options(mean=list(MEAN), std=list(STD))}, "args.mean"),
    "timm_dict": ({"args": {"mean": MEAN, "std": STD, "model": "test_resnet"}}, "args.std"),
    "hyper_parameters": ({"hyper_parameters": {"mean": MEAN, "std": STD}}, "hyper_parameters.mean"),
    "texts": ({"config": {"mean": TEXT_MEAN, "std": f"[{TEXT_STD}]"}}, "config.mean"),
    "arrays": ({"mean": np.array(MEAN), "std": np.array(STD, np.float32)}, "mean"),
    "pretrained_cfg": (
        {"config": {"pretrained_cfg": {"mean": MEAN, "std": STD}}},
        "pretrained_cfg",
    ),
    "preprocessor": ({"preprocessor": {"image_mean": MEAN, "image_std": STD}}, "image_mean"),
    "openmmlab": ({"meta": {"cfg": OPENMMLAB, "epoch": 100}}, "meta.cfg.data_preprocessor.mean"),
    "stats": ({"norm_stats": (MEAN, STD)}, "norm_stats"),
    "json": ({"config": json.dumps({"input": {"mean": MEAN, "std": STD}})}, "config.input.mean"),
    "transform": (
        {"transform": f"Compose(\n  Normalize(mean=[{TEXT_MEAN}], std=[{TEXT_STD}])\n)"},
        "transform",
    ),
    "capitals": ({"cfg": {"MODEL": {"PIXEL_MEAN": MEAN, "PIXEL_STD": STD}}}, "PIXEL_MEAN"),
}
"""By layout: what is saved next to the state dict, and what the origin must hold."""


@pytest.mark.parametrize("layout", OF_VALUES)
def test_a_normalisation_among_the_options_is_used(tmp_path, module, images, layout):
    beside, name = OF_VALUES[layout]
    network = opened(saved(tmp_path, {"state_dict": module.state_dict(), **beside}))
    ours = representation(network, "penultimate", images)
    torch.testing.assert_close(ours, by_hand(module, images, MEAN, STD), rtol=1e-5, atol=1e-5)
    assert name in network.origins["mean"]


def test_metadata_of_safetensors_are_read(tmp_path, module, images):
    said = {"mean": MEAN, "std": STD, "input_size": [3, 48, 48], "crop_pct": 0.8}
    metadata = {"format": "pt", "pretrained_cfg": json.dumps(said), "classes": json.dumps(CLASSES)}
    save_file(module.state_dict(), tmp_path / "net.safetensors", metadata)
    network = opened(tmp_path / "net.safetensors")
    ours = representation(network, "penultimate", images)
    torch.testing.assert_close(ours, by_hand(module, images, MEAN, STD), rtol=1e-5, atol=1e-5)
    assert network.input.size == (48, 48)
    assert network.input.crop_pct == 0.8
    assert "metadata.pretrained_cfg" in network.origins["size"]


def test_without_any_statistics_those_of_the_architecture_are_assumed(tmp_path, module, images):
    args = options(mean=None, std=None, img_size=None, interpolation="", crop_pct=None)
    network = opened(saved(tmp_path, {"state_dict": module.state_dict(), "args": args}))
    expected = timm.create_model("test_resnet").default_cfg
    assert network.input.mean == tuple(expected["mean"])
    for name in ("mean", "std"):
        assert network.origins[name] == (
            f"assumed: as of the architecture {ARCHITECTURE}; the checkpoint states none"
        )
    assert network.origins["interpolation"] == f"the architecture {ARCHITECTURE}"
    assert network.notes == ()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (
            {"norm1.mean": OTHER, "norm1.std": STD, "norm2.mean": MEAN, "norm2.std": STD},
            ("norm1.mean", "norm2.mean", "0.2, 0.4, 0.6", "0.11, 0.32, 0.53", "--mean"),
        ),
        ({"normalize.mean": MEAN, "normalize.std": (0.1, 0.0, 0.1)}, ("not above 0",)),
        ({"normalize.mean": MEAN, "normalize.std": (0.1, float("nan"), 0.1)}, ("not finite",)),
        ({"normalize.mean": torch.rand(512), "normalize.std": torch.rand(512)}, ("512 numbers",)),
        ({"normalize.mean": MEAN}, ("normalize.mean", "no standard deviation")),
        ({"normalize.mean": (1000.0,) * 3, "normalize.std": STD}, ("1000",)),
        ({"normalize.mean": MEAN, "normalize.std": (58.0,) * 3}, ("holds 58",)),
        ({"normalize.mean": (1, 2, 3), "normalize.std": (1, 2, 3)}, ("nor of pixels in 0 … 255",)),
        ({"normalize.mean": (123, 116, 103), "normalize.std": STD}, ("nor of pixels",)),
        ({"input.std": STD}, ("input.std has no mean",)),
        ({"target_scaler.mean": MEAN, "target_scaler.std": STD}, ("target_scaler", "not used")),
        ({"target_norm.mean": MEAN, "target_norm.std": STD}, ("target_norm", "not used")),
        ({"0.mean": MEAN, "0.std": STD, "x.0.mean": OTHER, "x.0.std": STD}, None),
        (
            {"denorm.mean": OTHER, "denorm.std": STD, "augment.0.mean": MEAN, "augment.0.std": STD},
            None,
        ),
    ],
)
def test_what_cannot_be_used_is_named_and_not_guessed(tmp_path, module, images, extra, words):
    state = under("model.", module.state_dict())
    state |= {name: torch.as_tensor(value) for name, value in extra.items()}
    network = opened(saved(tmp_path, state))
    ours = representation(network, "penultimate", images)
    mean, std = network.input.mean, network.input.std
    if words is None:  # the others are none of the input's, so there is nothing to guess
        assert (mean, std) == (MEAN, STD)
        expected = by_hand(module, images, MEAN, STD)
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
        return
    torch.testing.assert_close(ours, by_hand(module, images, *ASSUMED), rtol=1e-5, atol=1e-5)
    assert (mean, std) == ASSUMED
    assert network.origins["mean"].startswith("assumed: ")
    note = " ".join(network.notes)
    for word in words:
        assert word in note


def test_values_of_the_training_and_of_features_are_no_normalisation(tmp_path, module):
    state = under("model.", module.state_dict()) | {
        "bn.running_mean": torch.tensor(MEAN),
        "bn.running_var": torch.tensor(STD),
        "head.mu": torch.zeros(1),
        "head.sigma": torch.ones(1),
        "embedding.mean": torch.rand(3, 64),
    }
    train = {"train_transform": {"mean": OTHER, "std": OTHER}, "criterion": {"mean": OTHER}}
    network = opened(saved(tmp_path, {"state_dict": state, **train}))
    assert network.input.mean == ASSUMED[0]


@pytest.mark.parametrize(
    ("beside", "mean", "words"),
    [
        ({"std": torch.tensor(STD)}, ASSUMED[0], "std has no mean next to it"),
        ({"args": options(mean=None, std=STD)}, ASSUMED[0], "args.std has no mean next to it"),
        ({"args": options(mean=MEAN, std=None)}, ASSUMED[0], "args.mean has no standard deviation"),
        ({"mean": "dataset", "std": STD}, ASSUMED[0], "mean holds no numbers that can be read"),
        ({"target_stats": {"mean": MEAN, "std": STD}}, ASSUMED[0], "are not of the input"),
        ({"hyper_parameters": {"mean": "imagenet", "std": STD}}, IMAGENET[0], "is 'imagenet'"),
    ],
)
def test_what_is_stated_in_half_or_in_words_is_never_said_to_be_unstated(
    tmp_path, module, images, beside, mean, words
):
    network = opened(saved(tmp_path, {"state_dict": module.state_dict(), **beside}))
    ours = representation(network, "penultimate", images)
    std = STD if mean == IMAGENET[0] else ASSUMED[1]
    torch.testing.assert_close(ours, by_hand(module, images, mean, std), rtol=1e-5, atol=1e-5)
    assert words in " ".join(network.notes)
    assert not network.origins["mean"].endswith("states none")


@pytest.mark.parametrize("field", ["mean", "std"])
def test_numbers_of_pixels_are_refused_wherever_they_are_given(field):
    given = {"mean": MEAN, "std": STD} | {field: (123.7, 116.3, 103.5)}
    for place in (
        lambda: InputSpec((64, 64), **given),
        lambda: NetworkReference("timm:resnet18", **given).check(),
        lambda: NetworkReference.from_dict({"model": "timm:resnet18", **given}),
    ):
        with pytest.raises(RequestError, match="divide both by 255") as caught:
            place()
        assert caught.value.field == field


def test_a_teachers_normalisation_is_not_its_students(tmp_path, module, images):
    state = under("student.net.", module.state_dict()) | under("student.norm.", NAMED)
    state |= {"teacher.norm.mean": torch.tensor(OTHER), "teacher.norm.std": torch.tensor(OTHER)}
    state |= under("teacher.net.", {"conv1.0.weight": torch.rand(1)})
    network = opened(saved(tmp_path, state))
    ours = representation(network, "penultimate", images)
    torch.testing.assert_close(ours, by_hand(module, images, MEAN, STD), rtol=1e-5, atol=1e-5)


def test_pictures_given_as_they_are_do_not_rival_the_networks_own_normalisation(tmp_path, module):
    args = options(mean=[0.0] * 3, std=[1.0] * 3)
    state = under("model.", module.state_dict()) | under("normalize.", NAMED)
    network = opened(saved(tmp_path, {"state_dict": state, "args": args}))
    assert network.input.mean == MEAN
    assert not network.notes


def test_a_mean_in_the_order_of_blue_green_red_is_remarked(tmp_path, module):
    state = under("model.", module.state_dict())
    state |= {"pixel_mean": torch.tensor([103.53, 116.28, 123.675]), "pixel_std": torch.ones(3)}
    network = opened(saved(tmp_path, state))
    assert network.input.mean == pytest.approx((0.406, 0.456, 0.485))
    assert network.input.std == pytest.approx((1 / 255,) * 3, rel=1e-4)
    assert "B, G, R" in " ".join(network.notes)


def test_one_number_stands_for_all_channels(tmp_path, module, images):
    state = under("model.", module.state_dict())
    state |= {"normalize.mean": torch.tensor(0.5), "normalize.std": torch.tensor([0.25])}
    network = opened(saved(tmp_path, state))
    ours = representation(network, "penultimate", images)
    expected = by_hand(module, images, (0.5,) * 3, (0.25,) * 3)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)


def test_a_grey_network_takes_one_number_and_else_the_average_is_assumed(tmp_path):
    grey = lively("test_resnet", in_chans=1, num_classes=5)
    state = under("model.", grey.state_dict())
    normalise = {"normalize.mean": torch.tensor([0.13]), "normalize.std": torch.tensor([0.31])}
    network = opened(saved(tmp_path, state | normalise))
    assert (network.input.mean, network.input.std) == ((0.13,), (0.31,))
    bare = opened(saved(tmp_path, state, "bare.pt"))
    assert bare.input.mean == (0.5,)
    assert bare.origins["mean"].startswith("assumed: the average over")
    three = opened(saved(tmp_path, state | under("normalize.", NAMED), "three.pt"))
    assert three.input.mean == (0.5,)
    assert "ignored, because" in " ".join(three.notes)


# Size, resize and crop


@pytest.mark.parametrize(
    ("args", "size", "interpolation", "share"),
    [
        ({"input_size": [3, 96, 96], "img_size": 64}, (96, 96), None, None),
        (
            {"input_size": None, "img_size": 64, "interpolation": "bilinear"},
            (64, 64),
            "bilinear",
            None,
        ),
        ({"img_size": "80"}, (80, 80), None, None),
        ({"image_size": [48, 64]}, (48, 64), None, None),
        ({"input_size": (3, 48, 64)}, (48, 64), None, None),
        ({"input_size": 25088}, None, None, None),
        ({"interpolation": 3, "crop_pct": "0.9"}, None, "bicubic", 0.9),
        ({"interpolation": "InterpolationMode.BICUBIC"}, None, "bicubic", None),
        ({"interpolation": "random", "crop_pct": 1.0}, None, None, 1.0),
        (
            {"val_resize_size": 72, "val_crop_size": 64, "interpolation": "bilinear"},
            (64, 64),
            "bilinear",
            64 / 72,
        ),
        ({"eval_crop_ratio": 0.875, "input_size": 64}, (64, 64), None, 0.875),
    ],
)
def test_size_interpolation_and_crop_of_the_options_are_used(
    tmp_path, module, args, size, interpolation, share
):
    network = opened(saved(tmp_path, {"model": module.state_dict(), "args": options(**args)}))
    default = timm.create_model("test_resnet").default_cfg
    assert network.input.size == (size or tuple(default["input_size"][1:]))
    assert network.input.interpolation == (interpolation or default["interpolation"])
    assert network.input.crop_pct == pytest.approx(share or default["crop_pct"])
    for name, given in (("size", size), ("interpolation", interpolation), ("crop_pct", share)):
        of_checkpoint = network.origins[name].startswith("the checkpoint (args.")
        assert of_checkpoint == (given is not None)


def test_a_preprocessor_in_hugging_faces_words_is_used(tmp_path, module):
    said = {"image_mean": MEAN, "image_std": STD, "resample": 2, "do_center_crop": True}
    sizes = {"size": {"shortest_edge": 72}, "crop_size": {"height": 64, "width": 64}}
    network = opened(
        saved(tmp_path, {"state_dict": module.state_dict(), "preprocess": said | sizes})
    )
    assert network.input.size == (64, 64)
    assert network.input.interpolation == "bilinear"
    assert network.input.crop_pct == pytest.approx(64 / 72)


def test_what_the_options_state_and_cannot_be_is_noted(tmp_path, module):
    args = options(interpolation="box", crop_pct=1.5)
    content = {"state_dict": module.state_dict(), "args": args}
    content |= {"one": {"img_size": 64}, "two": {"img_size": 96}}
    network = opened(saved(tmp_path, content))
    note = " ".join(network.notes)
    for words in (
        "args.interpolation is box",
        "args.crop_pct is 1.5",
        "one.img_size",
        "two.img_size",
    ):
        assert words in note
    assert network.input.size == timm.create_model("test_resnet").default_cfg["input_size"][1:]


def test_a_transformer_of_fixed_size_is_built_with_the_size_that_its_checkpoint_states(tmp_path):
    vit = lively("test_vit", img_size=96, num_classes=5)
    args = options(img_size=96, mean=MEAN, std=STD)
    network = opened(
        saved(tmp_path, {"state_dict": vit.state_dict(), "args": args}), "timm:test_vit"
    )
    assert network.input.size == (96, 96)
    images = torch.rand(1, 3, 96, 96)
    ours = representation(network, "penultimate", images)
    torch.testing.assert_close(ours, by_hand(vit, images, MEAN, STD), rtol=1e-5, atol=1e-5)


# Class names


@pytest.mark.parametrize(
    ("beside", "name"),
    [
        ({"classes": list(CLASSES)}, "classes"),
        ({"class_names": CLASSES}, "class_names"),
        ({"class_to_idx": {name: index for index, name in enumerate(CLASSES)}}, "class_to_idx"),
        ({"idx_to_class": dict(reversed(list(enumerate(CLASSES))))}, "idx_to_class"),
        ({"config": {"id2label": {str(i): name for i, name in enumerate(CLASSES)}}}, "id2label"),
        ({"meta": {"CLASSES": CLASSES}}, "meta.CLASSES"),
        ({"meta": {"dataset_meta": {"classes": list(CLASSES)}}}, "dataset_meta.classes"),
        ({"hyper_parameters": {"label2id": {n: i for i, n in enumerate(CLASSES)}}}, "label2id"),
        ({"pretrained_cfg": {"label_names": list(CLASSES)}}, "label_names"),
    ],
)
def test_class_names_are_in_the_order_of_the_logits(tmp_path, module, beside, name):
    network = opened(saved(tmp_path, {"state_dict": module.state_dict(), **beside}))
    assert network.classes == CLASSES
    assert name in network.origins["classes"]


def test_names_of_other_classes_are_noted_and_not_used(tmp_path, module):
    network = opened(saved(tmp_path, {"state_dict": module.state_dict(), "classes": ["a", "b"]}))
    assert network.classes == ()
    assert "classes 2" in " ".join(network.notes)


def test_an_empty_line_among_class_names_is_told_by_its_number(tmp_path):
    (tmp_path / "names.txt").write_text("ant\n\ncat\n\n", encoding="utf-8")
    with pytest.raises(RequestError, match=r"line 2 of names\.txt is empty"):
        class_names.read(tmp_path / "names.txt")
    (tmp_path / "names.txt").write_text("ant\nant\ncat\n\n", encoding="utf-8")
    assert class_names.read(tmp_path / "names.txt") == ("ant", "ant", "cat")


def test_names_with_control_characters_reach_no_terminal(tmp_path, module):
    names = [f"\x1b[31m{name}\n" for name in CLASSES]
    network = opened(saved(tmp_path, {"state_dict": module.state_dict(), "classes": names}))
    assert all(name.isprintable() for name in network.classes)
    assert network.classes[2].endswith("cat")


def test_names_that_are_only_numbered_are_none(tmp_path, module):
    assert class_names.from_values({0: "LABEL_0", 1: "LABEL_1"}) is None
    assert class_names.from_values({1: "a", 2: "b"}) is None
    assert class_names.from_values({"10": 1, "2": 0}) == ("2", "10")


def test_imagenets_names_are_an_assumption_for_a_checkpoint_with_1000_classes(tmp_path):
    module = timm.create_model("test_resnet")
    path = saved(tmp_path, module.state_dict())
    network = opened(path)
    assert network.classes[207] == "golden retriever"
    assert network.origins["classes"].startswith("assumed: ")
    other = saved(tmp_path, {"state_dict": module.state_dict(), "classes": ["a", "b"]}, "other.pt")
    assert opened(other).classes == ()


# The request's own settings


def test_the_request_overrides_the_checkpoint(tmp_path, module, images):
    (tmp_path / "names.txt").write_text("\n".join("vwxyz"), encoding="utf-8")
    args = options(mean=MEAN, std=STD, interpolation="bilinear", crop_pct=0.9, img_size=96)
    content = {"state_dict": module.state_dict(), "args": args, "classes": list(CLASSES)}
    network = opened(
        saved(tmp_path, content),
        mean=OTHER,
        std=(0.5, 0.6, 0.7),
        interpolation="bicubic",
        crop_pct=0.7,
        size=64,
        classes=class_names.digest(tuple("vwxyz")),
        classes_file=str(tmp_path / "names.txt"),
    )
    ours = representation(network, "penultimate", images)
    expected = by_hand(module, images, OTHER, (0.5, 0.6, 0.7))
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    assert (network.input.interpolation, network.input.crop_pct) == ("bicubic", 0.7)
    assert network.input.size == (64, 64)
    for name in ("mean", "std", "interpolation", "crop_pct", "size"):
        assert network.origins[name] == "the request"
    assert network.classes == tuple("vwxyz")
    assert network.origins["classes"] == "names.txt"


# What people read of it


USED = NetworkUsed(
    reference="file:net.pt",
    size=(64, 64),
    mean=MEAN,
    std=STD,
    interpolation="bilinear",
    crop_pct=0.9,
    crop_mode="center",
    class_count=5,
    origins={
        "weights": "state_dict of net.pt",
        "mean": "assumed: as of the architecture timm:test_resnet; the checkpoint states none",
        "std": "assumed: as of the architecture timm:test_resnet; the checkpoint states none",
        "size": "the request",
        "interpolation": "the architecture timm:test_resnet",
        "crop_pct": "the architecture timm:test_resnet",
        "classes": "the checkpoint (class_names)",
    },
    notes=("the name **x** <b>y</b> was left out",),
)


def test_every_setting_is_said_with_its_origin_one_line_each():
    assert USED.sentences == (
        "Weights from state_dict of net.pt",
        "Mean 0.11, 0.32, 0.53, standard deviation 0.64, 0.35, 0.26, assumed: as of the "
        "architecture timm:test_resnet; the checkpoint states none",
        "Size 64×64 px, from the request",
        "Bilinear interpolation, crop to 90 %, from the architecture timm:test_resnet",
        "Class names, from the checkpoint (class_names)",
        "The name **x** <b>y</b> was left out",
    )
    assert USED.assumed == ("mean", "std")
    assert NetworkUsed.from_dict(json.loads(json.dumps(USED.to_dict()))) == USED


def test_a_network_without_origins_is_said_in_one_line():
    plain = NetworkUsed("timm:x", (64, 64), MEAN, STD, "bicubic", 1.0, "center", 5)
    assert plain.sentences == (
        "Mean 0.11, 0.32, 0.53, standard deviation 0.64, 0.35, 0.26, size 64×64 px, bicubic "
        "interpolation, crop to 100 %",
    )
    assert plain.assumed == ()


def test_the_page_shows_what_is_assumed_and_reads_no_markdown_in_a_checkpoints_texts():
    def page(plain):
        from explorer.app.panels.network_settings import show_assumptions, show_settings
        from explorer.result.provenance import NetworkUsed

        show_assumptions(NetworkUsed.from_dict(plain))
        show_settings(NetworkUsed.from_dict(plain))

    app = AppTest.from_function(page, args=(USED.to_dict(),)).run()
    assert not app.exception
    (caption,) = app.caption
    assert "mean and standard deviation are assumed" in caption.value
    assert "A remark on how it was loaded" in caption.value
    (settings,) = app.text
    assert settings.value.splitlines() == [f"• {sentence}" for sentence in USED.sentences]
    assert all("<b>" not in each.value for each in (*app.markdown, *app.caption))
    certain = replace(USED, origins={"mean": "the request"}, notes=())
    assert not AppTest.from_function(page, args=(certain.to_dict(),)).run().caption


def test_class_names_are_shown_and_not_read_as_markdown():
    shown = literal("**cat** [x](y) <b>|`$:red[z]`")
    assert not set("*[]<>|`$:") & set(shown)
    assert html.unescape(shown) == "**cat** [x](y) <b>|`$:red[z]`"


def test_compare_says_how_its_network_was_loaded(tmp_path, module, capsys):
    result = Result.from_bytes(starter.load(starter.entries()[0].key))
    content = {"state_dict": module.state_dict(), "args": options(mean=MEAN, std=STD, img_size=32)}
    path = saved(tmp_path, content)
    comparison = compare(result, NetworkReference(f"file:{path}", ARCHITECTURE))
    assert comparison.network_used.mean == MEAN
    assert comparison.to_json()["network"]["origins"]["mean"] == (
        "the checkpoint (args.mean, args.std)"
    )
    compare_command._print(comparison)
    assert "from the checkpoint (args.mean, args.std)" in capsys.readouterr().out
