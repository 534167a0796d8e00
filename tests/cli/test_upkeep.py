"""`hpsearch copy`, `clean`, `delete` and `doctor`, and a back-up that is restored."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from hpsearch.engine.records import Confirmation, State
from hpsearch.engine.search import load_study, note_confirmation, open_storage
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.errors import StoreError
from hpsearch.foundations.files import holding_file

Program = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(program: Program, study_file: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Run the small study without MLflow, which has tests of its own."""
    from tests.api.conftest import DisabledPublisher

    monkeypatch.setattr("hpsearch.api.run.MlflowPublisher", DisabledPublisher)

    def call(*arguments: Any, root: Path | None = None) -> tuple[int, str, str]:
        return program("run", study_file, "--backend", "threading", *arguments, root=root)

    return lambda *arguments, root=None: call(*arguments, root=root)


def _status(program: Program, *arguments: Any, root: Path | None = None) -> dict[str, Any]:
    code, output, error = program("status", "small", "--json", *arguments, root=root)
    assert code == 0, error
    status: dict[str, Any] = json.loads(output)
    return status


def _tree(root: Path) -> dict[str, int]:
    return {str(path): path.stat().st_size for path in root.rglob("*")}


def test_a_copied_study_continues_as_if_it_had_begun_there(
    program: Program, run: Program, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    assert run("--trials", 3)[0] == 0
    code, output, error = program("copy", "small", "--to-storage", url)
    assert code == 0, error
    assert "3 trials copied" in output
    copied = _status(program, "--storage", url)
    assert copied["fingerprint"] == _status(program)["fingerprint"]
    assert copied["mlflow"] is None
    assert run("--storage", url)[0] == 0
    (tmp_path / "alone").mkdir()
    assert run(root=tmp_path / "alone")[0] == 0
    there, alone = _status(program, "--storage", url), _status(program, root=tmp_path / "alone")
    assert there["complete"]
    assert there["fingerprint"] == alone["fingerprint"]
    assert there["best"]["net_sha256"] == alone["best"]["net_sha256"]


def test_a_study_is_not_copied_over_another(program: Program, run: Program, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    run("--trials", 2)
    assert program("copy", "small", "--to-storage", url)[0] == 0
    code, _, error = program("copy", "small", "--to-storage", url)
    assert code == 5
    assert "is there already" in error


def test_an_incomplete_copy_is_repeated(
    program: Program, run: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    url = f"sqlite:///{tmp_path}/other.db"
    run("--trials", 3)

    def die(self: Any, trials: Any) -> None:
        self.add_trial(trials[0])
        raise StoreError("the power failed")

    with monkeypatch.context() as failing:
        failing.setattr(optuna.Study, "add_trials", die)
        assert program("copy", "small", "--to-storage", url)[0] == 4
    assert program("status", "small", "--storage", url)[0] == 2
    assert program("copy", "small", "--to-storage", url)[0] == 0
    assert _status(program, "--storage", url)["fingerprint"] == _status(program)["fingerprint"]


def test_cleaning_removes_only_what_is_not_needed(
    program: Program, run: Program, workspace: Workspace, tmp_path: Path
) -> None:
    run()
    folder = workspace.study("small")
    search = load_study("small", open_storage(None, folder.journal))
    note_confirmation(search, Confirmation(0, 1, State.COMPLETE, 0.5, "net", 1.0, None))
    (checkpoint,) = {path.name for path in folder.trials.glob("*/checkpoint*")}
    for trial in folder.trials.iterdir():
        if not (trial / checkpoint).exists():  # as after `hpsearch replay`
            (trial / checkpoint).write_bytes(b"weights")
    before = _status(program)
    confirmation = folder.confirmation(0, 1) / checkpoint
    confirmation.parent.mkdir()
    confirmation.touch()  # killed after the record
    staged = folder.root / f".x.{'0' * 32}"
    staged.write_bytes(b"x" * 1000)
    (used,) = workspace.data.glob("digits-*")
    unused = workspace.data / "digits-unused"
    shutil.copytree(used, unused)
    manifest = json.loads((unused / "manifest.json").read_text())
    from hpsearch.datasets.prepared import seal

    manifest.pop("manifest_sha256")
    (unused / "manifest.json").write_text(json.dumps(seal(manifest | {"checksum": "0" * 64})))
    outdated, newer = workspace.data / "digits-outdated", workspace.data / "digits-newer"
    for path, version in ((outdated, 1), (newer, 1_000)):
        path.mkdir()
        (path / "manifest.json").write_text(json.dumps(seal(manifest | {"format": version})))
    (workspace.data / "downloads").mkdir()

    elsewhere = used.rename(tmp_path / used.name)
    assert "outdated" not in program("clean", "--dry-run")[1]  # not prepared again yet
    elsewhere.rename(used)
    tree = _tree(workspace.root)
    code, output, error = program("clean", "--dry-run")
    assert code == 0, error
    assert "outdated" in output
    assert "would be removed" in output
    assert _tree(workspace.root) == tree

    code, output, error = program("clean")
    assert code == 0, error
    assert "kB freed" in output or "MB freed" in output
    assert not staged.exists()
    assert not confirmation.exists()
    assert not unused.exists()
    assert not outdated.exists()
    assert newer.exists()
    assert not (workspace.data / "downloads").exists()
    assert used.exists()
    kept = {int(path.parent.name) for path in folder.trials.glob(f"*/{checkpoint}")}
    assert len(kept) == 3
    assert before["best"]["number"] in kept
    after = _status(program)
    assert after.pop("disk")["total"] < before.pop("disk")["total"]
    assert after == before
    assert program("best", "small", "--out", tmp_path / "out")[0] == 0


def test_cleaning_leaves_a_running_study_and_its_data_alone(
    program: Program, run: Program, workspace: Workspace
) -> None:
    run("--trials", 2)
    shutil.copytree(next(workspace.data.glob("digits-*")), workspace.data / "digits-other")
    with holding_file(workspace.study("small").root / "lock"):
        tree = _tree(workspace.root)
        code, output, _ = program("clean")
        assert code == 0
        assert "kept" in output
        assert "is being run by" in output
        assert _tree(workspace.root) == tree


def test_a_workspace_restored_from_a_back_up_continues(
    program: Program, run: Program, workspace: Workspace, tmp_path: Path
) -> None:
    """docs/operations.md: the study's folder is all of it; data is prepared again."""
    assert run("--trials", 3)[0] == 0
    archive = tmp_path / "small.tar"
    pack = ["tar", "-C", workspace.root, "-cf", archive, "studies/small"]
    subprocess.run(pack, check=True)
    new = tmp_path / "restored"
    new.mkdir()
    subprocess.run(["tar", "-C", new, "-xf", archive], check=True)
    assert _status(program, root=new)["fingerprint"] == _status(program)["fingerprint"]
    looks = _status(program)["test"]["looks"]
    assert _status(program, root=new)["test"]["looks"] == looks
    assert run(root=new)[0] == 0
    assert run()[0] == 0
    assert _status(program, root=new)["fingerprint"] == _status(program)["fingerprint"]


def test_a_deleted_study_is_gone_and_its_test_evaluation_still_counts(
    program: Program, has_run: Path, workspace: Workspace
) -> None:
    other = workspace.study("other")
    other.create()
    ledger = other.test_ledger.read_text()
    code, output, error = program("delete", "small", "--yes")
    assert code == 0, error
    assert "deleted, with 6 trials and 7 runs in MLflow" in output
    assert not workspace.study("small").root.exists()
    assert other.root.exists()
    assert other.test_ledger.read_text() == ledger
    assert program("status", "small")[0] == 2
    client = MlflowClient(f"sqlite:///{workspace.mlflow_db}")
    experiment = client.get_experiment_by_name("small")
    assert experiment.lifecycle_stage == "deleted"
    assert program("run", has_run, "--backend", "threading", "--quiet")[0] == 0
    assert _status(program)["complete"]
    assert other.test_ledger.read_text() == ledger  # the same model: not evaluated again


def test_runs_of_another_program_in_the_experiment_are_not_deleted(
    program: Program, has_run: Path, workspace: Workspace
) -> None:
    client = MlflowClient(f"sqlite:///{workspace.mlflow_db}")
    experiment = client.get_experiment_by_name("small")
    foreign = client.create_run(experiment.experiment_id, run_name="baseline")
    assert program("delete", "small", "--yes")[0] == 0
    assert client.get_experiment(experiment.experiment_id).lifecycle_stage == "active"
    assert client.get_run(foreign.info.run_id).info.lifecycle_stage == "active"


def test_a_study_is_not_deleted_unasked_nor_while_it_is_run(
    program: Program, has_run: Path, workspace: Workspace
) -> None:
    tree = _tree(workspace.root)
    code, _, error = program("delete", "small")
    assert code == 2
    assert "expected --yes" in error
    with holding_file(workspace.study("small").root / "lock"):
        code, _, error = program("delete", "small", "--yes")
    assert code == 5
    assert "is being run by" in error
    assert _tree(workspace.root) == tree


def test_nothing_is_deleted_if_mlflow_cannot_be_reached(
    program: Program, has_run: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = _status(program)
    arguments = ("--yes", "--tracking-uri", "http://127.0.0.1:1")
    code, _, error = program("delete", "small", *arguments)
    assert code == 4
    assert "127.0.0.1:1" in error
    assert _status(program) == before


def test_a_study_is_deleted_from_a_database(program: Program, run: Program, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    assert run("--trials", 2, "--storage", url)[0] == 0
    assert program("delete", "small", "--yes", "--storage", url)[0] == 0
    assert program("status", "small", "--storage", url)[0] == 2
    assert run("--trials", 2, "--storage", url)[0] == 0


def test_the_doctor_finds_no_problem_and_leaves_nothing_behind(
    program: Program, study_file: Path, workspace: Workspace
) -> None:
    tree = _tree(workspace.root)
    code, output, error = program("doctor", study_file)
    assert code == 0, error
    for topic in ("versions", "blas", "cores", "disk", "data", "storage", "mlflow"):
        assert sum(line[3:].startswith(topic) for line in output.splitlines()) == 1
    assert "x  " not in output
    assert _tree(workspace.root) == tree


@pytest.mark.parametrize(
    ("arguments", "expected", "words"),
    [
        (["--backend", "lokky"], 2, ["lokky"]),
        (["--backend", "dask"], 2, ["DASK_SCHEDULER_ADDRESS"]),
        (["--storage", "nonsense"], 2, ["expected an SQLAlchemy URL"]),
        (
            ["--storage", "postgresql+psycopg://user:secret@127.0.0.1:1/x"],
            4,
            ["x  storage", "PGPASSWORD"],
        ),
        (["--tracking-uri", "http://user:secret@127.0.0.1:1"], 4, ["x  mlflow", "***"]),
        (["--jobs", "1000"], 0, ["!  cores", "--jobs"]),
        (["--devices", "cpu,mps"], 0, ["ok cpu", "ok mps", "--devices cpu,mps"]),
    ],
)
def test_the_doctor_says_what_is_wrong_and_what_to_do(
    arguments: list[str],
    expected: int,
    words: list[str],
    program: Program,
    study_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, output, error = program("doctor", study_file, *arguments)
    assert code == expected
    for word in words:
        assert word in output
    assert "secret" not in output + error


def test_the_doctor_reports_missing_data_with_exit_code_3(program: Program, tmp_path: Path) -> None:
    code, output, _ = program("doctor", "cifar10", "--data-dir", tmp_path)
    assert code == 3
    assert "x  data" in output


def test_the_doctor_detects_a_full_disk(
    program: Program, study_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil._ntuple_diskusage(10**9, 10**9, 10**5)
    monkeypatch.setattr("hpsearch.api.doctor.machine.shutil.disk_usage", lambda _: full)
    code, output, _ = program("doctor", study_file)
    assert code == 4
    assert "100 kB free" in output
