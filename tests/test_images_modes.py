"""Every layout of pixels that Pillow opens is read by its format's rules, or refused truthfully.

The files are written here byte by byte, and the expected values computed by hand.
"""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from explorer.images import PictureError, read_picture

SIDE = 20
STEPS = np.tile(np.arange(SIDE), (SIDE, 1))  # each row 0, 1, …, 19
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
EXTRA_SAMPLES = 338
UNSPECIFIED, PREMULTIPLIED, ALPHA = 0, 1, 2
MAX_SAMPLE_VALUE, S_MAX_SAMPLE_VALUE = 281, 341


def chunk(kind: bytes, body: bytes) -> bytes:
    length, check = struct.pack(">I", len(body)), struct.pack(">I", zlib.crc32(kind + body))
    return length + kind + body + check


def packed(row: np.ndarray, bits: int) -> bytes:
    """Samples one after another, most significant bit first."""
    digits = "".join(f"{value:0{bits}b}" for value in row.ravel().tolist())
    digits += "0" * (-len(digits) % 8)
    return bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits), 8))


def png(pixels: np.ndarray, bits: int, colour_type: int, *chunks: bytes) -> bytes:
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + packed(row, bits) for row in pixels)
    parts = (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def tiff(
    pixels: np.ndarray,
    bits: int,
    photometric: int,
    kind: int = UNSIGNED,
    order: str = "<",
    **tags: list[int],
) -> bytes:
    """An uncompressed TIFF of one strip; tags: further ones, as `t281=[4095]`."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if bits % 8:
        data = b"".join(packed(row, bits) for row in pixels)
    else:
        letter = {UNSIGNED: "u", SIGNED: "i", FLOAT: "f"}[kind]
        data = pixels.astype(f"{order}{letter}{bits // 8}").tobytes()
    entries = {
        256: [width],
        257: [height],
        258: [bits] * channels,
        259: [1],
        262: [photometric],
        273: [0],
        277: [channels],
        278: [height],
        279: [len(data)],
        339: [kind] * channels,
        **{int(name[1:]): values for name, values in tags.items()},
    }
    long = (256, 257, 273, 278, 279)
    values_at = 8 + 2 + 12 * len(entries) + 4
    large = sum(2 * len(values) for values in entries.values() if len(values) > 2)
    entries[273] = [values_at + large]
    directory, values_after = struct.pack(order + "H", len(entries)), b""
    for tag, values in sorted(entries.items()):
        size, letter = (4, "I") if tag in long else (3, "H")
        value = struct.pack(order + letter * len(values), *values)
        if len(value) > 4:
            place = struct.pack(order + "I", values_at + len(values_after))
            value, values_after = place, values_after + value
        directory += struct.pack(order + "HHI", tag, size, len(values)) + value.ljust(4, b"\0")
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "I", 8) + directory + bytes(4) + values_after + data


def row_of(data: bytes) -> list[list[int]]:
    """The first row of the picture, red, green and blue of each pixel."""
    return read_picture(data)[0].tolist()


def grey(levels) -> list[list[int]]:
    return [[round(level)] * 3 for level in levels]


ORDERS = ("<", ">")


# 16-bit grey


@pytest.mark.parametrize("order", ORDERS)
def test_16_bit_grey_has_its_white_at_65535(order):
    expected = grey(level / 257 for level in range(0, 20 * 3000, 3000))
    assert row_of(tiff(STEPS * 3000, 16, BLACK_IS_ZERO, order=order)) == expected
    assert row_of(png(STEPS * 3000, 16, 0)) == expected


@pytest.mark.parametrize("order", ORDERS)
def test_16_bit_grey_with_zero_for_white_comes_the_right_way_round(order):
    expected = grey(255 - level / 257 for level in range(0, 20 * 3000, 3000))
    assert row_of(tiff(STEPS * 3000, 16, WHITE_IS_ZERO, order=order)) == expected


def test_the_transparent_value_of_a_16_bit_grey_png_is_laid_over_white():
    expected = grey(level / 257 for level in range(0, 20 * 3000, 3000))
    expected[10] = [255] * 3
    assert row_of(png(STEPS * 3000, 16, 0, chunk(b"tRNS", struct.pack(">H", 30_000)))) == expected
    expected[10] = [round(30_000 / 257)] * 3  # a neighbouring value, which 8 bits would not tell
    assert row_of(png(STEPS * 3000, 16, 0, chunk(b"tRNS", struct.pack(">H", 30_001)))) == expected


@pytest.mark.parametrize("transparent", [False, True])
def test_a_16_bit_grey_png_is_rotated_as_its_exif_says(transparent):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: turn clockwise
    ramp = (np.arange(30 * 20).reshape(30, 20) * 100).astype(np.uint16)
    file = io.BytesIO()
    options = {"transparency": 0} if transparent else {}
    Image.fromarray(ramp).save(file, "PNG", exif=exif.tobytes(), **options)
    expected = np.rint(np.rot90(ramp, -1) / 257)
    if transparent:
        expected[0, -1] = 255
    np.testing.assert_array_equal(read_picture(file.getvalue())[..., 0], expected)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("order", ORDERS)
def test_fewer_bits_in_16_are_scaled_where_a_tiff_gives_their_largest_value(bits, order):
    largest = 2**bits - 1
    values = STEPS * (largest // 19)
    expected = grey(255 * value / largest for value in values[0].tolist())
    for tag in (MAX_SAMPLE_VALUE, S_MAX_SAMPLE_VALUE):
        tags = {f"t{tag}": [largest]}
        assert row_of(tiff(values, 16, BLACK_IS_ZERO, order=order, **tags)) == expected
    # "The maximum component value used" need not be the largest possible one.
    tags = {f"t{MAX_SAMPLE_VALUE}": [int(values.max())]}
    assert row_of(tiff(values, 16, BLACK_IS_ZERO, order=order, **tags)) == expected


def test_twelve_bits_a_sample_are_scaled():
    values = STEPS * 215  # up to 4085 of 4095
    expected = grey(255 * value / 4095 for value in values[0].tolist())
    assert row_of(tiff(values, 12, BLACK_IS_ZERO)) == expected


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_fewer_bits_in_16_are_scaled_where_a_png_says_so_and_has_not_done_it(bits):
    largest = 2**bits - 1
    values = STEPS * (largest // 19)
    expected = grey(255 * value / largest for value in values[0].tolist())
    assert row_of(png(values, 16, 0, chunk(b"sBIT", bytes([bits])))) == expected


@pytest.mark.parametrize("scaling", ["shifted", "rounded"])
@pytest.mark.parametrize("most", [4095, 200])
def test_a_png_that_was_scaled_as_its_standard_says_is_not_scaled_again(scaling, most):
    samples = STEPS * (most // 19)
    values = samples * 16 if scaling == "shifted" else (samples * 65535 / 4095).round().astype(int)
    expected = grey(value / 257 for value in values[0].tolist())
    assert row_of(png(values, 16, 0, chunk(b"sBIT", bytes([12])))) == expected


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_where_a_file_does_not_say_what_is_white_dark_16_bit_values_are_refused(bits):
    values = STEPS * ((2**bits - 1) // 19)
    said = rf"values reach only {values.max()} of 65535, as in unscaled data .* save it as 8-bit"
    for data in (
        png(values, 16, 0),
        tiff(values, 16, BLACK_IS_ZERO),
        tiff(values, 16, BLACK_IS_ZERO, order=">"),
        tiff(values, 16, WHITE_IS_ZERO),
    ):
        with pytest.raises(PictureError, match=said):
            read_picture(data)


def test_dark_16_bit_values_are_read_where_the_file_says_that_it_uses_all_bits():
    values = STEPS * 800  # up to 15200
    expected = grey(value / 257 for value in values[0].tolist())
    assert row_of(png(values, 16, 0, chunk(b"sBIT", bytes([16])))) == expected
    assert row_of(tiff(values, 16, BLACK_IS_ZERO, t281=[65535])) == expected
    assert row_of(png(STEPS * 0, 16, 0)) == grey([0] * SIDE)  # black in any number of bits


def test_16_bit_colours_keep_their_upper_8_bits_and_dark_ones_are_refused():
    colours = np.dstack([STEPS * 3000, STEPS * 0 + 7000, STEPS * 0])
    expected = [[3000 * step // 256, 7000 // 256, 0] for step in range(SIDE)]
    assert row_of(png(colours, 16, 2)) == expected
    for order in ORDERS:
        assert row_of(tiff(colours, 16, RGB, order=order)) == expected
    twelve_bits = colours // 16
    opaque = np.dstack([twelve_bits, STEPS * 0 + 65535])
    for data in (
        png(twelve_bits, 16, 2),
        png(opaque, 16, 6),
        tiff(twelve_bits, 16, RGB),
        tiff(opaque, 16, RGB, t338=[ALPHA]),
    ):
        with pytest.raises(PictureError, match="above 16383, a quarter of their range"):
            read_picture(data)
    assert row_of(png(twelve_bits, 16, 2, chunk(b"sBIT", bytes([16] * 3))))[5] == [3, 1, 0]
    with pytest.raises(PictureError, match="16 bits per channel and names one colour as transp"):
        read_picture(png(colours, 16, 2, chunk(b"tRNS", struct.pack(">HHH", 3000, 7000, 0))))


# Transparency


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_transparent_value_of_a_grey_png_is_that_of_its_own_bits(bits):
    largest = min(2**bits - 1, SIDE - 1)
    values = STEPS % (largest + 1)
    hidden = largest // 2
    expected = grey(
        255 if value == hidden else 255 * value / (2**bits - 1) for value in values[0].tolist()
    )
    assert row_of(png(values, bits, 0, chunk(b"tRNS", struct.pack(">H", hidden)))) == expected


def test_of_a_png_s_transparent_value_only_as_many_bits_count_as_a_sample_has():
    expected = grey(10 * step for step in range(SIDE))
    expected[3] = [255] * 3
    hidden = chunk(b"tRNS", struct.pack(">H", 0x0100 + 30))
    assert row_of(png(STEPS * 10, 8, 0, hidden)) == expected
    colours = np.dstack([STEPS * 10] * 3)
    hidden = chunk(b"tRNS", struct.pack(">HHH", *[0x0100 + 30] * 3))
    assert row_of(png(colours, 8, 2, hidden)) == expected


@pytest.mark.parametrize("alpha", [0, 51])
def test_a_bmp_whose_alpha_is_zero_everywhere_has_none(alpha):
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 124, SIDE, SIDE, 1, 32, 3, 0, 0, 0, 0, 0) + masks
    pixels = np.zeros((SIDE, SIDE, 4), np.uint8)
    pixels[..., 2], pixels[..., 3] = 200, alpha  # blue, green, red, alpha
    header = b"BM" + struct.pack("<IHHI", 14 + 124 + pixels.size, 0, 0, 14 + 124)
    data = header + info.ljust(124, b"\0") + pixels.tobytes()
    assert row_of(data)[0] == ([200, 0, 0] if alpha == 0 else [244, 204, 204])


def test_alpha_of_grey_is_laid_over_white_straight_or_premultiplied():
    alpha = STEPS * 0 + 51  # a fifth
    expected = grey(255 * 0.8 + 10 * step * 0.2 for step in range(SIDE))
    straight, premultiplied = np.dstack([STEPS * 10, alpha]), np.dstack([STEPS * 2, alpha])
    assert row_of(png(straight, 8, 4)) == expected
    for order in ORDERS:
        assert row_of(tiff(straight, 8, BLACK_IS_ZERO, order=order, t338=[ALPHA])) == expected
        data = tiff(premultiplied, 8, BLACK_IS_ZERO, order=order, t338=[PREMULTIPLIED])
        assert row_of(data) == expected
    deep = np.dstack([STEPS * 2570, STEPS * 0 + 13107])
    assert np.abs(np.array(row_of(png(deep, 16, 4))) - expected).max() <= 1


def test_alpha_of_colours_is_laid_over_white_straight_or_premultiplied():
    alpha = STEPS * 0 + 51
    expected = [[round(204 + 2 * step), 204 + 20, 204] for step in range(SIDE)]
    straight = np.dstack([STEPS * 10, STEPS * 0 + 100, STEPS * 0, alpha])
    premultiplied = np.dstack([STEPS * 2, STEPS * 0 + 20, STEPS * 0, alpha])
    assert row_of(png(straight, 8, 6)) == expected
    assert row_of(tiff(straight, 8, RGB, t338=[ALPHA])) == expected
    assert row_of(tiff(premultiplied, 8, RGB, t338=[PREMULTIPLIED])) == expected
    # A fourth channel of which the file does not say what it is, is none of transparency.
    assert row_of(tiff(straight, 8, RGB, t338=[UNSPECIFIED]))[7] == [70, 100, 0]


def test_palettes_give_their_colours_and_their_transparency():
    three = STEPS % 3
    colours = chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255]))
    assert row_of(png(three, 8, 3, colours))[:3] == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    transparent = chunk(b"tRNS", bytes([255, 51, 0]))
    expected = [[255, 0, 0], [204, 255, 204], [255, 255, 255]]
    assert row_of(png(three, 8, 3, colours, transparent))[:3] == expected
    palette = [0] * 768
    palette[0], palette[256 + 1], palette[512 + 2] = (65535,) * 3
    assert row_of(tiff(three, 8, PALETTE, t320=palette))[:2] == [[255, 0, 0], [0, 255, 0]]
    with_alpha = np.dstack([three, STEPS * 0 + 51])
    expected = [[255, 204, 204], [204, 255, 204]]
    assert row_of(tiff(with_alpha, 8, PALETTE, t320=palette, t338=[ALPHA]))[:2] == expected


# Other modes


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_8_bit_grey_and_less_either_way_round(bits):
    largest = 2**bits - 1
    values = STEPS % (largest + 1)
    levels = [255 * value / largest for value in values[0].tolist()]
    for order in ORDERS:
        assert row_of(tiff(values, bits, BLACK_IS_ZERO, order=order)) == grey(levels)
        inverted = grey(255 - level for level in levels)
        assert row_of(tiff(values, bits, WHITE_IS_ZERO, order=order)) == inverted
    assert row_of(png(values, bits, 0)) == grey(levels)


def test_ink_and_light_and_colour_difference_become_rgb():
    ink = np.dstack([STEPS * 10, STEPS * 0, STEPS * 0, STEPS * 0])
    assert row_of(tiff(ink, 8, CMYK)) == [[255 - 10 * step, 255, 255] for step in range(SIDE)]
    deep = row_of(tiff(ink * 257, 16, CMYK))
    assert deep == [[255 - 10 * step, 255, 255] for step in range(SIDE)]
    neutral = np.dstack([STEPS * 10, STEPS * 0 + 128, STEPS * 0 + 128])
    assert row_of(tiff(neutral, 8, YCBCR, t530=[1, 1])) == grey(10 * step for step in range(SIDE))


def test_an_adobe_jpeg_stores_its_inks_inverted():
    inks = np.zeros((32, 32, 4), np.uint8)
    inks[..., 0] = 255  # cyan
    file = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(file, "JPEG", quality=100)
    adobe = file.getvalue()
    assert b"Adobe" in adobe  # Pillow stores 255 − ink then, as Photoshop does
    np.testing.assert_allclose(read_picture(adobe)[9, 9], (0, 255, 255), atol=3)


def srgb_of(lightness: float, a: float, b: float) -> np.ndarray:
    """CIELAB under D50 as 8-bit sRGB: CIE 15, Bradford's matrix, IEC 61966-2-1."""
    y = (lightness + 16) / 116
    xyz = np.array([0.96422, 1, 0.82521]) * np.array([y + a / 500, y, y - b / 200]) ** 3
    to_linear = [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
    return 255 * (1.055 * (to_linear @ xyz) ** (1 / 2.4) - 0.055)


def test_cielab_becomes_srgb():
    # L* = 53.3, a* = 0, b* = 0 is the grey of luminance 0.2138 (CIE 15: ((L + 16) / 116)³).
    luminance = ((136 / 255 * 100 + 16) / 116) ** 3
    level = 255 * (1.055 * luminance ** (1 / 2.4) - 0.055)
    neutral = np.dstack([STEPS * 0 + 136, STEPS * 0, STEPS * 0])
    np.testing.assert_allclose(row_of(tiff(neutral, 8, CIELAB))[0], [level] * 3, atol=2)
    lilac = (60, 20, -30)
    stored = np.dstack([STEPS * 0 + 153, STEPS * 0 + 20, STEPS * 0 + 256 - 30])
    np.testing.assert_allclose(row_of(tiff(stored, 8, CIELAB))[0], srgb_of(*lilac), atol=2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (tiff(STEPS, 32, BLACK_IS_ZERO, FLOAT), "1 channel of 32-bit floating-point numbers"),
        (tiff(STEPS, 64, BLACK_IS_ZERO, FLOAT), "1 channel of 64-bit floating-point numbers"),
        (tiff(np.dstack([STEPS] * 3), 32, RGB, FLOAT), "3 channels of 32-bit floating-point"),
        (tiff(STEPS, 16, BLACK_IS_ZERO, SIGNED), "16-bit signed whole numbers"),
        (tiff(STEPS, 32, BLACK_IS_ZERO), "1 channel of 32-bit whole numbers"),
        (tiff(STEPS, 32, BLACK_IS_ZERO, order=">"), "32-bit whole numbers in big-endian order"),
        (tiff(np.dstack([STEPS] * 5), 8, BLACK_IS_ZERO, t338=[0] * 4), "5 channels of 8-bit whole"),
        (tiff(np.dstack([STEPS] * 5), 16, RGB, t338=[0, 0]), "5 channels of 16-bit whole"),
        (tiff(np.dstack([STEPS] * 2), 16, BLACK_IS_ZERO, t338=[2]), "2 channels of 16-bit whole"),
        (tiff(STEPS, 10, BLACK_IS_ZERO), "1 channel of 10-bit whole numbers"),
        (tiff(np.dstack([STEPS] * 2), 8, WHITE_IS_ZERO, t338=[2]), "with 0 for white"),
        (tiff(np.dstack([STEPS] * 3), 8, YCBCR, t530=[2, 2]), "reduced resolution of colour"),
    ],
)
def test_a_tiff_of_another_layout_is_refused_by_what_it_holds(data, said):
    with pytest.raises(PictureError, match=said) as caught:
        read_picture(data)
    assert str(caught.value).endswith("; save it as 8-bit or 16-bit RGB or grey.")
