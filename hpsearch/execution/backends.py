"""Where jobs run: processes or threads of this machine, or a Dask cluster, by joblib's names."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from joblib import cpu_count, parallel_config

from hpsearch.errors import UsageError

__all__ = ["Backend", "ignore_interrupts", "open_backend"]


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
    """

    name: str
    n_cores: int
    options: Callable[[], Mapping[str, Any]]

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
            from hpsearch.execution.cluster import ClusterBackend, open_cluster
        except ImportError as error:
            raise UsageError(
                "--backend dask: needs the package distributed: pip install 'hpsearch[dask]'"
            ) from error
        with open_cluster() as client:
            n_cores = sum(client.nthreads().values())
            yield Backend(name, n_cores, lambda: {"backend": ClusterBackend(client=client)})
        return
    try:
        with parallel_config(backend=name):
            pass
    except (ValueError, ImportError) as error:
        # joblib's own words name those that it has.
        raise UsageError(f"--backend {name}: {' '.join(str(error).split())}") from error
    options: dict[str, Any] = {"backend": name}
    if name == "loky":
        # A terminal sends Ctrl-C to the workers too; the coordinator alone answers it.
        options["initializer"] = ignore_interrupts
    yield Backend(name, int(cpu_count()), lambda: options)


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the coordinator: the first thing that a process of ours does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
