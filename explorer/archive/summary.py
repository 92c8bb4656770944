"""What a listing shows of a finished result: a few facts and a small picture of it.

Both are stored with the result, under keys of their own that go with it, so that thousands of
results can be listed without reading them. They follow from the result and are made anew wherever
they are missing.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from dataclasses import asdict, dataclass, fields
from functools import lru_cache

from PIL import Image

from explorer.archive.titles import loss_title, network_title, picture_title, seed_drawn
from explorer.images.encoding import from_png
from explorer.images.errors import PictureError
from explorer.metrics.match import MatchState
from explorer.metrics.perceptual_verdict import in_words
from explorer.models import layer_expression
from explorer.request import Request
from explorer.result import Result, ResultError
from explorer.store import CacheError, Store
from explorer.store.database import PATIENCE
from explorer.store.frame import MADE_HERE
from explorer.store.settings import SUMMARY, THUMBNAIL

log = logging.getLogger(__name__)

VERSION = 1
"""Of the summaries' form; those of another are made anew."""

THUMBNAIL_PX = 112
"""Largest height of a thumbnail; IRI and target stand next to each other in it."""

_QUALITY = 78  # of WebP; noise takes some 6 KB a thumbnail


@dataclass(frozen=True, slots=True)
class Summary:
    """The facts of one result.

    key: of the result. sha256: of its bytes. model … steps: as of its Request. px: the longer side
    of its image. state: a MatchState. relative_l2: None where it is infinite. answer,
    nearer_target, counted: as of its PerceptualVerdict. uploads: the uploaded pictures that it was
    made from. continues: key of the result that it goes on from. request: `Request.to_dict`, JSON.
    """

    key: str
    sha256: str
    model: str
    layer: str
    target: str
    seed: str
    loss: str
    rng_seed: int
    steps: int
    px: int
    state: str
    relative_l2: float | None
    answer: str
    nearer_target: int
    counted: int
    uploads: tuple[str, ...]
    continues: str | None
    request: str

    @property
    def words(self) -> str:
        """All that a search finds it by, lower case: its names, titles, verdicts and key."""
        verdicts = (self.state, in_words(self.answer) if self.matched else "")
        titles = _titles(self.model, self.layer, self.loss, self.target, self.seed)
        return " ".join([titles, *verdicts, seed_drawn(self.rng_seed), self.key]).lower()

    @property
    def matched(self) -> bool:
        """Whether it is the same to the network, converged or not."""
        return self.state != MatchState.NOT_MATCHED

    @classmethod
    def of(cls, result: Result, key: str, data: bytes) -> Summary:
        """That of a result whose bytes are stored under a key."""
        request, person = result.request, result.person
        return cls(
            key=key,
            sha256=hashlib.sha256(data).hexdigest(),
            model=request.model,
            layer=request.layer,
            target=request.target,
            seed=request.seed,
            loss=request.loss,
            rng_seed=request.rng_seed,
            steps=request.steps,
            px=max(result.iri.shape[1:]),
            state=result.state.value,
            relative_l2=result.match.relative_l2,
            answer=person.answer,
            nearer_target=person.nearer_target,
            counted=person.counted,
            uploads=uploads_of(request),
            continues=request.continues,
            request=json.dumps(request.to_dict(), separators=(",", ":")),
        )

    def to_bytes(self) -> bytes:
        """As JSON."""
        return json.dumps({"version": VERSION, **asdict(self)}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Summary | None:
        """The summary in what `to_bytes` wrote; None where another version wrote it."""
        try:
            plain = json.loads(data)
            plain.pop("words", None)  # earlier versions stored them
            if plain.pop("version") != VERSION or len(plain) != len(_FIELDS):
                return None
            plain["uploads"] = tuple(plain["uploads"])
            return cls(**plain)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


_FIELDS = fields(Summary)


def uploads_of(request: Request) -> tuple[str, ...]:
    """The uploaded pictures among target and seed, by name."""
    return tuple(name for name in (request.target, request.seed) if name.startswith("picture:"))


def thumbnail(result: Result) -> bytes:
    """IRI and target next to each other, WebP with losses, up to THUMBNAIL_PX high.

    For listings: the exact pixels are in the result. Raises PictureError for damaged pictures.
    """
    pictures = [Image.fromarray(from_png(png)) for png in (result.iri_png, result.target_png)]
    pair = Image.new("RGB", (sum(each.width for each in pictures), pictures[0].height))
    pair.paste(pictures[0], (0, 0))
    pair.paste(pictures[1], (pictures[0].width, 0))
    pair.thumbnail((4 * THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    pair.save(file, "WEBP", quality=_QUALITY, method=2)
    return file.getvalue()


def put_result(
    store: Store,
    key: str,
    data: bytes,
    origin: bytes = MADE_HERE,
    patience: float = PATIENCE,
) -> None:
    """Store a result, and what a listing shows of it. Raises CacheError as `Store.put` does.

    origin, patience: as of `Store.put`.
    """
    store.put(key, data, origin, patience)
    try:
        result = Result.from_bytes(data)
        put_summary(store, Summary.of(result, key, data), result)
    except (CacheError, ResultError, OSError) as error:  # a listing can make it later
        log.warning("a result has no summary yet: %s", error)


def put_summary(store: Store, summary: Summary, result: Result, patience: float = PATIENCE) -> None:
    """Store what a listing shows of a result; CacheError where that cannot be written.

    patience: seconds to wait for a lock.
    """
    try:
        store.put(THUMBNAIL + summary.key, thumbnail(result), patience=patience)
    except PictureError as error:
        log.warning("the result %s has no thumbnail: %s", summary.key, error)
    store.put(SUMMARY + summary.key, summary.to_bytes(), patience=patience)


@lru_cache(maxsize=65536)
def _titles(model: str, layer: str, loss: str, target: str, seed: str) -> str:
    """The names and titles of what a result was made from; a search asks for thousands."""
    titles = [network_title(model), layer_expression.title(layer), loss_title(loss)]
    pictures = map(picture_title, (target, seed))
    return " ".join([model, layer, loss, target, seed, *titles, *pictures])
