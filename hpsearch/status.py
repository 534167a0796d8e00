"""Status of a study, as plain values."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hpsearch.definition import StudyDefinition
from hpsearch.differences import compare_versions
from hpsearch.evaluations import Evaluations, read_evaluations
from hpsearch.execution import FileLease
from hpsearch.records import (
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
from hpsearch.results import read_verdict
from hpsearch.search import (
    SearchStudy,
    check_record,
    find_due_refit,
    list_due,
    read_confirmations,
    read_refits,
)
from hpsearch.trial_files import CHECKPOINT_FILE
from hpsearch.workspace import StudyFolder

__all__ = ["read_status"]


def read_status(search: SearchStudy, folder: StudyFolder, *, check: bool = False) -> dict[str, Any]:
    """Read the status that ``hpsearch status --json`` prints.

    Parameters
    ----------
    search : SearchStudy
        The record.
    folder : StudyFolder
        The study's files.
    check : bool
        Whether to compare the record with its checksums, which takes reading all histories.

    Returns
    -------
    dict
        ``study``, ``state``, ``complete``, ``validation`` (the number of examples or of folds),
        ``changed_at``, ``trials``, ``best`` (with folds its net is the refit's), ``refit`` (the
        training of the best trial on the examples of all folds), ``selection``, ``confirm``,
        ``fingerprint``, ``disturbances`` (events by which the fingerprint differs from that of an
        undisturbed run: failed trials whose workers died, and failed trials that were run again
        after other proposals had taken the failure into account), ``differences`` (between the
        versions of trials, a line each), ``record`` (what was changed or lost in it, if checked),
        ``test``, ``mlflow``, ``cost``, ``disk``; all values are JSON types.
    """
    records = search.records()
    lease = FileLease.read(folder.lease)
    is_run = lease is not None and lease.is_valid()
    counts = _count(records, search.definition.trials, is_run=is_run)
    evaluations = read_evaluations(search, folder.test_ledger)
    verdict, due = read_verdict(search), list_due(search)
    is_complete = (
        counts["running"] + counts["waiting"] == 0 and not due and find_due_refit(search) is None
    )
    return {
        "study": search.definition.name,
        "state": "running" if is_run else "complete" if is_complete else "stopped",
        "complete": is_complete,
        "validation": _describe_validation(search.definition),
        "changed_at": _find_last_change(records),
        "trials": counts,
        "best": _describe_best(search, records),
        "refit": _describe_refit(search, records),
        "selection": asdict(verdict.selection) if verdict.selection else None,
        "confirm": {
            "due": len(due),
            "trials": [
                asdict(one) | {"mean": one.mean, "spread": one.spread} for one in verdict.confirmed
            ],
        },
        "fingerprint": fingerprint(records),
        "disturbances": {
            "ended_by_machine": [record.number for record in records if record.ended_by_machine],
            "retries": [
                {"number": record.number, **asdict(retry)}
                for record in records
                for retry in record.retries
            ],
        },
        "differences": compare_versions(
            {one.number: one.versions for one in records if one.state.is_finished}
        ),
        "record": _check(search, folder) if check else None,
        "test": _describe_test(evaluations),
        "mlflow": search.attribute(MLFLOW_ADDRESS),
        "cost": _add_up(
            records,
            read_confirmations(search),
            read_refits(search),
            search.attribute(SESSIONS) or {},
            search.definition.threads_per_trial,
        ),
        "disk": _measure(folder),
    }


def _count(records: Sequence[TrialRecord], total: int, *, is_run: bool) -> dict[str, int]:
    """Count trials by state; those left running by a dead coordinator count as waiting."""
    states = Counter(record.state for record in records)
    running = states[State.RUNNING] if is_run else 0
    finished = states[State.COMPLETE] + states[State.PRUNED] + states[State.FAILED]
    total = max(total, finished)
    return {
        "total": total,
        "complete": states[State.COMPLETE],
        "pruned": states[State.PRUNED],
        "failed": states[State.FAILED],
        "running": running,
        "waiting": total - finished - running,
    }


def _find_last_change(records: Sequence[TrialRecord]) -> str | None:
    """Return the time when a trial last started or ended, in ISO 8601."""
    times = [time for record in records for time in (record.started_at, record.ended_at) if time]
    return max(times).isoformat(timespec="seconds") if times else None


def _describe_validation(definition: StudyDefinition) -> dict[str, int]:
    data = definition.data
    return (
        {"folds": data.n_folds}
        if data.n_folds
        else {"examples": definition.split_spec().n_validation}
    )


def _describe_best(search: SearchStudy, records: Sequence[TrialRecord]) -> dict[str, Any] | None:
    best = best_of(records)
    if best is None:
        return None
    refit = find_refit(read_refits(search), best.number)
    has_folds = search.definition.data.n_folds is not None
    return {
        "number": best.number,
        "value": best.value,
        "params": best.hyperparameters,
        "net_sha256": (refit and refit.net_sha256) if has_folds else best.net_sha256,
    }


def _describe_refit(search: SearchStudy, records: Sequence[TrialRecord]) -> dict[str, Any] | None:
    """Describe the state of the best trial's refit; None without folds."""
    if search.definition.data.n_folds is None:
        return None
    best = best_of(records)
    refit = find_refit(read_refits(search), best.number) if best else None
    state = refit.state if refit else State.WAITING
    return {"state": state, "reason": refit.reason if refit else None}


def _check(search: SearchStudy, folder: StudyFolder) -> dict[str, Any]:
    problems = check_record(search, folder.checksums, folder.history)
    return {
        "problems": [str(one) for one in problems],
        "trials": [one.trial for one in problems if one.trial is not None],
    }


def _describe_test(evaluations: Evaluations) -> dict[str, Any]:
    looks = [
        {
            "net_sha256": one.net_sha256,
            "n": one.n,
            **one.scores,
            "low": one.low,
            "high": one.high,
            "text": one.describe(),
        }
        for one in evaluations.own
    ]
    counts = [evaluations.count(one) for one in evaluations.own]
    return {
        "looks": looks,
        "evaluations": [look | count for look, count in zip(looks, counts, strict=True)],
        "problems": list(evaluations.problems),
    }


def _add_up(
    records: Sequence[TrialRecord],
    confirmations: Sequence[Confirmation],
    refits: Sequence[Refit],
    sessions: Mapping[str, Mapping[str, float]],
    threads: int,
) -> dict[str, float]:
    """Sum core-seconds of training, pruned trials, refits, confirmations, lent, and overhead."""
    training = threads * sum(record.duration_s for record in records)
    pruned = threads * sum(r.duration_s for r in records if r.state == State.PRUNED)
    confirming = threads * sum(one.duration_s for one in confirmations)
    refitting = threads * sum(one.duration_s for one in refits)
    paid = threads * sum(one["n_jobs"] * one["wall_s"] for one in sessions.values())
    waited = threads * sum(one["waited_for_lag_s"] for one in sessions.values())
    lent = sum(one.get("lent_core_s", 0.0) for one in sessions.values())
    return {
        "training": round(training, 3),
        "pruned": round(pruned, 3),
        "refit": round(refitting, 3),
        "confirm": round(confirming, 3),
        "lent": round(lent, 3),
        "overhead": round(max(0.0, paid - training - refitting - confirming - lent), 3),
        "waited_for_lag": round(waited, 3),
        "waited_for_lag_share": round(waited / paid, 4) if paid else 0.0,
    }


def _measure(folder: StudyFolder) -> dict[str, int]:
    """Measure the bytes of all the study's files, and of the checkpoints among them."""
    total, checkpoints = 0, []
    for file in _list_files(folder.root):
        with contextlib.suppress(FileNotFoundError):  # a running study writes and deletes
            size = file.stat().st_size
            total += size
            if file.name == CHECKPOINT_FILE:
                checkpoints.append(size)
    return {"total": total, "checkpoints": sum(checkpoints), "n_checkpoints": len(checkpoints)}


def _list_files(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    """Yield all files below `folder`; pathlib takes a second longer for a long study."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _list_files(entry.path)
            else:
                yield entry
