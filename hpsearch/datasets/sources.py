"""Find the source of a data set by its name in a study file."""

from collections.abc import Sequence
from pathlib import Path

from hpsearch.datasets.cifar10 import Cifar10
from hpsearch.datasets.cifar10_finding import find_cifar10
from hpsearch.datasets.dataset import Source
from hpsearch.datasets.digits import Digits
from hpsearch.datasets.fashion_mnist import FashionMnist, find_fashion_mnist
from hpsearch.datasets.image_folder import FolderSettings, ImageFolder, find_image_folder
from hpsearch.datasets.tabular_source import TABULAR_NAMES, TabularSettings, find_tabular_source
from hpsearch.foundations.errors import MissingDataError, UsageError
from hpsearch.foundations.text import one_line, suggest

__all__ = ["SOURCE_NAMES", "find_source"]

SOURCE_NAMES: tuple[str, ...] = (
    *(Digits.name, Cifar10.name, FashionMnist.name, ImageFolder.name),
    *TABULAR_NAMES,
)


def find_source(
    name: str,
    *,
    folders: Sequence[Path],
    download_folder: Path,
    own: FolderSettings | TabularSettings | None = None,
    allow_download: bool = True,
    show_progress: bool = False,
) -> Source:
    """Find the source of the data set `name`; download it if it is missing and may be.

    Parameters
    ----------
    name : str
        One of `SOURCE_NAMES`.
    folders : sequence of Path
        Where to look, in order.
    download_folder : Path
        Where to look last, and to put a download.
    own : FolderSettings or TabularSettings, optional
        Settings of the user's images or tables; required by those sources.
    allow_download : bool
        Whether the network may be used.
    show_progress : bool
        Draw a progress bar while downloading.

    Returns
    -------
    Source
        Its files exist; `Source.load` verifies them.

    Raises
    ------
    UsageError
        If no source is called `name`.
    MissingDataError
        If it is not found and cannot be downloaded.
    DamagedDataError
        If a download fails its checksum.
    StoreError
        If a download cannot be kept.
    """
    _check_name(name)
    if name == Digits.name:
        return Digits()
    try:
        if isinstance(own, TabularSettings):
            return find_tabular_source(name, own, folders)
        if name == ImageFolder.name and own:
            return find_image_folder(own, folders)
        if name == FashionMnist.name:
            return find_fashion_mnist((*folders, download_folder))
        return find_cifar10(
            folders,
            download_folder,
            allow_download=allow_download,
            show_progress=show_progress,
        )
    except OSError as error:
        # For example access denied to a folder; the error names it.
        raise MissingDataError(f"{name}: cannot be looked for: {one_line(error)}") from error


def _check_name(name: str) -> None:
    if name not in SOURCE_NAMES:
        raise UsageError(f"data.source: there is no {name!r}{suggest(name, SOURCE_NAMES)}")
