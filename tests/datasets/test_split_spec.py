import json
from typing import Any

import pytest

from hpsearch.datasets.splitting import SplitSpec, load_split_spec


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"n_test": 3, "stratify": True},
        {"n_test": 3, "shuffle_seed": 0},
        {"n_folds": 5},
    ],
)
def test_a_specification_among_other_keys_is_read_as_the_same(wanted: dict[str, Any]) -> None:
    split_spec = SplitSpec(8, 3, **wanted)
    assert (
        load_split_spec(json.loads(json.dumps(split_spec.describe() | {"name": "toy"})))
        == split_spec
    )


def test_unset_options_are_left_out_of_the_description() -> None:
    assert set(SplitSpec(8, 3).describe()) == {"n_train", "n_validation", "n_test"}
    assert SplitSpec(8, 3, shuffle_seed=0).describe()["shuffle_seed"] == 0


def test_an_incomplete_description_is_refused() -> None:
    with pytest.raises(TypeError):
        load_split_spec({"name": "toy"})
