"""Which architectures timm and torchvision have, read from their source: no torch is imported.

For what the app's process checks of `models.toml`, before any worker runs.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from explorer.errors import RequestError, did_you_mean, shortened
from explorer.models.architectures import ARCHITECTURES
from explorer.network_reference import CODE_ARCHITECTURE

_NAME = re.compile(r"[\w.-]{1,200}")
_DECLARED = re.compile(
    r"^@register_model(?:\((?:name=[\"'](\w+)[\"'])?\))?\n(?:@.*\n|[ )].*\n|\)\n)*def (\w+)",
    re.MULTILINE,
)
_MAPPING = re.compile(r"register_model_deprecations\([^{]*\{([^}]*)\}")
_OLD_NAME = re.compile(r"[\"']([\w.]+)[\"']\s*:")
_LIBRARIES = ("timm", "torchvision")


def check_declared(architecture: str) -> None:
    """Raise RequestError (field `architecture`) for a reference that names none that there is.

    Of sources whose names follow a pattern, such as `cifar:`, only the form is checked; and of a
    library that is not installed. What may be a path of the operator's is not repeated.
    """
    source, _, name = architecture.partition(":")
    if source not in ARCHITECTURES or not _NAME.fullmatch(name):
        examples = [
            repr(record.example)
            for record in ARCHITECTURES.values()
            if record.name != CODE_ARCHITECTURE
        ]
        raise RequestError(
            "architecture",
            f"it names no library's network; write it like {' or '.join(examples)}",
        )
    known = declared(source) if source in _LIBRARIES else ()
    # timm's names may go on with a tag of weights, after a full stop.
    base = name.partition(".")[0] if source == "timm" else name
    if known and base not in known:
        suggestion = did_you_mean(base, known, f"{source}:", most=3)
        raise RequestError(
            "architecture",
            f"{source} has no architecture {shortened(name)}; {suggestion}"
            f"{len(known):,} are known".rstrip(),
        )


@cache
def declared(library: str) -> frozenset[str]:
    """The names of a library's networks, those that it has renamed, too; empty without it."""
    spec = find_spec(library)
    names: set[str] = set()
    for root in (spec.submodule_search_locations or ()) if spec else ():
        for path in (Path(root) / "models").glob("*.py"):
            text = path.read_text(encoding="utf-8", errors="replace")
            for match in _DECLARED.finditer(text):
                names.add(match[1] or match[2])
            for mapping in _MAPPING.finditer(text):
                names |= {name.partition(".")[0] for name in _OLD_NAME.findall(mapping[1])}
    return frozenset(names)
