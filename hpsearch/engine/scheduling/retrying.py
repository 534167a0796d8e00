"""Retry of failed trials, for ``hpsearch run --retry-failed``."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from hpsearch.engine.records import State
from hpsearch.engine.scheduling.events import Event, TrialReopened
from hpsearch.engine.scheduling.session import Session
from hpsearch.engine.search import forget_failed, forget_failed_refits
from hpsearch.foundations.errors import StoreError

__all__ = ["retry_failed"]


def retry_failed(session: Session) -> Iterator[Event]:
    """Return failed trials, confirmations and refits to their queues, with the same seeds.

    Checkpoints and attempts are deleted first, so that a crash in between leaves trials that are
    still failed. Evaluations of the test split still count.

    Parameters
    ----------
    session : Session
        The study, held by this process.

    Yields
    ------
    Event
        A `TrialReopened` for each trial, with the later trials that were proposed in knowledge of
        its failure.

    Raises
    ------
    StoreError
        If a folder cannot be removed.
    """
    search, folder = session.search, session.folder
    for record in search.records():
        if record.state == State.FAILED:
            _remove(folder.trial(record.number))
    for number in search.reopen_failed():
        yield TrialReopened(search.record(number))
    for number, replicate in forget_failed(search):
        _remove(folder.confirmation(number, replicate))
    for number in forget_failed_refits(search):
        _remove(folder.refit(number))


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreError(f"{folder}: cannot be removed ({error.strerror})") from error
