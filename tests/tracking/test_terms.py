"""What of the record becomes a parameter, a tag or a point; how MLflow takes it: test_mirror.py."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import Retry, State
from hpsearch.tracking.terms import STATUS, TRIAL_TAGS, best_so_far, study_params, trial_tags
from tests.engine.models.conftest import OWN_TRAINER

Make = Callable[..., Any]


def test_every_state_has_a_status() -> None:
    assert set(STATUS) == set(State)


def test_parameters_are_what_is_searched_and_never_what_may_change_later(
    define: Callable[..., StudyDefinition],
) -> None:
    params = study_params(define(trials=7))
    searched = {name for name in params if not name.startswith(("data.", "trainer"))}
    assert searched == {"sampler", "pruner", "lag", *define().search.space.searched()}
    assert params == study_params(define(trials=70))
    assert params["epochs"] == "3 to 6"


def test_parameters_describe_the_trainer_and_its_settings(
    define: Callable[..., StudyDefinition],
) -> None:
    path = "hpsearch.trainers.two_layer_net:TwoLayerNetTrainer"
    params = study_params(define())
    assert (params["trainer"], params["trainer.basis"]) == (path, "pixels")
    assert "data.shuffle_seed" not in params
    data = {"source": "digits", "train": 600, "validation": 150}
    trainer = {"basis": {"frequencies": 9}}
    params = study_params(define(data=data | {"shuffle_seed": 0}, trainer=trainer))
    assert (params["trainer.basis"], params["data.shuffle_seed"]) == ("frequencies 9", 0)


def test_the_folder_of_a_trainer_may_change_and_is_no_parameter(
    define: Callable[..., StudyDefinition], tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("here", "there")]
    for folder in folders:
        folder.mkdir()
        shutil.copy(OWN_TRAINER, folder)
    trainer = {"class": "own_trainer:NearestMean"}
    here, there = (
        study_params(define(trainer={**trainer, "folder": str(folder)})) for folder in folders
    )
    assert here == there
    assert here["trainer"] == "own_trainer:NearestMean"


def test_tags_that_do_not_apply_are_left_out(make_view: Make) -> None:
    assert trial_tags(make_view(0, State.RUNNING).record) == {"state": "RUNNING"}


def test_all_tags_of_a_trial_are_known_by_name(make_view: Make) -> None:
    """By them alone a run that nobody wrote to is told from others."""
    given = [
        trial_tags(
            make_view(
                0,
                state,
                diverged=True,
                reason="broken",
                ended_by_machine=True,
                retries=(Retry("broken", False, ()),),
            ).record
        )
        for state in State
    ]
    assert {name for tags in given for name in tags} == TRIAL_TAGS


def test_a_trials_versions_are_those_of_its_worker(make_view: Make) -> None:
    """They replace the coordinator's, which all runs get."""
    record = make_view(0, State.RUNNING, versions={"numba": "0.63.1", "blas": ""}).record
    assert trial_tags(record) == {"state": "RUNNING", "version.numba": "0.63.1"}


def test_the_best_so_far_ends_at_the_first_trial_that_has_not_ended(make_view: Make) -> None:
    states = [State.COMPLETE, State.FAILED, State.RUNNING, State.COMPLETE]
    points = best_so_far([make_view(number, state).record for number, state in enumerate(states)])
    assert [(step, value) for _, value, _, step in points] == [(0, 0.6), (1, 0.6)]
