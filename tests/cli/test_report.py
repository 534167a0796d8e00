"""``hpsearch report``."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.engine.workspace import Workspace
from hpsearch.foundations.text import shorten_duration
from tests.report.test_page import Page

Program = Callable[..., tuple[int, str, str]]


def test_a_page_is_written_to_the_given_file_and_opened_on_request(
    program: Program, has_run: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    made_at_the_end = workspace.study("small").report
    assert made_at_the_end.exists()
    out = workspace.root / "page.html"
    assert program("report", has_run, "--out", out) == (0, f"{out}\n", "")
    assert "Best model" in out.read_text()
    assert not opened
    assert program("report", has_run, "--open")[0] == 0
    assert opened == [made_at_the_end.as_uri()]


def test_a_folder_that_is_not_there_is_named(
    program: Program, has_run: Path, tmp_path: Path
) -> None:
    code, _, complaint = program("report", has_run, "--out", tmp_path / "nowhere" / "page.html")
    assert code == 2
    assert complaint.count("\n") == 1
    assert "nowhere/page.html: expected the name of a file in a folder that exists" in complaint


def test_the_numbers_of_the_page_are_those_of_the_status(
    program: Program, has_run: Path, tmp_path: Path
) -> None:
    status = json.loads(program("status", has_run, "--json")[1])
    assert program("report", has_run, "--out", tmp_path / "page.html")[0] == 0
    text = Page((tmp_path / "page.html").read_text()).text
    best, trials, cost, selection = (status[k] for k in ("best", "trials", "cost", "selection"))
    (test,) = status["test"]["evaluations"]
    estimate = selection["estimate"]
    for number in (
        f"Trial {best['number']}: val_accuracy {best['value']:.4f}",
        f"{trials['complete']} of {trials['total']} trials complete",
        f"{estimate['val_score']:.3f} after correction for selection bias",
        f"95 % CI {estimate['low']:.3f}-{estimate['high']:.3f}",
        f"test_accuracy {test['accuracy']:.4f} (95 % CI {test['low']:.3f}-{test['high']:.3f})",
        test["note"],
        f"pruned trials {shorten_duration(cost['pruned'])}",
        f"overhead (starting, waiting, recording) {shorten_duration(cost['overhead'])}",
        f"idle {100 * cost['waited_for_lag_share']:.1f}% of their time",
        status["fingerprint"],
        best["net_sha256"],
        *(f"{name} {best['params'][name]:.4g}" for name in ("learning_rate", "hidden_size")),
    ):
        assert number in text


def test_several_studies_are_compared_on_one_page(
    program: Program, has_run: Path, workspace: Workspace, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text(has_run.read_text().replace("trials = 6", "trials = 2"))
    assert program("run", other, "--backend", "threading", "--quiet")[0] == 0
    code, output, _ = program("report", "small", "other")
    path = workspace.root / "comparison.html"
    assert (code, output) == (0, f"{path}\n")
    page = Page(path.read_text())
    assert "small and other" in page.text
    for name in ("small", "other"):
        status = json.loads(program("status", name, "--json")[1])
        best = status["best"]
        assert f"{best['value']:.4f} (trial {best['number']})" in page.text
        assert status["fingerprint"][:12] in page.text
    assert "The data are the same." in page.text
    names = [trace["name"] for one in page.figures for trace in one.get("data", ())]
    assert names == ["small", "other"]
