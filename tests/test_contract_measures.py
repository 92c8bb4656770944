"""A perceptual measure is one record: registered, it is there everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contract import QUICK, explore, generated, printed, refused

from explorer import generate
from explorer.metrics.measure import PerceptualMeasure
from explorer.metrics.registry import PERCEPTUAL_MEASURES
from explorer.research.documents import reference

MEAN_COLOUR = PerceptualMeasure(
    name="mean-colour",
    title="Mean colour",
    help="Compares the average colour of the two pictures.",
    nearer="lower",
    range=(0.0, 3.0),
    source="none",
    smallest=1,
    function=lambda a, b: (a.mean((2, 3)) - b.mean((2, 3))).square().sum(1),
)


@pytest.fixture
def toy():
    """A measure that is registered while the test runs."""
    with PERCEPTUAL_MEASURES.holding(MEAN_COLOUR) as record:
        yield record


def test_the_library_measures_each_result_by_it(toy):
    result = generate(replace(QUICK, seed="black"))
    row = result.perceptual[-1]
    assert row.measure == "mean-colour"
    assert row.to_seed == pytest.approx(_mean_colour_from_black(result.iri), rel=0.01)
    assert row.counts_in_verdict


def test_it_can_play_the_adversary_and_then_does_not_count(toy):
    result = generate(
        replace(QUICK, loss="adversarial-seed", adversary="mean-colour", term_weights={"tv": 0.0})
    )
    assert "to-seed" in result.provenance.weights
    row = result.perceptual[-1]
    assert row.used_in_loss
    assert not row.counts_in_verdict


def test_it_is_an_option_of_the_command_line_and_in_its_listing(toy, monkeypatch, capsys):
    result = generated(
        monkeypatch, capsys, "--loss", "adversarial-seed", "--adversary", "mean-colour"
    )
    assert result["perceptual"][-1]["measure"] == "mean-colour"
    assert result["perceptual"][-1]["used_in_loss"]
    rows = {row["name"]: row for row in printed(capsys, "measures", "--json")}
    assert rows["mean-colour"]["kind"] == "perceptual"
    assert rows["mean-colour"]["says"] == rows["mean-colour"]["help"] == MEAN_COLOUR.help


def test_it_is_an_adversary_on_the_page(toy, monkeypatch):
    app = explore(monkeypatch, loss="adversarial-seed", adversary="mean-colour")
    assert not app.exception
    assert app.selectbox(key="adversary").value == "mean-colour"
    assert "Mean colour" in app.selectbox(key="adversary").options


def test_it_is_in_the_table_of_the_documents(toy):
    assert f"| `mean-colour` | {MEAN_COLOUR.help} | 0 to 3 | lower |" in reference.measures()


def test_afterwards_it_is_gone(capsys):
    assert "mean-colour" not in PERCEPTUAL_MEASURES
    words = ("--model", QUICK.model, "--target", "cat", "--loss", "adversarial-seed")
    message = refused(capsys, "generate", *words, "--adversary", "mean-colour")
    assert "unknown adversary 'mean-colour'" in message


def _mean_colour_from_black(image) -> float:
    return float((image.mean((1, 2)) ** 2).sum())
