from pathlib import Path

import pytest
from matplotlib.figure import Figure
from threadpoolctl import threadpool_info

from benchmarks.reporting import Report, describe_machine, judge


def test_a_goal_says_whether_it_is_met() -> None:
    assert judge(99.5, 100, " ms") == "<= 100 ms met"
    assert judge(100.5, 100) == "<= 100 MISSED"
    assert judge(0.94, 0.95, at_least=True) == ">= 0.95 MISSED"


def test_a_report_is_printed_and_kept_with_its_plot(tmp_path: Path, capsys: object) -> None:
    report = Report("sample", "A title", ("figure", "goal"), folder=tmp_path)
    report.add("speed", "met")
    report.write(Figure())
    kept = (tmp_path / "sample.txt").read_text()
    assert all(text in kept for text in ("A title", "speed", "numpy"))
    assert (tmp_path / "sample.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("told", ["", "Haswell"])
def test_a_report_says_for_which_processor_blas_is(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPENBLAS_CORETYPE changes NumPy's speed, so it is reported."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", told)
    (blas, *_) = (one for one in threadpool_info() if one["user_api"] == "blas")
    described = describe_machine()
    assert blas["version"] in described
    assert blas.get("architecture", "any") in described
    assert ("as OPENBLAS_CORETYPE=Haswell says" in described) == bool(told)
