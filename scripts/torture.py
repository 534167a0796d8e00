"""Run a study while killing whatever runs it, then hold the outcome against an undisturbed run.

The coordinator, its workers and the MLflow server are killed with SIGKILL at random moments and
started again, until as many kills are spent as asked for. A study that gets done before that
is begun anew. One line at the end says what was lost: nothing, or this program exits with 1.
"""

import argparse
import os
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
from torture_verdict import Tally, plant_witness, read_records

from hpsearch.definition import find_study_file, load_definition
from hpsearch.workspace import Workspace

# So many kills come at any moment, a start included; the others when there is work to be lost.
AT_START = 0.2
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

    def start(self) -> subprocess.Popen[bytes]:
        """Start the coordinator."""
        return start_study(self.file, self.workspace, self.arguments, self.witness)

    def wait_for_work(self, coordinator: subprocess.Popen[bytes]) -> None:
        """Wait until another epoch is saved, or the study ends."""
        seen = self.witness.stat().st_size if self.witness.exists() else 0
        while coordinator.poll() is None:
            if self.witness.exists() and self.witness.stat().st_size > seen:
                return
            time.sleep(0.02)


def start_study(
    study: str, workspace: Path, arguments: list[str], witness: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start the coordinator as a user would, with a witness in all its processes if given."""
    workspace.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(RUN_STUDY), study, "--quiet", "--workspace", str(workspace)]
    environment = dict(os.environ)
    if witness:
        path = [str(witness.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(path)
    with (workspace / "coordinator.log").open("ab") as log:
        return subprocess.Popen([*command, *arguments], stdout=log, stderr=log, env=environment)


def find_workers(coordinator: int) -> list[psutil.Process]:
    """The joblib workers of a coordinator."""
    try:
        children = psutil.Process(coordinator).children(recursive=True)
        return [one for one in children if "LokyProcess" in " ".join(one.cmdline())]
    except psutil.Error:
        return []


def torture(
    study: Study, server: Server, rng: np.random.Generator, n_kills: int, longest_s: float
) -> Counter[str]:
    """Run one study to its end under at most `n_kills` kills; what was killed."""
    kills: Counter[str] = Counter()
    coordinator = study.start()
    while kills.total() < n_kills and coordinator.poll() is None:
        if rng.random() > AT_START:
            study.wait_for_work(coordinator)
        time.sleep(rng.uniform(0, longest_s))
        kind = str(rng.choice(["coordinator", "worker", "server"], p=[0.35, 0.45, 0.2]))
        workers = find_workers(coordinator.pid)
        if coordinator.poll() is not None or (kind == "worker" and not workers):
            continue
        if kind == "worker":
            workers[rng.integers(len(workers))].kill()
        elif kind == "server":
            server.kill()
            server.start()
        else:
            coordinator.kill()
            coordinator.wait()
            coordinator = study.start()
        kills[kind] += 1
    if coordinator.wait() != 0:
        raise SystemExit(f"the study failed; see {study.workspace}/coordinator.log")
    return kills


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
            left = options.kills - tally.kills.total()
            disturbed = [*arguments, "--tracking-uri", server.uri]
            study = Study(options.study, workspace, disturbed, witness)
            tally.kills += torture(study, server, rng, left, options.longest)
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
