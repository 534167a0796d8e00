"""Reading of a study's status from its record and its folder."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hpsearch.engine.evaluations import read_evaluations
from hpsearch.engine.execution import FileLease
from hpsearch.engine.records import (
    MLFLOW_ADDRESS,
    SESSIONS,
    Confirmation,
    Refit,
    State,
    TrialRecord,
    best_of,
    find_refit,
    fingerprint,
)
from hpsearch.engine.search import (
    SearchStudy,
    check_record,
    find_due_refit,
    list_due,
    read_confirmations,
    read_refits,
)
from hpsearch.engine.selection import read_verdict
from hpsearch.engine.status.status import (
    Best,
    Cost,
    CountedEvaluation,
    DiskUse,
    RecordCheck,
    RefitStatus,
    Status,
    TrialCounts,
)
from hpsearch.engine.trial_files import CHECKPOINT_FILE, HISTORY_FILE, load_history
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.differences import compare_versions
from hpsearch.foundations.errors import DamagedDataError

__all__ = ["read_status"]


def read_status(search: SearchStudy, folder: StudyFolder, *, check: bool = False) -> Status:
    """Read the status of a study.

    Parameters
    ----------
    search : SearchStudy
        The record.
    folder : StudyFolder
        The study's files.
    check : bool
        Whether to compare the record with its checksums, which takes reading all histories.

    """
    records, definition = search.records(), search.definition
    lease = FileLease.read(folder.lease)
    is_running = lease is not None and lease.is_valid()
    counts = _count(records, definition.trials, is_running=is_running)
    evaluations, verdict = read_evaluations(search, folder.test_ledger), read_verdict(search)
    n_due, n_folds = len(list_due(search)), definition.data.n_folds
    return Status(
        study=definition.name,
        is_running=is_running,
        is_complete=(
            counts.running + counts.waiting == 0 and not n_due and find_due_refit(search) is None
        ),
        n_folds=n_folds,
        n_validation=None if n_folds else definition.split_spec().n_validation,
        changed_at=_find_last_change(records),
        trials=counts,
        best=_read_best(search, records),
        refit=_read_refit(search, records),
        selection=verdict.selection,
        n_confirmations_due=n_due,
        confirmed=verdict.confirmed,
        fingerprint=fingerprint(records),
        ended_by_machine=[record.number for record in records if record.ended_by_machine],
        retries=[(record.number, retry) for record in records for retry in record.retries],
        differences=compare_versions(
            {one.number: one.versions for one in records if one.state.is_finished}
        ),
        record=_check(search, folder) if check else None,
        evaluations=[CountedEvaluation(one, evaluations.count(one)) for one in evaluations.own],
        evaluation_problems=evaluations.problems,
        mlflow=search.attribute(MLFLOW_ADDRESS),
        cost=_add_up(
            records,
            read_confirmations(search),
            read_refits(search),
            search.attribute(SESSIONS) or {},
            definition.threads_per_trial,
            _measure_unfinished(search, folder, records, lease if is_running else None),
        ),
        disk=_measure(folder),
    )


def _count(records: Sequence[TrialRecord], total: int, *, is_running: bool) -> TrialCounts:
    """Count trials by state; those left running by a dead coordinator are interrupted."""
    states = Counter(record.state for record in records)
    running = states[State.RUNNING] if is_running else 0
    finished = states[State.COMPLETE] + states[State.PRUNED] + states[State.FAILED]
    total = max(total, finished)
    return TrialCounts(
        total=total,
        complete=states[State.COMPLETE],
        pruned=states[State.PRUNED],
        failed=states[State.FAILED],
        running=running,
        waiting=total - finished - running,
        interrupted=len(records) - finished - running,
    )


def _find_last_change(records: Sequence[TrialRecord]) -> str | None:
    """Return the time when a trial last started or ended, in ISO 8601."""
    times = [time for record in records for time in (record.started_at, record.ended_at) if time]
    return max(times).isoformat(timespec="seconds") if times else None


def _read_best(search: SearchStudy, records: Sequence[TrialRecord]) -> Best | None:
    best = best_of(records)
    if best is None:
        return None
    refit = find_refit(read_refits(search), best.number)
    net_sha256 = best.net_sha256
    if search.definition.data.n_folds is not None:
        net_sha256 = refit.net_sha256 if refit else None
    return Best(
        number=best.number,
        value=best.value,
        params=best.hyperparameters,
        net_sha256=net_sha256,
    )


def _read_refit(search: SearchStudy, records: Sequence[TrialRecord]) -> RefitStatus | None:
    """Read the state of the best trial's refit; None without folds."""
    if search.definition.data.n_folds is None:
        return None
    best = best_of(records)
    refit = find_refit(read_refits(search), best.number) if best else None
    return RefitStatus(refit.state, refit.reason) if refit else RefitStatus(State.WAITING, None)


def _check(search: SearchStudy, folder: StudyFolder) -> RecordCheck:
    problems = check_record(search, folder.checksums, folder.history)
    return RecordCheck(
        problems=[str(one) for one in problems],
        trials=[one.trial for one in problems if one.trial is not None],
    )


def _add_up(
    records: Sequence[TrialRecord],
    confirmations: Sequence[Confirmation],
    refits: Sequence[Refit],
    sessions: Mapping[str, Mapping[str, float]],
    threads: int,
    unfinished_s: float,
) -> Cost:
    """Sum core-seconds of training, pruned trials, refits, confirmations, and overhead."""
    training = threads * sum(record.duration_s for record in records)
    pruned = threads * sum(r.duration_s for r in records if r.state == State.PRUNED)
    confirming = threads * sum(one.duration_s for one in confirmations)
    refitting = threads * sum(one.duration_s for one in refits)
    paid = threads * sum(one["n_jobs"] * one["wall_s"] for one in sessions.values())
    waited = threads * sum(one["waited_for_lag_s"] for one in sessions.values())
    return Cost(
        training=round(training, 3),
        pruned=round(pruned, 3),
        refit=round(refitting, 3),
        confirm=round(confirming, 3),
        overhead=round(
            max(0.0, paid - training - refitting - confirming - threads * unfinished_s), 3
        ),
        waited_for_lag=round(waited, 3),
        waited_for_lag_share=round(waited / paid, 4) if paid else 0.0,
    )


def _measure_unfinished(
    search: SearchStudy,
    folder: StudyFolder,
    records: Sequence[TrialRecord],
    lease: FileLease | None,
) -> float:
    """Measure the training time of unfinished trials, so that it is not counted as overhead.

    While the study runs, the coordinator has noted it; else it is that of the completed epochs.
    """
    session = (search.attribute(SESSIONS) or {}).get(lease.token) if lease else None
    if session:
        return float(session.get("in_flight_s", 0.0))
    trained_s = 0.0
    for record in records:
        if not record.state.is_finished:
            with contextlib.suppress(DamagedDataError):
                epochs = load_history(folder.trial(record.number) / HISTORY_FILE)
                trained_s += sum(epoch.duration_s for epoch in epochs)
    return trained_s


def _measure(folder: StudyFolder) -> DiskUse:
    """Measure the bytes of all the study's files, and of the checkpoints among them."""
    total, checkpoints = 0, []
    for file in _list_files(folder.root):
        with contextlib.suppress(FileNotFoundError):  # a running study writes and deletes
            size = file.stat().st_size
            total += size
            if file.name == CHECKPOINT_FILE:
                checkpoints.append(size)
    return DiskUse(total, sum(checkpoints), len(checkpoints))


def _list_files(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    """Yield all files below `folder`; pathlib takes a second longer for a long study."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _list_files(entry.path)
            else:
                yield entry
