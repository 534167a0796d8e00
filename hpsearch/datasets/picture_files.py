"""Decode picture files: upright, in 8-bit RGB, with transparency composited on white.

Conversion of the modes in which Pillow reads files:

===========================  =====================================================================
1, L, P, RGB, RGBX           colours as they are; palettes are looked up
LA, PA, RGBA, RGBa; L, P     composited on white; fully transparent pixels are white, whatever their
or RGB with a transparency   colour
CMYK, YCbCr, LAB, HSV        converted by Pillow, without colour profiles
I;16 and its byte orders     0 to 65,535 becomes 0 to 255
I (32-bit integers)          0 to 255 stays, 0 to 65,535 is scaled as 16 bits are; with values
                             outside, the file's own range becomes 0 to 255
F (floats)                   0 to 1 is scaled, 0 to 255 stays; with values outside, the file's own
                             range becomes 0 to 255
===========================  =====================================================================

So files of one kind are comparable, unless their values are outside these ranges. Pillow itself
reads 16-bit colours as 8-bit. Of animations and files of several pages the first picture is
used. Other modes are refused.
"""

import re
import warnings
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hpsearch.foundations.text import one_line

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "Picture", "UnreadablePictureError", "decode_picture"]

# 0.2 GB as RGB, above most cameras; without a limit a small file can decode to any size.
MAX_PIXELS = 2**26

_COLOUR_MODES = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
_ALPHA_MODES = ("LA", "PA", "RGBA", "RGBa")
_NUMBER_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
# White levels by dtype kind (u is 16-bit, i 32-bit): the first that no value exceeds is used.
_WHITE_LEVELS = {"u": (65535.0,), "i": (255.0, 65535.0), "f": (1.0, 255.0)}
# Formats whose further frames are other pictures, not previews or layers of the first.
_FORMATS_WITH_FRAMES = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")
# Pillow runs Ghostscript on these files, which are programs.
_REFUSED_FORMATS = ("EPS",)


class UnreadablePictureError(Exception):
    """The file holds no usable picture; the message gives the reason, without the path."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Parameters
    ----------
    pixels : uint8 array, shape (H, W, 3)
        Red, green and blue.
    has_more_frames : bool
        Whether the file holds further pictures, which are not used.
    """

    pixels: NDArray[np.uint8]
    has_more_frames: bool = False


def decode_picture(file: IO[bytes]) -> Picture:
    """Decode an open picture file; of other files only the header is read.

    Raises
    ------
    UnreadablePictureError
        If it is not a picture, has too many pixels, or is of a mode that cannot be converted.
    """
    # Imported here, as workers read prepared data and never a picture.
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file) as image:
                _check(image)
                has_more_frames = (
                    image.format in _FORMATS_WITH_FRAMES and getattr(image, "n_frames", 1) > 1
                )
                ImageOps.exif_transpose(image, in_place=True)
                return Picture(_convert_to_rgb(image), has_more_frames)
    except (UnreadablePictureError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePictureError("Pillow knows no such format") from error
    except Image.DecompressionBombError as error:
        raise UnreadablePictureError(f"it has more than {MAX_PIXELS:,} pixels") from error
    except Exception as error:  # each of Pillow's formats raises its own
        reason = re.sub(r"<[^>]* at 0x[0-9a-f]+>", "the file", one_line(error))
        raise UnreadablePictureError(f"Pillow cannot read it: {reason}") from error


def _check(image: "Image.Image") -> None:
    """Refuse unusable pictures by their header, before any pixel is decoded."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadablePictureError(
            f"it has {width} x {height} pixels, more than {MAX_PIXELS:,} in all"
        )
    if image.format in _REFUSED_FORMATS:
        raise UnreadablePictureError(f"{image.format} files are not read, as they are programs")
    if image.mode not in (*_COLOUR_MODES, *_ALPHA_MODES, *_NUMBER_MODES):
        raise UnreadablePictureError(f"its mode {image.mode} cannot be shown in 8-bit RGB")


def _convert_to_rgb(image: "Image.Image") -> NDArray[np.uint8]:
    from PIL import Image

    if image.mode in _NUMBER_MODES:
        # Pillow reads 16-bit PGM files as 32-bit, scaled from the range that the file declares.
        values = np.asarray(image, np.uint16 if image.format == "PPM" else None)
        grey = _scale(values)
        if isinstance(transparent := image.info.get("transparency"), int):
            grey[values == transparent] = 255
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    if image.has_transparency_data:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", rgba.size, "white")
        image.paste(rgba, mask=rgba)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _scale(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise UnreadablePictureError("it has values that are no finite numbers")
    tops = _WHITE_LEVELS[values.dtype.kind]
    low, high = next(((0.0, top) for top in tops if low >= 0 and high <= top), (low, high))
    factor = 255 / (high - low) if high > low else 0.0
    scaled = np.empty(values.shape, np.uint8)
    for row, out in zip(
        values, scaled, strict=True
    ):  # by rows: all as float64 would take 8 times the memory
        out[:] = np.rint((row.astype(np.float64) - low) * factor)
    return scaled
