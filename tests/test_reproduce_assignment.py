"""The assignment's printed figures, digit for digit."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "reproduce_assignment.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reproduce_assignment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_figure_of_the_toy_net_is_equal(script: ModuleType) -> None:
    figures = list(script.check_toy())
    assert len(figures) == 7
    assert [figure.name for figure in figures if not figure.is_equal] == []


def test_a_differing_figure_fails_the_script(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = [script.Figure("right", "1.0", "1.0"), script.Figure("wrong", "0.287", "0.288")]
    monkeypatch.setattr(script, "check_toy", lambda: iter(figures))
    assert script.main(["--toy"]) == 1
    assert "DIFFERENT" in capsys.readouterr().out


def test_missing_data_is_told_in_one_line(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--data-dir", str(tmp_path)]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.skipif("HPSEARCH_DATA_DIR" not in os.environ, reason="needs CIFAR-10")
def test_every_figure_of_the_first_net_on_cifar10_is_equal(script: ModuleType) -> None:
    from hpsearch.datasets.notebook import get_CIFAR10_data

    script.make_toy()  # seeds the generator as the notebook does
    list(script.check_toy())
    figures = list(script.check_first_net(get_CIFAR10_data()))
    assert len(figures) == 11
    assert [figure.name for figure in figures if not figure.is_equal] == []
