"""Read untrusted picture files: bounded in size, without metadata, or refused with a reason.

Nothing in such a file is trusted before it is checked: the pixel count is read from the header and
refused before anything is decoded, only well-maintained decoders are tried, and whatever the
decoder raises becomes a PictureError. Colour profiles are dropped with the rest of the metadata:
values are taken as sRGB, as the usual data loaders of the networks do.
"""

import hashlib
import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .encoding import to_png
from .errors import PictureError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_BYTES = 25 * 2**20
MAX_MEGAPIXELS = 40
MAX_MEGAPIXELS_OF = {"WEBP": 16, "GIF": 16}  # their decoders need several copies of the picture
MIN_SIDE = 16  # px
MAX_SIDE = 1024  # px, of the picture that is returned

_LISTED = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
_WHITE = (255, 255, 255, 255)


def read_picture(data: bytes) -> np.ndarray:
    """Decode an untrusted picture file.

    The first frame of an animation is taken, EXIF rotation is applied, transparency is laid over
    white, 16-bit grey is scaled to 8 bits, CMYK is converted, and a picture of more than 1024 px
    is reduced to 1024 px on its longer side.

    Returns
    -------
    uint8 H×W×3 RGB, each side 16 to 1024 px

    Raises
    ------
    PictureError
        For everything else, in one sentence: not a picture, another format, damaged or truncated,
        too many bytes or pixels, too small, too narrow, pixels that are not 8 or 16 bits.
    """
    if not data:
        raise PictureError("the file is empty; a picture is needed.")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"the file has {len(data) / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read, "
            "so save the picture smaller."
        )
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            size = _output_size(image)
            return _decode(image, size)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(f"this is not a picture that can be read; send {_LISTED}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"the picture has far more than {MAX_MEGAPIXELS} megapixels, the most that is read; "
            "make it smaller first."
        ) from error
    except MemoryError as error:
        raise PictureError("the picture needs too much memory; make it smaller first.") from error
    except Exception as error:  # Pillow's decoders raise anything: SyntaxError, struct.error, …
        raise PictureError(
            "the picture is damaged or cut off; open it in a viewer and save it again."
        ) from error


def normalise(data: bytes) -> bytes:
    """An untrusted picture as a clean PNG: what `read_picture` returns, and nothing else.

    Reading the PNG gives the same pixels again. Raises PictureError as `read_picture` does.
    """
    return to_png(read_picture(data))


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal, of the size and pixels that `read_picture` returns.

    It identifies a picture independently of its metadata and compression, so that
    `digest(normalise(data)) == digest(data)`. Raises PictureError as `read_picture` does.
    """
    picture = read_picture(data)
    height, width, _ = picture.shape
    hashed = hashlib.sha256(b"rgb8 %d %d\n" % (height, width))
    hashed.update(picture.data)
    return hashed.hexdigest()


def _output_size(image: Image.Image) -> tuple[int, int]:
    """Check the size in the file's header; returns (width, height) after the reduction."""
    width, height = image.size
    limit = MAX_MEGAPIXELS_OF.get(image.format or "", MAX_MEGAPIXELS)
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


def _decode(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    file_format = image.format
    if file_format in ("JPEG", "MPO"):
        image.draft(None, (2 * size[0], 2 * size[1]))  # decode at a fraction, saving memory
    image.load()
    image = _to_plain_mode(image)
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)
    if file_format != "TIFF":  # Pillow has rotated those already while loading
        image = ImageOps.exif_transpose(image)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image)
    return np.ascontiguousarray(np.asarray(image.convert("RGB")))


def _to_plain_mode(image: Image.Image) -> Image.Image:
    """The picture in one of the modes that resample correctly: L, RGB, RGBA, CMYK."""
    if image.mode.startswith("I;16"):
        return Image.fromarray(_scaled_to_8bit(np.asarray(image)))
    if image.mode in ("I", "F"):
        raise PictureError(
            "the picture has 32 bits per channel; save it with 8 or 16 bits per channel."
        )
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _scaled_to_8bit(grey: np.ndarray) -> np.ndarray:
    """16-bit values / 257, rounded, in bands of rows so that little memory is needed."""
    levels = np.empty(grey.shape, np.uint8)
    for top in range(0, len(grey), 256):
        band = grey[top : top + 256].astype(np.uint32)
        levels[top : top + 256] = (band * 255 + 32767) // 65535
    return levels
