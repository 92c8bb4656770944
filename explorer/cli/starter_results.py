"""Making the results that ship with the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.cli.outputs import check_folder
from explorer.errors import RequestError

if TYPE_CHECKING:
    from explorer.request import Request


def make_starter_results(confirmed: bool, keep_images: bool) -> int:
    """Compute every starter result with this installation and write them; returns how many.

    confirmed: whether the files that ship may be overwritten; RequestError says which otherwise.
    keep_images: measure those that are there, and search only for others.
    """
    from explorer.analysis.examples import SHIPPED, as_shipped
    from explorer.store import starter

    check_folder("starter", starter.DIRECTORY)
    if not confirmed:
        raise RequestError(
            "yes",
            f"starter computes the {len(SHIPPED)} results that ship with the app again and "
            f"overwrites the .zip files and manifest.json in {starter.DIRECTORY}; add "
            "--yes to do that",
        )
    from explorer.analysis.generation import generate
    from explorer.analysis.measured_again import measured_again
    from explorer.result import Result

    def result_of(request: Request) -> Result:
        data = starter.load(request.key) if keep_images else None
        return generate(request) if data is None else measured_again(Result.from_bytes(data))

    results = [(title, result_of(request)) for title, request in SHIPPED]
    entries = [(made.request.key, title, as_shipped(made).to_bytes()) for title, made in results]
    return len(starter.write(entries))
