"""``hpsearch draw``: pictures of trials that were not drawn when they ran."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from hpsearch.cli import main
from hpsearch.engine.workspace import StudyFolder, Workspace

Program = Callable[..., tuple[int, str, str]]
CURVES, WEIGHTS, STEPS = "learning_curves.png", "weights.png", "iterations.csv"


@pytest.fixture
def folder(has_run: Path, workspace: Workspace) -> StudyFolder:
    return workspace.study("small")


def _find_undrawn(program: Program, folder: StudyFolder, *, is_kept: bool) -> int:
    """Find a complete trial that is not the best, whose model is kept or is not."""
    _, output, _ = program("trials", "small", "--json")
    trials: list[dict[str, Any]] = json.loads(output)["trials"]
    complete = [one["trial"] for one in trials if one["state"] == "COMPLETE"]
    undrawn = [n for n in complete if not (folder.trial(n) / CURVES).exists()]
    assert len(undrawn) == len(complete) - 1
    kept = {path.parent.name for path in folder.trials.glob("*/checkpoint*")}
    return next(n for n in undrawn if (folder.trial(n).name in kept) == is_kept)


def _list_artifacts(workspace: Workspace, number: int) -> set[str]:
    client = MlflowClient(f"sqlite:///{workspace.mlflow_db}")
    experiment = client.get_experiment_by_name("small")
    assert experiment
    (run,) = client.search_runs(
        [experiment.experiment_id], f"tags.`hpsearch.trial` = '{number}'", max_results=2
    )
    return {item.path for item in client.list_artifacts(run.info.run_id)}


def test_a_trial_whose_model_is_kept_is_drawn_in_full_and_shown_in_mlflow(
    program: Program, folder: StudyFolder, workspace: Workspace
) -> None:
    number = _find_undrawn(program, folder, is_kept=True)
    assert _list_artifacts(workspace, number) == set()
    code, output, error = program("draw", "small", number)
    assert code == 0, error
    assert output == f"trial {number}: {STEPS}, {CURVES}, {WEIGHTS} in {folder.trial(number)}\n"
    assert _list_artifacts(workspace, number) == {CURVES, WEIGHTS, STEPS}
    assert "0 repairs" in program("reconcile", "small")[1]


def test_a_trial_whose_model_is_gone_has_its_curves_until_it_is_trained_again(
    program: Program, folder: StudyFolder, workspace: Workspace
) -> None:
    number = _find_undrawn(program, folder, is_kept=False)
    code, output, _ = program("draw", "small", number)
    assert code == 0
    first, advice = output.splitlines()
    assert first == f"trial {number}: {STEPS}, {CURVES} in {folder.trial(number)}"
    command = f"hpsearch replay small {number}"
    assert advice.strip() == f"its model is not kept: {command} trains it again"
    assert _list_artifacts(workspace, number) == {CURVES, STEPS}

    assert program("replay", "small", number)[0] == 0
    assert program("draw", "small", number)[1].count("\n") == 1
    assert _list_artifacts(workspace, number) == {CURVES, WEIGHTS, STEPS}


@pytest.mark.parametrize("number", ["6", "-1"])
def test_a_number_of_no_trial_is_one_line(
    has_run: Path, workspace: Workspace, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["draw", "--workspace", str(workspace.root), "--", "small", "0", number])
    assert code == 2
    assert capsys.readouterr().err == (
        f"hpsearch: small: expected numbers of trials with at least one epoch, got {number}\n"
    )
