"""Read untrusted picture files: bounded in size, without metadata, or refused with a reason.

Nothing in such a file is trusted before it is checked: the pixel count is read from the header and
refused before anything is decoded, only well-maintained decoders are tried, and whatever the
decoder raises becomes a PictureError. Colour profiles are dropped with the rest of the metadata:
values are taken as sRGB, as the usual data loaders of the networks do.
"""

import hashlib
import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features

from . import formats
from .encoding import to_png
from .errors import PictureError
from .file_header import as_pillow_opens, is_subsampled, stored_bits, tiff_layout
from .sixteen_bit import check_colours, grey_to_8bit

MAX_BYTES = 25 * 2**20
MIN_SIDE = 16  # px
MAX_SIDE = 1024  # px, of the picture that is returned

_WHITE = (255, 255, 255, 255)
_SAVE_AS = "save it as 8-bit or 16-bit RGB or grey."
_DAMAGED = "the picture is damaged or cut off; open it in a viewer and save it again."


def read_picture(data: bytes) -> np.ndarray:
    """Decode an untrusted picture file of one of `formats.FORMATS`.

    The first frame of an animation is taken, the primary image of a HEIC file, EXIF rotation is
    applied, transparency is laid over white, 16-bit values are scaled to 8 bits (grey by the rules
    of `sixteen_bit`; of colours the upper 8 bits are kept), CMYK, CIELAB and Y′CbCr are converted,
    and a picture of more than 1024 px is reduced to 1024 px on its longer side.

    Returns
    -------
    uint8 H×W×3 RGB, each side 16 to 1024 px

    Raises
    ------
    PictureError
        For everything else, in one sentence: not a picture, another format, damaged or truncated,
        too many bytes or pixels, too small, too narrow, a number of channels or kind of value of
        which nobody knows how it looks, 16-bit values of which the file does not say what is white.
    """
    check_bytes(data)
    try:
        with _open(data) as image:
            size = _output_size(image)
            return _decode(image, size, data)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(_why_unidentified(data)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"the picture has far more than {formats.MAX_MEGAPIXELS} megapixels, the most that is "
            "read; make it smaller first."
        ) from error
    except MemoryError as error:
        raise PictureError("the picture needs too much memory; make it smaller first.") from error
    except Exception as error:  # Pillow's decoders raise anything: SyntaxError, struct.error, …
        raise PictureError(_DAMAGED) from error


def check_bytes(data: bytes) -> None:
    """Raise PictureError for a file that is empty or has more than MAX_BYTES."""
    if not data:
        raise PictureError("the file is empty; a picture is needed.")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"the file has {len(data) / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read, "
            "so save the picture smaller."
        )


def normalise(data: bytes) -> bytes:
    """An untrusted picture as a clean PNG: what `read_picture` returns, and nothing else.

    Reading the PNG gives the same pixels again. Raises PictureError as `read_picture` does.
    """
    return to_png(read_picture(data))


def digest(data: bytes) -> str:
    """`pixel_digest` of what `read_picture` returns; raises PictureError as that does.

    It identifies a picture independently of its metadata and compression, so that
    `digest(normalise(data)) == digest(data)`.
    """
    return pixel_digest(read_picture(data))


def pixel_digest(picture: np.ndarray) -> str:
    """SHA-256, in hexadecimal, of the size and pixels of a uint8 H×W×3 picture."""
    height, width, _ = picture.shape
    hashed = hashlib.sha256(b"rgb8 %d %d\n" % (height, width))
    hashed.update(np.ascontiguousarray(picture).data)
    return hashed.hexdigest()


def _open(data: bytes) -> Image.Image:
    """The picture with its header read and nothing decoded.

    pillow-heif's class is called directly: registered with Pillow, as it offers, it would be tried
    on every file that any part of the process opens.
    """
    if formats.beginning_of(data) is not formats.HEIC:
        file = io.BytesIO(as_pillow_opens(data))
        return Image.open(file, formats=formats.PILLOW_DECODERS)
    try:
        from pillow_heif import HeifImageFile
    except ImportError as error:
        raise PictureError(
            "HEIC pictures need the package pillow-heif, which is not installed here (pip install "
            "pillow-heif); or save the picture as JPEG."
        ) from error
    return HeifImageFile(io.BytesIO(data))


def _why_unidentified(data: bytes) -> str:
    """Why no decoder takes the file, as far as its beginning and a TIFF's header say."""
    beginning = formats.beginning_of(data)
    if beginning is None:
        return f"this is not a picture that can be read; send {formats.LISTED}."
    if beginning.title == "TIFF":
        try:
            return f"a TIFF of {tiff_layout(data)} cannot be read; {_SAVE_AS}"
        except Exception:  # as Pillow's decoders
            return _DAMAGED
    if beginning.title == "AVIF" and not features.check("avif"):
        return "the Pillow that is installed here reads no AVIF; save the picture as JPEG."
    return (
        f"the file begins as {beginning.title} does and cannot be read as one: it is damaged, or "
        "of a rare kind; open it in a viewer and save it again as 8-bit RGB or grey."
    )


def _output_size(image: Image.Image) -> tuple[int, int]:
    """Check the size in the file's header; returns (width, height) after the reduction."""
    width, height = image.size
    limit = formats.decoded_by(image.format).max_megapixels
    if width * height > limit * 1e6:
        raise PictureError(
            f"the picture has {width}×{height} px, {width * height / 1e6:.0f} megapixels; "
            f"at most {limit} are read, so make it smaller first."
        )
    if min(width, height) < MIN_SIDE:
        raise PictureError(
            f"the picture has {width}×{height} px; each side needs at least {MIN_SIDE} px."
        )
    factor = min(1, MAX_SIDE / max(width, height))
    size = round(width * factor), round(height * factor)
    if min(size) < MIN_SIDE:
        raise PictureError(
            f"the picture is too narrow with {width}×{height} px; its longer side may be at most "
            f"{MAX_SIDE // MIN_SIDE} times the shorter one."
        )
    return size


def _decode(image: Image.Image, size: tuple[int, int], data: bytes) -> np.ndarray:
    file_format = image.format
    if file_format in ("JPEG", "MPO"):
        image.draft(None, (2 * size[0], 2 * size[1]))  # decode at a fraction, saving memory
    _check_layout(image, data)
    image.load()
    if file_format == "HEIF":
        size = _output_size(image)  # that of the header may be another
    image = _to_plain_mode(image, data)
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    if file_format not in ("TIFF", "HEIF"):  # rotated while loading
        image = ImageOps.exif_transpose(image)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image)
    return np.ascontiguousarray(np.asarray(image.convert("RGB")))


def _check_layout(image: Image.Image, data: bytes) -> None:
    """PictureError for values that no rule turns into colours, or that are decoded wrongly."""
    if image.mode in ("I", "F"):
        raise PictureError(
            f"a picture of {tiff_layout(data)} cannot be read, since nothing says which of them "
            f"are black and white; {_SAVE_AS}"
        )
    if is_subsampled(image):
        raise PictureError(
            f"an uncompressed TIFF with reduced resolution of colour cannot be read; {_SAVE_AS}"
        )


def _to_plain_mode(image: Image.Image, data: bytes) -> Image.Image:
    """The picture in one of the modes that resample correctly: L, RGB, RGBA, CMYK."""
    if image.mode.startswith("I;16"):
        return grey_to_8bit(image, data)
    check_colours(image, data)
    if image.mode == "La":  # has no conversion but to LA
        image = image.convert("LA")
    if image.has_transparency_data:
        if image.format in ("BMP", "DIB") and image.getextrema()[-1] == (0, 0):
            return image.convert("RGB")  # an unused channel: programs that write none fill in 0
        _adapt_transparency(image, data)
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _adapt_transparency(image: Image.Image, data: bytes) -> None:
    """Make a PNG's transparent grey or colour one of the values that Pillow gives its pixels.

    Pillow scales 2 and 4 bits of grey to 8, but not the value of tRNS; and of that only as many
    bits count as a sample has.
    """
    hidden = image.info.get("transparency")
    if image.format != "PNG" or hidden is None or image.mode not in ("L", "RGB"):
        return
    largest = 2 ** stored_bits(image, data) - 1
    image.info["transparency"] = (
        (hidden & largest) * 255 // largest
        if isinstance(hidden, int)
        else tuple(value & largest for value in hidden)
    )
