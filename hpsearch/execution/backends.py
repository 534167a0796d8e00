"""Where jobs run: processes or threads of this machine, or a Dask cluster, by joblib's names."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from joblib import cpu_count, parallel_config
from joblib._parallel_backends import LokyBackend

from hpsearch.errors import UsageError
from hpsearch.execution.belonging import belong_to
from hpsearch.execution.credentials import blank_credentials

__all__ = ["Answers", "Backend", "open_backend"]

# What each worker answered, or what went wrong with it, by its address.
Answers: TypeAlias = Mapping[str, Any]


def _ask_nobody(_question: Callable[[], Any]) -> Answers:
    return {}


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
    """

    name: str
    n_cores: int
    options: Callable[[], Mapping[str, Any]]
    ask_workers: Callable[[Callable[[], Any]], Answers] = _ask_nobody
    cancel: Callable[[], None] = lambda: None

    @property
    def is_cluster(self) -> bool:
        """Whether workers may be on other machines."""
        return self.ask_workers is not _ask_nobody

    def count_slots(self, threads: int) -> int:
        """How many jobs of so many threads the cores allow at a time; at least 1."""
        return max(1, self.n_cores // threads)


@contextlib.contextmanager
def open_backend(name: str) -> Iterator[Backend]:
    """Make a backend ready: connect to its cluster if it has one.

    Parameters
    ----------
    name : str
        ``loky``, ``threading``, ``dask``, or any that is registered with joblib.

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
        first = {"initializer": belong_to, "initargs": (os.getpid(),)}
        yield Backend(name, int(cpu_count()), lambda: {"backend": _IgnorantLoky(), **first})
        return
    yield Backend(name, int(cpu_count()), lambda: {"backend": name})


class _IgnorantLoky(LokyBackend):  # type: ignore[misc]
    """Worker processes that do not inherit the stores' addresses and passwords."""

    def _prepare_worker_env(self, n_jobs: int) -> dict[str, str]:
        return {**super()._prepare_worker_env(n_jobs), **blank_credentials()}
