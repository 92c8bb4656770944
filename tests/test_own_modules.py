"""Networks of one's own code: a module of a notebook, and an architecture that a file builds."""

from __future__ import annotations

import json
import textwrap

import numpy as np
import pytest
import torch
from torch import nn

from explorer import Network, NetworkReference, Request, RequestError, align, compare, generate
from explorer.cli import main
from explorer.images.fitting import fit
from explorer.images.gallery import load as gallery_picture
from explorer.models import models_toml
from explorer.models.loading import load
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
    assert same[0] is same[1]
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
    ],
)
def test_settings_that_do_not_fit_a_module_are_refused(changes, field, right):
    with pytest.raises(RequestError, match=right) as caught:
        Network.from_module(small(), **settings(**changes))
    assert caught.value.field == field


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
