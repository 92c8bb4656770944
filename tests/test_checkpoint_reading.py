"""Checkpoints in every layout that people save, by what the loaded network computes.

One small network with random weights is saved in each layout. What is loaded from the file gives
the representation that the module itself gave before, computed by torch and timm alone.
"""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from explorer.models.layers import representation
from explorer.models.sources import file
from explorer.network_reference import NetworkReference
from explorer.request import RequestError
from tests.checkpoint_layouts import LAYOUTS, headless, other, under

ARCHITECTURE = "timm:test_resnet"
IMAGES = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(5))


def lively(module):
    """Batch normalisation as after some training."""
    torch.manual_seed(3)
    for name, tensor in module.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            tensor.add_(0.2 * torch.rand(tensor.shape))
    return module.eval()


def timms(name, **options):
    torch.manual_seed(1)
    return lively(timm.create_model(name, **options))


@pytest.fixture(scope="module")
def module():
    return timms("test_resnet")


def opened(path, architecture=ARCHITECTURE, **settings):
    reference = file.pin(NetworkReference(f"file:{path}", architecture, **settings))
    return file.load(reference, lambda message: None)


def saved(folder, content, name="net.pt", **options):
    torch.save(content, folder / name, **options)
    return folder / name


def by_hand(module, images=IMAGES, mean=(0.5,) * 3, std=(0.5,) * 3):
    """What goes into the classifier; timm's test networks have mean and deviation 0.5."""
    with torch.no_grad():
        seen = (images - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
        return module.forward_head(module.forward_features(seen), pre_logits=True)


def assert_same(network, module, images=IMAGES, **settings):
    """To 1e-5, relative."""
    here = representation(network, "penultimate", images)
    there = by_hand(module, images, **settings)
    assert here.shape == there.shape
    assert float((here - there).norm() / there.norm()) < 1e-5


# Layouts


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_loads_to_the_same_function(tmp_path, module, name):
    layout = LAYOUTS[name]
    network = opened(saved(tmp_path, layout.content(module)))
    assert_same(network, module)
    assert network.origins["weights"] == layout.where


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_as_float32_without_a_word(tmp_path, module, kind):
    state = {n: t.to(kind) if t.is_floating_point() else t for n, t in module.state_dict().items()}
    network = opened(saved(tmp_path, state))
    rounded = timms("test_resnet")
    rounded.load_state_dict(state)
    assert_same(network, rounded)
    assert network.notes == ()


@pytest.mark.parametrize("name", ["net.safetensors", "net.SAFETENSORS", "net.bin", "net", "net.pt"])
def test_safetensors_are_told_by_their_first_bytes(tmp_path, module, name):
    save_file(module.state_dict(), tmp_path / name)
    assert_same(opened(tmp_path / name), module)


@pytest.mark.parametrize("name", ["net.safetensors", "net.ckpt", "net.pth.tar", "net.h5"])
@pytest.mark.parametrize("new_format", [True, False])
def test_torchs_formats_are_told_by_their_first_bytes(tmp_path, module, name, new_format):
    content = {"state_dict": module.state_dict(), "epoch": 3}
    path = saved(tmp_path, content, name, _use_new_zipfile_serialization=new_format)
    assert_same(opened(path), module)


def test_the_first_parallel_networks_of_torchs_example(tmp_path):
    """Its AlexNet and VGG had DataParallel around `features` alone."""
    torch.manual_seed(1)
    module = torchvision.models.squeezenet1_1(weights=None).eval()
    state = {n.replace("features.", "features.module."): t for n, t in module.state_dict().items()}
    network = opened(saved(tmp_path, {"state_dict": state}), "torchvision:squeezenet1_1")
    with torch.no_grad():
        torch.testing.assert_close(network(IMAGES), module(network.normalise(IMAGES)))


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_cifar_vgg_with_parallel_features(tmp_path, prefix):
    """As chengyangfu's repository saves its networks."""
    from explorer.models.architectures import architecture_named

    torch.manual_seed(1)
    theirs = architecture_named("cifar:vgg11-chengyangfu").create().eval()
    state = {n.replace("features.", "features.module."): t for n, t in theirs.state_dict().items()}
    path = saved(tmp_path, {"state_dict": under(prefix, state), "best_prec1": 92.0})
    network = opened(path, "cifar:vgg11-chengyangfu")
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(images), theirs(network.normalise(images)))


def test_a_grey_network_for_small_pictures_is_found_by_an_imagenet_name(tmp_path):
    from explorer.models.architectures import architecture_named
    from explorer.models.grey import with_grey_stem

    torch.manual_seed(1)
    theirs = with_grey_stem(architecture_named("cifar:resnet18").create()).eval()
    network = opened(saved(tmp_path, {"net": theirs.state_dict()}), "torchvision:resnet18")
    grey = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        logits = theirs((grey - network.input.mean[0]) / network.input.std[0])
        torch.testing.assert_close(network(grey.expand(-1, 3, -1, -1)), logits)


def test_the_first_names_of_torchvisions_densenets(tmp_path):
    torch.manual_seed(1)
    module = torchvision.models.densenet121(weights=None).eval()
    state = {
        n.replace("norm1.", "norm.1.").replace("conv1.", "conv.1.")
        .replace("norm2.", "norm.2.").replace("conv2.", "conv.2."): t
        for n, t in module.state_dict().items()
    }  # fmt: skip
    network = opened(saved(tmp_path, under("module.", state)), "torchvision:densenet121")
    with torch.no_grad():
        torch.testing.assert_close(network(IMAGES), module(network.normalise(IMAGES)))


def convnext_of_its_authors(state):
    """facebookresearch/ConvNeXt's names."""
    renamed = {}
    for name, tensor in state.items():
        for ours, theirs in (
            ("stem.", "downsample_layers.0."),
            ("head.fc.", "head."),
            ("head.norm.", "norm."),
            (".blocks.", "."),
            (".conv_dw.", ".dwconv."),
            (".mlp.fc1.", ".pwconv1."),
            (".mlp.fc2.", ".pwconv2."),
            *((f"stages.{i}.downsample.", f"downsample_layers.{i}.") for i in range(1, 4)),
        ):
            name = name.replace(ours, theirs)
        renamed[name] = tensor
    return renamed


def test_the_layout_of_the_authors_of_a_network_that_timm_renamed(tmp_path):
    module = timms("test_convnext")
    content = {"model": under("module.", convnext_of_its_authors(module.state_dict()))}
    network = opened(saved(tmp_path, content), "timm:test_convnext")
    assert_same(network, module)
    assert any("another layout" in note for note in network.notes)


def test_a_masked_autoencoders_encoder(tmp_path):
    module = timms("test_vit")
    state = {n: t for n, t in module.state_dict().items() if not n.startswith("head.")}
    extra = {"mask_token": torch.zeros(1, 1, 64), "decoder_blocks.0.norm1.weight": torch.ones(32)}
    network = opened(saved(tmp_path, {"model": state | extra}), "timm:test_vit")
    assert_same(network, module, torch.rand(1, 3, 160, 160))


def test_clip_with_timms_network_as_its_eye(tmp_path):
    module = timms("test_vit")
    state = under("visual.trunk.", module.state_dict()) | {"logit_scale": torch.ones(())}
    text = {"text.transformer.resblocks.0.ln_1.weight": torch.ones(8)}
    network = opened(saved(tmp_path, {"state_dict": state | text}), "timm:test_vit")
    assert_same(network, module, torch.rand(1, 3, 160, 160))


def test_a_transformer_fine_tuned_with_average_pooling(tmp_path):
    """As MAE's authors fine-tune: `fc_norm` where the architecture has `norm`."""
    module = timms("test_vit", global_pool="avg")
    network = opened(saved(tmp_path, {"model": module.state_dict()}), "timm:test_vit")
    assert_same(network, module, torch.rand(1, 3, 160, 160))


def test_a_cifar_network_is_built_where_the_weights_are_of_one(tmp_path):
    from explorer.models.architectures import architecture_named

    torch.manual_seed(1)
    theirs = lively(architecture_named("cifar:resnet18").create())
    path = saved(tmp_path, {"net": under("module.", theirs.state_dict()), "acc": 95.1, "epoch": 9})
    network = opened(path, "timm:resnet18")
    images = torch.rand(1, 3, 32, 32)
    assert network.input.size == (32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(images), theirs(network.normalise(images)))
    assert any("cifar:resnet18" in note for note in network.notes)


def test_a_grey_network_takes_one_channel(tmp_path):
    module = timms("test_resnet", in_chans=1)
    network = opened(saved(tmp_path, module.state_dict()))
    assert network.input.channels == 1
    grey = torch.rand(1, 1, 64, 64)
    assert_same(network, lambda_module(module), grey.expand(-1, 3, -1, -1))


def lambda_module(module):
    """Takes R, G and B alike and shows one of them to a grey network."""

    class OneChannel(nn.Module):
        def forward_features(self, images):
            return module.forward_features(images[:, :1])

        def forward_head(self, features, pre_logits):
            return module.forward_head(features, pre_logits=pre_logits)

    return OneChannel()


# Which of several


SEVERAL = {
    "state_dict_ema": lambda m: {
        "state_dict": other(m.state_dict()),
        "state_dict_ema": m.state_dict(),
    },
    "state_dict/module.encoder_k": lambda m: {
        "state_dict": under("module.encoder_k.", m.state_dict())
        | under("module.encoder_q.", other(m.state_dict()))
    },
    "run/ema": lambda m: {"run": {"ema": m.state_dict(), "model": other(m.state_dict())}},
    "student": lambda m: {
        "student": under("backbone.", m.state_dict()),
        "teacher": under("backbone.", other(m.state_dict())),
    },
}  # fmt: skip


@pytest.mark.parametrize("key", SEVERAL)
def test_the_weights_key_chooses_among_weights_that_fit_alike(tmp_path, module, key):
    path = saved(tmp_path, SEVERAL[key](module))
    shifted = timms("test_resnet")
    shifted.load_state_dict(other(module.state_dict()))
    first = opened(path)
    assert_same(first, shifted)
    assert any(f"--weights-key chooses: {key}" in note for note in first.notes)
    assert_same(opened(path, weights_key=key), module)


def test_an_unknown_weights_key_is_answered_with_the_keys(tmp_path, module):
    path = saved(tmp_path, SEVERAL["run/ema"](module))
    with pytest.raises(RequestError, match="choose one of 'run/model', 'run/ema'") as caught:
        opened(path, weights_key="run/emma")
    assert caught.value.field == "weights_key"
    assert "did you mean 'run/ema'" in caught.value.message


def test_a_head_of_another_class_count_does_not_decide(tmp_path, module):
    student = under("net.", other(module.state_dict()))
    mine = under("net.", headless(module.state_dict()))
    head = {"net.fc.weight": torch.rand(7, 96), "net.fc.bias": torch.rand(7)}
    network = opened(saved(tmp_path, {"teacher": mine | head, "student": student}))
    assert_same(network, module)
    assert network.class_count == 7


def test_what_belongs_to_the_training_is_left_out_and_named(tmp_path, module):
    state = module.state_dict() | {
        "criterion.weight": torch.ones(9),
        "queue": torch.zeros(8, 8),
        "n_averaged": torch.tensor(3),
    }
    network = opened(saved(tmp_path, state))
    assert_same(network, module)
    assert "3 tensors were left out: criterion.weight, queue, n_averaged" in network.notes


def test_the_operators_file_is_named_nowhere(tmp_path, module):
    """Neither in what a network notes of itself nor in any message."""
    secret = saved(
        tmp_path, {"model": module.state_dict(), "ema": other(module.state_dict())}, "secret.pt"
    )
    reference = NetworkReference("own:lab", ARCHITECTURE)
    network = file.load_checkpoint(reference, secret, lambda message: None)
    told = [*network.notes, *network.origins.values()]
    for content in (b"", b"version https://git-lfs.github.com/spec/v1", pickle.dumps({}), None):
        path = tmp_path / "secret.pt" if content is not None else tmp_path / "no secret.pt"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(RequestError, match="the checkpoint of own:lab") as caught:
            file.load_checkpoint(reference, path, lambda message: None)
        told.append(caught.value.message)
    assert "model of the checkpoint of own:lab" in told
    assert not any("secret" in text or str(tmp_path) in text for text in told)


# Sizes


def test_a_transformers_position_embeddings_are_fitted_as_timm_fits_them(tmp_path):
    module = timms("test_vit")
    path = saved(tmp_path, module.state_dict())
    at_96 = timms("test_vit", img_size=96)
    resized = timm.models.vision_transformer.checkpoint_filter_fn(module.state_dict(), at_96)
    at_96.load_state_dict(resized)
    network = opened(path, "timm:test_vit", size=96)
    assert_same(network, at_96, torch.rand(1, 3, 96, 96))
    assert network.notes[:1] == (
        "the position embeddings were interpolated to pictures of 96×96 px",
    )
    assert not any("rewritten" in note for note in network.notes)


def test_a_transformer_trained_at_another_size_hears_of_it(tmp_path):
    module = timms("test_vit", img_size=96)
    path = saved(tmp_path, {"model": module.state_dict()})
    with pytest.raises(RequestError, match=r"fit pictures of 96×96 px; give --size 96"):
        opened(path, "timm:test_vit")
    assert_same(opened(path, "timm:test_vit", size=96), module, torch.rand(1, 3, 96, 96))


# What does not fit


def refused(path, architecture=ARCHITECTURE, **settings):
    with pytest.raises(RequestError) as caught:
        opened(path, architecture, **settings)
    assert len(caught.value.message) <= 500
    return caught.value


@pytest.mark.parametrize(("name", "count"), [("NaN", 12), ("infinite", 3)], ids=["nan", "infinite"])
def test_weights_that_are_no_numbers_are_named(tmp_path, module, name, count):
    state = {n: t.clone() for n, t in module.state_dict().items()}
    broken = float("nan") if name == "NaN" else float("inf")
    state["layer3.0.conv1.weight"].view(-1)[:count] = broken
    error = refused(saved(tmp_path, state))
    assert f"layer3.0.conv1.weight holds {count} {name}" in error.message


def test_negative_variances_are_named(tmp_path, module):
    state = {n: t.clone() for n, t in module.state_dict().items()}
    state["layer1.0.bn1.running_var"][:3] = -1
    error = refused(saved(tmp_path, state))
    assert "layer1.0.bn1.running_var holds 3 negative numbers" in error.message


def test_weights_that_are_all_zero_are_told(tmp_path, module):
    state = {n: torch.zeros_like(t) for n, t in module.state_dict().items()}
    assert refused(saved(tmp_path, state)).message.startswith("every weight of net.pt is 0")


@pytest.mark.parametrize("architecture", ["torchvision:resnet18", "cifar:resnet18"])
def test_a_block_of_another_network_is_not_taken_for_a_network(tmp_path, architecture):
    """Its blocks have a `conv1` and a `bn1`, too, and in 64 channels as a ResNet-18's stem has."""
    from explorer.models.architectures import architecture_named

    state = architecture_named("cifar:resnet20").create().state_dict()
    path = saved(tmp_path, {"state_dict": under("module.", state), "best_prec1": 92.0})
    message = refused(path, architecture).message
    assert "It fits cifar:resnet20 (--arch)" in message
    assert "channels" not in message


def test_a_grey_checkpoint_of_another_depth_is_told_which_architecture_it_fits(tmp_path):
    module = torchvision.models.resnet18(weights=None)
    module.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    error = refused(saved(tmp_path, module.state_dict()), "torchvision:resnet34")
    assert "It fits torchvision:resnet18 (--arch)" in error.message


def test_a_checkpoint_of_another_depth_is_told_which_architecture_it_fits(tmp_path):
    state = timm.create_model("resnet34").state_dict()
    path = saved(tmp_path, {"state_dict": under("module.", state)})
    error = refused(path, "timm:resnet18")
    assert "It fits timm:resnet34 (--arch)" in error.message
    assert "layer1.2.conv1.weight" in error.message


def test_a_small_stem_is_told_from_another_number_of_channels(tmp_path):
    module = torchvision.models.resnet18(weights=None)
    module.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    state = module.state_dict() | {"layer3.1.se.weight": torch.ones(4, 4)}
    error = refused(saved(tmp_path, state), "torchvision:resnet18")
    assert "is 3×3, as networks for small pictures have it (CIFAR)" in error.message
    assert "channel" not in error.message


def test_what_was_there_is_named_where_nothing_fits(tmp_path):
    path = saved(tmp_path, {"weights": {f"decoder.{n}.kernel": torch.ones(2, 3) for n in "abcdef"}})
    error = refused(path)
    for words in ("'weights'", "decoder.a.kernel", "conv1.0.weight"):
        assert words in error.message


def test_an_optimiser_without_its_network(tmp_path, module):
    optimiser = torch.optim.SGD(module.parameters(), 0.1)
    path = saved(tmp_path, {"optimizer": optimiser.state_dict(), "epoch": 4})
    assert "its keys are optimizer, epoch" in refused(path).message


def test_a_quantised_network(tmp_path, module):
    state = dict(module.state_dict())
    state["fc.weight"] = torch.quantize_per_tensor(state["fc.weight"], 0.1, 0, torch.qint8)
    assert "is quantised: fc.weight is qint8" in refused(saved(tmp_path, state)).message
    state["fc.weight"] = torch.ones(1000, 96, dtype=torch.int8)
    assert "is quantised: fc.weight is int8" in refused(saved(tmp_path, state)).message


def test_an_architecture_without_its_source(tmp_path, module):
    error = refused(saved(tmp_path, module.state_dict()), "resnet18")
    assert error.field == "architecture"
    assert "'timm:resnet18'" in error.message


# What is no checkpoint


def torchscript(path):
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), path)


def exported(path):
    torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), path)


def cut_off(path):
    torch.save(nn.Linear(99, 99).state_dict(), path)
    path.write_bytes(path.read_bytes()[:5000])


def cut_off_safetensors(path):
    save_file(nn.Linear(99, 99).state_dict(), path)
    path.write_bytes(path.read_bytes()[:5000])


def legacy_cut_off(path):
    torch.save(nn.Linear(99, 99).state_dict(), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:5000])


def arrays(path):
    with path.open("wb") as stream:
        np.savez(stream, a=np.ones(3))


def keras(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"x")


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132735\n"
INDEX = b'{"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "m2"}}'
BYTES = {
    "is a Git LFS pointer, not the checkpoint; run `git lfs pull`": LFS,
    "is empty (0 bytes)": b"",
    "begins with zeros only": bytes(4096),
    "is an ONNX network": b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\xf6\x01",
    "is an HDF5 file, as Keras and TensorFlow write": b"\x89HDF\r\n\x1a\n" + bytes(99),
    "is a TensorFlow SavedModel": b"\x08\x01\x12\xc3\x99\x02\x0a\x05serve",
    "is a NumPy array": b"\x93NUMPY\x01\x00v\x00{'descr'",
    "is a web page": b"<!DOCTYPE html><html><title>Sign in</title>",
    "is compressed with gzip; unpack it first": b"\x1f\x8b\x08\x00" + bytes(40),
    "is the index of a checkpoint in 2 files": INDEX,
    "is JSON text": b'{"architectures": ["ResNet"]}',
    "is a Python pickle that torch.save did not write": pickle.dumps({"a": 1}),
    "is a PNG picture": b"\x89PNG\r\n\x1a\n",
    "is not a checkpoint: 9 bytes": b"anything!",
}
WRITTEN = {
    "is a TorchScript archive": torchscript,
    "is a network exported by torch.export": exported,
    "is cut off after 5,000 bytes": cut_off,
    "is a safetensors file that is cut off after 5,000 bytes": cut_off_safetensors,
    "is a NumPy archive (.npz)": arrays,
    "is a Keras archive": keras,
    "is not a checkpoint of plain tensors, or is damaged": legacy_cut_off,
}


@pytest.mark.parametrize("reason", [*BYTES, *WRITTEN])
def test_what_is_no_checkpoint_is_told_by_what_it_is(tmp_path, reason):
    path = tmp_path / "net.pt"
    if reason in BYTES:
        path.write_bytes(BYTES[reason])
    else:
        WRITTEN[reason](path)
    error = refused(path)
    assert error.field == "model"
    assert error.message.startswith(f"net.pt {reason}")


def test_a_folder_is_answered_with_the_checkpoints_in_it(tmp_path, module):
    saved(tmp_path, module.state_dict(), "best.pth")
    assert "best.pth" in refused(tmp_path).message


def test_a_file_that_is_not_there_is_answered_with_the_nearest(tmp_path, module):
    saved(tmp_path, module.state_dict(), "best.pth")
    assert "did you mean 'file:best.pth'" in refused(tmp_path / "bset.pth").message


@pytest.mark.parametrize("written", ["~/net.pt", "//~/net.pt", "FOLDER/net.pt", "//FOLDER/net.pt"])
def test_a_file_is_found_however_it_is_written(tmp_path, monkeypatch, module, written):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = saved(tmp_path, module.state_dict())
    pinned = file.pin(NetworkReference(f"file:{written.replace('FOLDER', str(tmp_path))}"))
    assert pinned.model == f"file:{path}"


@pytest.mark.parametrize("new_format", [True, False])
def test_a_whole_pickled_network_is_told_from_other_code(tmp_path, module, new_format):
    path = saved(tmp_path, {"model": module}, _use_new_zipfile_serialization=new_format)
    message = refused(path).message
    assert message.startswith("net.pt is a whole pickled network, which asks for code to be run")
    assert "timm.models.resnet.Bottleneck" in message
    assert "save model.state_dict()" in message
    path = saved(tmp_path, {"a": torch.ones(1), "output": Path("x")})
    assert refused(path).message.startswith("net.pt asks for code to be run (pathlib")


@pytest.mark.parametrize("new_format", [True, False])
def test_a_checkpoint_that_names_the_operating_system_is_refused(tmp_path, module, new_format):
    content = {"state_dict": module.state_dict(), "planted": PlantedCommand()}
    path = saved(tmp_path, content, _use_new_zipfile_serialization=new_format)
    error = refused(path)
    assert "asks for code to be run (posix.system), which is never done" in error.message
    assert not (tmp_path / "planted").exists()


class PlantedCommand:
    def __reduce__(self):
        return os.system, ("touch planted",)


def test_the_documents_list_every_layout():
    listed = (Path(__file__).parents[1] / "docs" / "networks.md").read_text(encoding="utf-8")
    assert [each.what for each in LAYOUTS.values() if f"| {each.what} |" not in listed] == []
