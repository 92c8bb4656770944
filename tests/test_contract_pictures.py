"""A seed kind and a noise target are one record each: registered, they are there everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contract import QUICK, explore, generated, printed, refused

from explorer import generate
from explorer.images.encoding import from_8bit, from_png
from explorer.images.noise_targets import NOISE_TARGETS, NoiseTarget
from explorer.images.seeds import SEED_KINDS, SeedKind
from explorer.research.documents import reference

RAMP = SeedKind(
    "ramp",
    "Ramp",
    "Black on the left, white on the right.",
    lambda rng, shape: np.broadcast_to(np.linspace(0, 1, shape[2]), shape),
)
DIM_NOISE = NoiseTarget(
    "dim-noise",
    "Dim noise",
    "Values up to a tenth of white, all equally likely.",
    lambda rng, shape: 0.1 * rng.random(shape),
)


@pytest.fixture
def toys():
    """Both, registered while the test runs."""
    with SEED_KINDS.holding(RAMP), NOISE_TARGETS.holding(DIM_NOISE):
        yield


def test_the_library_generates_from_the_one_to_the_other(toys):
    result = generate(replace(QUICK, seed="ramp", target="dim-noise-3"))
    seed, target = (from_8bit(from_png(png)) for png in (result.seed_png, result.target_png))
    np.testing.assert_allclose(seed[0, 5], np.linspace(0, 1, seed.shape[2]), atol=1 / 255)
    assert 0.09 < target.max() <= 0.1 + 1 / 255


def test_both_are_options_of_the_command_line_and_in_its_listings(toys, monkeypatch, capsys):
    result = generated(monkeypatch, capsys, "--target", "dim-noise", "--seed", "ramp")
    assert (result["request"]["target"], result["request"]["seed"]) == ("dim-noise", "ramp")
    seeds = printed(capsys, "gallery", "--drawn", "seeds", "--json")
    assert seeds[-1] == {"name": "ramp", "title": "Ramp", "help": RAMP.help}
    targets = printed(capsys, "gallery", "--drawn", "targets", "--json")
    assert targets[-1] == {"name": "dim-noise", "title": "Dim noise", "help": DIM_NOISE.help}


def test_both_are_options_on_the_page(toys, monkeypatch):
    app = explore(monkeypatch, target="dim-noise", seed="ramp")
    assert not app.exception
    assert not app.error
    for key, value, title in (("target", "dim-noise", "Dim noise"), ("seed", "ramp", "Ramp")):
        assert app.selectbox(key=key).value == value
        assert title in app.selectbox(key=key).options


def test_both_are_in_the_tables_of_the_documents(toys):
    document = reference.images()
    assert f"| `ramp` | Ramp | {RAMP.help} |" in document
    assert f"| `dim-noise` | Dim noise | {DIM_NOISE.help} |" in document


def test_afterwards_both_are_gone(capsys):
    words = ("generate", "--model", QUICK.model)
    assert "no such file" in refused(capsys, *words, "--target", "dim-noise")
    assert "no such file" in refused(capsys, *words, "--target", "cat", "--seed", "ramp")
