"""Workers get of the environment what they need, and nothing that tells of a store."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from hpsearch.engine.execution import HelperProcess, open_backend
from hpsearch.engine.execution.child_processes import allowed

SECRETS = {
    "PGPASSWORD": "geheim",
    "MLFLOW_TRACKING_PASSWORD": "geheim",
    "HPSEARCH_STORAGE": "postgresql://geheim",
    "AWS_SECRET_ACCESS_KEY": "geheim",
    "A_TOKEN_THAT_NOBODY_HAS_THOUGHT_OF": "geheim",
}


def _read_environment(_: Any = None) -> tuple[dict[str, str], str]:
    """What Python sees, and what the system shows of the process."""
    try:
        return dict(os.environ), Path("/proc/self/environ").read_text(errors="replace")
    except OSError:
        return dict(os.environ), ""


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/caches")
    monkeypatch.setenv("HPSEARCH_DATA_DIR", "/data sets")


def _check(seen: dict[str, str], shown: str) -> None:
    assert seen["PATH"] == os.environ["PATH"]
    assert seen["NUMBA_CACHE_DIR"] == "/caches"
    assert seen["HPSEARCH_DATA_DIR"] == "/data sets"
    assert not SECRETS.keys() & seen.keys()
    assert "geheim" not in shown
    # Set when it starts.
    own = {"LOKY_WORKER_ID", "KMP_INIT_AT_FORK", "PYTHONWARNINGS"}
    assert {name for name in seen if not allowed(name)} <= own


def test_workers_inherit_no_address_and_no_password(secrets: None) -> None:
    with open_backend("loky") as backend:
        ((seen, shown),) = backend.call(2, _read_environment, [None])
    _check(seen, shown)


def test_the_helper_process_inherits_none_either(
    secrets: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    helper = HelperProcess()
    seen, shown = helper.run(_read_environment)
    helper.close()
    _check(seen, shown)
    assert seen["MPLBACKEND"] == "agg"


@pytest.mark.parametrize(
    "name", ["OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "LC_ALL", "HOME", "TMPDIR", "LOKY_PICKLER"]
)
def test_settings_that_training_depends_on_are_allowed(name: str) -> None:
    assert allowed(name)


@pytest.mark.parametrize(
    "name", ["PGHOST", "MLFLOW_TRACKING_URI", "HPSEARCH_STORAGE", "SSH_AUTH_SOCK"]
)
def test_addresses_are_not_allowed(name: str) -> None:
    assert not allowed(name)


def _fail_in_a_thread() -> None:
    def fail() -> None:
        raise KeyError("x")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


def test_a_thread_that_fails_in_a_worker_prints_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    helper = HelperProcess()
    helper.run(_fail_in_a_thread)
    helper.close()
    error = capfd.readouterr().err
    assert error.startswith("hpsearch: a background task failed: KeyError")
    assert error.count("\n") == 1
    Path(error.strip().partition("; the traceback is in ")[2]).unlink()
