import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data import TEST_FILE, PreparedData, open_split
from hpsearch.errors import DamagedDataError, RefusedError, StoreError
from hpsearch.net import make_parameters
from hpsearch.results import Net
from hpsearch.vault import read_looks, score_once


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "test_ledger.jsonl"


def _net(data: PreparedData, seed: int) -> Net:
    return Net(
        parameters=make_parameters(64, 5, 10, 0.1, np.random.default_rng(seed)),
        preprocessing=open_split(data).preprocessing,
        image_shape=data.image_shape,
        class_names=data.class_names,
        facts={},
    )


@pytest.fixture
def net(digits: PreparedData) -> Net:
    return _net(digits, 0)


@pytest.fixture
def other_net(digits: PreparedData) -> Net:
    return _net(digits, 1)


def _forbid_the_split(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the test split was opened")

    monkeypatch.setattr("hpsearch.vault._open_test_split", refuse)


def test_a_look_scores_the_whole_split(net: Net, digits: PreparedData, ledger: Path) -> None:
    look = score_once(net, digits, ledger)
    with np.load(digits.folder / TEST_FILE) as test:
        expected = float(np.mean(net.predict(test["images"]) == test["labels"]))
    assert (look.n, look.accuracy, look.accuracy_first_1000) == (100, expected, expected)
    assert read_looks(ledger) == [look]


def test_the_first_thousand_are_scored_apart(
    net: Net, digits: PreparedData, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hpsearch.vault.N_FIRST", 7)
    look = score_once(net, digits, ledger)
    with np.load(digits.folder / TEST_FILE) as test:
        hits = net.predict(test["images"]) == test["labels"]
    assert look.accuracy_first_1000 == hits[:7].mean() != hits.mean()


def test_the_same_net_again_opens_nothing(
    net: Net, digits: PreparedData, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = score_once(net, digits, ledger)
    _forbid_the_split(monkeypatch)
    assert score_once(net, digits, ledger) == look
    assert score_once(net, digits, ledger, spend_another_look=True) == look


def test_vault_refuses_a_second_look(
    net: Net,
    other_net: Net,
    digits: PreparedData,
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    score_once(net, digits, ledger)
    before = ledger.read_bytes()
    _forbid_the_split(monkeypatch)
    with pytest.raises(RefusedError, match="--spend-another-look"):
        score_once(other_net, digits, ledger)
    assert ledger.read_bytes() == before


def test_a_second_look_that_is_asked_for_is_written_down(
    net: Net, other_net: Net, digits: PreparedData, ledger: Path
) -> None:
    score_once(net, digits, ledger)
    score_once(other_net, digits, ledger, spend_another_look=True)
    assert [look.net_sha256 for look in read_looks(ledger)] == [net.sha256(), other_net.sha256()]


def test_a_crash_between_the_lines_is_completed_for_the_same_net_only(
    net: Net, other_net: Net, digits: PreparedData, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as crash:
        _forbid_the_split(crash)
        with pytest.raises(AssertionError):
            score_once(net, digits, ledger)
    assert read_looks(ledger) == []
    with pytest.raises(RefusedError):
        score_once(other_net, digits, ledger)
    assert score_once(net, digits, ledger).net_sha256 == net.sha256()
    events = [json.loads(line)["event"] for line in ledger.read_text().splitlines()]
    assert events == ["begun", "scored"]


def test_a_torn_first_line_spent_nothing(
    net: Net, other_net: Net, digits: PreparedData, ledger: Path
) -> None:
    ledger.write_text('{"event": "begun", "net_sha')
    score_once(other_net, digits, ledger)
    assert [look.net_sha256 for look in read_looks(ledger)] == [other_net.sha256()]


def test_a_ledger_torn_anywhere_is_the_look_of_its_net(
    net: Net, other_net: Net, digits: PreparedData, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first whole line on, no crash frees the look for another net."""
    look = score_once(net, digits, ledger)
    content = ledger.read_bytes()
    for end in range(content.index(b"\n") + 1, len(content), 9):
        ledger.write_bytes(content[:end])
        with monkeypatch.context() as watched:
            _forbid_the_split(watched)
            with pytest.raises(RefusedError):
                score_once(other_net, digits, ledger)
        assert score_once(net, digits, ledger) == look


def test_a_look_asked_for_after_a_crash_leaves_the_first_net_its_own(
    net: Net, other_net: Net, digits: PreparedData, ledger: Path
) -> None:
    begun = {"event": "begun", "net_sha256": net.sha256()}
    ledger.write_text(json.dumps(begun) + "\n")
    score_once(other_net, digits, ledger, spend_another_look=True)
    score_once(net, digits, ledger)
    assert [look.net_sha256 for look in read_looks(ledger)] == [other_net.sha256(), net.sha256()]


@pytest.mark.parametrize(
    "line",
    ["garbage", "[]", '{"event": "begun"}', "3", '{"event": "scored", "net_sha256": "ab"}'],
)
def test_a_damaged_ledger_stops_everything(
    line: str, net: Net, digits: PreparedData, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.write_text(line + "\n")
    _forbid_the_split(monkeypatch)
    with pytest.raises(DamagedDataError, match="expected a ledger of looks"):
        score_once(net, digits, ledger)


def test_nothing_is_opened_if_the_ledger_cannot_be_written(
    net: Net, digits: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    _forbid_the_split(monkeypatch)
    with pytest.raises(StoreError, match="cannot be written"):
        score_once(net, digits, tmp_path / "missing" / "ledger")


def test_nothing_is_opened_if_the_ledger_cannot_be_read(
    net: Net, digits: PreparedData, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.mkdir()
    _forbid_the_split(monkeypatch)
    with pytest.raises(StoreError, match="cannot be read"):
        score_once(net, digits, ledger)


@pytest.mark.parametrize("how", ["one bit", "cut", "other images", "gone"])
def test_a_damaged_test_split_is_refused(
    how: str, net: Net, digits: PreparedData, ledger: Path, tmp_path: Path
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
                np.savez(path, images=test["images"][::-1], labels=test["labels"])
        case "gone":
            path.unlink()
    with pytest.raises(DamagedDataError, match="expected the test split"):
        score_once(net, copy, ledger)
    assert read_looks(ledger) == []
    assert score_once(net, digits, ledger).net_sha256 == net.sha256()
