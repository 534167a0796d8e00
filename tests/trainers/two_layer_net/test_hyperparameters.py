from collections.abc import Callable

import pytest
from pydantic import ValidationError

from hpsearch.trainers.two_layer_net import Hyperparameters
from hpsearch.trainers.two_layer_net.preprocessing import InputSettings

Make = Callable[..., Hyperparameters]
# What the assignment has, with a value of its own or the assignment's.
PLAIN = {
    "learning_rate",
    "learning_rate_decay",
    "reg",
    "hidden_size",
    "epochs",
    "batch_size",
    "initial_std",
}


def test_every_technique_is_off_by_default(setting: Make) -> None:
    names = Hyperparameters.model_fields.keys() - PLAIN
    off = {name for name in names if not getattr(setting(), name)}
    others = {"contrast_normalization", "whitening_ridge", "optimizer", "momentum", "schedule"}
    assert names - off == others
    assert setting().inputs == InputSettings()
    assert (setting().optimizer, setting().schedule) == ("sgd", "exponential")


def test_a_record_of_a_setting_is_enough_to_make_it_again(setting: Make) -> None:
    one = setting(horizontal_flip=0.5, optimizer="adam", contrast_normalization="per_image")
    assert one.model_dump().keys() == Hyperparameters.model_fields.keys()
    assert Hyperparameters(**one.model_dump()) == one


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 0.0}, {"dropout": 1.0}, {"optimizer": "rmsprop"}, {"mirror": 0.5}]
)
def test_a_value_out_of_bounds_is_refused(setting: Make, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        setting(**changes)


def test_every_hyperparameter_is_described() -> None:
    for name, field in Hyperparameters.model_fields.items():
        assert (field.description or "").endswith("."), name
