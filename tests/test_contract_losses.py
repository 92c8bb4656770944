"""A loss term, a comparison of representations and a loss variant are one record each.

Registered, they are there everywhere.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
from contract import QUICK, explore, generated, printed, refused, text

from explorer import generate
from explorer.errors import RequestError
from explorer.losses.formula import MATCH, term
from explorer.losses.term import LossTerm, RepresentationComparison
from explorer.losses.terms import TERMS
from explorer.losses.terms.representation import COMPARISONS
from explorer.losses.variants import HUMAN, LOSSES, Loss, with_suffixes
from explorer.research.documents import reference

BRIGHTNESS = LossTerm(
    name="brightness",
    symbol="mean(x)",
    label="Brightness (penalises light pictures)",
    help="The picture should be dark.",
    function=lambda inputs: inputs.images.mean((1, 2, 3)),
)

LARGEST = RepresentationComparison(
    name="largest",
    title="largest difference",
    formula="max|g(x) − g(x_t)|",
    help="The largest difference of any unit, where the layer has a place for each.",
    function=lambda inputs: inputs.offset.abs().amax(1),
    needs_map=True,
    is_norm=True,
)


@pytest.fixture
def toy_term():
    """A term that is registered while the test runs."""
    with TERMS.holding(BRIGHTNESS) as record:
        yield record


@pytest.fixture
def toy_loss(toy_term):
    """A loss variant of that term, with its suffixes, registered while the test runs."""
    loss = Loss(
        name="dark",
        title="Dark picture",
        family=HUMAN,
        help="The match plus a preference for dark pictures.",
        sum=10 * MATCH + 2 * term("brightness"),
    )
    with ExitStack() as stack:
        for variant in with_suffixes(loss):
            stack.enter_context(LOSSES.holding(variant))
        yield loss


def test_a_terms_weight_changes_what_the_library_generates(toy_term):
    plain = generate(QUICK)
    darker = generate(replace(QUICK, term_weights={"brightness": 50.0}))
    assert darker.provenance.weights == {"representation": 1.0, "brightness": 50.0}
    assert darker.iri.mean() < plain.iri.mean() - 0.01


def test_a_term_is_an_option_of_the_command_line_and_in_its_listing(toy_term, monkeypatch, capsys):
    result = generated(monkeypatch, capsys, "--weight", "brightness=50")
    assert result["request"]["term_weights"] == {"brightness": 50.0}
    rows = printed(capsys, "losses", "--terms", "--json")
    assert rows[-1]["name"] == "brightness"
    assert rows[-1]["symbol"] == "mean(x)"


def test_a_term_has_a_weight_on_the_page_and_in_its_links(toy_term, monkeypatch):
    app = explore(monkeypatch, loss="freq-tv", **{"w-brightness": "0.5"})
    assert not app.exception
    weight = app.number_input(key="w-brightness")
    assert weight.label == BRIGHTNESS.label
    assert BRIGHTNESS.help in weight.help
    assert weight.value == 0.5
    assert "0.5 · mean(x)" in text(app)
    weight.set_value(0.25).run()
    assert app.query_params["w-brightness"] == "0.25"


def test_a_comparison_is_there_everywhere_and_refused_where_the_layer_is_no_map(
    monkeypatch, capsys
):
    with COMPARISONS.holding(LARGEST):
        result = generate(replace(QUICK, representation="largest", layer="grid"))
        assert result.curves.loss[0] < result.curves.relative_l2[0]
        with pytest.raises(RequestError, match="choose a layer of shape"):
            generate(replace(QUICK, representation="largest", layer="logits"))
        words = ("--representation", "largest", "--layer", "grid")
        assert generated(monkeypatch, capsys, *words)["request"]["representation"] == "largest"
        app = explore(monkeypatch, representation="largest")
        assert app.selectbox(key="representation").value == "largest"
        assert "max|g(x) − g(x_t)|" in text(app)


def test_a_loss_is_generated_by_the_library_with_its_own_weights(toy_loss):
    result = generate(replace(QUICK, loss="dark+transforms"))
    assert result.provenance.weights == {"representation": 10.0, "brightness": 2.0}


def test_a_loss_is_an_option_of_the_command_line_and_in_its_listing(toy_loss, monkeypatch, capsys):
    result = generated(monkeypatch, capsys, "--loss", "dark")
    assert result["weights"] == {"representation": 10.0, "brightness": 2.0}
    rows = {row["name"]: row for row in printed(capsys, "losses", "--json")}
    assert rows["dark+fourier"]["formula"].endswith("+ 2 · mean(x), x = image(z)")
    words = ("--model", QUICK.model, "--target", "cat", "--loss", "darc")
    message = refused(capsys, "generate", *words)
    assert "did you mean 'dark'" in message


def test_a_loss_is_a_variant_on_the_page(toy_loss, monkeypatch):
    app = explore(monkeypatch, loss="dark")
    assert not app.exception
    assert "Dark picture" in app.selectbox(key="loss").options
    assert app.selectbox(key="loss").value == "dark"
    assert app.number_input(key="w-brightness").value == 2.0
    app.toggle(key="_fourier").set_value(True).run()
    assert app.query_params["loss"] == "dark+fourier"
    transforms = app.selectbox(key="_transforms")
    assert transforms.options == ["None", "As published", "Centred"]
    transforms.select_index(2).run()
    assert app.query_params["loss"] == "dark+centred-transforms+fourier"
    app.selectbox(key="_transforms").select_index(1).run()
    assert app.query_params["loss"] == "dark+transforms+fourier"


def test_both_are_in_the_tables_of_the_documents(toy_loss):
    document = reference.losses()
    assert "| `brightness` | mean(x) | added | The picture should be dark. |" in document
    assert "| `dark` | Dark picture | `10 · " in document


def test_afterwards_both_are_gone(capsys):
    assert "brightness" not in TERMS
    assert "dark" not in LOSSES
    words = ("--model", QUICK.model, "--target", "cat", "--weight", "brightness=1")
    assert "unknown loss term 'brightness'" in refused(capsys, "generate", *words)


def test_every_term_describes_itself():
    for name, each in TERMS.items():
        assert each.name == name
        assert each.symbol
        assert each.label
        assert each.help.endswith(".")
