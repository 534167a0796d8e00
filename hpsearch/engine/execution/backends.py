"""joblib's backends by name: processes or threads of this machine, or a Dask cluster."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from joblib import Parallel, cpu_count, delayed, parallel_config

from hpsearch.engine.execution.child_processes import starting_processes
from hpsearch.engine.execution.loky import open_loky
from hpsearch.foundations.errors import UsageError

__all__ = ["Answers", "Backend", "open_backend"]

_MAX_CORES = "LOKY_MAX_CPU_COUNT"
# What each worker returned or raised, by its address.
Answers: TypeAlias = Mapping[str, Any]


def _ask_no_workers(_question: Callable[[], Any]) -> Answers:
    return {}


def _do_nothing(_: Any) -> None:
    pass


@dataclass(frozen=True)
class Backend:
    """A joblib backend, ready for use.

    Parameters
    ----------
    name : str
        Its name in joblib.
    n_cores : int
        Cores of this machine, or of the cluster's workers.
    options : callable
        Returns keyword arguments for one `joblib.Parallel`.
    ask_workers : callable
        Calls a function on every worker of a cluster; returns results and exceptions by
        worker. Empty for workers of this machine, which would answer as the coordinator does.
    cancel : callable
        Cancels all jobs in flight on a cluster: their calls raise, their workers stop.
    starts_processes : bool
        Whether workers are processes, started by the first call.
    devices : tuple of str
        Devices of the workers, one for each; empty if they share this machine's cores.
    """

    name: str
    n_cores: int
    options: Callable[[], Mapping[str, Any]]
    ask_workers: Callable[[Callable[[], Any]], Answers] = _ask_no_workers
    cancel: Callable[[], None] = lambda: None
    starts_processes: bool = False
    devices: tuple[str, ...] = ()
    _starting: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def is_cluster(self) -> bool:
        """Whether workers may be on other machines."""
        return self.ask_workers is not _ask_no_workers

    def count_slots(self, threads: int) -> int:
        """Count the jobs that can run at a time: one on each device, or `threads` cores for each.

        It is 1 at least.
        """
        return len(self.devices) or max(1, self.n_cores // threads)

    def call(
        self, n_workers: int, function: Callable[[Any], Any], arguments: Sequence[Any]
    ) -> Iterator[Any]:
        """Call `function` on workers with each of `arguments`; yield results as they complete.

        The iterator must be exhausted: joblib ends all workers if a result is not collected.
        """
        # joblib sets up its executor without a lock of its own.
        processes = starting_processes() if self.starts_processes else contextlib.nullcontext()
        with self._starting, processes:
            results: Iterator[Any] = Parallel(
                # With one worker, joblib's backends run the job in the coordinator's own process.
                n_jobs=n_workers if self.starts_processes else max(2, n_workers),
                return_as="generator_unordered",
                batch_size=1,
                **self.options(),
            )(delayed(function)(argument) for argument in arguments)
        return results

    def start(self, n_workers: int) -> None:
        """Start and warm up worker processes in the background."""
        if self.starts_processes:
            threading.Thread(
                target=self._wait, args=(n_workers,), name="starting workers", daemon=True
            ).start()

    def _wait(self, n_workers: int) -> None:
        with contextlib.suppress(Exception):  # the first job notices a worker that dies now
            list(self.call(n_workers, _do_nothing, range(n_workers)))


@contextlib.contextmanager
def open_backend(
    name: str, warm_up: Callable[[], object] = lambda: None, devices: Sequence[str] = ()
) -> Iterator[Backend]:
    """Open a backend, connecting to its cluster if it has one.

    Parameters
    ----------
    name : str
        ``loky``, ``threading``, ``dask``, or any that is registered with joblib.
    warm_up : callable
        Called first in each worker process of this machine.
    devices : sequence of str
        Devices of the workers, as `check_devices` admits them for this backend: each worker
        process takes one and sees no other GPU.

    Raises
    ------
    UsageError
        If joblib has no such backend, the cluster's address is not given, or a device is hidden
        by ``CUDA_VISIBLE_DEVICES``.
    StoreError
        If the cluster cannot be reached or has no workers.
    """
    if name == "dask":
        try:
            from hpsearch.engine.execution.cluster import (
                ClusterBackend,
                ask_workers,
                cancel_all,
                open_cluster,
            )
        except ImportError as error:
            raise UsageError(
                "--backend dask: needs the package distributed: pip install 'hpsearch[dask]'"
            ) from error
        with open_cluster() as client:
            n_cores = sum(client.nthreads().values())
            yield Backend(
                name,
                n_cores,
                lambda: {"backend": ClusterBackend(client=client)},
                partial(ask_workers, client),
                partial(cancel_all, client),
            )
        return
    try:
        with parallel_config(backend=name):
            pass
    except (ValueError, ImportError) as error:
        # joblib's message lists the backends that it has.
        raise UsageError(f"--backend {name}: {' '.join(str(error).split())}") from error
    if name == "loky":
        with open_loky(warm_up, devices) as options:
            yield Backend(
                name, _count_cores(), options, starts_processes=True, devices=tuple(devices)
            )
        return
    yield Backend(name, _count_cores(), lambda: {"backend": name})


def _count_cores() -> int:
    """Count the cores that this process may use: by affinity, cgroup and joblib's variable."""
    try:
        return int(cpu_count())
    except ValueError as error:
        given = os.environ.get(_MAX_CORES)
        raise UsageError(f"{_MAX_CORES}: expected an integer, got {given!r}") from error
