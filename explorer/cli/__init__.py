"""The command line: everything the app does, for scripts. One file per command.

Exit codes: 0 success, 2 a request that cannot be right (the message names the field and the
allowed values), 1 a failure while running, 130 interrupted.
"""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code.

    arguments: the words after the program's name; those of the process where nothing is given.
    """
    from explorer.cli.program import run

    return run(arguments)
