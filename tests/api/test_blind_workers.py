"""Workers of machines that share no folder with the coordinator, in processes that really do not.

``/proc/self/cwd`` is another folder in every process that stands elsewhere: under that path
coordinator and workers see different files, as on different machines.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hpsearch.datasets import TEST_FILE
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.execution import FileLease
from hpsearch.engine.records import State, fingerprint
from hpsearch.engine.scheduling import (
    Event,
    ModelChosen,
    TrialReleased,
    TrialStarted,
    WinnerJudged,
    WorkersSurveyed,
)
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.trial_files import CHECKPOINT_FILE
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import DamagedDataError, StoreError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(200),
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs Linux"),
]
Conduct = Callable[..., list[Event]]
Define = Callable[..., StudyDefinition]
Recorded = Callable[..., SearchStudy]
HERE = Workspace(Path("/proc/self/cwd/workspace"))


@pytest.fixture
def blind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two Dask workers that stand in another folder; theirs."""
    from distributed import Client, LocalCluster

    for name in ("coordinator/workspace", "worker", "cache"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "worker")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=True),
    ):
        monkeypatch.chdir(tmp_path / "coordinator")
        yield tmp_path / "worker"


def _survey(events: list[Event]) -> Any:
    (event,) = [event for event in events if isinstance(event, WorkersSurveyed)]
    return event.survey


def test_blind_workers_are_reported_and_change_no_result(
    blind: Path, define: Define, conduct: Conduct, fresh: Callable[[], Workspace], tmp_path: Path
) -> None:
    definition = define(
        pruner={"name": "median", "n_startup_trials": 2},
        confirm={"top": 2},
        space={"contrast_normalization": "per_image", "horizontal_flip": 0.1},
    )
    events = conduct(definition, workspace=HERE, backend="dask")
    survey = _survey(events)
    assert survey.n_workers == 2
    assert len(survey.blind_hosts) == 1
    assert not survey.differences
    alone = conduct(definition, workspace=fresh())
    assert fingerprint(events[-1].records) == fingerprint(alone[-1].records)
    nets = {e.model.sha256() for e in (*events, *alone) if isinstance(e, ModelChosen)}
    assert len(nets) == 1
    verdicts = [e.verdict for e in (*events, *alone) if isinstance(e, WinnerJudged)]
    assert verdicts[0] == verdicts[1]  # so the predictions have come along
    assert [len(one.val_scores) for one in verdicts[0].confirmed] == [2, 2]

    # The workers' machine: nothing in the study's place, one copy of the data, no test split.
    assert list(blind.iterdir()) == []
    copies = [path for path in (tmp_path / "cache" / "hpsearch").iterdir() if path.is_dir()]
    assert len(copies) == 1
    assert not (copies[0] / TEST_FILE).exists()


def test_workers_that_share_the_folder_are_not_called_blind(
    cluster: Any, define: Define, conduct: Conduct
) -> None:
    survey = _survey(conduct(define(trials=2), backend="dask"))
    assert survey.n_workers == 2
    assert survey.blind_hosts == ()


def test_a_stop_does_not_wait_for_blind_workers_and_they_stop_too(
    blind: Path, define: Define, conduct: Conduct
) -> None:
    slow = define(trials=2, space={"epochs": {"low": 30000, "high": 40000}})
    began: list[float] = []

    def stop(event: Event) -> bool:
        if isinstance(event, TrialStarted) and event.job.number == 1:
            time.sleep(2.0)  # until both have begun
            began.append(time.monotonic())
            return True
        return False

    events = conduct(slow, workspace=HERE, backend="dask", stop_at=stop)
    assert {event.number for event in events if isinstance(event, TrialReleased)} == {0, 1}
    assert {record.state for record in events[-1].records} == {State.WAITING}
    assert _become_idle(20)


def _become_idle(patience_s: float) -> bool:
    """Whether no worker computes any more before the time is up."""
    from distributed import default_client

    def count_running(dask_worker: Any) -> int:
        return sum(t.state in ("executing", "cancelled") for t in dask_worker.state.tasks.values())

    gives_up_at = time.monotonic() + patience_s
    while time.monotonic() < gives_up_at:
        if not any(default_client().run(count_running).values()):
            return True
        time.sleep(0.2)
    return False


def test_a_blind_trial_whose_worker_dies_starts_again(
    blind: Path, define: Define, conduct: Conduct, fresh: Callable[[], Workspace]
) -> None:
    definition = define(trials=3, space={"epochs": {"low": 200, "high": 300}})
    killed: list[int] = []

    def kill(event: Event) -> bool:
        if isinstance(event, TrialStarted) and event.job.number == 1 and not killed:
            time.sleep(0.5)
            for one in psutil.Process().children(recursive=True):
                if "spawn_main" in " ".join(one.cmdline()) and not killed:
                    one.kill()
                    killed.append(one.pid)
        return False

    events = conduct(definition, workspace=HERE, backend="dask", stop_at=kill)
    assert killed
    alone = conduct(definition, workspace=fresh())
    assert fingerprint(events[-1].records) == fingerprint(alone[-1].records)
    best = max(events[-1].records, key=lambda record: (record.value, -record.number))
    assert (HERE.study("small").trial(best.number) / CHECKPOINT_FILE).exists()


def test_a_worker_with_other_data_refuses(blind: Path, define: Define, conduct: Conduct) -> None:
    conduct(define(trials=1), workspace=HERE, backend="threading")
    (ours,) = HERE.data.glob("digits-*")
    theirs = blind / "workspace" / "data" / ours.name
    theirs.mkdir(parents=True)
    other = conduct(
        define(name="other", trials=1, data={"source": "digits", "train": 500, "validation": 150}),
        workspace=HERE,
        backend="threading",
    )
    assert other
    (another,) = [path for path in HERE.data.glob("digits-*") if path.name != ours.name]
    for path in another.iterdir():
        (theirs / path.name).write_bytes(path.read_bytes())
    with pytest.raises(DamagedDataError, match=r"2 of 2 workers cannot work: .*holds other data"):
        conduct(define(trials=2), workspace=HERE, backend="dask")
    with pytest.raises(DamagedDataError, match="holds other data"):
        conduct(define(trials=2), workspace=HERE, backend="dask")


def test_a_worker_with_a_copy_of_the_workspace_is_no_part_of_the_study(
    blind: Path, define: Define, conduct: Conduct, fresh: Callable[[], Workspace]
) -> None:
    """Its lease is another's: the worker must neither obey it nor write beside it."""
    folder = HERE.study("small")
    copy = blind / "workspace" / "studies" / "small"
    copy.mkdir(parents=True)
    FileLease(copy / folder.lease.name, "another", os.getpid(), "elsewhere").grant()
    events = conduct(define(trials=3), workspace=HERE, backend="dask")
    assert len(_survey(events).blind_hosts) == 1
    alone = conduct(define(trials=3), workspace=fresh())
    assert fingerprint(events[-1].records) == fingerprint(alone[-1].records)
    assert [path.name for path in copy.iterdir()] == [folder.lease.name]


def test_a_lease_that_another_coordinator_holds_ends_the_study_at_once(
    define: Define, conduct: Conduct, workspace: Workspace
) -> None:
    """Given back and started again for ever otherwise."""

    def take_over(event: Event) -> bool:
        if isinstance(event, TrialStarted):
            FileLease(workspace.study("small").lease, "another", 1, "elsewhere").grant()
        return False

    with pytest.raises(StoreError, match="another coordinator's"):
        conduct(define(), stop_at=take_over)
