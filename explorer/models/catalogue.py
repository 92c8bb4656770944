"""The catalogue: which networks exist, as data, without importing torch.

What is known of a network is its source's to say (`explorer.models.sources`); the curated list
adds descriptions of those that span what the paper varies.
"""

from __future__ import annotations

from collections.abc import Sequence

from explorer.errors import RequestError, did_you_mean, shortened
from explorer.hosting import hosting
from explorer.models import curated as curated_list
from explorer.models import hubs
from explorer.models.allowed import check_allowed, not_offered, of_visitors
from explorer.models.entry import Entry
from explorer.models.source import Source
from explorer.models.sources import SOURCES
from explorer.network_reference import PATH_SOURCE, NetworkReference, how_to_write

GROUPS = {
    "imagenette": "In the app: photographs",
    "cifar10": "In the app: CIFAR-10",
    "drawn": "In the app: drawn pictures",
    "supervised": "Supervised",
    "adversarial": "Robust and standard pairs",
    "self-supervised": "Self-supervised",
    "image-text": "Image and text",
    "semi-supervised": "Semi-supervised",
    "own": "Published here",
}
"""How the picker groups networks, in its order."""

USUAL_INPUT_SIZE = (224, 224)
"""Height and width in px, where a network's own are not known before it is loaded."""


_MOST_NAMED = 2

LONGEST_REFERENCE = 500
"""Characters of a name in a request (`explorer.request`)."""


def split_reference(reference: str) -> tuple[Source, str]:
    """`timm:resnet18` → (timm's record, `resnet18`); RequestError lists the sources otherwise."""
    _check_length(reference)
    prefix, _, name = reference.partition(":")
    if prefix not in SOURCES or not name:
        raise _unknown_source(reference, tuple(SOURCES))
    return SOURCES[prefix], name


def check_visitor_may_name(reference: str) -> None:
    """RequestError (field `model`) for a reference that visitors of the app may not give.

    Such as `file:PATH`: a visitor must not learn which files there are on this machine. On a hosted
    app also for what `explorer.models.allowed` forbids.
    """
    _check_length(reference)
    prefix, _, name = reference.partition(":")
    if prefix not in SOURCES or not name:
        offered = [source.name for source in SOURCES.values() if source.visitors_may_name]
        found = matching(reference)
        if found and not _named(reference, offered):
            raise _several(reference, found)
        if hosting().restricts_networks:  # most names of most sources would be refused next
            whole = [f"{name}:" for name in offered if SOURCES[name].offered_whole]
            raise not_offered(reference, did_you_mean(f"{prefix}:", whole, cutoff=0.6))
        raise _unknown_source(reference, tuple(offered), on_page=True)
    if not SOURCES[prefix].visitors_may_name:
        raise RequestError("model", f"{SOURCES[prefix].title} work on the command line only")
    check_allowed(reference)


def matching(words: str) -> list[Entry]:
    """The offered networks in whose titles or references all these words occur, in any order.

    None for what names a source, such as `timm:resnet18`, or a path: that is no search.
    """
    wanted = words.lower().split()
    if not wanted or ":" in words or "/" in words or len(words) > LONGEST_REFERENCE:
        return []
    return [
        entry
        for entry in offered()[0]
        if all(word in f"{entry.title} {entry.reference}".lower() for word in wanted)
    ]


def only_match(text: str) -> str:
    """The reference of the one network that has this name, or a part of it; else the text."""
    sources = [source.name for source in SOURCES.values() if source.visitors_may_name]
    is_name = ":" not in text and len(text) <= LONGEST_REFERENCE
    named = _named(text, sources) if is_name else []
    found = named or [entry.reference for entry in matching(text)]
    return found[0] if len(found) == 1 else text


def _several(words: str, found: Sequence[Entry]) -> RequestError:
    """The error for a text that is no reference, but in the names of some networks."""
    titles = [f"“{entry.title}”" for entry in found[:_MOST_NAMED]]
    count = "1 network" if len(found) == 1 else f"{len(found)} networks"
    return RequestError(
        "model",
        f"{shortened(words)} is a part of the names of {count}: choose one of the list, such as "
        f"{' or '.join(titles)}; others are written with their source, such as 'timm:resnet18'",
    )


def _check_length(reference: str) -> None:
    """RequestError for what no request could hold: sources remember the names that they see."""
    if len(reference) > LONGEST_REFERENCE:
        raise RequestError(
            "model", f"{shortened(reference)} is not a name of 1 to {LONGEST_REFERENCE} characters"
        )


def _unknown_source(reference: str, names: tuple[str, ...], on_page: bool = False) -> RequestError:
    """The error for a reference of a source that there is not; names: those that there are."""
    prefix = reference.partition(":")[0]
    known = [f"{source}:" for source in names]
    suggestion = did_you_mean(f"{prefix}:", known, cutoff=0.6)
    if not suggestion:
        suggestion = _meant(reference, names, on_page)
    return RequestError(
        "model",
        f"unknown source in {reference!r}; {suggestion}use "
        + ", ".join(f"'{source}:NAME'" for source in names),
    )


def _meant(word: str, sources: Sequence[str], on_page: bool) -> str:
    """What was probably meant by a word without a source: `write 'embedded:WORD'; `, or nothing."""
    there = _named(word, sources)
    if there:
        return f"write {' or '.join(map(repr, there))}; "
    hint = how_to_write(word)
    if hint:
        return "" if on_page and f"{PATH_SOURCE}:" in hint else f"{hint}; "
    return did_you_mean(word, (known.reference for known in offered_whole()), cutoff=0.6)


def _named(word: str, sources: Sequence[str]) -> list[str]:
    """The references of networks of these sources that have this very name, in any case."""
    word = word.strip()
    words = dict.fromkeys((word, word.lower()))
    references = [f"{source}:{each}" for source in sources for each in words]
    return [reference for reference in references if find(reference) is not None]


def entry(reference: str) -> Entry | None:
    """What is known of a network before loading it; None where that is nothing.

    Raises RequestError for a source or a name that does not exist.
    """
    source, name = split_reference(reference)
    return source.entry(name)


def find(reference: str) -> Entry | None:
    """As `entry`, but None for a name that does not exist (any more), too."""
    try:
        return entry(reference)
    except RequestError:
        return None


def input_size(reference: NetworkReference | str) -> tuple[int, int] | None:
    """(height, width) px of the pictures that a network takes; None where only loading it tells."""
    wanted = NetworkReference(reference) if isinstance(reference, str) else reference
    if wanted.size is not None:
        return wanted.size, wanted.size
    known = find(wanted.model)
    return None if known is None else known.input_size


def input_size_or_default(reference: NetworkReference | str) -> tuple[int, int]:
    """As `input_size`, with USUAL_INPUT_SIZE as the guess where it is not known."""
    return input_size(reference) or USUAL_INPUT_SIZE


def channels(reference: NetworkReference | str) -> int:
    """1 for a network that is known to take grey pictures, else 3."""
    wanted = NetworkReference(reference) if isinstance(reference, str) else reference
    known = find(wanted.model)
    mean = wanted.mean or (known.mean if known is not None else ())
    return 1 if len(mean) == 1 else 3


def parameters(reference: NetworkReference | str) -> int:
    """How many numbers a network is made of, or 0 where that is not known before loading it."""
    wanted = NetworkReference(reference) if isinstance(reference, str) else reference
    source, name = split_reference(wanted.model)
    if source.parameters is not None:
        return source.parameters(wanted)
    known = source.entry(name)
    return 0 if known is None else known.parameters


def architecture_of(reference: str) -> str:
    """What networks that differ in their weights only have in common."""
    source, name = split_reference(reference)
    return reference if source.architecture_of is None else source.architecture_of(name)


def full_reference(reference: str) -> str:
    """The reference with its weights named where it leaves them to its library's default."""
    source, name = split_reference(reference)
    return reference if source.full_name is None else source.reference(source.full_name(name))


def pin(reference: NetworkReference) -> NetworkReference:
    """The reference with what stands for its checkpoint's content, where its name does not.

    Raises RequestError (field `model`) where the checkpoint is not there.
    """
    source, _ = split_reference(reference.model)
    return reference if source.pin is None else source.pin(reference)


def require_weights(reference: str) -> None:
    """Raise HubUnreachable if these weights are not on this machine and their hub is out of reach.

    Names that nobody knows pass: whoever loads them says what would be right.
    """
    source, name = split_reference(reference)
    location = None if source.location is None else source.location(name)
    if location is not None and not location.is_here:
        hubs.require(reference, location.url)


def offered() -> tuple[tuple[Entry, ...], tuple[RequestError, ...]]:
    """The networks that the picker offers, and why some source's cannot be listed.

    First all of the sources that are offered whole, then the curated list, as far as visitors may
    name them.
    """
    entries, errors = _offered_whole()
    return of_visitors((*entries, *curated())), errors


def offered_whole() -> tuple[Entry, ...]:
    """The networks of the sources that are offered whole, of those that can be listed."""
    return _offered_whole()[0]


def _offered_whole() -> tuple[tuple[Entry, ...], tuple[RequestError, ...]]:
    entries: list[Entry] = []
    errors: list[RequestError] = []
    for source in SOURCES.values():
        if source.offered_whole:
            try:
                entries += source.entries()
            except RequestError as error:
                errors.append(error)
    return tuple(entries), tuple(errors)


def curated() -> tuple[Entry, ...]:
    """The networks of the curated list in the picker's order; each is downloaded on first use."""
    entries = [known for known in map(find, curated_list.descriptions()) if known is not None]
    order = list(GROUPS)
    return tuple(sorted(entries, key=lambda known: order.index(known.group)))


def listed(source: str | None = None, words: str = "") -> tuple[Entry, ...]:
    """Every network of a source, or (None) those of the picker, that match all these words.

    The words are looked for in reference, title, objective and family. Raises RequestError (field
    `source`) for a source that does not exist or whose networks cannot be listed.
    """
    if source is None:
        entries, errors = offered()
        if errors:
            raise errors[0]
    else:
        entries = _source_to_list(source).entries()
    wanted = words.lower().split()
    return tuple(known for known in entries if all(word in known.searched_text for word in wanted))


def _source_to_list(name: str) -> Source:
    listable = [source.name for source in SOURCES.values() if source.names is not None]
    if name in listable:
        return SOURCES[name]
    if name in SOURCES:
        source = SOURCES[name]
        raise RequestError(
            "source", f"{source.title} are not listed; a reference is written {source.example}"
        )
    raise RequestError(
        "source",
        f"unknown source {name!r}; {did_you_mean(name, listable)}choose one of "
        + ", ".join(listable),
    )
