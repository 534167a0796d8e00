from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.reporting import Report, judge


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
