"""Optuna's journal file for a study's only writer, with atomic groups of lines.

Optuna does not allow changes of a finished trial. So a failed trial is reopened, to be run again
under its number, by a line about it which this module interprets and Optuna ignores.
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.storages.journal._storage import JournalOperation as Code
from optuna.trial import TrialState

from hpsearch.engine.search.journal_checksums import add_checksums, checksum_line
from hpsearch.engine.search.trial_attributes import (
    Retries,
    describe_retries,
    has_retries,
    keep_attributes,
)
from hpsearch.foundations.files import refusing_links

__all__ = ["JournalFile", "StudyJournal"]

Log: TypeAlias = dict[str, Any]

_WRITER = "reopening"  # not an id of Optuna's workers, which Optuna would check to own the trial


class StudyJournal(JournalStorage):
    """Optuna's journal storage on a `JournalFile`.

    Parameters
    ----------
    path : Path
        The journal; created if it does not exist.

    Raises
    ------
    OSError, ValueError, KeyError
        If the file cannot be opened, or is not a journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = JournalFile(path)
        super().__init__(self._file)

    def together(self) -> contextlib.AbstractContextManager[None]:
        """Write everything that is recorded inside to disk atomically."""
        return self._file.together()

    def reopen_trials(self, retries: Retries) -> None:
        """Return failed trials to the queue; readers with the journal already open miss it."""
        self._file.append_logs(_make_reopening_logs(retries))
        super().__init__(self._file)  # reads it from its beginning


class JournalFile(BaseJournalBackend):
    """The file format of Optuna's `JournalFileBackend`, for one writer and any number of readers.

    Any of the writer's own threads may read.

    For each line, Optuna's backend locks the file, opens it, writes, syncs, unlocks it and reads
    the line back, about forty times per trial; the study's lock makes most of that unnecessary.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        with open(path, "ab", opener=refusing_links):
            pass
        self._path = path
        self._n_read = 0
        self._offset = 0
        self._held: list[bytes] | None = None
        self._checksums: list[str] = []
        self._n_held_read = 0
        # Lines and their count are changed together, or a line would be read twice.
        self._changing = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy, as Optuna's plots do, as a backend that reads the file from its beginning."""
        return JournalFile, (self._path,)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append a line for each of `logs`; on disk on return, except inside `together`."""
        lines = [json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs]
        with self._changing:
            self._checksums += map(checksum_line, lines, logs)
            if self._held is None:
                self._write(b"".join(lines))
            else:
                self._held += lines

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Read what has been added since the last call, where Optuna always continues."""
        with self._changing:
            if log_number_from < self._n_read:
                self._n_read, self._offset = 0, 0
            # One call of the parser for all: a study of 5,000 trials has 200,000 lines.
            logs = json.loads(b"[" + b",".join(self._read_lines()) + b"]")
            if log_number_from == 0:
                logs = _forget_failures(logs)
            skipped = max(0, log_number_from - self._n_read)
            self._n_read += len(logs)
        yield from logs[skipped:]

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Buffer all lines until the end, then write them at once."""
        with self._changing:
            self._held, self._n_held_read = [], 0
        try:
            yield
        finally:
            with self._changing:
                held, self._held = b"".join(self._held), None
                if held:
                    self._write(held)
                    self._offset += len(held)

    def _read_lines(self) -> list[bytes]:
        if self._held:
            new = self._held[self._n_held_read :]
            self._n_held_read = len(self._held)
            return new
        if self._path.stat().st_size == self._offset:
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        # A writer may be in the middle of its last line.
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.splitlines()

    def _write(self, text: bytes) -> None:
        with open(self._path, "ab", buffering=0, opener=refusing_links) as file:
            end = file.tell()
            try:
                view = memoryview(text)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
            except OSError:
                # A torn line would make the next one unreadable too.
                file.truncate(end)
                self._checksums = []
                raise
        add_checksums(self._path, self._checksums)
        self._checksums = []


def _make_reopening_logs(retries: Retries) -> list[Log]:
    """Make the journal lines that mark trials as reopened for `_forget_failures`."""
    return [
        {
            "op_code": Code.SET_TRIAL_USER_ATTR.value,
            "worker_id": _WRITER,
            "trial_id": trial_id,
            "user_attr": describe_retries(failures),
        }
        for trial_id, failures in retries.items()
    ]


def _forget_failures(logs: list[Log]) -> list[Log]:
    """Remove the failures of reopened trials from `logs`, all lines of a journal."""
    reopened_at = {
        log["trial_id"]: index
        for index, log in enumerate(logs)
        if log.get("worker_id") == _WRITER and has_retries(log.get("user_attr", {}))
    }
    if not reopened_at:
        return logs
    kept: list[Log] = []
    n_trials = 0
    for index, log in enumerate(logs):
        trial_id = log.get("trial_id")
        if log["op_code"] == Code.CREATE_TRIAL:
            trial_id, n_trials = n_trials, n_trials + 1
        end = reopened_at.get(trial_id, -1) if trial_id is not None else -1
        if index < end:
            if (rest := _keep(log)) is not None:
                kept.append(rest)
            continue
        kept.append(log)
        if index == end:
            kept.append(_wait(log))
    return kept


def _keep(log: Log) -> Log | None:
    """Return what is kept of a line about a trial from before it was reopened."""
    code = log["op_code"]
    if code in (Code.SET_TRIAL_STATE_VALUES, Code.SET_TRIAL_INTERMEDIATE_VALUE):
        return None
    if code == Code.SET_TRIAL_USER_ATTR:
        attributes = keep_attributes(log["user_attr"])
        return log | {"user_attr": attributes} if attributes else None
    if code == Code.CREATE_TRIAL and "state" in log:  # copied from another storage
        how_it_ended = ("state", "value", "values", "intermediate_values", "datetime_complete")
        rest = {name: value for name, value in log.items() if name not in how_it_ended}
        return rest | {"user_attrs": keep_attributes(log.get("user_attrs", {}))}
    return log


def _wait(log: Log) -> Log:
    return {
        "op_code": Code.SET_TRIAL_STATE_VALUES.value,
        "worker_id": _WRITER,
        "trial_id": log["trial_id"],
        "state": TrialState.WAITING.value,
        "values": None,
    }
