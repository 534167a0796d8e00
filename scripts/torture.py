"""Run a study while killing whatever runs it, then hold the outcome against an undisturbed run.

The coordinator, its workers and the MLflow server are killed with SIGKILL at random moments and
started again; the coordinator is also stopped by five Ctrl-C in quick succession and by SIGHUP,
and loses whoever reads its standard output. In each fresh workspace, the creation of MLflow's
database is killed first. This goes on until as many blows are spent as asked for; a study that
gets done before that is begun anew. One line at the end says what was lost: nothing, or this
program exits with 1.
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
from torture_verdict import Tally, count_mismatches, plant_witness, read_records

from hpsearch.definition import find_study_file, load_definition
from hpsearch.workspace import Workspace

# So many kills come at any moment, a start included; the others when there is work to be lost.
AT_START = 0.2
BLOWS = {
    "coordinator": 0.25,
    "worker": 0.3,
    "server": 0.15,
    "Ctrl-C": 0.15,
    "hangup": 0.08,
    "reader": 0.07,
}
# How long a stopped coordinator may take; its trials end their epoch first.
STOP_S = 300
# So often the creation of the database is killed in a fresh workspace, each within so long.
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


@dataclass
class Coordinator:
    """A running coordinator, in a process group of its own, and what reads its standard output."""

    process: subprocess.Popen[bytes]
    reader: subprocess.Popen[bytes]
    log: Path

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL it alone."""
        self.process.kill()
        self.process.wait()

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait()
        self.reader.wait()
        return code

    def stop(self, number: int, times: int) -> bool:
        """Send a signal, as a terminal does, to all its processes; whether it stops as it should.

        It shall exit with 130 (or 0, if it was about to end), print no traceback, and leave no
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
            said = log.read().decode(errors="replace")
        is_proper = code in (0, 130) and "Traceback" not in said and not left
        if not is_proper:
            print(f"  signal {number}: exit code {code}, {len(left)} processes left, {said!r}")
        return is_proper


def answers_signals(pid: int) -> bool:
    """Whether the program has begun: before, it is Python that answers a signal."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return not Path("/proc").exists()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@dataclass(frozen=True)
class Study:
    """A study to torture: how to start it, again and again.

    Parameters
    ----------
    file : str
        The study file, or its name.
    workspace : Path
        Where it runs.
    arguments : list of str
        For the program.
    witness : Path
        Where its processes testify.
    """

    file: str
    workspace: Path
    arguments: list[str]
    witness: Path

    def start(self) -> Coordinator:
        """Start the coordinator."""
        return start_study(self.file, self.workspace, self.arguments, self.witness)

    def wait_for_work(self, coordinator: Coordinator) -> None:
        """Wait until another epoch is saved, or the study ends."""
        seen = self.witness.stat().st_size if self.witness.exists() else 0
        while coordinator.is_running:
            if self.witness.exists() and self.witness.stat().st_size > seen:
                return
            time.sleep(0.02)


def start_study(
    study: str, workspace: Path, arguments: list[str], witness: Path | None = None
) -> Coordinator:
    """Start the coordinator as a user would, with a witness in all its processes if given."""
    workspace.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(RUN_STUDY), study, "--workspace", str(workspace)]
    environment = dict(os.environ)
    if witness:
        path = [str(witness.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
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
    """All processes that a process has started, if it has not ended."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def find_workers(coordinator: int) -> list[psutil.Process]:
    """The joblib workers of a coordinator."""
    try:
        children = psutil.Process(coordinator).children(recursive=True)
        return [one for one in children if "LokyProcess" in " ".join(one.cmdline())]
    except psutil.Error:
        return []


def torture(
    study: Study, server: Server, rng: np.random.Generator, n_blows: int, longest_s: float
) -> tuple[Counter[str], int]:
    """Run one study to its end under at most `n_blows`; what they were, and improper stops."""
    blows: Counter[str] = Counter()
    n_improper = 0
    coordinator = study.start()
    while blows.total() < n_blows and coordinator.is_running:
        if rng.random() > AT_START:
            study.wait_for_work(coordinator)
        time.sleep(rng.uniform(0, longest_s))
        kind = str(rng.choice(list(BLOWS), p=list(BLOWS.values())))
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
        blows[kind] += 1
    if coordinator.wait() != 0:
        raise SystemExit(f"the study failed; see {study.workspace}/coordinator.log")
    return blows, n_improper


def interrupt_creation(
    name: str, file: str, workspace: Path, rng: np.random.Generator, n_kills: int
) -> int:
    """Kill the creation of MLflow's database; mismatches once a run of one trial is complete.

    Whatever the kills leave, the next run must get a whole database that shows the study.
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
    """Whether MLflow's database, or what will become it, has been written since then."""
    try:
        return any(path.stat().st_mtime >= since for path in workspace.glob("*mlflow.db*"))
    except FileNotFoundError:  # renamed meanwhile
        return False


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
    parser.add_argument(
        "--longest", type=float, default=2.0, help="seconds from work to kill, at most"
    )
    parser.add_argument("--workspace", type=Path, help="default: a temporary folder")
    options = parser.parse_args()
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
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
    rng, tally = np.random.default_rng(options.seed), Tally(options.jobs)
    while tally.kills.total() < options.kills:
        tally.rounds += 1
        workspace = root / f"round-{tally.rounds}"
        witness = plant_witness(workspace / "witness")
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
            study = Study(options.study, workspace, disturbed, witness)
            blows, n_improper = torture(study, server, rng, left, options.longest)
            tally.kills += blows
            tally.improper += n_improper
            server.wait()
            reconcile(name, workspace, server)
            tally.judge(name, Workspace(workspace).study(name), witness, server.uri, calm)
        finally:
            server.kill()
        print(tally.describe(), flush=True)
    return 0 if tally.is_clean else 1


def reconcile(name: str, workspace: Path, server: Server) -> None:
    """Bring MLflow level, as a user would."""
    program = "from hpsearch.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "reconcile", name]
    command += ["--workspace", str(workspace), "--tracking-uri", server.uri]
    with (workspace / "coordinator.log").open("ab") as log:
        subprocess.run(command, stdout=log, stderr=log, check=True)


if __name__ == "__main__":
    raise SystemExit(main())
