"""Where jobs run: processes or threads of this machine, or a Dask cluster, by joblib's names."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib._parallel_backends import LokyBackend

from hpsearch.errors import UsageError
from hpsearch.execution.belonging import belong_to, starting_processes
from hpsearch.execution.environment import worker_environment

__all__ = ["Answers", "Backend", "open_backend"]

_MAX_CORES = "LOKY_MAX_CPU_COUNT"
# What each worker answered, or what went wrong with it, by its address.
Answers: TypeAlias = Mapping[str, Any]


def _ask_nobody(_question: Callable[[], Any]) -> Answers:
    return {}


def _do_nothing(_: Any) -> None:
    pass


def _begin(coordinator: int, get_ready: Callable[[], object]) -> None:
    belong_to(coordinator)
    # What keeps a worker from it is told when it is to do its work. Raised here, it would end
    # all workers.
    with contextlib.suppress(Exception):
        get_ready()


@dataclass(frozen=True)
class Backend:
    """A joblib backend that is ready.

    Parameters
    ----------
    name : str
        joblib's name of it.
    n_cores : int
        Cores of this machine, or of the cluster's workers.
    options : callable
        Arguments for one `joblib.Parallel`.
    ask_workers : callable
        Have every worker call a function; what came of it by worker, exceptions included.
        Workers of this machine are not asked: they would answer as the coordinator does.
    cancel : callable
        Have a cluster drop all jobs in flight: their calls raise, their workers are told.
    starts_processes : bool
        Whether workers are processes that start when they are first called.
    """

    name: str
    n_cores: int
    options: Callable[[], Mapping[str, Any]]
    ask_workers: Callable[[Callable[[], Any]], Answers] = _ask_nobody
    cancel: Callable[[], None] = lambda: None
    starts_processes: bool = False
    _starting: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def is_cluster(self) -> bool:
        """Whether workers may be on other machines."""
        return self.ask_workers is not _ask_nobody

    def count_slots(self, threads: int) -> int:
        """How many jobs of so many threads the cores allow at a time; at least 1."""
        return max(1, self.n_cores // threads)

    def call(
        self, n_workers: int, function: Callable[[Any], Any], arguments: Sequence[Any]
    ) -> Iterator[Any]:
        """Have workers call `function` with each of `arguments`; results as they are ready.

        All must be taken: joblib ends all workers if it cannot hand out a result.
        """
        # joblib sets up its executor without a lock of its own.
        processes = starting_processes() if self.starts_processes else contextlib.nullcontext()
        with self._starting, processes:
            results: Iterator[Any] = Parallel(
                # One worker would run the job in the coordinator's own process.
                n_jobs=max(2, n_workers),
                return_as="generator_unordered",
                batch_size=1,
                **self.options(),
            )(delayed(function)(argument) for argument in arguments)
        return results

    def start(self, n_workers: int) -> None:
        """Have worker processes start and get ready, while the caller goes on."""
        if self.starts_processes:
            threading.Thread(
                target=self._wait, args=(n_workers,), name="starting workers", daemon=True
            ).start()

    def _wait(self, n_workers: int) -> None:
        with contextlib.suppress(Exception):  # a worker that dies now is missed by its first job
            list(self.call(n_workers, _do_nothing, range(n_workers)))


@contextlib.contextmanager
def open_backend(name: str, get_ready: Callable[[], object] = lambda: None) -> Iterator[Backend]:
    """Make a backend ready: connect to its cluster if it has one.

    Parameters
    ----------
    name : str
        ``loky``, ``threading``, ``dask``, or any that is registered with joblib.
    get_ready : callable
        What worker processes of this machine do first.

    Raises
    ------
    UsageError
        If joblib does not have it, or the cluster's address is not given.
    StoreError
        If the cluster cannot be reached or has no workers.
    """
    if name == "dask":
        try:
            from hpsearch.execution.cluster import (
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
        # joblib's own words name those that it has.
        raise UsageError(f"--backend {name}: {' '.join(str(error).split())}") from error
    if name == "loky":
        first = {"initializer": _begin, "initargs": (os.getpid(), get_ready)}
        yield Backend(
            name,
            _count_cores(),
            lambda: {"backend": _IgnorantLoky(), **first},
            starts_processes=True,
        )
        return
    yield Backend(name, _count_cores(), lambda: {"backend": name})


def _count_cores() -> int:
    """Cores that this process may use: by affinity, by cgroup, and by joblib's own variable."""
    try:
        return int(cpu_count())
    except ValueError as error:
        given = os.environ.get(_MAX_CORES)
        raise UsageError(f"{_MAX_CORES}: expected an integer, got {given!r}") from error


class _IgnorantLoky(LokyBackend):  # type: ignore[misc]
    """Worker processes that inherit of the environment only what they need."""

    def _prepare_worker_env(self, n_jobs: int) -> dict[str, str]:
        return {**super()._prepare_worker_env(n_jobs), **worker_environment()}
