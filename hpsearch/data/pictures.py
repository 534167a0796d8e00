"""Picture files as a person sees them: upright, in 8-bit RGB, on white where they are transparent.

What becomes of the modes that Pillow reads files in:

===========================  =====================================================================
1, L, P, RGB, RGBX           their colours; a palette's are looked up
LA, PA, RGBA, RGBa; L, P     laid on white; what is wholly transparent is white, whatever colour is
or RGB with a transparency   hidden there
CMYK, YCbCr, LAB, HSV        converted by Pillow, without colour profiles
I;16 and its byte orders     0 to 65,535 becomes 0 to 255
I (32-bit integers)          0 to 255 stays, 0 to 65,535 is scaled as 16 bits are; with values
                             outside, the file's own range becomes 0 to 255
F (floats)                   0 to 1 is scaled, 0 to 255 stays; with values outside, the file's own
                             range becomes 0 to 255
===========================  =====================================================================

So files of one kind are comparable, unless their values lie outside the usual ranges. Colours of
16 bits are read as 8 by Pillow itself. Of animations and files of several pages the first
picture is taken. Anything else is refused.
"""

import re
import warnings
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hpsearch.data.reading import one_line

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "Picture", "UnreadablePictureError", "decode_picture"]

# 0.2 GB as RGB; phones and cameras stay below, and a small file can hold any number.
MAX_PIXELS = 2**26

_COLOUR_MODES = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
_ALPHA_MODES = ("LA", "PA", "RGBA", "RGBa")
_NUMBER_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
# By kind of number, u of 16 bits and i of 32: what white is, if no value lies above.
_USUAL_TOPS = {"u": (65535.0,), "i": (255.0, 65535.0), "f": (1.0, 255.0)}
# Where a second frame is another picture, and no preview or layer of the first.
_FORMATS_WITH_FRAMES = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")
# Pillow has Ghostscript run such files, which are programs.
_REFUSED_FORMATS = ("EPS",)


class UnreadablePictureError(Exception):
    """The file holds no picture that can be used; says why, without its path."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Parameters
    ----------
    pixels : uint8 array, shape (H, W, 3)
        Red, green and blue.
    has_more_frames : bool
        Whether the file holds further pictures, which are not shown.
    """

    pixels: NDArray[np.uint8]
    has_more_frames: bool = False


def decode_picture(file: IO[bytes]) -> Picture:
    """Decode `file`, a picture file that is open; of any other only the beginning is read.

    Raises
    ------
    UnreadablePictureError
        If it is none, has too many pixels, or is of a mode that cannot be shown.
    """
    # Workers that share the prepared data never read a picture.
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
                return Picture(_show(image), has_more_frames)
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
    """Refuse what the header tells to be unusable, before a pixel is decoded."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadablePictureError(
            f"it has {width} x {height} pixels, more than {MAX_PIXELS:,} in all"
        )
    if image.format in _REFUSED_FORMATS:
        raise UnreadablePictureError(f"{image.format} files are not read, as they are programs")
    if image.mode not in (*_COLOUR_MODES, *_ALPHA_MODES, *_NUMBER_MODES):
        raise UnreadablePictureError(f"its mode {image.mode} cannot be shown in 8-bit RGB")


def _show(image: "Image.Image") -> NDArray[np.uint8]:
    from PIL import Image

    if image.mode in _NUMBER_MODES:
        # Pillow reads PGM files of 16 bits as 32, scaled from the range that the file declares.
        values = np.asarray(image, np.uint16 if image.format == "PPM" else None)
        grey = _scale(values)
        if isinstance(transparent := image.info.get("transparency"), int):
            grey[values == transparent] = 255
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    if image.has_transparency_data:
        shown = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", shown.size, "white")
        image.paste(shown, mask=shown)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _scale(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise UnreadablePictureError("it has values that are no finite numbers")
    tops = _USUAL_TOPS[values.dtype.kind]
    low, high = next(((0.0, top) for top in tops if low >= 0 and high <= top), (low, high))
    factor = 255 / (high - low) if high > low else 0.0
    scaled = np.empty(values.shape, np.uint8)
    for row, out in zip(values, scaled, strict=True):  # by rows: float64 takes 8 times the memory
        out[:] = np.rint((row.astype(np.float64) - low) * factor)
    return scaled
