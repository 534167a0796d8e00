import dataclasses
from typing import Any

from hpsearch.engine.records import State, TrialRecord
from hpsearch.engine.selection import group_ablation

RECORD = TrialRecord(0, State.COMPLETE, 0.5, {}, (), None, 1.0, False, None, {}, None, None)
WHOLE = {"reg": 0.1, "dropout": 0.2, "optimizer": "nesterov"}


def _record(number: int, told: dict[str, Any], state: State = State.COMPLETE) -> TrialRecord:
    return dataclasses.replace(
        RECORD, number=number, state=state, value=0.5 + number / 10, hyperparameters=told
    )


def test_scores_are_grouped_by_change() -> None:
    records = [
        _record(0, WHOLE),
        _record(1, {**WHOLE, "reg": 0.2}),
        _record(2, {**WHOLE, "dropout": 0.0}),
        _record(3, WHOLE),
        _record(4, WHOLE, State.PRUNED),
    ]
    assert group_ablation(records) == ([0.5, 0.8], {"reg = 0.2": [0.6], "no dropout": [0.7]})


def test_a_changed_name_is_described_by_its_new_value() -> None:
    records = [_record(0, WHOLE), _record(1, {**WHOLE, "optimizer": "sgd"})]
    assert group_ablation(records)[1] == {"optimizer = sgd": [0.6]}


def test_a_number_changed_to_0_is_described_as_absent() -> None:
    records = [_record(0, WHOLE), _record(1, {**WHOLE, "reg": 0.0})]
    assert group_ablation(records)[1] == {"no reg": [0.6]}
