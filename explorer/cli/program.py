"""The program: which commands there are, how they are parsed, and what their failures become."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from explorer import cli
from explorer.cli import interrupts
from explorer.cli.command import Command, CommandFailed
from explorer.errors import RequestError
from explorer.hosting import lift_limits
from explorer.models.hubs import HubUnreachable
from explorer.registry import Registry

_MODULES = (
    "explorer.cli.generate",
    "explorer.cli.diverse",
    "explorer.cli.compare",
    "explorer.cli.align",
    "explorer.cli.stir",
    "explorer.cli.animate",
    "explorer.cli.plan",
    "explorer.cli.sweep",
    "explorer.cli.eyes",
    "explorer.cli.models",
    "explorer.cli.layers",
    "explorer.cli.losses",
    "explorer.cli.optimisers",
    "explorer.cli.measures",
    "explorer.cli.gallery",
    "explorer.cli.people",
    "explorer.cli.experiment",
    "explorer.cli.cache",
    "explorer.cli.worker",
    "explorer.app.command",
    "explorer.research.commands.zoo",
    "explorer.research.commands.reproduce",
    "explorer.research.commands.bench",
    "explorer.research.commands.check_networks",
)
"""One module per command, each with a `COMMAND`, in the order of `--help`."""

COMMANDS: Registry[Command] = Registry(
    "command", "command", (import_module(module).COMMAND for module in _MODULES)
)


def run(arguments: list[str] | None = None) -> int:
    """As `explorer.cli.main`."""
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader, such as `head`, has enough. Python flushes once more when it exits.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


_OF_VISITORS = ("app", "worker")
"""Commands that work for the visitors of an app; every other one is the operator's own."""


def _run(arguments: list[str] | None) -> int:
    options = _parser().parse_args(arguments)
    if options.program.split()[-1] not in _OF_VISITORS:
        lift_limits()
    try:
        with interrupts.noted():
            options.run(options)
    except BrokenPipeError:
        raise
    except RequestError as error:
        print(f"{options.program}: {error}", file=sys.stderr)
        return 2
    except (CommandFailed, HubUnreachable) as error:
        print(f"{options.program}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{options.program}: {_in_words(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{options.program}: interrupted", file=sys.stderr)
        if arguments is None:  # the process ends now
            interrupts.until_exit()
        return interrupts.INTERRUPTED
    return 0


def _in_words(error: OSError) -> str:
    """`result.json: Permission denied`, without numbers."""
    if error.strerror is None:
        return str(error)
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"


class _IntermixedParser(argparse.ArgumentParser):
    """Takes names between and after options, too: `zoo train --data PATH NAME`."""

    _intermixing = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, which parses the arguments of a command by this method."""
        if self._intermixing or "--" in (sys.argv[1:] if args is None else args):
            return super().parse_known_args(args, namespace)
        self._intermixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._intermixing = False


def _parser() -> argparse.ArgumentParser:
    program = "iri" if Path(sys.argv[0]).stem == "iri" else "python -m explorer"
    summary = (cli.__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(prog=program, description=summary)
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", parser_class=_IntermixedParser
    )
    for command in COMMANDS.values():
        own = commands.add_parser(command.name, help=command.help, description=command.help)
        own.set_defaults(run=command.run, program=f"{program} {command.name}")
        if command.prints_json:
            own.add_argument("--json", action="store_true", help="print JSON for scripts")
        command.add_options(own)
    return parser
