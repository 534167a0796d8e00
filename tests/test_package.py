"""What the package is from outside: its names, its layers, its types."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import hpsearch
import hpsearch.data
import hpsearch.gradcheck
import hpsearch.net
import hpsearch.plots
from hpsearch.foundations import errors

ROOT = Path(__file__).parents[1]


def test_public_names_are_these_and_resolve() -> None:
    assert hpsearch.__all__ == [
        "Model",
        "Objective",
        "RunOptions",
        "Study",
        "StudyDefinition",
        "TestTimeAugmentation",
        "Trainer",
        "TrainingData",
        "Workspace",
        "load_definition",
        "load_model",
        "load_net",
        "load_study",
        "prepare_data",
        "run_study",
    ]
    assert all(callable(getattr(hpsearch, name)) for name in hpsearch.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = hpsearch.nothing


def test_dir_lists_the_public_names_and_no_others() -> None:
    assert dir(hpsearch) == sorted(hpsearch.__all__)


def test_the_package_has_the_version_of_its_metadata() -> None:
    assert hpsearch.__version__ == version("hpsearch")


def test_the_notebooks_names_are_there() -> None:
    assert callable(hpsearch.net.TwoLayerNet)
    assert callable(hpsearch.gradcheck.eval_numerical_gradient)
    assert callable(hpsearch.gradcheck.rel_error)
    assert callable(hpsearch.data.load_CIFAR10)
    assert callable(hpsearch.data.get_CIFAR10_data)
    assert callable(hpsearch.plots.visualize_grid)
    assert callable(hpsearch.plots.show_net_weights)


def test_rooms_import_only_from_rooms_below_them() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-logo"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


@pytest.mark.slow
def test_types_hold_strictly() -> None:
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_exit_codes_are_these() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert {kind.__name__: kind.exit_code for kind in kinds} == {
        "HpsearchError": 1,
        "UsageError": 2,
        "DataError": 3,
        "MissingDataError": 3,
        "DamagedDataError": 3,
        "OutdatedDataError": 3,
        "StoreError": 4,
        "RefusedError": 5,
        "MachineError": 6,
        "InterruptedStudyError": 130,
    }


def test_importing_the_package_imports_nothing_heavy() -> None:
    """Every worker does it."""
    program = (
        "import hpsearch, sys; print({'numpy', 'optuna', 'mlflow', 'joblib'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr


def test_the_command_line_answers_signals_before_it_imports_anything_that_takes_time() -> None:
    slow = {"numpy", "optuna", "typer", "rich", "pathlib", "logging"}
    program = "import sys; before = {*sys.modules}; import hpsearch.cli\n"
    program += f"print({slow} & ({{*sys.modules}} - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr


def test_the_command_line_imports_no_pictures_no_mlflow_and_no_database() -> None:
    """Pictures and MLflow would each double the time in which a command answers."""
    heavy = {"matplotlib", "plotly", "mlflow", "scipy", "sqlalchemy", "numba"}
    program = f"import hpsearch.cli.app, sys; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stdout + done.stderr
