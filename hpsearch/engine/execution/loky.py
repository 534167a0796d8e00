"""Workers of this machine: joblib's loky backend without credentials, and a device for each."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from joblib._parallel_backends import LokyBackend
from joblib.executor import get_memmapping_executor

from hpsearch.engine.execution.child_processes import exit_with_parent, worker_environment
from hpsearch.engine.execution.devices import DeviceSlots
from hpsearch.foundations.environment_variables import Environment

__all__ = ["open_loky"]

_IDLE_TIMEOUT_S = 300


@contextlib.contextmanager
def open_loky(
    warm_up: Callable[[], object], devices: Sequence[str]
) -> Iterator[Callable[[], Mapping[str, Any]]]:
    """Open the backend; the context's value makes the keyword arguments of a `joblib.Parallel`.

    Parameters
    ----------
    warm_up : callable
        Called first in each worker process.
    devices : sequence of str
        Devices of the workers, as for `DeviceSlots`; empty if they share the machine.
    """
    # Read once: joblib replaces all workers at a call with another environment, and MLflow's
    # settings come and go in it while a study runs.
    environment = worker_environment()
    with _opened_slots(devices) as slots:
        first = {"initializer": _initialize_worker, "initargs": (os.getpid(), warm_up, slots)}
        yield lambda: {"backend": _CredentialFreeLoky(environment), **first}


@contextlib.contextmanager
def _opened_slots(devices: Sequence[str]) -> Iterator[DeviceSlots | None]:
    if not devices:
        yield None
        return
    visible = Environment.read().cuda_devices
    # Idle workers may outlive the run and with it the folder; on Windows its files stay then.
    with tempfile.TemporaryDirectory(
        prefix="hpsearch-devices-", ignore_cleanup_errors=True
    ) as folder:
        yield DeviceSlots.make(Path(folder), devices, visible)


def _initialize_worker(
    coordinator: int, warm_up: Callable[[], object], slots: DeviceSlots | None
) -> None:
    exit_with_parent(coordinator)
    if slots:
        slots.take()
    # An exception raised here would end all workers; the first job reports the same failure.
    with contextlib.suppress(Exception):
        warm_up()


class _CredentialFreeLoky(LokyBackend):  # type: ignore[misc]
    """Loky backend whose workers inherit only allowed variables: no addresses, no passwords.

    One worker is a process, too. joblib would run its jobs in the calling process; and a second
    process would need a device of its own.

    Parameters
    ----------
    environment : mapping
        Changes to the environment of workers, by `worker_environment`.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._environment = environment

    def _prepare_worker_env(self, n_jobs: int) -> dict[str, str]:
        return {**super()._prepare_worker_env(n_jobs), **self._environment}

    def configure(self, n_jobs: int = 1, parallel: Any = None, **options: Any) -> int:
        if n_jobs > 1:
            return int(super().configure(n_jobs, parallel, **options))
        for unused in ("prefer", "require"):
            options.pop(unused, None)
        self._workers = get_memmapping_executor(
            1,
            timeout=_IDLE_TIMEOUT_S,
            env=self._prepare_worker_env(1),
            context_id=parallel._id,
            **options,
        )
        self.parallel = parallel
        return 2  # of 1, joblib would conclude that no process is wanted
