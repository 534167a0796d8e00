"""Writing pictures to disk, wholly or not at all."""

import io
import zlib
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from hpsearch.files import write_atomically

__all__ = ["encode_png", "save_figure", "save_png"]

_DPI = 110
# A third of the default level's time; files are a little larger.
_PIL = {"compress_level": 3}
# Tiles are enlarged, so they are runs of equal pixels: quicker than any level, and smaller.
_RUNS = zlib.Z_RLE


def save_figure(figure: Figure, path: Path, *, trimmed: bool = False) -> None:
    """Write `figure` to `path` as PNG; `trimmed` to what is drawn, which takes another drawing."""
    buffer = io.BytesIO()
    box = "tight" if trimmed else None
    figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches=box, pil_kwargs=_PIL)
    write_atomically(path, buffer.getvalue())


def save_png(image: NDArray[np.uint8], path: Path) -> None:
    """Write `image`, uint8 of shape (height, width, 3), to `path` pixel by pixel."""
    write_atomically(path, encode_png(image))


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """`image`, uint8 of shape (height, width, 3), as a PNG, pixel by pixel."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png", compress_type=_RUNS)
    return buffer.getvalue()
