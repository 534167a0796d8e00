"""Law 1 on real workers: processes, threads and a Dask cluster, for all that is offered."""

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.coordinator import Event, NetChosen
from hpsearch.definition import StudyDefinition
from hpsearch.records import fingerprint
from hpsearch.search import SearchStudy
from hpsearch.workspace import Workspace
from tests.search.test_law_one import GRID, PRUNERS, SAMPLERS

WORKERS = [("loky", 1), ("loky", 2), ("loky", 4), ("threading", 4), ("dask", 2)]
NEEDS_TORCH = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="the gp sampler needs torch"
)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("sampler", [*SAMPLERS, pytest.param("gp", marks=NEEDS_TORCH)])
def test_neither_workers_nor_their_kind_change_the_result(
    sampler: str,
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    fresh: Callable[[], Workspace],
) -> None:
    for pruner, settings in PRUNERS.items():
        definition = define(
            trials=8,
            sampler=SAMPLERS.get(sampler, {"name": "gp", "n_startup_trials": 3}),
            pruner=settings,
            space=GRID if sampler == "grid" else {"epochs": {"low": 4, "high": 8}},
        )
        outcomes: dict[Any, list[str]] = {}
        for backend, n_jobs in WORKERS:
            workspace = fresh()
            events = conduct(definition, workspace=workspace, n_jobs=n_jobs, backend=backend)
            (net,) = [event.net for event in events if isinstance(event, NetChosen)]
            outcome = (fingerprint(recorded(workspace).records()), net.sha256())
            outcomes.setdefault(outcome, []).append(f"{pruner} {backend} {n_jobs}")
        assert len(outcomes) == 1, outcomes
