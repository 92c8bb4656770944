"""Networks of one's own code: a module of a notebook, and an architecture that a file builds."""

from __future__ import annotations

import copy
import gc
import json
import textwrap
import threading

import numpy as np
import pytest
import torch
from torch import nn

from explorer import Network, NetworkReference, Request, RequestError, align, compare, generate
from explorer.cli import main
from explorer.images.fitting import fit
from explorer.images.gallery import load as gallery_picture
from explorer.jobs import work
from explorer.jobs.tasks import Failure
from explorer.models import models_toml
from explorer.models.layers import representations
from explorer.models.loading import load
from explorer.models.origins import is_assumed
from explorer.validation import network_reference, validate

MEAN, STD = (0.3, 0.5, 0.6), (0.2, 0.25, 0.3)


class Small(nn.Module):
    """A convolution, a pooled representation and a classifier, with names of its own."""

    def __init__(self, num_classes: int = 4) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 6, 3, stride=2)
        self.answer = nn.Linear(6, num_classes)

    def forward(self, x):
        return self.answer(torch.relu(self.look(x)).mean((2, 3)))


def small(seed: int = 0) -> Small:
    torch.manual_seed(seed)
    return Small()


def settings(**changes):
    return {"size": 32, "mean": MEAN, "std": STD, "classes": list("abcd")} | changes


def test_a_module_of_a_notebook_is_generated_for_aligned_and_compared():
    module = small().train()
    network = Network.from_module(module, **settings())
    assert module.training
    assert next(module.parameters()).requires_grad
    request = Request(network.reference, target="cat", seed="coffee", layer="look", steps=10)
    result = generate(request)
    assert result.iri.shape == (3, 32, 32)
    assert {each.name for each in result.match.target_top} <= set("abcd")
    assert result.network.mean == MEAN

    # The layer's distance, by hand from the stored float32 image.
    def seen(image: np.ndarray) -> torch.Tensor:
        mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
        with torch.no_grad():
            return module.look((torch.from_numpy(image)[None] - mean) / std)

    target = seen(fit(gallery_picture("cat"), (32, 32)))
    distance = (seen(result.iri) - target).norm() / target.norm()
    assert result.match.relative_l2 == pytest.approx(float(distance), rel=1e-4)

    seen_by = compare(result, network)
    assert seen_by.match.relative_l2 is not None
    assert align(request, "gallery").counts.of > 3


def test_a_module_is_keyed_by_its_weights_its_source_and_its_settings():
    same = [Network.from_module(small(), **settings()) for _ in range(2)]
    assert same[0].reference == same[1].reference
    others = [
        Network.from_module(small(1), **settings()),
        Network.from_module(small(), **settings(mean=(0.1, 0.1, 0.1))),
        Network.from_module(small(), **settings(size=48)),
        Network.from_module(small(), **settings(classes=())),
        Network.from_module(Other(), **settings()),
    ]
    references = {each.reference for each in (same[0], *others)}
    assert len(references) == 6
    training = small()
    before = Network.from_module(training, **settings())
    with torch.no_grad():
        training.look.weight += 1
    assert Network.from_module(training, **settings()).reference != before.reference


def typed(lines: str, attribute: object = 0, **names: object) -> nn.Module:
    """A module whose class no file holds, as those typed into a notebook; always the same weights.

    lines: what `forward` does with `y`, the convolution of its images.
    """
    source = f"""
class Typed(nn.Module):
    def __init__(self, attribute):
        super().__init__()
        self.look = nn.Conv2d(3, 4, 3)
        self.attribute = attribute
    def forward(self, x):
        y = self.look(x)
        {lines}
        return y.mean((2, 3))
"""
    space = {"nn": nn, "torch": torch, "__name__": "__main__", **names}
    exec(source, space)
    torch.manual_seed(0)
    return space["Typed"](attribute)


def closure(factor: float):
    return lambda y: factor * y


def with_hook(module: nn.Module, hook=None) -> nn.Module:
    if hook is not None:
        module.look.register_forward_hook(hook)
    return module


class Factor:
    """An object of one's own that a module keeps, and that no pickle tells apart by its class."""

    def __init__(self, factor: float) -> None:
        self.factor = factor


PAIRS = {
    "attribute": [typed("y = y * self.attribute", value) for value in (1.0, 1.00001)],
    "nested": [typed("y = y * self.attribute['a'][0]", {"a": (v,)}) for v in (1.0, 1.00001)],
    "tensor": [typed("y = y * self.attribute", torch.tensor(v)) for v in (1.0, 1.00001)],
    "array": [typed("y = y * float(self.attribute[0])", np.array([v])) for v in (1.0, 1.00001)],
    "object": [typed("y = y * self.attribute.factor", Factor(v)) for v in (1.0, 1.00001)],
    "forward": [typed(f"y = torch.{name}(y)") for name in ("tanh", "sigmoid")],
    "constant": [typed(f"y = y * {value}") for value in (1.0, 1.00001)],
    "inner function": [typed(f"y = (lambda z: z * {value})(y)") for value in (1.0, 1.00001)],
    "closure": [typed("y = self.attribute(y)", closure(value)) for value in (1.0, 1.00001)],
    "global": [typed("y = y * GLOBAL", GLOBAL=value) for value in (1.0, 1.00001)],
    "global function": [typed("y = f(y)", f=closure(value)) for value in (1.0, 1.00001)],
    "hook": [
        with_hook(typed(""), lambda module, args, output: output * 1.00001),
        with_hook(typed("")),
    ],
    "type": [typed("y = y if self.attribute is None else y * 1.00001", v) for v in (None, 0)],
}
"""Modules of the same weights that compute something else, by what differs."""


@pytest.mark.parametrize("name", PAIRS)
def test_modules_that_differ_in_anything_are_two_networks(name):
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    modules = [copy.deepcopy(module) for module in PAIRS[name]]
    networks = [Network.from_module(module, **settings(classes=())) for module in modules]
    assert networks[0].reference != networks[1].reference
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    for module, network in zip(modules, networks, strict=True):
        expected = module((images - mean) / std).detach()
        for ours in (network, load(NetworkReference(network.reference))):
            assert torch.equal(ours(images), expected)
        again = Network.from_module(module, **settings(classes=()))
        assert again.reference == network.reference


def test_what_cannot_be_hashed_is_mistaken_for_nothing():
    module = typed("y = y * next(self.attribute)[0] if False else y")
    module.generator = threading.Lock()
    module.__deepcopy__ = lambda memo: typed("")
    references = {Network.from_module(module, **settings(classes=())).reference for _ in range(2)}
    assert len(references) == 2


def test_a_network_lasts_as_long_as_one_that_is_equal():
    kept = Network.from_module(small(7), **settings())
    Network.from_module(small(7), **settings())  # dropped at once
    gc.collect()
    assert load(NetworkReference(kept.reference)).module is kept.module


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_of_another_precision_is_copied_to_float32(dtype):
    module = small().to(dtype)
    network = Network.from_module(module, **settings())
    assert module.look.weight.dtype == dtype
    images = torch.rand(1, 3, 32, 32)
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    torch.testing.assert_close(network(images), module.float()((images - mean) / std))


class Several(Small):
    """What it returns is built from its class scores and its pooled representation."""

    def __init__(self, make) -> None:
        torch.manual_seed(0)
        super().__init__()
        self.make = make

    def forward(self, x):
        pooled = torch.relu(self.look(x)).mean((2, 3))
        return self.make(self.answer(pooled), pooled)


@pytest.mark.parametrize(
    "make",
    [
        lambda scores, pooled: {"features": pooled, "logits": scores},
        lambda scores, pooled: {"out": scores},
        lambda scores, pooled: {"classes": scores, "pooled": pooled},
        lambda scores, pooled: (scores, pooled),
        lambda scores, pooled: [pooled, scores],
    ],
)
def test_a_module_that_returns_several_outputs_has_logits_and_a_penultimate_layer(make):
    network = Network.from_module(Several(make), **settings())
    result = generate(Request(network.reference, target="cat", seed="coffee", steps=3))
    assert len(result.match.target_top) == 3
    images = torch.rand(2, 3, 32, 32)
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    plain = small().eval()
    pooled = torch.relu(plain.look((images - mean) / std)).mean((2, 3))
    seen = representations(network, ("penultimate", "logits"), images)
    torch.testing.assert_close(seen["penultimate"], pooled)
    torch.testing.assert_close(seen["logits"], plain.answer(pooled))


class Other(Small):
    """The same modules and weights, another forward."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__()

    def forward(self, x):
        return self.answer(torch.sigmoid(self.look(x)).mean((2, 3)))


@pytest.mark.parametrize(
    ("changes", "field", "right"),
    [
        ({"mean": [0.5]}, "mean", "takes 3 channels"),
        ({"std": [0.0] * 3}, "std", "above 0"),
        ({"classes": ["a"]}, "classes", "answer gives 4"),
        ({"classifier": "fc"}, "classifier", "look, answer"),
        ({"size": 0}, "size", "from 16 to 1024"),
        ({"size": (32, 32, 32)}, "size", "height, width"),
        ({"size": 32.0}, "size", "from 16 to 1024"),
        ({"interpolation": "nearest"}, "interpolation", "one of bilinear"),
        ({"mean": 0.5}, "mean", r"write it like \[0.5, 0.5, 0.5\]"),
        ({"std": "0.5"}, "std", r"write it like \[0.5, 0.5, 0.5\]"),
    ],
)
def test_settings_that_do_not_fit_a_module_are_refused(changes, field, right):
    with pytest.raises(RequestError, match=right) as caught:
        Network.from_module(small(), **settings(**changes))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("module", "field", "right"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(4)), "model", "2.weight of"),
        (nn.Sequential(nn.LazyConv2d(4, 3)), "model", "has no values yet"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(5, 4)), "size", "fails on"),
    ],
)
def test_a_module_that_cannot_be_run_is_refused_at_once(module, field, right):
    with pytest.raises(RequestError, match=right) as caught:
        Network.from_module(module, **settings())
    assert caught.value.field == field


def test_weights_that_are_not_finite_are_named():
    module = small()
    module.look.weight.data[0, 0, 0, 0] = float("nan")
    with pytest.raises(RequestError, match=r"look\.weight holds 1 NaN"):
        Network.from_module(module, **settings())


def test_mean_and_deviation_may_be_arrays_or_tensors():
    network = Network.from_module(
        small(), **settings(mean=np.array(MEAN), std=torch.tensor(STD, dtype=torch.float64))
    )
    assert network.reference == Network.from_module(small(), **settings()).reference


def test_a_module_that_is_gone_is_said_to_be():
    request = Request(model=f"module:{'0' * 64}")
    with pytest.raises(RequestError, match="not in this process"):
        validate(request)


# Architectures in Python files

FILE = """
    import torch
    from torch import nn
    from widths import WIDTH  # a file next to this one

    class Net(nn.Module):
        pretrained_cfg = dict(input_size=(3, 40, 40), mean=(0.3, 0.5, 0.6), std=(0.2, 0.25, 0.3))

        def __init__(self, num_classes=2):
            super().__init__()
            self.look = nn.Conv2d(3, WIDTH, 3, stride=2)
            self.answer = nn.Linear(WIDTH, num_classes)

        def forward(self, x):
            return self.answer(torch.relu(self.look(x)).mean((2, 3)))

    def broken():
        raise ValueError("no such thing")

    def text():
        return "net"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "widths.py").write_text("WIDTH = 6\n")
    (tmp_path / "net.py").write_text(textwrap.dedent(FILE))
    torch.save(small().state_dict(), tmp_path / "net.pt")
    return tmp_path


def test_a_file_builds_the_network_of_a_checkpoint(folder):
    reference = network_reference(
        f"file:{folder / 'net.pt'}", architecture=f"python:{folder / 'net.py'}:Net"
    )
    network = load(reference)
    assert network.class_count == 4
    assert network.input.size == (40, 40)
    assert network.origins["mean"] == "Net.pretrained_cfg"
    assert is_assumed(network.origins["crop_pct"])
    assert is_assumed(network.origins["interpolation"])
    images = torch.rand(2, 3, 40, 40)
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    by_hand = small().eval()((images - mean) / std)
    torch.testing.assert_close(network(images), by_hand, rtol=1e-5, atol=1e-5)


def test_another_source_or_other_weights_are_another_request(folder):
    def reference() -> NetworkReference:
        return network_reference(
            f"file:{folder / 'net.pt'}", architecture=f"python:{folder / 'net.py'}:Net"
        )

    first = reference()
    assert reference() == first
    (folder / "net.py").write_text(textwrap.dedent(FILE).replace("relu", "sigmoid"))
    second = reference()
    assert second.weights != first.weights
    with pytest.raises(RequestError, match="has changed since the request was made"):
        load(first)
    images = torch.rand(1, 3, 40, 40)
    assert not torch.allclose(load(second)(images), small().eval()(images))
    torch.save(small(1).state_dict(), folder / "net.pt")
    assert reference().weights not in (first.weights, second.weights)


def test_what_the_file_does_not_state_is_assumed(folder):
    (folder / "net.py").write_text(textwrap.dedent(FILE).replace("pretrained_cfg", "other"))
    network = load(
        network_reference(f"file:{folder / 'net.pt'}", architecture=f"python:{folder}/net.py:Net")
    )
    assert {name for name, origin in network.origins.items() if is_assumed(origin)} == {
        "mean",
        "std",
        "size",
        "interpolation",
        "crop_pct",
    }
    assert "neither the file nor the checkpoint states any" in network.origins["mean"]


LOCAL = {
    "import": ("import parts", "parts.scale", "parts.py"),
    "from": ("from parts import scale", "scale", "parts.py"),
    "in a function": ("def late():\n    from parts import scale\n", "1", "parts.py"),
    "package": ("import lab.parts.more", "lab.parts.more.scale", "lab/parts/more.py"),
    "submodule": ("from lab import parts", "parts.scale", "lab/parts.py"),
    "folder without __init__": ("from bare import parts", "parts.scale", "bare/parts.py"),
    "its package": ("from lab.b import scale", "scale", "lab/__init__.py"),
    "relative": ("from lab.a import scale", "scale", "lab/deep/b.py"),
    "by name": ("import importlib as i\np = i.import_module('parts')", "p.scale", "parts.py"),
}
"""By way of importing: the lines, what the network is scaled by, and the file that changes."""


@pytest.mark.parametrize("way", LOCAL)
def test_another_local_module_is_another_network(tmp_path, way):
    lines, scale, changed = LOCAL[way]
    others = {
        "lab/__init__.py": "scale = 1.0\n",
        "lab/a.py": "from .deep.b import scale\n",
        "lab/b.py": "from . import scale\n",
        "lab/deep/__init__.py": "",
        "lab/deep/b.py": "",
        "lab/parts/__init__.py" if way == "package" else "lab/parts.py": "",
    }
    source = textwrap.dedent(FILE).replace("from widths import WIDTH", f"WIDTH = 6\n{lines}\n")
    source = source.replace("return self.answer(", f"return {scale} * self.answer(")
    images = torch.rand(1, 3, 40, 40)

    def reference(folder, factor: str) -> NetworkReference:
        for name, content in {**others, changed: f"scale = {factor}\n", "net.py": source}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        torch.save(small().state_dict(), folder / "net.pt")
        return network_reference(
            f"file:{folder / 'net.pt'}", architecture=f"python:{folder / 'net.py'}:Net"
        )

    first = reference(tmp_path, "1.0")
    ones = load(first)(images)
    second = reference(tmp_path, "2.0")
    assert second.weights != first.weights
    factor = 1 if scale == "1" else 2
    torch.testing.assert_close(load(second)(images), factor * ones)
    # A module of the same name in another folder is another one.
    elsewhere = reference(tmp_path / "elsewhere", "3.0")
    factor = 1 if scale == "1" else 3
    torch.testing.assert_close(load(elsewhere)(images), factor * ones)
    torch.testing.assert_close(load(second)(images), (1 if scale == "1" else 2) * ones)
    assert reference(tmp_path, "1.0") == first


@pytest.mark.parametrize(
    ("architecture", "right"),
    [
        ("python:none.py:Net", "there is no file"),
        ("python:net.py", "write it like 'python:net.py:build'"),
        ("python:net.py:Ned", "did you mean 'Net'"),
        ("python:net.py:broken", "ValueError: no such thing"),
        ("python:net.py:text", "returns a str, not a torch.nn.Module"),
        ("python:bad.py:Net", "fails: SyntaxError"),
    ],
)
def test_what_is_wrong_with_a_python_architecture_is_said(folder, monkeypatch, architecture, right):
    monkeypatch.chdir(folder)
    (folder / "bad.py").write_text("def Net(:\n")
    with pytest.raises(RequestError, match=right) as caught:
        load(network_reference("file:net.pt", architecture=architecture))
    assert caught.value.field == "architecture"


def test_the_command_line_makes_an_iri_of_such_a_network(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    arguments = "generate --model file:net.pt --arch python:net.py:Net --target cat --layer look"
    assert main([*arguments.split(), "--steps", "5", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["network"]["mean"] == pytest.approx(list(MEAN))
    assert result["network"]["size"] == [40, 40]


def test_an_operator_publishes_such_a_network(folder, monkeypatch):
    (folder / "models.toml").write_text(
        '[networks.mine]\nfile = "net.pt"\narchitecture = "python:net.py:Net"\n'
        'classes = ["a", "b", "c", "d"]\nmean = [0.1, 0.2, 0.3]\n'
    )
    monkeypatch.setenv("IRI_MODELS_TOML", str(folder / "models.toml"))
    reference = network_reference("own:mine")
    network = load(reference)
    assert network.classes == tuple("abcd")
    assert network.input.mean == (0.1, 0.2, 0.3)
    before = models_toml.fingerprint("mine")
    (folder / "net.py").write_text(textwrap.dedent(FILE) + "# changed\n")
    assert models_toml.fingerprint("mine") != before


SECRETS = ("Vault", "Hidden", "weights-in-a-safe")
"""Folder, files, and the text of the operator's exceptions."""

FAILS = "raise RuntimeError('weights-in-a-safe')"
BROKEN = {
    "import fails": (FAILS, None),
    "syntax": ("def Net(:\n", None),
    "builder fails": (f"def Net(num_classes=4):\n    {FAILS}\n", None),
    "forward fails": (None, f"    def forward(self, x):\n        {FAILS}\n"),
    "loading fails": (None, f"    def load_state_dict(self, *_, **__):\n        {FAILS}\n"),
    "no callable": ("Other = 3\n", None),
    "no module": ("def Net(num_classes=4):\n    return 'weights-in-a-safe'\n", None),
    "other layers": ("from torch import nn\ndef Net():\n    return nn.Linear(3, 5)\n", None),
    "request error": (
        "from explorer import RequestError\nraise RequestError('x', 'weights-in-a-safe')\n",
        None,
    ),
    "file gone": ("gone", None),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_visitors_learn_neither_files_nor_exceptions_of_a_published_network(
    folder, monkeypatch, broken
):
    whole, method = BROKEN[broken]
    home = folder / "Vault"
    home.mkdir()
    (home / "widths.py").write_text("WIDTH = 6\n")
    (folder / "net.pt").rename(home / "Hidden.pt")
    own = textwrap.dedent(FILE)
    if method is not None:
        own += f"\nclass Broken(Net):\n{method}\nNet = Broken\n"
    (home / "Hidden_net.py").write_text(own if whole is None else whole)
    if whole == "gone":
        (home / "Hidden_net.py").unlink()
    (folder / "models.toml").write_text(
        '[networks.mine]\nfile = "Vault/Hidden.pt"\narchitecture = "python:Vault/Hidden_net.py:Net"'
    )
    monkeypatch.setenv("IRI_MODELS_TOML", str(folder / "models.toml"))
    try:
        answer = work.layers(network_reference("own:mine"))
    except RequestError as error:
        answer = Failure.of(error)
    assert isinstance(answer, Failure)
    assert not [each for each in (*SECRETS, str(folder)) if each in answer.message]
    assert len(answer.message) > 20


def test_a_result_of_a_published_network_names_no_file(folder, monkeypatch):
    (folder / "models.toml").write_text(
        '[networks.mine]\nfile = "net.pt"\narchitecture = "python:net.py:Net"\n'
    )
    monkeypatch.setenv("IRI_MODELS_TOML", str(folder / "models.toml"))
    reference = network_reference("own:mine")
    request = Request(**reference.to_dict(), target="cat", layer="look", steps=3)
    told = json.dumps(generate(validate(request)).to_json())
    assert "the architecture of own:mine" in told
    assert not [each for each in ("net.py", "net.pt", str(folder)) if each in told]


@pytest.mark.parametrize(
    "line",
    [
        'file = ["Vault/Hidden.pt"]',
        'architecture = ["Vault/Hidden.py:Net"]',
        'architecture = "python:Vault/Hidden.py"',
        'architecture = "python:Vault/Hidden.py:Net"',
        'architecture = "Vault/Hidden.py:Net"',
    ],
)
def test_a_wrong_line_of_models_toml_is_said_without_its_paths(folder, monkeypatch, line):
    lines = ['file = "net.pt"', 'architecture = "timm:resnet18"', line]
    kept = [each for each in lines[:2] if each.split()[0] != line.split()[0]]
    (folder / "models.toml").write_text("\n".join(["[networks.mine]", *kept, line]))
    monkeypatch.setenv("IRI_MODELS_TOML", str(folder / "models.toml"))
    with pytest.raises(RequestError) as caught:
        load(network_reference("own:mine"))
    assert not [each for each in (*SECRETS, str(folder)) if each in str(caught.value)]
