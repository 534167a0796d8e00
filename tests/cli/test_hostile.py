"""Hostile and broken input through the command line: one line, the right code, nothing outside."""

import io
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.cli import main
from hpsearch.engine.workspace import Workspace
from tests.cli.lines import assert_one_line

Program = Callable[..., tuple[int, str, str]]
SLOW_FIXTURES = [HealthCheck.function_scoped_fixture]
COMMANDS = ["run", "status", "best", "score", "replay", "reconcile"]
NAMES = [
    *("../../x", "../small", "..", ".", "/", "", "~", "/etc/passwd", "a b", "a\nb", "ü'\""),
    *("$(touch pwned)", "x" * 5000, "é" * 200 + ".toml", "x.toml/", "../../x.toml"),
]


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self.proof),))


def _snapshot(folder: Path, but: Path) -> dict[Path, bytes]:
    """All files below `folder`, except those below `but`."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and but not in path.parents
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_an_invalid_name_leads_to_no_file(
    command: str, program: Program, workspace: Workspace, tmp_path: Path
) -> None:
    (workspace.root / "studies").mkdir()
    # Where ../small would lead to, if it were followed.
    shutil.copytree(workspace.root, tmp_path / "small")
    before = _snapshot(tmp_path, but=tmp_path / "nothing")
    for name in NAMES:
        code, output, error = program(command, name, *(["--out", "x"] if command == "best" else []))
        assert (code, output) == (2, ""), name
        assert_one_line(error)
    assert _snapshot(tmp_path, but=tmp_path / "nothing") == before


@pytest.mark.parametrize(
    "content",
    [
        "a = " + "[" * 20_000,
        "trials = " + "9" * 5000,
        "\0\1\2",
        "\ud800",
        "name = '../x'",
        "name = '" + "x" * 300 + "'",
        "trials = 2020-01-01",
        "[search.space]\nreg = { low = -inf, high = nan }",
    ],
    ids=["nesting", "digits", "zeros", "surrogate", "traversal", "length", "date", "nan"],
)
def test_an_invalid_study_file_exits_with_2(
    content: str, program: Program, tmp_path: Path, workspace: Workspace
) -> None:
    (tmp_path / "x.toml").write_bytes(content.encode(errors="surrogatepass"))
    code, _, error = program("run", tmp_path / "x.toml")
    assert code == 2
    assert_one_line(error, "x.toml")
    assert workspace.study_names() == []


def test_a_batch_with_a_payload_is_not_unpickled(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta"):
        (folder / name).write_bytes(pickle.dumps(Payload(tmp_path / "proof")))
    code, _, error = program("run", "cifar10", "--data-dir", tmp_path)
    assert code == 3
    assert_one_line(error, "data_batch_1")
    assert not (tmp_path / "proof").exists()


def test_a_checkpoint_with_a_payload_is_not_unpickled(
    program: Program, has_run: Path, workspace: Workspace, tmp_path: Path
) -> None:
    checkpoints = list(workspace.study("small").trials.glob("*/checkpoint.npz"))
    assert checkpoints
    for path in checkpoints:
        with np.load(path) as members:
            arrays = {name: members[name] for name in members.files}
        trap = np.array([Payload(tmp_path / "proof")], dtype=object)
        buffer = io.BytesIO()
        np.savez(buffer, **dict.fromkeys(arrays, trap))
        path.write_bytes(buffer.getvalue())
    code, _, error = program("best", has_run, "--out", tmp_path / "out")
    assert code == 3
    assert_one_line(error, "checkpoint", "hpsearch replay small")
    assert program("replay", has_run)[0] == 0  # trained again, beside it
    assert not (tmp_path / "proof").exists()
    pickle.loads(pickle.dumps(Payload(tmp_path / "proof")))
    assert (tmp_path / "proof").exists()  # the payload does work


def _damage(data: st.DataObject, content: bytes) -> bytes:
    """Flip a bit, cut the end off, drop a line, or add one."""
    lines = content.splitlines(keepends=True)
    match data.draw(st.sampled_from(["flip", "cut", "drop", "add"])):
        case "flip":
            damaged = bytearray(content)
            damaged[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(
                st.integers(0, 7)
            )
            return bytes(damaged)
        case "cut":
            return content[: data.draw(st.integers(0, len(content) - 1))]
        case "drop":
            index = data.draw(st.integers(0, len(lines) - 1))
            return b"".join(lines[:index] + lines[index + 1 :])
    junk = st.sampled_from([b"[]", b"3", b"null", b'{"op_code": 99}', b'{"op_code": 4}', b"\xff"])
    return b"".join([*lines, data.draw(junk), b"\n"])


@pytest.mark.parametrize(
    "name",
    [
        "studies/small/optuna.journal",
        "studies/small/coordinator.json",
        "test_evaluations.jsonl",
    ],
)
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=SLOW_FIXTURES)
def test_a_damaged_file_of_a_study_is_reported_in_one_line_or_harmless(
    name: str, data: st.DataObject, program: Program, complete_workspace: Path, workspace: Workspace
) -> None:
    source, root = complete_workspace, workspace.root
    small = "studies/small"
    (root / small).mkdir(parents=True, exist_ok=True)
    for path in (f"{small}/optuna.journal", f"{small}/coordinator.json", "test_evaluations.jsonl"):
        shutil.copy(source / path, root / path)
    (root / name).write_bytes(_damage(data, (source / name).read_bytes()))
    code, output, error = program("status", "small", "--json")
    assert code in (0, 2, 3, 4)
    if code:
        assert_one_line(error)
    else:
        assert json.loads(output)["study"] == "small"


@pytest.mark.parametrize("name", ["history.json", "attempts.jsonl", "checkpoint.npz"])
def test_a_damaged_file_of_a_trial_does_not_stop_the_others(
    name: str, program: Program, has_run: Path, workspace: Workspace
) -> None:
    """The study goes on past it, and MLflow too."""
    files = sorted(workspace.study("small").trials.glob(f"*/{name}"))
    assert files
    for path in files:
        path.write_bytes(b"\0garbage")
    more = ("--trials", "8", "--backend", "threading", "--quiet")
    code, _, error = program("run", has_run, *more)
    assert code in (0, 3), error
    if code:  # the best net's own checkpoint
        assert name == "checkpoint.npz"
        assert_one_line(error, "hpsearch replay small")
    assert json.loads(program("status", has_run, "--json")[1])["complete"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ['it\'s "my" work ü 空', "-100% #1&b=c", "what?"])
def test_a_workspace_of_any_name_keeps_everything_inside(
    name: str,
    tmp_path: Path,
    study_file: Path,
    migrated_mlflow: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HPSEARCH_DATA_DIR", raising=False)
    root = tmp_path / "place" / name
    root.mkdir(parents=True)
    shutil.copy(migrated_mlflow, root / "mlflow.db")
    file = root.parent / f"{name}.toml"
    file.write_text('name = "small"\n' + study_file.read_text())
    before = _snapshot(tmp_path, but=root)
    where = ["--workspace", str(root)]
    arguments = ["--backend", "threading", "--quiet", "--trials", "2", *where]
    code = main(["run", f"{root.parent}/{name}.toml", *arguments])
    error = capsys.readouterr().err
    assert _snapshot(tmp_path, but=root) == before
    if code:
        assert code == 2
        assert_one_line(error, "workspace")
        return
    assert main(["status", "small", *where]) == 0
    assert main(["best", "small", "--out", str(root / "out"), *where]) == 0
    assert main(["reconcile", "small", *where]) == 0
    assert _snapshot(tmp_path, but=root) == before
