"""Processes of the conformance check: one for each training, two at a time."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hpsearch.trainers.conformance.observation import Observation
from hpsearch.trainers.conformance.plan import Plan

__all__ = ["ObservedTraining", "Processes"]


@dataclass(frozen=True)
class ObservedTraining:
    """A training in a process of its own.

    Parameters
    ----------
    process : Popen
        The process.
    report : Path
        File that it writes its observation to.
    errors : Path
        File with its standard error.
    """

    process: "subprocess.Popen[bytes]"
    report: Path
    errors: Path

    def wait(self) -> Observation:
        """Wait for the training to end, and return what was observed."""
        code = self.process.wait()
        if self.report.exists():
            observation = pickle.loads(self.report.read_bytes())
            assert isinstance(observation, Observation)
            return observation
        lines = self.errors.read_text(errors="replace").split("\n")
        last = next((f": {line}" for line in reversed(lines) if line.strip()), "")
        end = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return Observation(failure=f"the process was ended {end}{last}")


class Processes:
    """Starts trainings in new processes, two at a time, and stops all of them at its end.

    Each has another seed of Python's hashes, so that results which depend on the order of a set
    differ.

    Parameters
    ----------
    folder : Path
        Folder for their files.
    environment : mapping
        Their environment variables.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._started: list[ObservedTraining] = []

    def start(self, plan: Plan) -> ObservedTraining:
        """Start a training as soon as fewer than two are running."""
        number = len(self._started) + 1
        for earlier in self._started[:-1]:
            earlier.process.wait()
        path = self._folder / f"{number}.plan"
        path.write_bytes(pickle.dumps(plan))
        report, errors = path.with_suffix(".observation"), path.with_suffix(".errors")
        with errors.open("wb") as file:
            process = subprocess.Popen(
                # Modules are found as in this process, so not in the working directory first (-P).
                [sys.executable, "-P", "-m", "hpsearch.trainers.conformance", path, report],
                env={
                    **self._environment,
                    "PYTHONHASHSEED": str(number),
                    "PYTHONPATH": os.pathsep.join(sys.path),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=file,
            )
        self._started.append(ObservedTraining(process, report, errors))
        return self._started[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for one in self._started:
            one.process.kill()
            one.process.wait()
