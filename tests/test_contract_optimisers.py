"""An optimiser is one record. Registered, it is there everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contract import QUICK, explore, generated, printed, refused

from explorer import Request, generate, validation
from explorer.errors import RequestError
from explorer.research.documents import reference
from explorer.synthesis.optimizers.record import Optimiser, Start
from explorer.synthesis.optimizers.registry import OPTIMISERS
from explorer.synthesis.optimizers.search import Search


class Lighten(Search):
    """Adds a tenth to every pixel at each step, whatever the gradient."""

    def __init__(self, start: Start) -> None:
        self._bounds = start.bounds

    def next(self, parameters, loss, gradient, offset):
        return (parameters + 0.1).clamp(*self._bounds)


TOY = Optimiser(
    name="lighten",
    title="Lighten",
    help="adds a tenth to every pixel at each step",
    short_help="a tenth lighter at each step",
    build=Lighten,
    aliases=("brighten",),
    needs_stationary_loss=True,
    keeps_last=True,
)


@pytest.fixture
def toy():
    """The optimiser, registered while the test runs."""
    with OPTIMISERS.holding(TOY) as record:
        yield record


@pytest.mark.parametrize("name", ["lighten", "brighten"])
def test_the_library_generates_with_it_by_its_name_and_its_alias(toy, name):
    result = generate(replace(QUICK, optimiser=name, seed="black", steps=4))
    torch.testing.assert_close(torch.from_numpy(result.iri), torch.full((3, 64, 64), 0.4))
    assert result.request.optimiser == name
    assert result.provenance.optimiser.name == "lighten"
    assert result.provenance.optimiser.help == TOY.help


def test_the_command_line_takes_it_lists_it_and_names_it_in_its_help(toy, monkeypatch, capsys):
    result = generated(monkeypatch, capsys, "--optimiser", "lighten", "--seed", "black")
    assert result["optimiser"]["name"] == "lighten"
    assert printed(capsys, "optimisers", "--json")[-1]["name"] == "lighten"
    with pytest.raises(SystemExit):
        printed(capsys, "generate", "--help")
    assert "lighten" in capsys.readouterr().out


def test_a_misspelt_name_is_answered_with_it(toy, capsys):
    message = refused(capsys, "generate", "--model", QUICK.model, "--target", "cat", *MISSPELT)
    assert "did you mean 'lighten'?" in message
    assert message.strip().endswith("feather, lighten")


MISSPELT = ("--optimiser", "lightn")


def test_what_it_cannot_minimise_is_refused_by_its_record_alone(toy):
    request = replace(QUICK, optimiser="lighten", loss="freq+transforms")
    with pytest.raises(RequestError, match="'lighten' needs a loss that stays the same") as caught:
        validation.validate(request)
    assert caught.value.field == "optimiser"
    assert "adam" in caught.value.message
    assert "lighten, " not in caught.value.message


def test_it_is_a_choice_on_the_page_with_its_help(toy, monkeypatch):
    app = explore(monkeypatch, optimiser="lighten")
    assert not app.exception
    box = app.selectbox(key="optimiser")
    assert box.value == "lighten"
    assert "Lighten (lighten)" in box.options
    assert TOY.short_help in box.help


def test_a_link_with_its_alias_opens_and_keeps_it(toy, monkeypatch):
    app = explore(monkeypatch, optimiser="brighten")
    assert not app.exception
    box = app.selectbox(key="optimiser")
    assert box.value == "brighten"
    assert "Lighten (brighten)" in box.options


def test_it_is_in_the_tables_of_the_documents(toy):
    assert f"| `lighten` | {TOY.help} |" in reference.optimisers()


def test_afterwards_it_is_gone():
    assert "lighten" not in OPTIMISERS


@pytest.mark.parametrize(
    ("former", "name"),
    [
        ("paced-secant", "momentum-anderson"),
        ("soft-lbfgs", "surrogate-lbfgs"),
        ("soft-lbfgs-or-momentum", "surrogate-lbfgs-or-momentum"),
        ("soft-momentum", "surrogate-momentum"),
    ],
)
def test_former_names_give_the_same_image_and_keep_their_keys(former, name):
    request = replace(QUICK, optimiser=former)
    assert validation.validate(request) == request
    old, new = generate(request), generate(replace(QUICK, optimiser=name))
    assert old.request.key == request.key != new.request.key
    assert old.provenance.optimiser.name == name
    assert (old.iri == new.iri).all()


def test_a_result_of_a_retired_optimiser_still_opens_but_is_not_generated_again():
    kept = Request.from_dict({"model": QUICK.model, "optimiser": "lbfgs-or-momentum"})
    assert kept.optimiser == "lbfgs-or-momentum"
    with pytest.raises(RequestError, match="did you mean 'surrogate-lbfgs-or-momentum'"):
        validation.validate(kept)
