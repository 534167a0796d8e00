import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.datasets import TEST_FILE, PreparedData, open_splits
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import TestEvaluation, read_evaluations
from hpsearch.engine.models import Model
from hpsearch.engine.search import SearchStudy
from hpsearch.engine.test_evaluation import evaluate_once
from hpsearch.foundations.errors import DamagedDataError, RefusedError, StoreError
from hpsearch.trainers.two_layer_net.net import make_parameters
from hpsearch.trainers.two_layer_net.split import make_split
from tests.engine.models.conftest import make_net

Evaluate = Callable[..., TestEvaluation]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "test_evaluations.jsonl"


@pytest.fixture
def search(define: Callable[..., StudyDefinition]) -> SearchStudy:
    return SearchStudy.of_trials(define(), [])


def _net(data: PreparedData, seed: int) -> Model:
    parameters = make_parameters(64, 5, 10, 0.1, np.random.default_rng(seed))
    split = make_split(data.schema, open_splits(data).derived)
    return make_net(parameters, split.image_preprocessing, data.schema)


@pytest.fixture
def net(digits: PreparedData) -> Model:
    return _net(digits, 0)


@pytest.fixture
def other_net(digits: PreparedData) -> Model:
    return _net(digits, 1)


@pytest.fixture
def evaluate(digits: PreparedData, search: SearchStudy, ledger: Path) -> Evaluate:
    def call(net: Model, **options: Any) -> TestEvaluation:
        return evaluate_once(net, digits, search, ledger, **options)

    return call


def _nets(search: SearchStudy, ledger: Path) -> list[str]:
    return [one.net_sha256 for one in read_evaluations(search, ledger).own]


def _forbid_the_split(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the test split was opened")

    monkeypatch.setattr("hpsearch.engine.test_evaluation._open_test_split", refuse)


def _begin(net: Model, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what a program leaves that died while it evaluated `net`."""
    with monkeypatch.context() as crash:
        _forbid_the_split(crash)
        with pytest.raises(AssertionError):
            evaluate(net)


def test_an_evaluation_takes_the_whole_split(
    net: Model, digits: PreparedData, evaluate: Evaluate, search: SearchStudy, ledger: Path
) -> None:
    evaluation = evaluate(net)
    with np.load(digits.folder / TEST_FILE) as test:
        expected = float(np.mean(net.predict(test["inputs"]) == test["targets"]))
    assert evaluation.n == 100
    assert evaluation.scores == {"accuracy": expected, "accuracy_first_1000": expected}
    assert evaluation.low < expected < evaluation.high
    known = read_evaluations(search, ledger)
    assert (known.own, known.problems) == ([evaluation], [])


def test_the_first_thousand_are_scored_apart(
    net: Model, digits: PreparedData, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpsearch.engine.test_evaluation.N_FIRST", 7)
    evaluation = evaluate(net)
    with np.load(digits.folder / TEST_FILE) as test:
        hits = net.predict(test["inputs"]) == test["targets"]
    assert evaluation.scores["accuracy_first_1000"] == hits[:7].mean() != hits.mean()


def test_the_same_net_again_opens_nothing(
    net: Model, evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = evaluate(net)
    _forbid_the_split(monkeypatch)
    assert evaluate(net) == evaluation
    assert evaluate(net, again=True) == evaluation


def test_a_second_evaluation_is_refused(
    net: Model,
    other_net: Model,
    evaluate: Evaluate,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evaluate(net)
    before = ledger.read_bytes()
    _forbid_the_split(monkeypatch)
    with pytest.raises(RefusedError, match="--evaluate-again"):
        evaluate(other_net)
    assert ledger.read_bytes() == before


def test_a_second_evaluation_that_is_asked_for_is_recorded(
    net: Model, other_net: Model, evaluate: Evaluate, search: SearchStudy, ledger: Path
) -> None:
    evaluate(net)
    evaluate(other_net, again=True)
    assert _nets(search, ledger) == [net.sha256(), other_net.sha256()]


@pytest.mark.parametrize("lost", ["ledger", "record"])
def test_either_of_ledger_and_record_is_enough_to_refuse(
    lost: str,
    net: Model,
    other_net: Model,
    evaluate: Evaluate,
    search: SearchStudy,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ledger that was deleted gives no fresh evaluation."""
    evaluation = evaluate(net)
    if lost == "ledger":
        ledger.unlink()
    else:
        search.note("test_evaluations", [])
    (problem,) = read_evaluations(search, ledger).problems
    assert str(ledger) in problem
    assert net.sha256()[:12] in problem
    _forbid_the_split(monkeypatch)
    with pytest.raises(RefusedError, match=net.sha256()[:12]):
        evaluate(other_net)
    assert evaluate(net) == evaluation
    assert read_evaluations(search, ledger).problems == []  # each has what the other had


def test_an_accuracy_changed_in_either_place_is_reported(
    net: Model, evaluate: Evaluate, search: SearchStudy, ledger: Path
) -> None:
    evaluation = evaluate(net)
    whole = ledger.read_text()
    ledger.write_text(
        whole.replace(f'"accuracy": {evaluation.scores["accuracy"]}', '"accuracy": 0.99')
    )
    problems = read_evaluations(search, ledger).problems
    assert any("test evaluation 2 was changed" in problem for problem in problems)
    assert any("disagree" in problem for problem in problems)
    ledger.write_text(whole)
    events = search.attribute("test_evaluations")
    search.note("test_evaluations", [events[0], events[1] | {"scores": {"accuracy": 0.99}}])
    problems = read_evaluations(search, ledger).problems
    assert (
        problems[0] == "the record of small: test evaluation 2 was changed, or one before it "
        "was lost"
    )


def test_a_line_lost_from_the_ledger_is_reported(
    net: Model, other_net: Model, evaluate: Evaluate, search: SearchStudy, ledger: Path
) -> None:
    evaluate(net)
    evaluate(other_net, again=True)
    lines = ledger.read_text().splitlines(keepends=True)
    for index in range(len(lines) - 1):
        ledger.write_text("".join(lines[:index] + lines[index + 1 :]))
        (first, *_) = read_evaluations(search, ledger).problems
        assert f"test evaluation {index + 1} was changed, or one before it was lost" in first


def test_a_crash_between_the_lines_is_completed_for_the_same_net_only(
    net: Model,
    other_net: Model,
    evaluate: Evaluate,
    search: SearchStudy,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _begin(net, evaluate, monkeypatch)
    assert _nets(search, ledger) == []
    with pytest.raises(RefusedError):
        evaluate(other_net)
    assert evaluate(net).net_sha256 == net.sha256()
    events = [json.loads(line)["event"] for line in ledger.read_text().splitlines()]
    assert events == ["begun", "scored"]


@pytest.mark.parametrize("has_record", [True, False])
def test_a_ledger_torn_anywhere_is_spent(
    has_record: bool,
    net: Model,
    other_net: Model,
    evaluate: Evaluate,
    search: SearchStudy,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the first byte on, no crash frees the evaluation for another net."""
    evaluate(net)
    content, events = ledger.read_bytes(), search.attribute("test_evaluations")
    # An event that lacks no more than its line break is whole.
    for end in range(1, len(content) - 1, 9):
        ledger.write_bytes(content[:end])
        search.note("test_evaluations", events[:1] if has_record else [])
        assert not has_record or read_evaluations(search, ledger).problems == []
        with monkeypatch.context() as watched:
            _forbid_the_split(watched)
            with pytest.raises(RefusedError):
                evaluate(other_net)
        if has_record:
            assert evaluate(net).net_sha256 == net.sha256()


def test_a_torn_line_of_another_study_spends_nothing_here(
    net: Model, evaluate: Evaluate, search: SearchStudy, ledger: Path
) -> None:
    ledger.write_text('{"event": "begun", "study": "other", "test_s')
    evaluate(net)
    assert _nets(search, ledger) == [net.sha256()]
    assert ledger.read_text().startswith('{"event": "begun", "study": "other", "test_s\n{')


def test_an_evaluation_asked_for_after_a_crash_leaves_the_first_net_its_own(
    net: Model,
    other_net: Model,
    evaluate: Evaluate,
    search: SearchStudy,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _begin(net, evaluate, monkeypatch)
    evaluate(other_net, again=True)
    evaluate(net)
    assert set(_nets(search, ledger)) == {net.sha256(), other_net.sha256()}


def test_evaluations_of_the_same_images_are_counted_over_all_studies(
    net: Model,
    other_net: Model,
    digits: PreparedData,
    define: Callable[..., StudyDefinition],
    ledger: Path,
) -> None:
    def study(name: str) -> SearchStudy:
        return SearchStudy.of_trials(define(name=name), [])

    a, b = study("a"), study("b")
    first = evaluate_once(net, digits, a, ledger)
    assert read_evaluations(a, ledger).count(first)["note"] == (
        "1st evaluation of these 100 images in this workspace: a"
    )
    evaluate_once(net, digits, b, ledger)
    third = evaluate_once(other_net, digits, b, ledger, again=True)
    count = read_evaluations(b, ledger).count(third)
    assert count["note"] == "3rd evaluation of these 100 images in this workspace: a, b, b"
    assert read_evaluations(a, ledger).count(first)["note"] == (
        "1st of 3 evaluations of these 100 images in this workspace: a, b, b"
    )
    events = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert len({event["test_sha256"] for event in events}) == 1


def test_evaluations_of_other_images_are_not_counted(
    net: Model, digits: PreparedData, evaluate: Evaluate, search: SearchStudy, ledger: Path
) -> None:
    evaluation = evaluate(net)
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    other = {**lines[0], "study": "other", "test_sha256": "0" * 64}
    ledger.write_text("".join(json.dumps(line) + "\n" for line in [*lines, other]))
    assert read_evaluations(search, ledger).count(evaluation)["evaluations"] == 1


@pytest.mark.parametrize(
    "line",
    ["garbage", "[]", '{"event": "begun"}', "3", '{"event": "scored", "net_sha256": "ab"}'],
)
def test_a_damaged_ledger_stops_everything(
    line: str, net: Model, evaluate: Evaluate, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.write_text(line + "\n")
    _forbid_the_split(monkeypatch)
    with pytest.raises(DamagedDataError, match=r"expected .*test evaluation"):
        evaluate(net)


def test_an_older_versions_ledger_is_refused_with_what_to_do(
    net: Model, evaluate: Evaluate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = tmp_path / "studies" / "small" / "test_ledger.jsonl"
    older.parent.mkdir(parents=True)
    older.touch()
    _forbid_the_split(monkeypatch)
    with pytest.raises(RefusedError, match="start it in a new workspace"):
        evaluate(net)


def test_nothing_is_opened_if_the_ledger_cannot_be_written(
    net: Model,
    digits: PreparedData,
    search: SearchStudy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _forbid_the_split(monkeypatch)
    with pytest.raises(StoreError, match="cannot be written"):
        evaluate_once(net, digits, search, tmp_path / "missing" / "ledger")


def test_nothing_is_opened_if_the_ledger_cannot_be_read(
    net: Model, evaluate: Evaluate, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.mkdir()
    _forbid_the_split(monkeypatch)
    with pytest.raises(StoreError, match="cannot be read"):
        evaluate(net)


@pytest.mark.parametrize("how", ["one bit", "cut", "other images", "gone"])
def test_a_damaged_test_split_is_refused(
    how: str,
    net: Model,
    digits: PreparedData,
    evaluate: Evaluate,
    search: SearchStudy,
    ledger: Path,
    tmp_path: Path,
) -> None:
    copy = dataclasses.replace(digits, folder=tmp_path / "data")
    shutil.copytree(digits.folder, copy.folder)
    path = copy.folder / TEST_FILE
    content = bytearray(path.read_bytes())
    match how:
        case "one bit":
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
        case "cut":
            path.write_bytes(content[:-1])
        case "other images":
            with np.load(path) as test:
                np.savez(path, inputs=test["inputs"][::-1], targets=test["targets"])
        case "gone":
            path.unlink()
    with pytest.raises(DamagedDataError, match="expected the test split"):
        evaluate_once(net, copy, search, ledger)
    assert _nets(search, ledger) == []
    assert evaluate(net).net_sha256 == net.sha256()
