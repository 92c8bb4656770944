"""`iri worker ADDRESS`: a worker process that serves a scheduler."""

from __future__ import annotations

import argparse

from explorer.cli.command import Command, CommandFailed


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "address",
        help="the scheduler's address, tls://HOST:PORT, or tcp://HOST:PORT on this machine",
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="listen without TLS to other machines, each of which could run any program here",
    )


def _run(options: argparse.Namespace) -> None:
    from explorer.jobs import worker

    try:
        worker.run(options.address, options.insecure)
    except (OSError, RuntimeError) as error:
        raise CommandFailed(f"no scheduler answers at {options.address}") from error


COMMAND = Command(
    "worker", "run a worker for a scheduler (one per GPU, or one on the CPU)", _run, _add_options
)
