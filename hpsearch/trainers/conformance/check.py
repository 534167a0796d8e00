"""The conformance check of a trainer: trains it several times and compares."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from hpsearch.trainers.conformance.candidate import Candidate, make_plan
from hpsearch.trainers.conformance.judging import (
    Check,
    CheckResult,
    judge_equality,
    judge_generators,
    judge_job,
    judge_prediction,
    judge_resumption,
    judge_state,
)
from hpsearch.trainers.conformance.observation import Observation
from hpsearch.trainers.conformance.plan import Plan
from hpsearch.trainers.conformance.processes import Processes

__all__ = ["check_trainer"]


def check_trainer(
    candidate: Candidate, environment: Mapping[str, str] | None = None
) -> Iterator[CheckResult]:
    """Check which guarantees hold for a trainer.

    It is trained for two epochs, in up to five new processes, two at a time. Closing the iterator
    stops them.

    Parameters
    ----------
    candidate : Candidate
        The trainer, hyperparameters and data.
    environment : mapping, optional
        Environment variables of the processes; by default those of this one.

    Yields
    ------
    CheckResult
        One for each `Check`, as soon as it is known. If jobs cannot be made, or the first training
        fails, its result is the last one.
    """
    job = judge_job(candidate.spec, candidate.hyperparameters)
    yield job
    if not job.holds:
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        Processes(Path(folder), os.environ if environment is None else environment) as processes,
    ):
        plan = make_plan(candidate, Path(folder))
        first, again = processes.start(plan), processes.start(plan)
        observed = first.wait()
        if observed.failure:
            yield CheckResult(Check.TRAINING, False, observed.failure)
            return
        epochs = "2 epochs" if observed.has_epochs else "1 epoch"
        yield CheckResult(Check.TRAINING, True, f"{epochs}, with predictions after each")
        yield judge_state(observed)
        yield judge_generators(observed)
        equality = f"two trainings of {epochs} are equal"
        deterministic = judge_equality(Check.DETERMINISTIC, observed, again.wait(), equality)
        yield deterministic
        yield from _judge_further(
            candidate, plan, processes, observed, is_deterministic=deterministic.holds is True
        )


def _judge_further(
    candidate: Candidate,
    plan: Plan,
    processes: Processes,
    first: Observation,
    *,
    is_deterministic: bool,
) -> Iterator[CheckResult]:
    """Compare the first training with a resumed one, one with more threads and a longer one."""
    resumed = with_threads = longer = None
    if first.is_resumable and not first.unsaved:
        resumed = processes.start(replace(plan, start=first.snapshots[0]))
    if is_deterministic:
        with_threads = processes.start(replace(plan, threads=2))
    after_resumption = resumed.wait() if resumed else None
    yield judge_prediction(first, after_resumption, candidate.schema, len(candidate.X_val))
    if with_threads is None:
        for check in (Check.RESUMABLE, Check.THREADS, Check.PREFIX):
            yield CheckResult(check, None, "not compared, as equal trainings differ already")
        return
    if first.has_epochs:
        longer = processes.start(replace(plan, n_epochs=4))
    yield judge_resumption(first, after_resumption)
    equality = "1 and 2 threads give equal results"
    yield judge_equality(Check.THREADS, first, with_threads.wait(), equality)
    if longer is None:
        yield CheckResult(Check.PREFIX, None, "training has no epochs")
    else:
        equality = "the first 2 epochs of 4 are equal to 2 of 2"
        yield judge_equality(Check.PREFIX, first, longer.wait(), equality)
