"""A study continued or replayed on another processor or BLAS says what differs, and goes on.

Environment variables of numba and OpenBLAS make this machine another one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.engine.training.trial_failures import read_versions
from hpsearch.engine.workspace import Workspace
from hpsearch.trainers.two_layer_net.trainer import TwoLayerNetTrainer
from tests.cli.lines import assert_one_line

MAIN = "import sys; from hpsearch.cli import main; sys.exit(main(sys.argv[1:]))"
Program = Callable[..., tuple[int, str, str]]


@pytest.fixture
def elsewhere(workspace: Workspace) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the program in a process of its own, with a changed environment."""

    def call(
        environment: dict[str, str], *arguments: str | Path
    ) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HPSEARCH_")}
        command = [sys.executable, "-c", MAIN, *map(str, arguments)]
        return subprocess.run(
            [*command, "--workspace", str(workspace.root)],
            env=kept | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_another_processor_is_reported_at_the_start_and_by_status(
    has_run: Path,
    workspace: Workspace,
    elsewhere: Callable[..., subprocess.CompletedProcess[str]],
    program: Program,
) -> None:
    """Quiet or not, and loky's workers see what the coordinator sees."""
    run = elsewhere(
        {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma"},
        *("run", has_run, "--trials", "7", "--quiet", "--jobs", "1"),
    )
    assert run.returncode == 0, run.stderr
    here = read_versions(TwoLayerNetTrainer)["cpu_name"]
    lead = "hpsearch: small: warning: "
    first = f"CPU name: {here} in trials 0-5, haswell here; results may differ in last bits\n"
    assert run.stderr.startswith(lead + first)
    assert first in workspace.study("small").log.read_text()
    assert run.stderr.count("CPU name") == 1
    if "avx512f" in read_versions(TwoLayerNetTrainer)["cpu_features"]:
        assert "avx512f" in run.stderr.splitlines()[1]
        assert " in trials 0-5, not here; results may differ in last bits" in run.stderr
    differences = json.loads(program("status", has_run, "--json")[1])["differences"]
    assert differences[0].startswith(f"CPU name: {here} in trials 0-5, haswell in trial 6; results")
    assert "CPU name: " in program("status", has_run)[1]


def test_a_replay_names_another_processor_and_another_blas_kernel(
    has_run: Path, elsewhere: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    replay = elsewhere(
        {"NUMBA_CPU_NAME": "haswell", "OPENBLAS_CORETYPE": "Nehalem"}, "replay", has_run, "0"
    )
    assert replay.returncode in (0, 1), replay.stderr
    assert "CPU name: " in replay.stdout
    assert ", haswell here; results may differ in last bits\n" in replay.stdout
    if read_versions(TwoLayerNetTrainer)["blas"].startswith("openblas"):
        assert "BLAS: openblas" in replay.stdout
        assert "Nehalem here; results may differ in last bits\n" in replay.stdout


def test_transformed_images_prepared_with_another_blas_are_refused(
    workspace: Workspace,
    tmp_path: Path,
    small_study: str,
    elsewhere: Callable[..., subprocess.CompletedProcess[str]],
    program: Program,
) -> None:
    if not read_versions(TwoLayerNetTrainer)["blas"].startswith("openblas"):
        pytest.skip("NumPy's BLAS is another")
    study = tmp_path / "small.toml"
    basis = "[trainer]\nbasis = { components = 20 }\n[search]"
    study.write_text(small_study.replace("[search]", basis))
    assert program("run", study, "--trials", "2", "--backend", "threading", "--quiet")[0] == 0
    (folder,) = workspace.data.glob("digits-*")
    aside = folder.rename(tmp_path / "aside")
    words = ("components.npy", "prepared with BLAS openblas", "Nehalem", "put the folder back")
    for command in (("run", study, "--trials", "3"), ("replay", study, "0"), ("best", study)):
        options = ["--out", tmp_path / "net"] if command[0] == "best" else []
        run = elsewhere({"OPENBLAS_CORETYPE": "Nehalem"}, *command, *options)
        assert run.returncode == 5, run
        assert_one_line(run.stderr, *words)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    aside.rename(folder)
    run = elsewhere({"OPENBLAS_CORETYPE": "Nehalem"}, "run", study, "--trials", "3", "--quiet")
    assert run.returncode == 0, run.stderr
    assert run.stderr.startswith("hpsearch: small: warning: BLAS: openblas")
