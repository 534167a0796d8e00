import os
import sys
import threading
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from hpsearch.engine.execution import Backend, open_backend
from hpsearch.foundations.errors import StoreError, UsageError
from tests.processes import die_once, list_modules


@pytest.mark.parametrize("name", ["loky", "threading", "sequential"])
def test_joblibs_backends_are_known(name: str) -> None:
    with open_backend(name) as backend:
        assert backend.name == name
        assert backend.n_cores >= 1


def test_an_unknown_backend_is_reported_with_the_known_ones() -> None:
    with (
        pytest.raises(UsageError, match=r"--backend lokky: .*'loky'") as caught,
        open_backend("lokky"),
    ):
        raise AssertionError("it opened")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("n_cores", "threads", "n_slots"), [(8, 1, 8), (8, 3, 2), (2, 4, 1)])
def test_slots_share_out_the_cores(n_cores: int, threads: int, n_slots: int) -> None:
    assert Backend("any", n_cores, dict).count_slots(threads) == n_slots


@pytest.mark.parametrize(("name", "gets_ready"), [("loky", True), ("threading", False)])
def test_worker_processes_warm_up_in_the_background(name: str, gets_ready: bool) -> None:
    module = "this"  # a poem, which no one else imports
    with open_backend(name, partial(import_module, module)) as backend:
        backend.start(2)
        found = backend.call(2, list_modules, range(2))
        assert any(module in modules for modules in list(found)) == gets_ready
    assert module not in sys.modules


def _get_pid(_: object) -> int:
    return os.getpid()


def test_workers_stay_when_the_environment_of_the_coordinator_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """MLflow's settings come and go in it during a study; new workers import everything again."""
    with open_backend("loky") as backend:
        before = set(backend.call(2, _get_pid, range(8)))
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        after = set(backend.call(2, _get_pid, range(8)))
    assert len(before | after) <= 2


def test_a_failed_warm_up_does_not_end_the_workers() -> None:
    """Raised, it would end all workers."""
    with open_backend("loky", partial(import_module, "nothing.of.this.name")) as backend:
        assert len(list(backend.call(2, list_modules, [0]))) == 1


@pytest.mark.filterwarnings("error")
def test_workers_that_die_while_warming_up_are_replaced(tmp_path: Path) -> None:
    marker = tmp_path / "died"
    with open_backend("loky", partial(die_once, marker)) as backend:
        backend.start(2)
        for thread in threading.enumerate():
            if thread.name == "starting workers":
                thread.join()
        assert marker.exists()
        assert len(list(backend.call(2, list_modules, [0]))) == 1


def test_a_cluster_needs_an_address() -> None:
    with (
        pytest.raises(UsageError, match="expected the scheduler's address"),
        open_backend("dask"),
    ):
        raise AssertionError("it opened")


def test_a_scheduler_that_does_not_answer_is_reported_with_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import dask

    monkeypatch.setattr("hpsearch.engine.execution.cluster._CONNECT_TIMEOUT_S", 1)
    with (
        dask.config.set({"scheduler-address": "tcp://127.0.0.1:1"}),
        pytest.raises(StoreError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1"),
        open_backend("dask"),
    ):
        raise AssertionError("it opened")
