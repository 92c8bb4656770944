"""What was made: images, curves, key frames, measures, verdicts, provenance; to bytes and back.

The bytes are a plain zip that a person can open: `result.json`, `iri.npy` (float32), `iri.png`,
`target.png`, `seed.png` and `frames/STEP.png`. So what is cached, what is downloaded and what the
command line writes is one thing. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from explorer.request import Request, RequestError

EPOCH = (1980, 1, 1, 0, 0, 0)
LARGEST_MEMBER = 256 * 2**20

_PARTS = ("match", "layers", "perceptual", "verdicts", "curves")


class ResultError(ValueError):
    """Bytes that are no Result, with the reason."""


def has_converged(
    beyond_null: bool, relative_l2: float | None, goal: float, stopped: str | None
) -> bool:
    """Whether a search arrived, so that its picture speaks of the network and not of the search.

    It did if the match succeeds against the null (`explorer.metrics.match`) *and* either the goal
    was met or the search had come to where it gets no nearer (`stopped` is `plateau`). One whose
    budget ran out before, or that stands still without a match, has not converged.
    """
    met = stopped == "goal" or (relative_l2 is not None and relative_l2 <= goal)
    return beyond_null and (met or stopped == "plateau")


@dataclass(frozen=True, eq=False)
class Result:
    """One finished IRI and everything measured about it.

    iri: float32 3×H×W in [0, 1]. The `*_png` are 8-bit pictures, PNG-encoded; `target_png` is
        exactly the target, `iri_png` and `seed_png` are rounded.
    frames: (step, PNG) along the way.
    match: relative_l2, cosine, pearson, spearman, snr_db, null, same_class, after_8bit.
    layers: name and the same five of every layer, in order of execution.
    perceptual: one entry a measure: to_target, to_seed, to_mismatched, used_in_loss, …
    verdicts: `network` and `person`, the two questions of the page.
    curves: step, loss, relative_l2.
    provenance: seconds, steps, stopped, optimiser, versions, device, …
    """

    request: Request
    iri: np.ndarray
    iri_png: bytes
    target_png: bytes
    seed_png: bytes
    match: dict[str, Any]
    layers: list[dict[str, Any]]
    perceptual: list[dict[str, Any]]
    verdicts: dict[str, Any]
    curves: dict[str, list[float]]
    provenance: dict[str, Any]
    frames: tuple[tuple[int, bytes], ...] = field(default=())

    def __post_init__(self) -> None:
        if self.iri.dtype != np.float32 or self.iri.ndim != 3 or self.iri.shape[0] != 3:
            raise ResultError(f"the IRI is {self.iri.dtype} {self.iri.shape}, not float32 3×H×W")

    @property
    def converged(self) -> bool:
        """By `has_converged`, of the float32 image; results of any age are judged alike."""
        return has_converged(
            bool(self.match.get("beyond_null")),
            self.match["relative_l2"],
            self.request.goal,
            self.provenance.get("stopped"),
        )

    def to_json(self) -> dict[str, Any]:
        """The content of result.json: everything but the pictures."""
        return {
            "request": self.request.to_dict(),
            "key": self.request.key,
            "match": self.match,
            "layers": self.layers,
            "perceptual": self.perceptual,
            "verdicts": self.verdicts,
            "curves": self.curves,
            "converged": self.converged,
            **self.provenance,
        }

    def files(self) -> dict[str, bytes]:
        """Every file of the result by name, as the zip and the command line's folder hold them."""
        array = io.BytesIO()
        np.save(array, self.iri, allow_pickle=False)
        return {
            "result.json": json.dumps(self.to_json(), indent=1, allow_nan=False).encode(),
            "iri.npy": array.getvalue(),
            "iri.png": self.iri_png,
            "target.png": self.target_png,
            "seed.png": self.seed_png,
            **{f"frames/{step:05d}.png": png for step, png in self.frames},
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
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = archive.infolist()
                if any(member.file_size > LARGEST_MEMBER for member in members):
                    raise ResultError("a file in it is larger than any result's")
                files = {member.filename: archive.read(member) for member in members}
        except ResultError:
            raise
        except Exception as error:  # zipfile and zlib raise a dozen kinds
            raise ResultError(f"no result: {type(error).__name__}: {error}") from error
        return cls.from_files(files)

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Result:
        """The Result in files by name, as `files()` gives them; ResultError says why not."""
        try:
            said = json.loads(files["result.json"])
            iri = np.load(io.BytesIO(files["iri.npy"]), allow_pickle=False)
            request = Request.from_dict(said.pop("request"))
            if said.pop("key") != request.key:
                raise ResultError("its key is not that of its request")
            parts = {name: said.pop(name) for name in _PARTS}
            said.pop("converged", None)
            frames = sorted(
                (int(name[7:-4]), png) for name, png in files.items() if name[:7] == "frames/"
            )
            return cls(
                request=request,
                iri=iri,
                iri_png=files["iri.png"],
                target_png=files["target.png"],
                seed_png=files["seed.png"],
                frames=tuple(frames),
                provenance=said,
                **parts,
            )
        except ResultError:
            raise
        except RequestError as error:
            raise ResultError(f"no result: {error}") from error
        except Exception as error:  # json and numpy raise many kinds
            raise ResultError(f"no result: {type(error).__name__}: {error}") from error
