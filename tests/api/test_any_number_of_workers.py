"""The lag rule on real workers: processes, threads and a Dask cluster, for all that is offered.

Each sampler and each pruner comes up here, in pairs; every combination of the two, in every
order of ends, does so in tests/engine/search/test_lag_rule.py, where trainings cost nothing.
"""

import importlib.util
from collections import defaultdict
from collections.abc import Callable
from itertools import cycle
from typing import Any

import pytest

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import fingerprint
from hpsearch.engine.scheduling import Event, ModelChosen
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.workspace import Workspace
from tests.engine.search.test_lag_rule import GRID, PRUNERS, SAMPLERS

# In an order that keeps loky's processes alive from one study to the next.
WORKERS = [("loky", 1), ("loky", 2), ("loky", 4), ("threading", 4), ("dask", 2)]
OFFERED = dict(SAMPLERS)
if importlib.util.find_spec("torch"):
    OFFERED["gp"] = {"name": "gp", "n_startup_trials": 3}
PAIRS = list(zip(cycle(OFFERED), PRUNERS, strict=False))
# Everything beyond the assignment's net at once.
TECHNIQUES = {
    "learning_rate": {"low": 0.01, "high": 0.1},
    "initial_gain": 1.0,
    "receptive_field_radius": {"choices": [0.0, 2.0]},
    "contrast_normalization": {"choices": ["global", "per_image"]},
    "n_components": {"low": 10, "high": 20},
    "whitening": {"low": 0.0, "high": 0.5},
    "horizontal_flip": 0.5,
    "max_shift": 1,
    "cutout_size": {"choices": [0, 2]},
    "mixup_alpha": 0.2,
    "label_smoothing": 0.1,
    "input_dropout": 0.05,
    "dropout": 0.2,
    "soft_threshold": 0.1,
    "optimizer": {"choices": ["nesterov", "adam"]},
    "schedule": "cosine",
    "warmup_epochs": 1,
    "averaging_epochs": 2,
}


def test_every_sampler_and_every_pruner_is_in_a_pair() -> None:
    assert {sampler for sampler, _ in PAIRS} == set(OFFERED)
    assert {pruner for _, pruner in PAIRS} == set(PRUNERS)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_neither_workers_nor_their_kind_change_the_result(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    fresh: Callable[[], Workspace],
) -> None:
    outcomes: dict[str, dict[Any, list[str]]] = defaultdict(lambda: defaultdict(list))
    n_pruned = 0
    data = fresh().data
    data.mkdir()
    for backend, n_jobs in WORKERS:
        for sampler, pruner in PAIRS:
            definition = define(
                trials=7,
                sampler=OFFERED[sampler],
                pruner=PRUNERS[pruner],
                space=GRID | {"epochs": 5}
                if sampler in ("grid", "ablation")
                else {"epochs": {"low": 4, "high": 6}},
            )
            workspace = fresh()
            workspace.data.symlink_to(data)  # prepared once
            events = conduct(definition, workspace=workspace, n_jobs=n_jobs, backend=backend)
            (net,) = [event.model for event in events if isinstance(event, ModelChosen)]
            records = recorded(workspace).records()
            n_pruned += sum(record.state == "PRUNED" for record in records)
            outcome = (fingerprint(records), net.sha256())
            outcomes[f"{sampler} {pruner}"][outcome].append(f"{backend} {n_jobs}")
    assert len(outcomes) == len(PAIRS)
    assert {pair: dict(found) for pair, found in outcomes.items() if len(found) > 1} == {}
    assert n_pruned


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_workers_do_not_change_the_result_of_any_technique(
    define: Callable[..., StudyDefinition],
    conduct: Callable[..., list[Event]],
    recorded: Callable[..., SearchStudy],
    fresh: Callable[[], Workspace],
) -> None:
    outcomes = set()
    for backend, n_jobs in WORKERS:
        trainer = {"basis": {"components": 20}}
        definition = define(trials=6, trainer=trainer, space=TECHNIQUES, pruner="median")
        workspace = fresh()
        events = conduct(definition, workspace=workspace, n_jobs=n_jobs, backend=backend)
        (net,) = [event.model for event in events if isinstance(event, ModelChosen)]
        records = recorded(workspace).records()
        assert {record.hyperparameters["optimizer"] for record in records} == {"nesterov", "adam"}
        outcomes.add((fingerprint(records), net.sha256()))
    assert len(outcomes) == 1
