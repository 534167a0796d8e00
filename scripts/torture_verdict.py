"""Effects of fault injection on a study, from its record, MLflow, the ledger and an audit log."""

import hashlib
import json
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hpsearch.engine.records import TrialRecord, fingerprint
from hpsearch.engine.search import load_study, open_storage
from hpsearch.engine.trial_files import HISTORY_FILE, Epoch, load_history
from hpsearch.engine.workspace import StudyFolder

# Metrics in MLflow of a classification by the two-layer net, and where an `Epoch` has them.
METRICS: dict[str, Callable[[Epoch], float]] = {
    "train_loss": lambda epoch: epoch.metrics["train_loss"],
    "train_accuracy": lambda epoch: epoch.metrics["train_accuracy"],
    "val_accuracy": lambda epoch: epoch.val_score,
    "learning_rate": lambda epoch: epoch.metrics["learning_rate"],
    "duration_s": lambda epoch: epoch.duration_s,
}
STATUS = {"COMPLETE": "FINISHED", "PRUNED": "FINISHED", "FAILED": "FAILED"}

# Imported by every Python process that has its folder on the path, workers included. It logs what
# the program does independently of the program, whose own records are to be checked.
AUDIT_HOOK = """
import os, sys, traceback

READING = ("open", "os.link", "os.symlink", "os.rename", "shutil.copyfile")

def note(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("/checkpoint.npz"):
        write("saved", os.path.dirname(str(arguments[1])))
    elif event == "open" and str(arguments[0]).endswith("/attempts.jsonl"):
        if "a" in str(arguments[1]):
            write("begun", os.path.dirname(str(arguments[0])))
    elif event in READING and str(arguments[0]).endswith("test.npz"):
        if "/." not in str(arguments[0]):  # the hidden folder in which it is created
            callers = [one.filename for one in traceback.extract_stack()]
            write("opened", [one for one in callers if "/hpsearch/" in one][-1:])

def write(what, where):
    with open({log!r}, "a") as log:
        log.write(f"{{what}} {{where}}\\n")

sys.addaudithook(note)
"""


@dataclass
class Tally:
    """Counts of injected faults, and of their effects on the studies."""

    n_jobs: int
    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    epochs: int = 0
    redone: int = 0
    saved_twice: int = 0
    running: int = 0
    lost: int = 0
    doubled: int = 0
    mismatches: int = 0
    forbidden_evaluations: int = 0
    improper: int = 0
    is_equal: bool = True

    @property
    def n_may_be_redone(self) -> int:
        """One epoch for each kill and running trial; a dead MLflow server costs none.

        A stop costs none either, but the audit log shows that a trial is begun once more.
        """
        return self.n_jobs * sum(
            self.kills[kind] for kind in ("coordinator", "worker", "Ctrl-C", "hangup")
        )

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, left running, changed, or redone beyond bounds."""
        bad = self.running + self.lost + self.doubled + self.mismatches + self.forbidden_evaluations
        bad += self.improper
        redone_in_bounds = self.redone <= self.n_may_be_redone and not self.saved_twice
        return self.is_equal and not bad and redone_in_bounds

    def describe(self) -> str:
        """Format all counts in one line."""
        kills = ", ".join(f"{n} {kind}" for kind, n in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({kills}) over {self.rounds} studies: "
            f"{self.redone} of {self.epochs} epochs begun twice (at most {self.n_may_be_redone}), "
            f"{self.saved_twice} trained twice to their end; trials {self.running} RUNNING, "
            f"{self.lost} lost, {self.doubled} doubled; {self.mismatches} MLflow mismatches, "
            f"{self.forbidden_evaluations} early accesses to the test split, "
            f"{self.improper} improper stops, "
            f"fingerprint {'equal' if self.is_equal else 'DIFFERENT'}"
        )

    def judge(
        self,
        name: str,
        folder: StudyFolder,
        audit_log: Path,
        uri: str,
        undisturbed: Sequence[TrialRecord],
    ) -> None:
        """Add differences from the records of the undisturbed run."""
        records = read_records(folder, name)
        numbers = Counter(record.number for record in records)
        self.running += sum(not record.state.is_finished for record in records)
        self.lost += sum(record.number not in numbers for record in undisturbed)
        self.doubled += sum(n - 1 for n in numbers.values()) + max(
            0, len(records) - len(undisturbed)
        )
        self.mismatches += count_mismatches(uri, name, records, folder)
        self.is_equal &= fingerprint(records) == fingerprint(undisturbed)
        audit_lines = audit_log.read_text().splitlines()
        self.count_epochs(folder, audit_lines)
        self.count_evaluations(folder, audit_lines)

    def count_epochs(self, folder: StudyFolder, audit_lines: Sequence[str]) -> None:
        """Add the epochs that were begun, or even saved, more than once.

        An attempt that did not end its trial was in the middle of an epoch, which the next one
        begins again; a second checkpoint of one epoch means that a whole epoch was lost.
        """
        seen = Counter(audit_lines)
        for path in sorted(folder.trials.iterdir()):
            n_epochs = len(load_history(path / HISTORY_FILE))
            n_twice = seen[f"saved {path}"] - n_epochs
            if n_twice < 0:
                raise SystemExit(f"{path}: the audit log has fewer epochs than were recorded")
            self.epochs += n_epochs
            self.saved_twice += n_twice
            self.redone += n_twice + seen[f"begun {path}"] - 1

    def count_evaluations(self, folder: StudyFolder, audit_lines: Sequence[str]) -> None:
        """Add evaluations beyond the first, and openings of the test file by other modules."""
        listed = [json.loads(line) for line in folder.test_ledger.read_text().splitlines()]
        ledger = [line for line in listed if line["study"] == folder.root.name]
        begun = [line for line in ledger if line["event"] == "begun"]
        self.forbidden_evaluations += max(0, len(begun) - 1) + max(0, len(ledger) - 2)
        opened = [line for line in audit_lines if line.startswith("opened ")]
        if not opened:
            raise SystemExit(
                f"{folder.root}: the audit log does not show that the test split was opened"
            )
        permitted = "/hpsearch/engine/test_evaluation.py"
        self.forbidden_evaluations += sum(permitted not in line for line in opened)


def install_audit_hook(folder: Path) -> Path:
    """Write the audit hook into `folder`, to be put on PYTHONPATH; return the path of its log."""
    folder.mkdir(parents=True)
    log = folder / "audit.log"
    (folder / "sitecustomize.py").write_text(AUDIT_HOOK.format(log=str(log)))
    return log


def read_records(folder: StudyFolder, name: str) -> list[TrialRecord]:
    """Read the study's trials."""
    return load_study(name, open_storage(None, folder.journal)).records()


def count_mismatches(uri: str, name: str, records: list[TrialRecord], folder: StudyFolder) -> int:
    """Count trials for which MLflow does not show exactly one run that matches the record."""
    import mlflow

    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return len(records)
    runs: dict[str, list[Any]] = {}
    for run in client.search_runs([experiment.experiment_id], max_results=5000):
        runs.setdefault(run.data.tags.get("hpsearch.trial", "parent"), []).append(run)
    n = int(len(runs.pop("parent", [])) != 1)
    for record in records:
        mine = runs.pop(str(record.number), [])
        if len(mine) != 1 or not shows(client, mine[0], record, folder):
            print(f"  MLflow does not show trial {record.number} as recorded", file=sys.stderr)
            n += 1
    return n + len(runs)


def shows(client: Any, run: Any, record: TrialRecord, folder: StudyFolder) -> bool:
    """Whether `run` has the state, parameters, curves and files of `record`."""
    run_id, trial = run.info.run_id, folder.trial(record.number)
    epochs = load_history(trial / HISTORY_FILE)
    curves = {
        name: [(epoch.number, read(epoch)) for epoch in epochs if math.isfinite(read(epoch))]
        for name, read in METRICS.items()
    }
    shown = {
        name: sorted((one.step, one.value) for one in client.get_metric_history(run_id, name))
        for name in METRICS
    }
    files = {path.name: path for path in trial.iterdir() if path.suffix in (".png", ".csv")}
    return (
        run.info.status == STATUS[record.state]
        and run.data.params == {k: str(v) for k, v in record.hyperparameters.items()}
        and shown == curves
        and {item.path for item in client.list_artifacts(run_id)} == set(files)
        and all(_is_same(client, run_id, path) for path in files.values())
    )


def _is_same(client: Any, run_id: str, path: Path) -> bool:
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(client.download_artifacts(run_id, path.name, scratch))
        hashes = {hashlib.sha256(one.read_bytes()).digest() for one in (copy, path)}
    return len(hashes) == 1
