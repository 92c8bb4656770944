"""A command is one record: registered, it is there in the help, runs, and fails as others do."""

import pytest

from explorer import cli
from explorer.cli.command import Command, CommandFailed
from explorer.cli.program import COMMANDS
from explorer.errors import RequestError


@pytest.fixture
def toy():
    """A command that greets, and fails in both ways when it is told to."""

    def run(options):
        if options.name == "nobody":
            raise RequestError("name", "nobody cannot be greeted; name somebody")
        if options.name == "offline":
            raise CommandFailed("no answer")
        print(f"Hello, {options.name}!")

    command = Command("greet", "say hello", run, lambda parser: parser.add_argument("name"))
    with COMMANDS.holding(command):
        yield command


def test_a_registered_command_runs(toy, capsys):
    assert cli.main(["greet", "Ada"]) == 0
    assert capsys.readouterr().out == "Hello, Ada!\n"


def test_it_is_listed_with_its_help(toy, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert "greet" in out
    assert "say hello" in out


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("nobody", 2, "greet: name: nobody cannot be greeted; name somebody"),
        ("offline", 1, "greet: no answer"),
    ],
)
def test_its_failures_become_exit_codes_and_a_sentence(toy, capsys, name, code, message):
    assert cli.main(["greet", name]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_afterwards_it_is_gone(capsys):
    with pytest.raises(SystemExit):
        cli.main(["greet", "Ada"])
    assert "invalid choice: 'greet'" in capsys.readouterr().err


def test_every_command_of_the_house_is_registered_once_with_a_sentence_of_help():
    assert set(COMMANDS) >= {
        *("generate", "compare", "align", "stir", "models", "layers", "losses"),
        *("optimisers", "measures", "gallery", "cache", "worker", "app", "zoo", "reproduce"),
        *("bench", "check-networks"),
    }
    for command in COMMANDS.values():
        assert command.help, command.name
