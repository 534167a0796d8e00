"""Encoding of figures and images as PNG, written atomically."""

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from hpsearch.foundations.files import write_atomically

__all__ = ["encode_drawing", "encode_png", "save_figure", "save_png"]

_DPI = 110
# Plain areas and enlarged tiles are runs of equal pixels: RLE is faster than any compression
# level, and files are no larger.
_RUNS = {"compress_type": zlib.Z_RLE}


def save_figure(figure: Figure, path: Path) -> None:
    """Write `figure` to `path` as PNG."""
    write_atomically(path, _encode(_draw(figure)))


def save_png(image: NDArray[np.uint8], path: Path) -> None:
    """Write `image`, uint8 of shape (height, width, 3), to `path` pixel by pixel."""
    write_atomically(path, encode_png(image))


def encode_drawing(drawing: Figure | NDArray[np.uint8]) -> bytes:
    """Encode a figure, or an image, as a PNG."""
    return _encode(_draw(drawing)) if isinstance(drawing, Figure) else encode_png(drawing)


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """Encode `image`, uint8 of shape (height, width, 3), as a PNG, pixel by pixel."""
    return _encode(Image.fromarray(image))


def _draw(figure: Figure) -> Image.Image:
    """Draw `figure` to the same pixels as ``savefig``, but without transparency."""
    figure.set_dpi(_DPI)
    canvas: Any = FigureCanvasAgg(figure)  # its methods are not typed
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "png", **_RUNS)
    return buffer.getvalue()
