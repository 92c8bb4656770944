"""Stimulus sets: the IRIs that people are asked about and their pictures, as one plain zip file."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from explorer.request import SCHEMA, Request
from explorer.result import ResultError
from explorer.result.checks import check_finite, unpacked
from explorer.result.pictures import PNG_SIGNATURE
from explorer.result.record_types import typed
from explorer.study.records import Stimulus, StudyError

FORMAT = "iri-explorer-stimulus-set-1"
MOST_STIMULI = 500
LARGEST_SET = 64 * 2**20
"""Bytes that all files of a set may have together."""

LARGEST_SIDE = 2048
"""Of a picture, in px."""

_JSON = "set.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
DEFAULT_FILE = Path(__file__).with_name("default_set.zip")


@dataclass(frozen=True, eq=False)
class StimulusSet:
    """Stimuli under one title, and the 8-bit PNG files that they name by SHA-256.

    Raises StudyError for no stimuli or too many, a name that occurs twice, and a picture that is
    missing, is not what its SHA-256 says or is no PNG file.
    """

    name: str
    title: str
    stimuli: tuple[Stimulus, ...]
    pictures: Mapping[str, bytes]

    def __post_init__(self) -> None:
        if not self.stimuli:
            raise StudyError("a stimulus set needs at least one image; choose a matched result")
        if len(self.stimuli) > MOST_STIMULI:
            raise StudyError(
                f"these are {len(self.stimuli):,} images; a stimulus set has {MOST_STIMULI} at most"
            )
        if len({each.name for each in self.stimuli}) < len(self.stimuli):
            raise StudyError("two images of the stimulus set have the same name; give each its own")
        if sum(map(len, self.pictures.values())) > LARGEST_SET:
            raise StudyError(
                f"the pictures have more than {LARGEST_SET // 2**20} MB together; choose fewer"
            )
        for sha256 in dict.fromkeys(_named_pictures(self.stimuli)):
            _check_picture(sha256, self.pictures.get(sha256))

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical JSON; the pictures are named in it by theirs."""
        text = json.dumps(self._plain(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def by_name(self) -> Mapping[str, Stimulus]:
        """The stimuli by their names."""
        return {each.name: each for each in self.stimuli}

    def named(self, name: str) -> Stimulus:
        """The stimulus of this name; StudyError where the set has none."""
        try:
            return self.by_name[name]
        except KeyError:
            raise StudyError(
                f"there is no image {name[:80]!r} in the stimulus set {self.title!r}"
            ) from None

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the target pictures, each once, in the set's order."""
        return tuple(dict.fromkeys(each.target_name for each in self.stimuli))

    @property
    def conditions(self) -> tuple[tuple[str, str], ...]:
        """Network and loss of the stimuli, each pair once, in the set's order."""
        return tuple(dict.fromkeys(each.condition for each in self.stimuli))

    def to_bytes(self) -> bytes:
        """A zip of `set.json` and `pictures/SHA256.png`; the same set gives the same bytes."""
        files = {_JSON: json.dumps(self._plain(), indent=1, allow_nan=False).encode()}
        for sha256 in sorted(set(_named_pictures(self.stimuli))):
            files[f"pictures/{sha256}.png"] = self.pictures[sha256]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in files.items():
                member = zipfile.ZipInfo(name, _EPOCH)
                is_json = name == _JSON
                member.compress_type = zipfile.ZIP_DEFLATED if is_json else zipfile.ZIP_STORED
                member.external_attr = 0o644 << 16
                archive.writestr(member, data)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> StimulusSet:
        """The set in what `to_bytes` wrote; StudyError says why there is none."""
        try:
            files = unpacked(data, LARGEST_SET)
            content = json.loads(files.get(_JSON, b"null"))
            if not isinstance(content, dict) or content.get("format") != FORMAT:
                raise StudyError(
                    "this is no stimulus set that this version reads: it is a zip file with a "
                    f"{_JSON} whose format is {FORMAT}"
                )
            check_finite(content)
            json.dumps(content, ensure_ascii=False).encode()  # half surrogate pairs are no text
            listed = content["stimuli"]
            if len(listed) > MOST_STIMULI:
                raise StudyError(f"a stimulus set has {MOST_STIMULI} images at most")
            stimuli = tuple(map(_stimulus, listed))
            pictures = {
                name: files[f"pictures/{name}.png"]
                for name in dict.fromkeys(_named_pictures(stimuli))
                if f"pictures/{name}.png" in files
            }
            return cls(_text(content["name"]), _text(content["title"]), stimuli, pictures)
        except StudyError:
            raise
        except ResultError as error:
            raise StudyError(f"this stimulus set cannot be read: {error}") from error
        except Exception as error:  # of a damaged file, any kind
            raise StudyError(
                f"this stimulus set cannot be read: its {_JSON} is damaged or incomplete"
            ) from error

    def _plain(self) -> dict[str, Any]:
        stimuli = [asdict(each) for each in self.stimuli]
        return {"format": FORMAT, "name": self.name, "title": self.title, "stimuli": stimuli}


@cache
def default_set() -> StimulusSet:
    """The set that ships; `python -m explorer.research.study_set` makes it."""
    return StimulusSet.from_bytes(DEFAULT_FILE.read_bytes())


def _named_pictures(stimuli: Iterable[Stimulus]) -> Iterable[str]:
    return (sha256 for each in stimuli for sha256 in (each.iri, each.target, each.seed))


def _stimulus(plain: Mapping[str, Any]) -> Stimulus:
    """The record in its plain form, without fields that another version added."""
    known = {each.name for each in fields(Stimulus)}
    values = {name: value for name, value in plain.items() if name in known}
    values["held_out"] = tuple(values.get("held_out", ()))
    stimulus = typed(Stimulus(**values))
    request = Request.from_dict(stimulus.request)
    if stimulus.key not in map(request.key_in, range(1, SCHEMA + 1)):
        raise StudyError(f"the key of the image {stimulus.name[:80]!r} is not that of its request")
    return stimulus


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        raise StudyError("name and title of a stimulus set are texts of 1 to 200 characters")
    return value


def _check_picture(sha256: str, png: bytes | None) -> None:
    if png is None:
        raise StudyError(f"the picture {sha256[:12]} of the stimulus set is missing")
    if hashlib.sha256(png).hexdigest() != sha256:
        raise StudyError(
            f"the picture {sha256[:12]} of the stimulus set is damaged: its SHA-256 differs"
        )
    if png[:8] != PNG_SIGNATURE or png[12:16] != b"IHDR" or len(png) < 24:
        raise StudyError(f"the picture {sha256[:12]} of the stimulus set is no PNG file")
    if max(struct.unpack(">II", png[16:24])) > LARGEST_SIDE:
        raise StudyError(
            f"the picture {sha256[:12]} of the stimulus set has more than {LARGEST_SIDE} px a side"
        )
