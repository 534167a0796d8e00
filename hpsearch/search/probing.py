"""Trying a storage without leaving anything in it."""

from pathlib import Path

from hpsearch.errors import StoreError
from hpsearch.files import check_writable
from hpsearch.search.storage import open_storage

__all__ = ["probe_storage"]


def probe_storage(url: str | None, journal: Path) -> str:
    """Reach the storage at `url`, or the journal file, and write to it; then take it back.

    Parameters
    ----------
    url : str or None
        As for `open_storage`.
    journal : Path
        The journal file, if there is no URL; need not exist.

    Returns
    -------
    str
        What it is, without passwords.

    Raises
    ------
    UsageError
        If `url` is none, or its driver is not installed.
    StoreError
        If the storage cannot be reached or written, or another version of Optuna made it.
    """
    try:
        if url is not None:
            from hpsearch.search.database import probe_database  # see there

            return probe_database(url)
        check_writable(journal.parent)
        if journal.exists():
            open_storage(None, journal)
        return f"journal {journal}"
    except OSError as error:
        raise StoreError(f"cannot be written: {' '.join(str(error).split())}") from error
