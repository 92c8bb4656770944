"""Layer titles, for the ways in which the libraries name their parts."""

import pytest

from explorer.analysis.examples import EXAMPLES
from explorer.models import catalogue
from explorer.models.layer_titles import is_main, layer_title, section_of, sections


@pytest.mark.parametrize(
    ("name", "kind", "title"),
    [
        ("layer3.1", "BasicBlock", "stage 3, block 2, after addition"),
        ("layer3.1.conv2", "Conv2d", "stage 3, block 2, convolution 2"),
        ("layer1.0.relu#2", "ReLU", "stage 1, block 1, activation, use 2"),
        ("layer2.0.downsample.0", "Conv2d", "stage 2, block 1, shortcut, convolution"),
        ("layer4", "Sequential", "stage 4"),
        ("stage1.0", "ResidualBlock", "stage 1, block 1, after addition"),
        ("blocks.5", "Block", "block 6, after addition"),
        ("blocks.5.attn.qkv", "Linear", "block 6, attention, queries, keys and values"),
        ("blocks.1.0", "InvertedResidual", "stage 2, block 1"),
        ("blocks.2", "Sequential", "stage 3"),
        ("stages.2.blocks.8", "ConvNeXtBlock", "stage 3, block 9, after addition"),
        ("stages.2.downsample", "Sequential", "stage 3, downsampling"),
        ("layers.1.blocks.0", "SwinTransformerBlock", "stage 2, block 1, after addition"),
        ("encoder.layers.encoder_layer_0", "EncoderBlock", "block 1, after addition"),
        ("encoder.layers.encoder_layer_2.self_attention[0]", "X", "block 3, attention, part 0"),
        ("features.denseblock1.denselayer2", "_DenseLayer", "dense block 1, layer 2"),
        ("features.7", "Conv2d", "step 8, convolution"),
        ("Mixed_5b", "InceptionA", "Mixed 5b"),
        ("patch_embed", "PatchEmbed", "patches"),
        ("penultimate", "input of the classifier", "input of the classifier"),
        ("logits", "output", "the class scores"),
        ("odd_thing", "Odd", "odd thing"),
        ("pair[1][half]", "Pair", "pair, part 1, half"),
    ],
)
def test_a_layer_has_a_plain_name(name, kind, title):
    assert layer_title(name, kind) == title


def test_people_name_blocks_and_stages_not_the_steps_within():
    for name, kind in (
        ("layer1", "Sequential"),
        ("layer1.0", "BasicBlock"),
        ("stages.0.blocks.1", "ConvNeXtBlock"),
        ("features.3", "ReLU"),
        ("penultimate", ""),
        ("maxpool", "MaxPool2d"),
    ):
        assert is_main(name, kind), name
    for name, kind in (
        ("layer1.0.conv1", "Conv2d"),
        ("layer1.0.drop_block", "Identity"),
        ("blocks.0.attn", "Attention"),
        ("act#2", "ReLU"),
        ("pair[0]", "Pair"),
    ):
        assert not is_main(name, kind), name


def test_where_in_the_network_a_layer_is():
    names = ["conv1", "layer1.0", "layer1", "layer2.0", "layer2", "avgpool", "penultimate", "fc"]
    assert sections(names) == ["stem", "stage 1", "stage 2", "head"]
    where = {name: section_of(name, names) for name in names}
    assert where["conv1"] == "stem"
    assert where["layer1.0"] == where["layer1"] == "stage 1"
    assert where["avgpool"] == where["penultimate"] == where["fc"] == "head"


def test_the_fire_modules_of_a_squeezenet_are_its_blocks():
    fire = {"1_0": (3, 4, 5, 7, 8, 9, 10, 12), "1_1": (3, 4, 6, 7, 9, 10, 11, 12)}
    for places in fire.values():
        names = ["features.0", "features.2", "classifier.1", "logits"]
        for place in range(12, 2, -1):
            parts = [f"features.{place}"]
            if place in places:
                parts = [f"features.{place}.squeeze", f"features.{place}.expand1x1", *parts]
            names[2:2] = parts
        for number, place in enumerate(places, start=1):
            assert layer_title(f"features.{place}", "Fire", names) == f"block {number}"
            assert section_of(f"features.{place}.squeeze", names) == f"block {number}"
        assert sections(names) == ["stem", *(f"block {n}" for n in range(1, 9)), "head"]
        assert section_of("features.2", names) == "stem"
        assert section_of("classifier.1", names) == "head"
    assert layer_title("features.11", "MaxPool2d", _layers_of_squeezenet()) == "block 7, pooling"
    squeezed = layer_title("features.4.squeeze_activation", "ReLU", _layers_of_squeezenet())
    assert squeezed == "block 2, squeeze activation"
    for title, request in EXAMPLES:
        for word, number in (("first", 1), ("fourth", 4), ("last", 8)):
            if f"SqueezeNet's {word} block" in title:
                found = layer_title(request.layer, "Fire", _layers_of_squeezenet())
                assert found == f"block {number}"


def _layers_of_squeezenet() -> list[str]:
    entry = catalogue.entry("compressed:squeezenet1_0")
    assert entry is not None
    return [name for name, _, _ in entry.layers]


def test_a_row_of_blocks_is_a_stage_and_no_block_of_its_own():
    names = ["conv_stem", "blocks.0.0", "blocks.0", "blocks.1.0", "blocks.1", "conv_head", "logits"]
    assert sections(names) == ["stem", "stage 1", "stage 2", "head"]
