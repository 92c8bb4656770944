"""A finished IRI: images, measures, verdicts, curves, key frames, provenance; to bytes and back.

The bytes are a plain zip that a person can open: `result.json`, `iri.npy` (float32), `iri.png`,
`target.png`, `seed.png` and `frames/STEP.png`. So what is cached, what is downloaded and what the
command line writes is one thing. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from explorer.errors import RequestError
from explorer.metrics.match import LayerComparison, Match, MatchState, match_state
from explorer.metrics.null import Null
from explorer.metrics.perceptual_verdict import Comparison, PerceptualVerdict
from explorer.request import SCHEMA, Request
from explorer.result.checks import (
    ResultError,
    check_finite,
    image_in,
    part,
    plain_json,
    unpacked,
)
from explorer.result.difference import DifferenceMade
from explorer.result.provenance import Curves, NetworkUsed, Provenance
from explorer.result.record_types import typed
from explorer.result.tightening import Moved, Tightening

EPOCH = (1980, 1, 1, 0, 0, 0)
FILES = ("result.json", "iri.npy", "iri.png", "target.png", "seed.png")
"""Those that every result has."""

SEARCHED = "searched.png"
"""The image as the search found it, in results whose image was then brought to its seed."""

LARGEST_UNPACKED = 256 * 2**20
"""Bytes that the files of one result may have together."""

_T = TypeVar("_T")
_FRAME = re.compile(r"frames/(\d+)\.png")

__all__ = ["FILES", "SEARCHED", "Result", "ResultError", "files_in"]


@dataclass(frozen=True, eq=False)
class Result:
    """One finished IRI and everything measured about it.

    iri: float32 3×H×W in [0, 1]. The `*_png` are 8-bit pictures, PNG-encoded; `target_png` is
        exactly the target, `iri_png` and `seed_png` are rounded.
    match, match_8bit: of the float32 image, and after rounding it to 8 bits.
    null: what both are compared with. layers: in order of execution.
    perceptual: by every perceptual measure; person: how many of them say nearer the target.
    frames: (step, PNG) along the way. network: as it was loaded; None in results of versions that
    did not record it. moved: how far the IRI is from its seed; None in those of earlier versions.
    tightening, searched_png: how the IRI was brought nearest to its seed, and the image as the
    search found it, rounded; None where it is shown as searched. difference: how different the IRI
    was made, for the losses that ask for that.
    """

    request: Request
    iri: np.ndarray
    iri_png: bytes
    target_png: bytes
    seed_png: bytes
    match: Match
    match_8bit: Match
    null: Null
    layers: tuple[LayerComparison, ...]
    perceptual: tuple[Comparison, ...]
    person: PerceptualVerdict
    curves: Curves
    provenance: Provenance
    frames: tuple[tuple[int, bytes], ...] = field(default=())
    network: NetworkUsed | None = None
    moved: Moved | None = None
    tightening: Tightening | None = None
    searched_png: bytes | None = None
    difference: DifferenceMade | None = None

    def __post_init__(self) -> None:
        if self.iri.dtype != np.float32 or self.iri.ndim != 3 or self.iri.shape[0] != 3:
            raise ResultError(f"the IRI is {self.iri.dtype} {self.iri.shape}, not float32 3×H×W")

    @property
    def state(self) -> MatchState:
        """The first verdict: not matched, matched or converged, also after rounding to 8 bits."""
        return match_state(self.match, self.request.goal, self.match_8bit)

    @property
    def matched(self) -> bool:
        """Whether it is the same to the network: `state` is matched or converged."""
        return self.state is not MatchState.NOT_MATCHED

    @property
    def converged(self) -> bool:
        """Whether it matched and is at its goal; results of any age are judged alike."""
        return self.state is MatchState.CONVERGED

    def to_json(self) -> dict[str, Any]:
        """The content of result.json: everything but the pictures."""
        return {
            "request": self.request.to_dict(),
            "key": self.request.key,
            "match": self.match.to_dict()
            | {
                "state": self.state.value,
                "after_8bit": self.match_8bit.to_dict(),
                "null": self.null.to_dict(),
            },
            "layers": [each.to_dict() for each in self.layers],
            "perceptual": [each.to_dict() for each in self.perceptual],
            **({} if self.moved is None else {"moved": self.moved.to_dict()}),
            "verdicts": {"network": {"same": self.matched}, "person": self.person.to_dict()},
            "curves": self.curves.to_dict(),
            "converged": self.converged,
            **({} if self.network is None else {"network": self.network.to_dict()}),
            **({} if self.tightening is None else {"tightening": self.tightening.to_dict()}),
            **({} if self.difference is None else {"difference": self.difference.to_dict()}),
            **self.provenance.to_dict(),
        }

    def files(self) -> dict[str, bytes]:
        """Every file of the result by name, as the zip and the command line's folder hold them.

        Raises ResultError where a number is not finite, which JSON cannot hold.
        """
        content = self.to_json()
        check_finite(content)
        array = io.BytesIO()
        np.save(array, self.iri, allow_pickle=False)
        return {
            "result.json": json.dumps(content, indent=1, allow_nan=False).encode(),
            "iri.npy": array.getvalue(),
            **self.pictures(),
            **{f"frames/{step:05d}.png": png for step, png in self.frames},
        }

    def pictures(self) -> dict[str, bytes]:
        """The PNG files of the result by name, without the key frames."""
        return {
            "iri.png": self.iri_png,
            "target.png": self.target_png,
            "seed.png": self.seed_png,
            **({} if self.searched_png is None else {SEARCHED: self.searched_png}),
        }

    def to_bytes(self) -> bytes:
        """A zip of `files()`; the same result always gives the same bytes."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in self.files().items():
                member = zipfile.ZipInfo(name, EPOCH)
                packed = name.endswith(".png")
                member.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
                member.external_attr = 0o644 << 16
                archive.writestr(member, data)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Result:
        """The Result in the bytes of a zip; ResultError says why they are none."""
        return cls.from_files(files_in(data))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Result:
        """The Result in files by name, as `files()` gives them; ResultError says why not.

        Results of any age are read: what an older version did not measure is left out, what a newer
        one added is kept.
        """
        missing = [name for name in FILES if name not in files]
        if missing:
            raise ResultError(
                f"there is no {' and no '.join(missing)} in it; give a folder that "
                "`generate --out` wrote, or a result's zip"
            )
        try:
            content = plain_json(files["result.json"])
            request = Request.from_dict(content.pop("request"))
            # Of a result of an earlier version, the key that it had then.
            if content.pop("key") not in map(request.key_in, range(1, SCHEMA + 1)):
                raise ResultError("its key is not that of its request")
            content.pop("converged", None)
            match = content.pop("match")
            match.pop("state", None)
            network = content.pop("network", None)
            moved = content.pop("moved", None)
            tightening = content.pop("tightening", None)
            made = content.pop("difference", None)
            names = [name for name in files if name.startswith("frames/") and name[-1] != "/"]
            return cls(
                request=request,
                iri=image_in(files["iri.npy"]),
                iri_png=files["iri.png"],
                target_png=files["target.png"],
                seed_png=files["seed.png"],
                match_8bit=_part("match.after_8bit", Match.from_dict, match.pop("after_8bit")),
                null=_part("match.null", Null.from_dict, match.pop("null")),
                match=_part("match", Match.from_dict, match),
                layers=_part("layers", _each(LayerComparison.from_dict), content.pop("layers")),
                perceptual=_part(
                    "perceptual", _each(Comparison.from_dict), content.pop("perceptual")
                ),
                person=_part(
                    "verdicts.person",
                    PerceptualVerdict.from_dict,
                    content.pop("verdicts")["person"],
                ),
                curves=_part("curves", Curves.from_dict, content.pop("curves")),
                provenance=typed(Provenance.from_dict(content)),
                frames=tuple(sorted((_step(name), files[name]) for name in names)),
                network=_part("network", _optional(NetworkUsed.from_dict), network),
                moved=_part("moved", _optional(Moved.from_dict), moved),
                tightening=_part("tightening", _optional(Tightening.from_dict), tightening),
                searched_png=files.get(SEARCHED),
                difference=_part("difference", _optional(DifferenceMade.from_dict), made),
            )
        except ResultError:
            raise
        except RequestError as error:
            raise ResultError(f"its request cannot be right ({error})") from error
        except KeyError as error:
            raise ResultError(f"its result.json is incomplete: there is no {error}") from error
        except Exception as error:  # a part of another kind than it should be
            raise ResultError("its result.json is damaged or incomplete") from error


def files_in(data: bytes) -> dict[str, bytes]:
    """The files in the bytes of a result by name; ResultError where they are no such zip."""
    return unpacked(data, LARGEST_UNPACKED)


def _part(name: str, read: Callable[[Any], _T], plain: object) -> _T:
    """A part of result.json whose fields have the types that they should; else ResultError."""
    return typed(part(name, read, plain), name)


def _each(read: Callable[[Any], _T]) -> Callable[[Any], tuple[_T, ...]]:
    return lambda plain: tuple(map(read, plain))


def _optional(read: Callable[[Any], _T]) -> Callable[[Any], _T | None]:
    return lambda plain: None if plain is None else read(plain)


def _step(name: str) -> int:
    """The step of a key frame by its file's name."""
    frame = _FRAME.fullmatch(name)
    if frame is None:
        raise ResultError(f"{name!r} is no key frame's name, such as frames/00010.png")
    return int(frame[1])
