"""A study whose trainer only waits, and ways to fill its record to any trial in seconds."""

import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from optuna.samplers import RandomSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import State
from hpsearch.engine.search import SearchStudy, load_study, write_result
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.training.fit import Fit
from hpsearch.engine.training.prepare import prepare_job
from hpsearch.engine.training.trial_failures import check_installation
from hpsearch.engine.trial_files import HISTORY_FILE, Epoch, load_history
from hpsearch.engine.trial_result import TrialResult
from hpsearch.engine.workspace import StudyFolder
from hpsearch.trainers.two_layer_net.sgd import EpochResult, GradientDescent
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer

__all__ = ["IDLE_FILE", "N_EPOCHS", "define_idle_study", "fill_mlflow", "fill_record", "run_idle"]

IDLE_FILE = "idle.json"
N_EPOCHS = 20
# As on CIFAR-10: 49,000 images in batches of 200.
_N_ITERATIONS = 245


def define_idle_study(trials: int, sampler: str = "tpe", lag: int = 8) -> StudyDefinition:
    """Define a study of 20 epochs, four searched hyperparameters and a median pruner."""
    return StudyDefinition.model_validate(
        {
            "name": "idle",
            "trials": trials,
            "lag": lag,
            "data": {"source": "digits", "train": 1197, "validation": 300},
            "search": {
                "sampler": sampler,
                "pruner": {"name": "median", "n_startup_trials": 5},
                "space": {
                    "learning_rate": {"low": 3e-4, "high": 3e-3, "log": True},
                    "learning_rate_decay": {"low": 0.85, "high": 1.0},
                    "reg": {"low": 1e-3, "high": 1.0, "log": True},
                    "hidden_size": {"low": 50, "high": 150},
                    "epochs": N_EPOCHS,
                },
            },
        }
    )


def idle_epochs(setting: Mapping[str, Any]) -> list[Epoch]:
    """Make the epochs of a training that computes nothing, in no time.

    All trainings have the same learning curve except for its last point, so that none is pruned.
    """
    rate = setting["learning_rate"]
    best = 0.5 - 0.1 * abs(rate - 1e-3) / 1e-3 - 0.01 * setting["reg"]
    losses = tuple(2.3 - index / 1000 for index in range(_N_ITERATIONS))
    now = time.time()
    return [
        Epoch(
            number=number,
            val_score=best if number == N_EPOCHS else 0.4 - 0.3 / number,
            duration_s=0.0,
            ended_at=now,
            metrics={
                "train_loss": 2.3 / number,
                "train_accuracy": 0.5 - 0.4 / number,
                "learning_rate": rate,
            },
            step_metrics={"iteration_loss": losses},
        )
        for number in range(1, N_EPOCHS + 1)
    ]


def run_idle(
    job: TrialJob, trial_s: float, held_from: int = 0, release: Path | None = None
) -> TrialResult:
    """Run `run_job`, with checkpoints and pruner, but a trainer that only waits.

    Trials from number `held_from` on begin only once the file `release` exists. Writes to the
    trial's folder which process ran it, and when it began and ended.
    """
    epochs = idle_epochs(job.hyperparameters)
    current = epochs[0]

    def wait(descent: GradientDescent, number: int) -> EpochResult:
        nonlocal current
        del descent
        current = epochs[number - 1]
        time.sleep(trial_s / N_EPOCHS)
        score, rate = current.measured("train_accuracy"), current.measured("learning_rate")
        return EpochResult(list(current.step_losses), score, rate)

    def validate(fit: Fit) -> dict[str, float]:
        del fit
        return {"accuracy": current.val_score}

    check_installation(TwoLayerNetTrainer)  # it really trains: once for each process
    while release is not None and job.number >= held_from and not release.exists():
        time.sleep(0.001)
    begun = time.time()
    with (
        mock.patch.object(GradientDescent, "train_epoch", wait),
        mock.patch.object(Fit, "_validate", validate),
    ):
        result = run_job(job)
    note = {"pid": os.getpid(), "begun": begun, "ended": time.time()}
    (job.folder / IDLE_FILE).write_text(json.dumps(note))
    return result


class _MemoryJournal(BaseJournalBackend):
    """A journal in memory, appended to its file at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = [json.loads(line) for line in path.read_bytes().splitlines()]
        self.n_before = len(self.logs)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        yield from self.logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self.logs += logs

    def write(self) -> None:
        new = "".join(json.dumps(log) + "\n" for log in self.logs[self.n_before :])
        with self.path.open("a") as file:
            file.write(new)


def fill_record(folder: StudyFolder, total: int) -> None:
    """Add random trials to the idle study until it has `total`, through the program's own code.

    Their folders get the files of trial 0, which must have ended.
    """
    journal = _MemoryJournal(folder.journal)
    search = load_study("idle", JournalStorage(journal))
    search.optuna_study.sampler = RandomSampler(seed=total)
    sources = [path for path in folder.trial(0).iterdir() if path.suffix != ".npz"]
    epochs = load_history(folder.trial(0) / HISTORY_FILE)
    for number in range(len(search.records()), total):
        _add_trial(search, epochs)
        folder.trial(number).mkdir()
        for path in sources:
            (folder.trial(number) / path.name).hardlink_to(path)
    journal.write()


def _add_trial(search: SearchStudy, epochs: tuple[Epoch, ...]) -> None:
    data: Any = None  # only passed on
    trial = search.optuna_study.ask()
    job = prepare_job(trial, search.definition, data, Path())
    # The best net must be one of the trials that were run: only they have weights.
    last = idle_epochs(job.hyperparameters)[-1]
    result = TrialResult(
        trial.number,
        State.COMPLETE,
        (*epochs[:-1], replace(last, val_score=last.val_score / 2)),
        net_sha256=uuid.uuid4().hex * 2,
        host="here",
        versions={"numpy": "2", "blas": "openblas 0.3.30 SkylakeX", "processor": "x86_64"},
    )
    write_result(trial, result)
    search.finish(trial, State.COMPLETE, result.epochs[-1].val_score)


def fill_mlflow(database: Path, total: int) -> None:
    """Add runs to the idle study's experiment, one per trial up to `total`: copies of trial 0's."""
    with closing(sqlite3.connect(database)) as connection, connection:
        (source,) = connection.execute(
            "SELECT run_uuid FROM tags WHERE key = 'hpsearch.trial' AND value = '0'"
        ).fetchone()
        (n_there,) = connection.execute(
            "SELECT COUNT(*) FROM tags WHERE key = 'hpsearch.trial'"
        ).fetchone()
        copies = {number: uuid.uuid4().hex for number in range(n_there, total)}
        for table, key in (
            ("runs", "run_uuid"),
            ("tags", "run_uuid"),
            ("params", "run_uuid"),
            ("metrics", "run_uuid"),
            ("latest_metrics", "run_uuid"),
            ("inputs", "destination_id"),
        ):
            _copy_rows(connection, table, key, source, copies)
        connection.executemany(
            "UPDATE tags SET value = ? WHERE key = 'hpsearch.trial' AND run_uuid = ?",
            [(str(number), run) for number, run in copies.items()],
        )


def _copy_rows(
    connection: sqlite3.Connection, table: str, key: str, source: str, copies: dict[int, str]
) -> None:
    cursor = connection.execute(f"SELECT * FROM {table} WHERE {key} = ?", (source,))
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    fresh = {"input_uuid"} & set(names)
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(f':{n}' for n in names)})",
        (
            row | {key: run} | {name: uuid.uuid4().hex for name in fresh}
            for run in copies.values()
            for row in rows
        ),
    )
