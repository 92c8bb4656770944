"""`iri app`: starts the app."""

from __future__ import annotations

import argparse
import socket

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
    from explorer.jobs.settings import check_settings

    check_settings()
    _check_address(options.address)
    launch(address=options.address, port=options.port)


def _check_address(address: str) -> None:
    """Raise RequestError where this machine cannot listen at this address."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.bind(place)
    except (OSError, UnicodeError) as error:
        raise RequestError(
            "address",
            f"{address!r} is not an address of this machine; write localhost, or 0.0.0.0 to let "
            "others in",
        ) from error


COMMAND = Command("app", "start the app in a browser", _run, _add_options)
