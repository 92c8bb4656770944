"""`iri app`: starts the app."""

from __future__ import annotations

import argparse

from explorer.cli.command import Command


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8501, help="default: %(default)s")
    parser.add_argument(
        "--address", default="localhost", help="where to listen; 0.0.0.0 lets others in"
    )


def _run(options: argparse.Namespace) -> None:
    from explorer.app.launch import launch

    launch(address=options.address, port=options.port)


COMMAND = Command("app", "start the app in a browser", _run, _add_options)
