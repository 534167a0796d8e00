"""Run a study under fault injection, and compare its outcome with an undisturbed run.

The coordinator, its workers and the MLflow server are killed with SIGKILL at random moments and
started again; the coordinator is also stopped by five Ctrl-C in quick succession and by SIGHUP,
and loses the reader of its standard output. In each new workspace, the creation of MLflow's
database is killed first. Studies are repeated until the given number of faults has been injected.
One line at the end reports what was lost; if anything was, the program exits with 1.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from torture_verdict import Tally, count_mismatches, install_audit_hook, read_records

from hpsearch.engine.definition import find_study_file, load_definition
from hpsearch.engine.workspace import Workspace

# Share of faults at any moment, including the start; the others wait until there is work to lose.
AT_START = 0.2
FAULTS = {
    "coordinator": 0.25,
    "worker": 0.3,
    "server": 0.15,
    "Ctrl-C": 0.15,
    "hangup": 0.08,
    "reader": 0.07,
}
# Time limit for a stopped coordinator, whose trials end their epoch first.
STOP_S = 300
# Kills of the database's creation in a new workspace, and the longest delay before each.
N_DATABASE_KILLS = 2
DATABASE_S = 3.0
RUN_STUDY = Path(__file__).with_name("run_study.py")


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
        """Start the server; `wait` until it answers."""
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
        """Kill the server and all its processes with SIGKILL."""
        if self.process:
            kill_tree(self.process.pid)
            self.process.wait()


def kill_tree(pid: int) -> None:
    """Kill a process and all its children with SIGKILL."""
    try:
        process = psutil.Process(pid)
        for one in [*process.children(recursive=True), process]:
            one.kill()
    except psutil.NoSuchProcess:
        pass


@dataclass
class Coordinator:
    """A running coordinator, in its own process group, and the reader of its standard output."""

    process: subprocess.Popen[bytes]
    reader: subprocess.Popen[bytes]
    log: Path

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def kill(self) -> None:
        """Kill the coordinator, but not its children, with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def wait(self) -> int:
        """Wait until it exits; return the exit code."""
        code = self.process.wait()
        self.reader.wait()
        return code

    def stop(self, number: int, times: int) -> bool:
        """Send a signal to all its processes, as a terminal does; return whether it stops properly.

        It must exit with 130 (or 0, if it was about to end), print no traceback, and leave no
        process behind.
        """
        while self.is_running and not answers_signals(self.process.pid):
            time.sleep(0.01)
        children = find_children(self.process.pid)
        size = self.log.stat().st_size
        for _ in range(times):
            if self.is_running:
                os.killpg(self.process.pid, number)
            time.sleep(0.02)
        code = self.process.wait(STOP_S)
        _, left = psutil.wait_procs(children, timeout=30)
        with self.log.open("rb") as log:
            log.seek(size)
            output = log.read().decode(errors="replace")
        is_proper = code in (0, 130) and "Traceback" not in output and not left
        if not is_proper:
            print(f"  signal {number}: exit code {code}, {len(left)} processes left, {output!r}")
        return is_proper


def answers_signals(pid: int) -> bool:
    """Whether the program has installed its signal handlers; Python's defaults come before."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return not Path("/proc").exists()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@dataclass(frozen=True)
class Study:
    """A study to be run under fault injection.

    Parameters
    ----------
    file : str
        The study file, or its name.
    workspace : Path
        Workspace of the run.
    arguments : list of str
        Arguments of the program.
    audit_log : Path
        File to which the audit hook in its processes writes.
    """

    file: str
    workspace: Path
    arguments: list[str]
    audit_log: Path

    def start(self) -> Coordinator:
        """Start the coordinator."""
        return start_study(self.file, self.workspace, self.arguments, self.audit_log)

    def wait_for_work(self, coordinator: Coordinator) -> None:
        """Wait until another epoch is saved, or the study ends."""
        size = self.audit_log.stat().st_size if self.audit_log.exists() else 0
        while coordinator.is_running:
            if self.audit_log.exists() and self.audit_log.stat().st_size > size:
                return
            time.sleep(0.02)


def start_study(
    study: str, workspace: Path, arguments: list[str], audit_log: Path | None = None
) -> Coordinator:
    """Start the coordinator as a user would, with an audit hook in its processes if given."""
    workspace.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(RUN_STUDY), study, "--workspace", str(workspace)]
    environment = dict(os.environ)
    if audit_log:
        path = [str(audit_log.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(path)
    place = workspace / "coordinator.log"
    with place.open("ab") as log:
        reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log)
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=reader.stdin,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    assert reader.stdin
    reader.stdin.close()
    return Coordinator(process, reader, place)


def find_children(pid: int) -> list[psutil.Process]:
    """List all processes that a process has started; none if it has ended."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def find_workers(coordinator: int) -> list[psutil.Process]:
    """List the joblib workers of a coordinator."""
    try:
        children = psutil.Process(coordinator).children(recursive=True)
        return [one for one in children if "LokyProcess" in " ".join(one.cmdline())]
    except psutil.Error:
        return []


def torture(
    study: Study, server: Server, rng: np.random.Generator, n_faults: int, longest_s: float
) -> tuple[Counter[str], int]:
    """Run one study under at most `n_faults`; return their counts, and that of improper stops."""
    faults: Counter[str] = Counter()
    n_improper = 0
    coordinator = study.start()
    while faults.total() < n_faults and coordinator.is_running:
        if rng.random() > AT_START:
            study.wait_for_work(coordinator)
        time.sleep(rng.uniform(0, longest_s))
        kind = str(rng.choice(list(FAULTS), p=list(FAULTS.values())))
        workers = find_workers(coordinator.process.pid)
        if not coordinator.is_running or (kind == "worker" and not workers):
            continue
        match kind:
            case "worker":
                workers[rng.integers(len(workers))].kill()
            case "server":
                server.kill()
                server.start()
            case "reader":
                coordinator.reader.kill()
            case "coordinator":
                coordinator.kill()
            case "Ctrl-C":
                n_improper += not coordinator.stop(signal.SIGINT, 5)
            case "hangup":
                n_improper += not coordinator.stop(signal.SIGHUP, 1)
        if kind in ("coordinator", "Ctrl-C", "hangup"):
            coordinator = study.start()
        faults[kind] += 1
    if coordinator.wait() != 0:
        raise SystemExit(f"the study failed; see {study.workspace}/coordinator.log")
    return faults, n_improper


def interrupt_creation(
    name: str, file: str, workspace: Path, rng: np.random.Generator, n_kills: int
) -> int:
    """Kill the creation of MLflow's database; return mismatches after a run of one trial.

    Whatever the kills leave, the next run must create a complete database that shows the study.
    """
    arguments = ["--jobs", "1", "--trials", "1"]
    for _ in range(n_kills):
        begun = time.time()
        coordinator = start_study(file, workspace, arguments)
        while coordinator.is_running and not is_database_written(workspace, begun):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, DATABASE_S))
        coordinator.kill()
    if start_study(file, workspace, arguments).wait() != 0:
        raise SystemExit(f"the study failed; see {workspace}/coordinator.log")
    folder = Workspace(workspace).study(name)
    uri = f"sqlite:///{Workspace(workspace).mlflow_db}"
    return count_mismatches(uri, name, read_records(folder, name), folder)


def is_database_written(workspace: Path, since: float) -> bool:
    """Whether MLflow's database, or its temporary file, has been written since then."""
    try:
        return any(path.stat().st_mtime >= since for path in workspace.glob("*mlflow.db*"))
    except FileNotFoundError:  # renamed meanwhile
        return False


def find_port() -> int:
    """Find a free port on loopback."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def main() -> int:
    """Run a study under fault injection; return 0 if nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--longest", type=float, default=2.0, help="seconds from work to kill, at most"
    )
    parser.add_argument("--workspace", type=Path, help="default: a temporary folder")
    options = parser.parse_args()
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    with tempfile.TemporaryDirectory(prefix="torture-") as scratch:
        return run(options, options.workspace or Path(scratch))


def run(options: argparse.Namespace, root: Path) -> int:
    """Run the studies in the folder `root`; return 0 if nothing was lost."""
    name = load_definition(find_study_file(options.study)).name
    arguments = ["--jobs", str(options.jobs)]
    arguments += ["--trials", str(options.trials)] if options.trials else []
    print("undisturbed run ...", flush=True)
    if start_study(options.study, root / "calm", arguments).wait() != 0:
        raise SystemExit(f"the undisturbed run failed; see {root}/calm/coordinator.log")
    undisturbed = read_records(Workspace(root / "calm").study(name), name)
    rng, tally = np.random.default_rng(options.seed), Tally(options.jobs)
    while tally.kills.total() < options.kills:
        tally.rounds += 1
        workspace = root / f"round-{tally.rounds}"
        audit_log = install_audit_hook(workspace / "audit")
        server = Server(workspace / "server", find_port())
        server.start()
        server.wait()
        try:
            fresh = workspace / "fresh"
            n_database = min(N_DATABASE_KILLS, options.kills - tally.kills.total())
            tally.mismatches += interrupt_creation(name, options.study, fresh, rng, n_database)
            tally.kills["database"] += n_database
            left = options.kills - tally.kills.total()
            disturbed = [*arguments, "--tracking-uri", server.uri]
            study = Study(options.study, workspace, disturbed, audit_log)
            faults, n_improper = torture(study, server, rng, left, options.longest)
            tally.kills += faults
            tally.improper += n_improper
            server.wait()
            reconcile(name, workspace, server)
            tally.judge(name, Workspace(workspace).study(name), audit_log, server.uri, undisturbed)
        finally:
            server.kill()
        print(tally.describe(), flush=True)
    return 0 if tally.is_clean else 1


def reconcile(name: str, workspace: Path, server: Server) -> None:
    """Synchronize MLflow with the record, as a user would."""
    program = "from hpsearch.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "reconcile", name]
    command += ["--workspace", str(workspace), "--tracking-uri", server.uri]
    with (workspace / "coordinator.log").open("ab") as log:
        subprocess.run(command, stdout=log, stderr=log, check=True)


if __name__ == "__main__":
    raise SystemExit(main())
