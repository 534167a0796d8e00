"""Run a study while killing whatever runs it, then hold the outcome against an undisturbed run.

The coordinator, its workers and the MLflow server are killed with SIGKILL at random moments and
started again, until as many kills are spent as asked for. A study that gets done before that
is begun anew. One line at the end says what was lost: nothing, or this program exits with 1.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from hpsearch.definition import find_study_file, load_definition
from hpsearch.records import TrialRecord, fingerprint
from hpsearch.search import load_study, open_storage
from hpsearch.training import HISTORY_FILE, load_history
from hpsearch.workspace import StudyFolder, Workspace

RUN_STUDY = Path(__file__).with_name("run_study.py")
METRICS = ("train_loss", "train_accuracy", "val_accuracy", "learning_rate", "duration_s")
STATUS = {"COMPLETE": "FINISHED", "PRUNED": "FINISHED", "FAILED": "FAILED"}


@dataclass
class Tally:
    """What happened, and what it did to the study."""

    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    epochs_redone: int = 0
    running: int = 0
    lost: int = 0
    doubled: int = 0
    mismatches: int = 0
    is_equal: bool = True

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, left running or changed."""
        return self.is_equal and not self.running + self.lost + self.doubled + self.mismatches

    def describe(self) -> str:
        """Everything on one line."""
        kills = ", ".join(f"{n} {kind}" for kind, n in sorted(self.kills.items()))
        return (
            f"{self.kills.total()} kills ({kills}) over {self.rounds} studies: "
            f"{self.epochs_redone} epochs begun twice, trials {self.running} RUNNING, "
            f"{self.lost} lost, {self.doubled} doubled, {self.mismatches} MLflow mismatches, "
            f"fingerprint {'equal' if self.is_equal else 'DIFFERENT'}"
        )


@dataclass
class Server:
    """An MLflow server on loopback that can be killed and started again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it; `wait` until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            )

    def wait(self) -> None:
        """Wait until it answers."""
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        raise SystemExit(f"the MLflow server did not start; see {self.folder}/server.log")

    def kill(self) -> None:
        """SIGKILL it and all its processes."""
        if self.process:
            kill_tree(self.process.pid)
            self.process.wait()


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all its children."""
    try:
        process = psutil.Process(pid)
        for one in [*process.children(recursive=True), process]:
            one.kill()
    except psutil.NoSuchProcess:
        pass


def start_study(study: str, workspace: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start the coordinator as a user would."""
    workspace.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(RUN_STUDY), study, "--quiet", "--workspace", str(workspace)]
    with (workspace / "coordinator.log").open("ab") as log:
        return subprocess.Popen([*command, *arguments], stdout=log, stderr=log)


def find_workers(coordinator: int) -> list[psutil.Process]:
    """The joblib workers of a coordinator."""
    try:
        children = psutil.Process(coordinator).children(recursive=True)
        return [one for one in children if "LokyProcess" in " ".join(one.cmdline())]
    except psutil.Error:
        return []


def torture(
    study: str,
    workspace: Path,
    server: Server,
    arguments: list[str],
    rng: np.random.Generator,
    n_kills: int,
    longest_s: float,
) -> Counter[str]:
    """Run one study to its end under at most `n_kills` kills; what was killed."""
    kills: Counter[str] = Counter()
    coordinator = start_study(study, workspace, arguments)
    while coordinator.poll() is None or coordinator.returncode != 0:
        if kills.total() >= n_kills:
            coordinator.wait()
            if coordinator.returncode != 0:
                coordinator = start_study(study, workspace, arguments)
                if coordinator.wait() != 0:
                    raise SystemExit(f"the study does not end; see {workspace}/coordinator.log")
            break
        time.sleep(rng.uniform(0, longest_s))
        kind = str(rng.choice(["coordinator", "worker", "server"], p=[0.4, 0.4, 0.2]))
        if kind == "worker":
            workers = find_workers(coordinator.pid)
            if not workers:
                continue
            workers[rng.integers(len(workers))].kill()
        elif kind == "server":
            server.kill()
            server.start()
        elif coordinator.poll() is None:
            coordinator.kill()
            coordinator.wait()
        else:
            continue
        kills[kind] += 1
        if coordinator.poll() is not None and coordinator.returncode != 0:
            coordinator = start_study(study, workspace, arguments)
    return kills


def read_records(folder: StudyFolder, name: str) -> list[TrialRecord]:
    """The study's trials."""
    return load_study(name, open_storage(None, folder.journal)).records()


def count_mismatches(uri: str, name: str, records: list[TrialRecord], folder: StudyFolder) -> int:
    """Trials for which MLflow does not show exactly one run that says what the record says."""
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
    epochs = load_history(folder.trial(record.number) / HISTORY_FILE)
    curves = {name: [getattr(epoch, name) for epoch in epochs] for name in METRICS}
    shown = {
        name: [
            point.value
            for point in sorted(
                client.get_metric_history(run.info.run_id, name), key=lambda point: point.step
            )
        ]
        for name in METRICS
    }
    files = {
        path.name
        for path in folder.trial(record.number).iterdir()
        if path.suffix in (".png", ".csv")
    }
    return (
        run.info.status == STATUS[record.state]
        and run.data.params == {k: str(v) for k, v in record.hyperparameters.items()}
        and shown == curves
        and {item.path for item in client.list_artifacts(run.info.run_id)} == files
    )


def count_redone(folder: StudyFolder) -> int:
    """How often an epoch was begun that an earlier attempt had begun."""
    n = 0
    for path in folder.trials.glob("*/attempts.jsonl"):
        starts = [json.loads(line)["from_epoch"] for line in path.read_text().splitlines()]
        n += len(starts) - 1
    return n


def find_port() -> int:
    """A free port on loopback."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def main() -> int:
    """Torture a study; 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--longest", type=float, default=4.0, help="seconds between kills, at most")
    parser.add_argument("--workspace", type=Path, help="default: a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torture-") as scratch:
        return run(options, options.workspace or Path(scratch))


def run(options: argparse.Namespace, root: Path) -> int:
    """Do it in the folder `root`."""
    name = load_definition(find_study_file(options.study)).name
    arguments = ["--jobs", str(options.jobs)]
    arguments += ["--trials", str(options.trials)] if options.trials else []
    print("undisturbed run ...", flush=True)
    if start_study(options.study, root / "calm", arguments).wait() != 0:
        raise SystemExit(f"the undisturbed run failed; see {root}/calm/coordinator.log")
    calm = read_records(Workspace(root / "calm").study(name), name)
    rng, tally = np.random.default_rng(options.seed), Tally()
    while tally.kills.total() < options.kills:
        tally.rounds += 1
        workspace = root / f"round-{tally.rounds}"
        server = Server(workspace / "server", find_port())
        server.start()
        server.wait()
        try:
            left = options.kills - tally.kills.total()
            disturbed = [*arguments, "--tracking-uri", server.uri]
            tally.kills += torture(
                options.study, workspace, server, disturbed, rng, left, options.longest
            )
            server.wait()
            judge(tally, name, workspace, server, calm)
        finally:
            server.kill()
        print(tally.describe(), flush=True)
    return 0 if tally.is_clean else 1


def judge(
    tally: Tally, name: str, workspace: Path, server: Server, calm: list[TrialRecord]
) -> None:
    """Bring MLflow level, then count what differs from the undisturbed run."""
    program = "from hpsearch.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "reconcile", name]
    command += ["--workspace", str(workspace), "--tracking-uri", server.uri]
    with (workspace / "coordinator.log").open("ab") as log:
        subprocess.run(command, stdout=log, stderr=log, check=True)
    folder = Workspace(workspace).study(name)
    records = read_records(folder, name)
    numbers = Counter(record.number for record in records)
    tally.epochs_redone += count_redone(folder)
    tally.running += sum(not record.state.is_finished for record in records)
    tally.lost += sum(record.number not in numbers for record in calm)
    tally.doubled += sum(n - 1 for n in numbers.values()) + max(0, len(records) - len(calm))
    tally.mismatches += count_mismatches(server.uri, name, records, folder)
    tally.is_equal &= fingerprint(records) == fingerprint(calm)


if __name__ == "__main__":
    raise SystemExit(main())
