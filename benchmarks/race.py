"""Search strategies, each as a stream of epochs with the core-seconds spent so far."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from optuna.storages import InMemoryStorage

from hpsearch.datasets import PreparedData
from hpsearch.engine.definition import StudyDefinition, find_study_file, load_definition
from hpsearch.engine.search import SearchStudy, create_or_continue_study, write_result
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.training.prepare import prepare_job
from hpsearch.engine.trial_result import TrialResult

__all__ = ["Moment", "Runner", "follow", "one_epoch_first", "vary"]


@dataclass(frozen=True)
class Moment:
    """The end of an epoch: core-seconds of training so far, and the validation accuracy."""

    core_s: float
    val_score: float


Runner: TypeAlias = Callable[[StudyDefinition, PreparedData, Path], Iterator[Moment]]


def vary(study: str, seed: int, **search: Any) -> StudyDefinition:
    """Load a shipped study with another seed, and other keys of `[search]`."""
    definition = load_definition(find_study_file(study)).model_dump()
    definition["search"] |= search
    return StudyDefinition.model_validate(definition | {"seed": seed})


def follow(definition: StudyDefinition, data: PreparedData, folder: Path) -> Iterator[Moment]:
    """Run one trial after the other: the same trials as with any number of workers."""
    core_s = 0.0
    for _, result in _run_all(definition, data, folder):
        for epoch in result.epochs:
            core_s += epoch.duration_s
            yield Moment(core_s, epoch.val_score)


def one_epoch_first(n_best: int) -> Runner:
    """Return a strategy: all trials for one epoch, then the `n_best` best to their end."""

    def race(definition: StudyDefinition, data: PreparedData, folder: Path) -> Iterator[Moment]:
        core_s = 0.0
        begun: list[tuple[TrialJob, TrialResult]] = []
        for job, result in _run_all(definition, data, folder, pruning=_AfterOneEpoch()):
            core_s += result.duration_s
            yield Moment(core_s, result.epochs[-1].val_score)
            begun.append((job, result))
        begun.sort(key=lambda one: (-one[1].epochs[-1].val_score, one[0].number))
        for job, result in begun[:n_best]:
            whole = run_job(dataclasses.replace(job, pruning=None))
            for epoch in whole.epochs[len(result.epochs) :]:
                core_s += epoch.duration_s
                yield Moment(core_s, epoch.val_score)

    return race


class _AfterOneEpoch:
    def __call__(self, epoch: int, val_score: float) -> bool:  # noqa: ARG002
        return True

    def rungs(self) -> dict[str, float]:
        return {}


def _run_all(
    definition: StudyDefinition,
    data: PreparedData,
    folder: Path,
    *,
    pruning: _AfterOneEpoch | None = None,
) -> Iterator[tuple[TrialJob, TrialResult]]:
    search: SearchStudy = create_or_continue_study(
        definition, InMemoryStorage(), data_checksum=data.checksum
    )
    while (number := search.next_number()) is not None:
        trial = search.ask()
        rule = pruning or search.pruning_rule(number)
        job = prepare_job(trial, definition, data, folder / f"{number:04d}", pruning=rule)
        result = run_job(job)
        yield job, result
        write_result(trial, result)
        search.finish(trial, result.state, result.final_score)
