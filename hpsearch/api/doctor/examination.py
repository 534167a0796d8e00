"""All checks of the doctor in order; errors raised by a check become findings."""

from collections.abc import Callable, Iterable, Iterator

from hpsearch.api.doctor.environment import (
    check_data,
    check_recorded,
    check_storage,
    check_tracking,
    check_workers,
)
from hpsearch.api.doctor.machine import (
    check_blas,
    check_cores,
    check_devices,
    check_disk,
    check_training,
    check_versions,
)
from hpsearch.api.doctor.report_line import Finding
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.execution import open_backend
from hpsearch.engine.scheduling import RunOptions
from hpsearch.engine.search import check_sampler
from hpsearch.foundations.errors import HpsearchError

__all__ = ["examine"]


def examine(definition: StudyDefinition, options: RunOptions) -> Iterator[Finding]:
    """Check everything that a run of `definition` with `options` would need.

    Parameters
    ----------
    definition : StudyDefinition
        The study.
    options : RunOptions
        As for the run.

    Yields
    ------
    Finding
        The result of each check, as soon as it is known. The checks leave nothing behind.
    """
    yield check_versions()
    yield check_blas(definition)
    yield from _guarded("training", lambda: [check_training(definition)])
    yield from _guarded("sampler", lambda: _check_sampler(definition))
    n_at_a_time = options.n_jobs or 1
    try:
        with open_backend(options.backend, devices=options.devices) as backend:
            yield check_cores(definition, backend, options.n_jobs)
            yield from check_devices(definition, options.devices)
            n_at_a_time = options.n_jobs or backend.count_slots(definition.threads_per_trial)
            if backend.is_cluster:
                yield from _guarded("workers", lambda: check_workers(definition, options, backend))
    except HpsearchError as error:
        yield Finding("workers", str(error), "see docs/operations.md", error.exit_code)
    yield from _guarded(
        "disk",
        lambda: [check_disk(definition, options.workspace.root, n_at_a_time=n_at_a_time)],
    )
    yield from _guarded("data", lambda: check_data(definition, options))
    yield from _guarded("storage", lambda: [check_storage(definition, options)])
    yield from _guarded("record", lambda: check_recorded(definition, options))
    yield from _guarded("mlflow", lambda: [check_tracking(options)])


def _check_sampler(definition: StudyDefinition) -> list[Finding]:
    check_sampler(definition)  # raises if its extra is missing
    return []


def _guarded(topic: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except HpsearchError as error:
        yield Finding(topic, str(error), "", error.exit_code)
