"""Every mistake gets one line on standard error and its exit code, never a traceback."""

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hpsearch
from hpsearch.cli import main
from hpsearch.engine.search import load_study, open_storage
from hpsearch.engine.training.trial_failures import read_versions
from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.files import holding_file
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer
from tests.cli.lines import assert_one_line

Program = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere"], ["nowhere: expected the name of a study", "quickstart"]),
        (["run", "quikstart"], ["did you mean 'quickstart'?"]),
        (["run", "no/such.toml"], ["found no such file"]),
        (["run", "quickstart", "--trials", "0"], ["--trials"]),
        (["run", "quickstart", "--jobs", "x"], ["--jobs"]),
        (["run", "quickstart", "--storage", "nonsense"], ["expected an SQLAlchemy URL"]),
        (["run", "assignment_grid", "--trials", "99"], ["at most 15, the cells of the grid"]),
        (["run", "quickstart", "--backend", "lokky"], ["lokky", "loky"]),
        (["status", "quickstart"], ["expected a study that has run in", "there are none yet"]),
        (["best", "quickstart", "--out", "x"], ["expected a study that has run in"]),
        (["stauts", "quickstart"], ["stauts", "'status'"]),
        (["run", "cifar1"], ["did you mean 'cifar10'?"]),
        (["run", "quickstart", "--job", "2"], ["--job", "--jobs"]),
        (["status", "quickstart", "--json", "--watch"], ["--json, --watch: expected one"]),
        (["best", "quickstart"], ["--out"]),
        (["ui"], ["expected a workspace in which a study has run"]),
    ],
)
def test_a_wrong_command_exits_with_2(
    arguments: list[str], words: list[str], program: Program, workspace: Workspace
) -> None:
    workspace.mlflow_db.unlink()
    code, _, error = program(*arguments)
    assert code == 2
    assert_one_line(error, *words)


def test_the_program_exits_without_a_final_garbage_collection() -> None:
    """Half a second, after a study."""
    program = (
        "import atexit, gc; from hpsearch.cli import main\n"
        "atexit.register(lambda: print('frozen', gc.get_freeze_count() > 10_000))\n"
        "main(['schema'])\n"
        "atexit.register(lambda: print('before', gc.get_freeze_count()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-2:] == ["before 0", "frozen True"], done.stderr


def test_missing_data_exits_with_3(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    code, _, error = program("run", "cifar10", "--data-dir", tmp_path)
    assert code == 3
    assert_one_line(error, "HPSEARCH_DATA_DIR", "quickstart")


def test_a_damaged_batch_exits_with_3(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(b"damaged")
    code, _, error = program("run", "cifar10", "--data-dir", tmp_path)
    assert code == 3
    assert_one_line(error, "data_batch_1", "c99cafc152244af753f735de768cd75f")


def test_an_unreachable_store_exits_with_4(program: Program, study_file: Path) -> None:
    url = "postgresql+psycopg://user:secret@127.0.0.1:1/x"
    code, _, error = program("run", study_file, "--storage", url)
    assert code == 4
    assert_one_line(error, "cannot be reached")
    assert "secret" not in error


def test_a_workspace_that_cannot_be_written_exits_with_4(
    study_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["run", str(study_file), "--workspace", str(tmp_path / "file" / "w")]) == 4
    assert_one_line(capsys.readouterr().err, "cannot be written", "--workspace")


def test_a_changed_definition_exits_with_5(program: Program, has_run: Path) -> None:
    has_run.write_text(has_run.read_text().replace("reg = 1e-3", "reg = 2e-3"))
    code, _, error = program("run", has_run)
    assert code == 5
    assert_one_line(error, "search.space.reg: 0.001 -> 0.002")


def test_status_has_all_that_programs_rely_on(program: Program, has_run: Path) -> None:
    code, output, _ = program("status", has_run, "--json")
    assert code == 0
    status = json.loads(output)
    assert status.keys() >= {
        *("study", "complete", "trials", "best", "fingerprint", "test", "mlflow", "cost")
    }
    assert status["study"] == "small"
    assert status["complete"] is True
    assert status["trials"].keys() == {
        *("total", "complete", "pruned", "failed", "running", "waiting", "interrupted")
    }
    assert status["best"].keys() == {"number", "value", "params", "net_sha256"}
    assert len(status["fingerprint"]) == 64
    (look,) = status["test"]["looks"]
    assert {"net_sha256", "n", "accuracy"} <= look.keys()
    assert look["low"] < look["accuracy"] < look["high"]
    assert look["net_sha256"] == status["best"]["net_sha256"]
    assert look["n"] == 100
    assert status["mlflow"].keys() == {"experiment_id", "run_id"}
    assert status["state"] == "complete"
    assert datetime.fromisoformat(status["changed_at"]) <= datetime.now()
    assert status["cost"].keys() >= {"training", "pruned", "overhead"}


def test_status_reads_well(program: Program, has_run: Path) -> None:
    code, output, _ = program("status", has_run)
    assert code == 0
    assert "small (complete)" in output
    assert "val_accuracy" in output
    assert "% of the workers' time" in output
    assert "in 3 checkpoints" in output


def test_a_hash_is_shown_whole_however_narrow_the_terminal(
    program: Program, has_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = json.loads(program("status", has_run, "--json")[1])["fingerprint"]
    monkeypatch.setenv("COLUMNS", "50")
    output = program("status", has_run)[1]
    assert fingerprint in "".join(line.strip() for line in output.splitlines())


def test_a_study_is_known_by_its_name_when_its_file_is_gone(
    program: Program, has_run: Path
) -> None:
    has_run.unlink()
    assert program("status", "small", "--json")[0] == 0


def test_a_complete_study_run_again_says_so(program: Program, has_run: Path) -> None:
    code, output, _ = program("run", has_run, "--backend", "threading")
    assert code == 0
    assert "6 of 6 trials done" in output
    assert "(from the record)" in output


def test_best_writes_a_net_that_loads(program: Program, has_run: Path, tmp_path: Path) -> None:
    code, output, _ = program("best", has_run, "--out", tmp_path / "out")
    assert code == 0
    assert "net.safetensors" in output
    net = hpsearch.load_net(tmp_path / "out")
    assert net.predict(np.zeros((2, 8, 8, 1), np.uint8)).shape == (2,)


def test_the_best_nets_trial_can_be_replayed(program: Program, has_run: Path) -> None:
    for arguments in ((), (1,), (5,)):
        code, output, error = program("replay", has_run, *arguments)
        assert code == 0, error
        assert "equal: " in output


def test_a_differing_replay_reports_the_change_and_the_differing_versions(
    program: Program, has_run: Path, workspace: Workspace
) -> None:
    status = json.loads(program("status", has_run, "--json")[1])
    number, n_epochs = status["best"]["number"], status["best"]["params"]["epochs"]
    there = read_versions(TwoLayerNetTrainer) | {
        "processor": "riscv64 Sunway",
        "blas": "openblas 0.1",
    }
    changes: dict[str, Any] = {"versions": there}

    def rewrite(line: str) -> str:
        """As it would have been written elsewhere: a last epoch 0.1 better, another machine."""
        entry = json.loads(line)
        if entry.get("trial_id") == number:
            if entry.get("step") == n_epochs:
                entry["intermediate_value"] -= 0.1
            entry.get("user_attr", {}).update(
                {k: v for k, v in changes.items() if k in entry.get("user_attr", {})}
            )
        return json.dumps(entry) + "\n"

    journal = workspace.study("small").journal
    journal.write_text("".join(map(rewrite, journal.read_text().splitlines())))
    code, output, error = program("replay", has_run, number)
    assert code == 1
    assert error == ""
    assert "different: val_accuracy +0.1000; these versions differ\n" in output
    here = read_versions(TwoLayerNetTrainer)["processor"]
    assert f"processor: riscv64 Sunway in trial {number}, {here} here; results may" in output
    assert f"BLAS: openblas 0.1 in trial {number}, " in output
    assert "numpy" not in output
    changes["versions"] = read_versions(TwoLayerNetTrainer)
    journal.write_text("".join(map(rewrite, journal.read_text().splitlines())))
    assert "; all recorded versions are equal\n" in program("replay", has_run, number)[1]


def test_a_second_evaluation_must_be_asked_for(program: Program, has_run: Path) -> None:
    assert program("score", has_run)[0] == 0
    folder = Workspace(has_run.parent / "workspace").study("small")
    (_, scored) = map(json.loads, folder.test_ledger.read_text().splitlines())
    net = scored["net_sha256"]
    for path, key in ((folder.test_ledger, "event"), (folder.journal, "test_evaluations")):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(x.replace(net, net[::-1]) if key in x else x for x in lines))
    code, _, error = program("score", has_run)
    assert code == 5
    assert_one_line(error, "--evaluate-again")
    assert program("score", has_run, "--evaluate-again")[0] == 0
    assert json.loads(program("status", has_run, "--json")[1])["test"]["looks"][1]["n"] == 100


def test_nothing_is_scored_before_the_confirmations(
    program: Program, has_run: Path, workspace: Workspace
) -> None:
    search = load_study("small", open_storage(None, workspace.study("small").journal))
    search.note("confirm", {"top": 1, "seeds": 1})
    code, _, error = program("score", has_run)
    assert code == 5
    assert_one_line(error, "expected a complete study")
    assert "1 not started or interrupted" in program("status", has_run)[1]


def test_a_study_in_which_no_trial_is_complete_ends_and_reconciles(
    program: Program, study_file: Path
) -> None:
    hopeless = study_file.read_text().replace("low = 0.003, high = 0.1", "low = 1e6, high = 1e7")
    study_file.write_text(hopeless.replace("trials = 6", "trials = 2"))
    code, output, error = program("run", study_file, "--backend", "threading")
    assert code == 0, error
    assert "no trial is complete" in output
    assert json.loads(program("status", study_file, "--json")[1])["best"] is None
    code, _, error = program("best", study_file, "--out", "x")
    assert code == 2
    assert_one_line(error, "no trial is complete yet")
    code, output, error = program("reconcile", study_file)
    assert code == 0, error
    assert "2 trials compared with MLflow" in output


def test_a_study_that_is_being_run_is_refused(
    program: Program, has_run: Path, workspace: Workspace
) -> None:
    with holding_file(workspace.study("small").root / "lock"):
        for command in ("run", "score", "reconcile"):
            code, _, error = program(command, has_run)
            assert code == 5
            assert_one_line(error, "is being run by process", f"on {platform.node()}")


def test_a_lost_net_exits_with_3_and_can_be_trained_again(
    program: Program, has_run: Path, workspace: Workspace, tmp_path: Path
) -> None:
    number = json.loads(program("status", has_run, "--json")[1])["best"]["number"]
    (workspace.study("small").trial(number) / "checkpoint.npz").unlink()
    code, _, error = program("best", has_run, "--out", tmp_path / "out")
    assert code == 3
    assert_one_line(error, f"hpsearch replay small {number}")
    assert program("replay", has_run)[0] == 0
    assert program("best", has_run, "--out", tmp_path / "out")[0] == 0


def test_exporting_a_net_to_an_unwritable_folder_exits_with_4(
    program: Program, has_run: Path
) -> None:
    code, _, error = program("best", has_run, "--out", has_run / "out")
    assert code == 4
    assert_one_line(error, "cannot be written")


@pytest.mark.parametrize("command", ["run", "status", "score"])
def test_a_damaged_ledger_exits_with_3(
    command: str, program: Program, has_run: Path, workspace: Workspace
) -> None:
    workspace.study("small").test_ledger.write_text('{"event": "scored", "net_sha256": "a"}\n')
    code, _, error = program(command, has_run)
    assert code == 3
    assert_one_line(error, "test_evaluations.jsonl")


def test_running_out_of_time_is_no_failure(program: Program, study_file: Path) -> None:
    code, output, _ = program("run", study_file, "--timeout", "0", "--backend", "threading")
    assert code == 0
    assert "the same command continues" in output


def test_the_test_split_is_not_opened_before_the_search_has_ended(
    program: Program, study_file: Path, has_run: Path, workspace: Workspace
) -> None:
    """Else a search could go on from what the evaluation has told."""
    workspace.study("small").test_ledger.unlink()
    program("run", study_file, "--trials", "9", "--timeout", "0", "--backend", "threading")
    code, _, error = program("score", study_file)
    assert code == 5
    assert_one_line(error)


def test_reconcile_says_what_it_did(program: Program, has_run: Path) -> None:
    code, output, _ = program("reconcile", has_run)
    assert code == 0
    assert "6 trials compared with MLflow" in output
