"""What is known of the pictures that a network takes: from the catalogue, or once it was loaded.

The worker says it with the layers (`explorer.jobs.work.layers`), for which the page asks anyway.
"""

from __future__ import annotations

import json

from explorer import validation
from explorer.app import session
from explorer.errors import RequestError
from explorer.jobs import work
from explorer.models import catalogue
from explorer.models.hubs import HubUnreachable
from explorer.models.sources import published
from explorer.network_reference import NetworkReference

Input = tuple[tuple[int, int], int]
"""Height and width in px, and the number of channels."""


def only_loading_tells(model: str) -> bool:
    """Whether its catalogue entry is a guess until it is loaded, as for a checkpoint."""
    try:
        source, name = catalogue.split_reference(model)
        entry = source.entry(name)
    except RequestError:
        return False
    return source.untrained is None and not (entry is not None and entry.layers)


def loaded_input(reference: NetworkReference) -> Input | None:
    """The input that loading the network told; None where that is not known here yet."""
    answers = session.answers(str(reference))
    if "input" not in answers:
        stored = session.engine().store.get(work.input_key(reference))
        if stored is None:
            return None
        (height, width), channels = json.loads(stored)
        answers["input"] = ((height, width), channels)
    known: Input = answers["input"]
    return known


def input_or_guess(reference: NetworkReference) -> Input:
    """The input as far as it is known, with the guesses of the catalogue for what is not."""
    known = loaded_input(reference) if only_loading_tells(reference.model) else None
    if known is not None:
        return known
    return catalogue.input_size_or_default(reference), catalogue.channels(reference)


def input_size(model: str, size: int | None = None) -> tuple[int, int] | None:
    """(height, width) px of the pictures that a network takes; None where that is not known yet."""
    if size is not None or not only_loading_tells(model):
        return catalogue.input_size(NetworkReference(model, size=size))
    if published.states_size(model):
        return catalogue.input_size(model)
    try:
        known = loaded_input(validation.network_reference(model))
    except (RequestError, HubUnreachable):
        return None
    return None if known is None else known[0]
