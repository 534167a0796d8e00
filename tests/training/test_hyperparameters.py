import dataclasses
from collections.abc import Callable

from hpsearch.data import InputSettings
from hpsearch.training import Hyperparameters

Make = Callable[..., Hyperparameters]
PLAIN = {
    "learning_rate",
    "learning_rate_decay",
    "reg",
    "hidden_size",
    "epochs",
    "batch_size",
    "initial_std",
}


def test_a_technique_that_is_off_is_not_told(setting: Make) -> None:
    """Else every record and checkpoint from before there was the technique would be another."""
    assert setting().describe().keys() == PLAIN
    assert setting(dropout=0.2).describe().keys() == PLAIN | {"dropout"}


def test_what_is_told_is_enough(setting: Make) -> None:
    one = setting(mirror=0.5, optimizer="adam", contrast="normalised")
    assert Hyperparameters(**one.describe()) == one


def test_every_technique_is_off_by_default(setting: Make) -> None:
    names = {field.name for field in dataclasses.fields(Hyperparameters)} - PLAIN
    off = {name for name in names if not getattr(setting(), name)}
    assert names - off == {"contrast", "ridge", "optimizer", "momentum", "schedule"}
    assert setting().inputs == InputSettings()
    assert (setting().optimizer, setting().schedule) == ("sgd", "exponential")
