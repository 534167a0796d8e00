"""Running a study with the command, as users do, and reading from its files where time went."""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.images import find_images
from hpsearch.datasets.prepared import TRAIN_FILE, derived_file
from hpsearch.engine.definition import find_study_file, load_definition
from hpsearch.engine.search import load_study, open_storage
from hpsearch.engine.status import read_status
from hpsearch.engine.training.trial_failures import ATTEMPTS_FILE
from hpsearch.engine.trial_files import HISTORY_FILE, Epoch, load_history
from hpsearch.engine.workspace import StudyFolder, Workspace

__all__ = ["Run", "TrainedTrial", "WorkerMemory", "measure_memory", "run_command"]

_RUN_STUDY = Path(__file__).parents[1] / "scripts" / "run_study.py"
_IMAGES = (TRAIN_FILE, derived_file("X"))
# Between two measurements of the workers' memory, each of some milliseconds on one core.
_INTERVAL_S = 2.0


@dataclass(frozen=True, order=True)
class WorkerMemory:
    """Private memory of a process, in bytes.

    Parameters
    ----------
    private : int
        All memory that no other process shares.
    images : int
        Pages of the memory-mapped images among it. All workers share them, but they count as
        private as long as only one worker has read them.
    """

    private: int = 0
    images: int = 0


@dataclass(frozen=True)
class TrainedTrial:
    """A trial as recorded by its worker; times in seconds since the command was started."""

    began_s: float
    ended_s: float
    epochs: tuple[Epoch, ...]


@dataclass(frozen=True)
class Run:
    """One run of a study, from the command's start to the end of its process.

    Parameters
    ----------
    n_workers : int
        Trials in parallel.
    wall_s : float
        From the command's start to the end of its process.
    first_epoch_s : float
        From the command's start to the end of the first epoch of any trial.
    trials : tuple of TrainedTrial
        All trials.
    fingerprint : str
        As shown by ``hpsearch status``.
    worker_memory : WorkerMemory
        Largest of a worker that trains; 0 if none was observed.
    """

    n_workers: int
    wall_s: float
    first_epoch_s: float
    trials: tuple[TrainedTrial, ...]
    fingerprint: str
    worker_memory: WorkerMemory

    @property
    def began_s(self) -> float:
        """Start of the first trial."""
        return min(trial.began_s for trial in self.trials)

    @property
    def ended_s(self) -> float:
        """End of the last trial."""
        return max(trial.ended_s for trial in self.trials)

    @property
    def search_s(self) -> float:
        """Time from the first trial's start to the last one's end."""
        return self.ended_s - self.began_s

    @property
    def training_s(self) -> float:
        """Core-seconds in epochs, validation included."""
        return sum(epoch.duration_s for trial in self.trials for epoch in trial.epochs)

    @property
    def n_iterations(self) -> int:
        """Steps of SGD in all trials."""
        return sum(len(epoch.step_losses) for t in self.trials for epoch in t.epochs)


def run_command(
    study: str, name: str, workspace: Path, n_workers: int, n_trials: int | None = None
) -> Run:
    """Run a study with ``scripts/run_study.py`` in a new process, under another name.

    Parameters
    ----------
    study : str
        A study file that gives no name, or the stem of one in ``studies/``.
    name : str
        Name of the study; new in the workspace.
    workspace : Path
        Created if it does not exist.
    n_workers : int
        Workers, of one BLAS thread each, unless the study file says otherwise.
    n_trials : int, optional
        Number of trials; by default that of the study file.

    Raises
    ------
    subprocess.CalledProcessError
        If the command fails; it has printed why.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    path = workspace / f"{name}.toml"
    shutil.copyfile(find_study_file(study), path)
    definition = load_definition(path)
    total = n_trials or definition.trials
    command = [sys.executable, str(_RUN_STUDY), str(path), "--workspace", str(workspace)]
    command += ["--jobs", str(n_workers), "--trials", str(total), "--quiet"]
    if definition.data.source == "cifar10":
        command += ["--data-dir", str(find_images().folder)]
    commanded_at = time.time()
    worker_memory = _run_and_watch(command)
    wall_s = time.time() - commanded_at
    folder = Workspace(workspace.absolute()).study(name)
    trials = tuple(_read_trial(folder.trial(k), commanded_at) for k in range(total))
    first_epoch_s = min(trial.epochs[0].ended_at for trial in trials) - commanded_at
    return Run(n_workers, wall_s, first_epoch_s, trials, _read_fingerprint(folder), worker_memory)


def _run_and_watch(command: list[str]) -> WorkerMemory:
    """Run `command`; return the largest private memory of its workers."""
    largest = WorkerMemory()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error, OSError):
                    if _is_training(child):
                        largest = max(largest, measure_memory(child))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_INTERVAL_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return largest


def _is_training(process: psutil.Process) -> bool:
    """Whether the process maps the training images: the one that draws plots does not."""
    maps = Path(f"/proc/{process.pid}/maps").read_text()  # psutil would measure each of them
    return any(name in maps for name in _IMAGES)


def measure_memory(process: psutil.Process) -> WorkerMemory:
    """Measure the private memory of a process."""
    private = {
        Path(one.path).name: one.private_clean + one.private_dirty
        for one in process.memory_maps(grouped=True)
    }
    images = sum(private.get(name, 0) for name in _IMAGES)
    return WorkerMemory(process.memory_full_info().uss, images)


def _read_trial(folder: Path, commanded_at: float) -> TrainedTrial:
    first_attempt = (folder / ATTEMPTS_FILE).read_text().splitlines()[0]
    epochs = load_history(folder / HISTORY_FILE)
    return TrainedTrial(
        json.loads(first_attempt)["started_at"] - commanded_at,
        epochs[-1].ended_at - commanded_at,
        epochs,
    )


def _read_fingerprint(folder: StudyFolder) -> str:
    search = load_study(folder.root.name, open_storage(None, folder.journal))
    return read_status(search, folder).fingerprint
