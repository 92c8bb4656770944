"""`iri app`: starts the app."""

from __future__ import annotations

import argparse

from explorer.cli.arguments import some_text, whole_number
from explorer.cli.command import Command
from explorer.errors import RequestError


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=whole_number(1, 65535), default=8501, help="default: %(default)s"
    )
    parser.add_argument(
        "--address",
        type=some_text,
        default="localhost",
        help="where to listen; 0.0.0.0 lets others in",
    )


def _run(options: argparse.Namespace) -> None:
    from explorer.app.launch import launch
    from explorer.app.start_checks import can_listen, check_app

    check_app(options.port)
    if not can_listen(options.address):
        raise RequestError(
            "address",
            f"{options.address!r} is not an address of this machine; write localhost, or 0.0.0.0 "
            "to let others in",
        )
    launch(address=options.address, port=options.port)


COMMAND = Command("app", "start the app in a browser", _run, _add_options)
