from pathlib import Path

import pytest

from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import StoreError


def test_things_are_kept_where_the_documentation_says(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    study = workspace.study("cifar10")
    names = {
        "mlflow.db": workspace.mlflow_db,
        "mlartifacts": workspace.mlflow_artifacts,
        "data": workspace.data,
        "trainer_checks": workspace.trainer_checks,
        "studies/cifar10/optuna.journal": study.journal,
        "studies/cifar10/trials/0007": study.trial(7),
        "studies/cifar10/trials/12345": study.trial(12345),
        "test_evaluations.jsonl": study.test_ledger,
    }
    assert {name: str(path.relative_to(tmp_path)) for name, path in names.items()} == {
        name: name for name in names
    }


def test_looking_at_a_workspace_makes_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    assert workspace.study_names() == []
    assert workspace.study("small").trial(0).name == "0000"
    assert not workspace.root.exists()


def test_studies_are_known_by_their_folders(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for name in ("b", "a", "a"):
        workspace.study(name).create()
    (tmp_path / "studies" / "note.txt").touch()
    assert workspace.study_names() == ["a", "b"]


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="give another with --workspace"):
        Workspace(tmp_path / "file").study("small").create()
