"""A study run by the command, as a user does it, and what its files tell of where time went."""

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
from hpsearch.data.prepared import TRAIN_COORDINATES_FILE, TRAIN_IMAGES_FILE
from hpsearch.definition import find_study_file, load_definition
from hpsearch.objective.attempts import ATTEMPTS_FILE
from hpsearch.search import load_study, open_storage
from hpsearch.status import read_status
from hpsearch.training import HISTORY_FILE, Epoch, load_history
from hpsearch.workspace import StudyFolder, Workspace

__all__ = ["Run", "TrainedTrial", "WorkerMemory", "look_at_memory", "run_command"]

_RUN_STUDY = Path(__file__).parents[1] / "scripts" / "run_study.py"
_IMAGES = (TRAIN_IMAGES_FILE, TRAIN_COORDINATES_FILE)
# Between two looks at the workers' memory; a look takes a core for some milliseconds.
_LOOK_S = 2.0


@dataclass(frozen=True, order=True)
class WorkerMemory:
    """Bytes that no other process has.

    Parameters
    ----------
    private : int
        All of them.
    images : int
        Of those, pages of the mapped images. They are there once for all workers, but count as
        long as only one worker has read them.
    """

    private: int = 0
    images: int = 0


@dataclass(frozen=True)
class TrainedTrial:
    """A trial as its worker saw it; moments in seconds since the command was given."""

    began_s: float
    ended_s: float
    epochs: tuple[Epoch, ...]


@dataclass(frozen=True)
class Run:
    """One run of a study, from the command to the end of its process.

    Parameters
    ----------
    n_workers : int
        Trials at a time.
    wall_s : float
        From the command to the end of its process.
    first_epoch_s : float
        From the command to the end of the first epoch of any trial.
    trials : tuple of TrainedTrial
        All of them.
    fingerprint : str
        As ``hpsearch status`` tells it.
    worker_memory : WorkerMemory
        Of a worker that trains, at most; 0 if none was seen.
    """

    n_workers: int
    wall_s: float
    first_epoch_s: float
    trials: tuple[TrainedTrial, ...]
    fingerprint: str
    worker_memory: WorkerMemory

    @property
    def began_s(self) -> float:
        """When the first trial began."""
        return min(trial.began_s for trial in self.trials)

    @property
    def ended_s(self) -> float:
        """When the last trial ended."""
        return max(trial.ended_s for trial in self.trials)

    @property
    def search_s(self) -> float:
        """From the first trial's start to the last one's end."""
        return self.ended_s - self.began_s

    @property
    def training_s(self) -> float:
        """Core-seconds inside of epochs, validation included."""
        return sum(epoch.duration_s for trial in self.trials for epoch in trial.epochs)

    @property
    def n_iterations(self) -> int:
        """Steps of SGD in all trials."""
        return sum(len(epoch.iteration_losses) for t in self.trials for epoch in t.epochs)


def run_command(
    study: str, name: str, workspace: Path, n_workers: int, n_trials: int | None = None
) -> Run:
    """Run a study by ``scripts/run_study.py`` in a new process, under another name.

    Parameters
    ----------
    study : str
        A study file that gives no name, or the stem of one in ``studies/``.
    name : str
        What the study shall be called; new in the workspace.
    workspace : Path
        Made if it is not there.
    n_workers : int
        Of one BLAS thread each, unless the study says otherwise.
    n_trials : int, optional
        In all; what the study says if left out.

    Raises
    ------
    subprocess.CalledProcessError
        If the command fails; it has said why.
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
    """Run `command`; the largest private memory of a worker of it meanwhile."""
    largest = WorkerMemory()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error, OSError):
                    if _is_training(child):
                        largest = max(largest, look_at_memory(child))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return largest


def _is_training(process: psutil.Process) -> bool:
    """Whether the training images are mapped: not so in the process that draws pictures."""
    maps = Path(f"/proc/{process.pid}/maps").read_text()  # psutil would measure each of them
    return any(name in maps for name in _IMAGES)


def look_at_memory(process: psutil.Process) -> WorkerMemory:
    """What of a process's memory is its own now."""
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
    return str(read_status(search, folder)["fingerprint"])
