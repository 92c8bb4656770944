"""Where a stored result opens: in Explore, where that can ask for it, or on a page of its own."""

from __future__ import annotations

import json
from dataclasses import replace

from explorer import validation
from explorer.app.links import link
from explorer.archive.summary import Summary
from explorer.errors import RequestError
from explorer.files import expanded
from explorer.images.errors import PictureError
from explorer.models import catalogue
from explorer.models.hubs import HubUnreachable
from explorer.models.sources import SOURCES
from explorer.network_reference import PATH_SOURCE
from explorer.request import Request

_IN_MEMORY = ("module",)
"""Sources whose networks end with the program that made them."""


def explore_parameters(request: Request, key: str) -> dict[str, str] | None:
    """The URL parameters with which Explore shows the result of this key; None where it cannot.

    It cannot for networks that are not here any more or that only the command line takes, for
    settings that its sidebar does not have, and for results of versions with other keys.
    """
    try:
        parameters = link(request)
        network = validation.network_reference(request.model, size=request.size)
        asked = validation.validate(Request.from_dict({**request.to_dict(), **network.to_dict()}))
    except (RequestError, ValueError, TypeError, PictureError, HubUnreachable):
        return None
    asked = validation.with_null(asked)
    without_null = replace(asked, null=None, null_folder=None)
    return parameters if key in (asked.key, without_null.key) else None


def why_not_in_explore(request: Request) -> str:
    """Why Explore cannot show a result, in a sentence."""
    source = SOURCES.get(request.network.source)
    if source is None or not _is_here(request):
        return (
            "Its network is not here any more, so the result can be looked at, but not be "
            "generated again."
        )
    if not source.visitors_may_name:
        return "Its network is known to the command line alone, which can go on from it."
    return "Its settings are those of the command line or of another version of this program."


def _is_here(request: Request) -> bool:
    """Whether the network can be found: a file that it was loaded from, or its name."""
    if request.network.source in _IN_MEMORY:
        return False
    try:
        if request.network.source == PATH_SOURCE:
            return expanded("model", request.network.name).is_file()
        catalogue.entry(request.model)
    except RequestError:
        return False
    return True


def request_of(summary: Summary) -> Request | None:
    """The request of a listed result; None where this version cannot read it."""
    try:
        return Request.from_dict(json.loads(summary.request))
    except (RequestError, ValueError, TypeError):
        return None
