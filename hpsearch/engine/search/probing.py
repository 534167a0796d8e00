"""Checking that a storage can be written, without leaving anything in it."""

from pathlib import Path

from hpsearch.engine.search.storage import open_storage
from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.files import check_writable

__all__ = ["probe_storage"]


def probe_storage(url: str | None, journal: Path) -> str:
    """Check that the storage at `url`, or the journal file, can be reached and written.

    Parameters
    ----------
    url : str or None
        See `open_storage`.
    journal : Path
        The journal file, if there is no URL; need not exist.

    Returns
    -------
    str
        Description of the storage, without passwords.

    Raises
    ------
    UsageError
        If `url` is not valid, or its driver is not installed.
    StoreError
        If the storage cannot be reached or written, or another version of Optuna created it.
    """
    try:
        if url is not None:
            from hpsearch.engine.search.database import probe_database  # see there

            return probe_database(url)
        check_writable(journal.parent)
        if journal.exists():
            open_storage(None, journal)
        return f"journal {journal}"
    except OSError as error:
        raise StoreError(f"cannot be written: {' '.join(str(error).split())}") from error
