"""The picture formats that are read: one table, from which every list of them follows."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class PictureFormat:
    """A format of picture files.

    title: its name. decoders: by Pillow's names (HEIF is pillow-heif's). variants: what Pillow
    calls files that the same decoder reads. suffixes: all that its files have, in lower case, the
    most usual first. beginnings: the first bytes of its files, where these alone tell it.
    max_megapixels: the most that is decoded; less than MAX_MEGAPIXELS where the decoder needs
    several copies of the picture.
    """

    title: str
    decoders: tuple[str, ...]
    suffixes: tuple[str, ...]
    beginnings: tuple[bytes, ...]
    max_megapixels: int
    variants: tuple[str, ...] = ()


MAX_MEGAPIXELS = 40

FORMATS = (
    PictureFormat("PNG", ("PNG",), (".png", ".apng"), (b"\x89PNG",), MAX_MEGAPIXELS),
    PictureFormat(
        "JPEG",
        ("JPEG",),
        (".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".mpo"),
        (b"\xff\xd8\xff",),
        MAX_MEGAPIXELS,
        ("MPO",),
    ),
    PictureFormat("WebP", ("WEBP",), (".webp",), (), 16),
    PictureFormat("GIF", ("GIF",), (".gif",), (b"GIF8",), 16),
    PictureFormat("BMP", ("BMP", "DIB"), (".bmp", ".dib"), (b"BM",), MAX_MEGAPIXELS),
    PictureFormat(
        "TIFF",
        ("TIFF",),
        (".tif", ".tiff"),
        (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        MAX_MEGAPIXELS,
    ),
    PictureFormat("AVIF", ("AVIF",), (".avif", ".avifs"), (), 25),
    PictureFormat("HEIC", ("HEIF",), (".heic", ".heif", ".heics", ".heifs", ".hif"), (), 25),
)
"""In the order in which messages list them."""

HEIC = FORMATS[-1]
SUFFIXES = tuple(suffix for each in FORMATS for suffix in each.suffixes)
PILLOW_DECODERS = tuple(name for each in FORMATS if each is not HEIC for name in each.decoders)

_titles = [each.title for each in FORMATS]
LISTED = f"{', '.join(_titles[:-1])} or {_titles[-1]}"

_HEVC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AV1_BRANDS = {b"avif", b"avis"}


def readable_suffixes() -> tuple[str, ...]:
    """The suffixes of the formats that can be read here: HEIC needs pillow-heif.

    A browser on an iPhone turns HEIC into JPEG where a page does not ask for HEIC, so that a page
    must ask for what can be read and no more.
    """
    without = () if find_spec("pillow_heif") else HEIC.suffixes
    return tuple(suffix for suffix in SUFFIXES if suffix not in without)


def suffixes(*titles: str) -> tuple[str, ...]:
    """The suffixes of the formats with these titles."""
    return tuple(suffix for each in FORMATS if each.title in titles for suffix in each.suffixes)


def decoded_by(decoder: str | None) -> PictureFormat:
    """The format that Pillow's decoder of this name reads."""
    return next(each for each in FORMATS if decoder in each.decoders + each.variants)


def beginning_of(data: bytes) -> PictureFormat | None:
    """The format whose files begin as this one does, whatever its name; None for none of them."""
    by_title = {each.title: each for each in FORMATS}
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return by_title["WebP"]
    brands = _brands(data)
    if brands & (_AV1_BRANDS | _HEVC_BRANDS):
        return by_title["AVIF" if brands & _AV1_BRANDS else "HEIC"]
    return next((each for each in FORMATS if data.startswith(each.beginnings)), None)


def _brands(data: bytes) -> set[bytes]:
    """The brands that an ISO media file (ISO/IEC 14496-12) gives itself; empty for other files."""
    if data[4:8] != b"ftyp":
        return set()
    box = data[8 : min(int.from_bytes(data[:4], "big"), 512)]
    return {box[start : start + 4] for start in range(0, len(box), 4) if start != 4}
