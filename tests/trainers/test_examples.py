"""The trainers of the examples train, predict, and continue from their saved state to the bit."""

import importlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hpsearch.datasets.schema import Column, Schema
from hpsearch.foundations.user_modules import importing_from
from hpsearch.trainers import Trainer
from hpsearch.trainers.finding import TRAINERS
from tests.extras import import_torch
from tests.trainers.engine import check_resumption, make_examples

EXAMPLES = Path(__file__).parents[2] / "examples"
# By example: data of the same structure as those of its studies.
SCHEMAS = {
    "softmax_regression": Schema(image_shape=(8, 8, 1), class_names=tuple("0123456789")),
    "sklearn_table": Schema(
        columns=tuple(Column(f"measurement {i}") for i in range(30)),
        class_names=("benign", "malignant"),
    ),
    "torch_cifar10": Schema(image_shape=(32, 32, 3), class_names=tuple("0123456789")),
}
STUDIES = [
    pytest.param(file, marks=pytest.mark.slow if "torch" in str(file) else ())
    for file in sorted(EXAMPLES.glob("*/*.toml"))
]


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_an_examples_trainer_is_resumed_to_the_bit(file: Path) -> None:
    if "torch" in file.parent.name:
        import_torch()
    study, schema = tomllib.loads(file.read_text()), SCHEMAS[file.parent.name]
    trainer = find_trainer(study["trainer"], file.parent)
    hyperparameters = {name: take_one(space) for name, space in study["search"]["space"].items()}
    trained = check_resumption(trainer, hyperparameters, schema, n_epochs=2)
    X, _ = make_examples(schema)
    assert trained.predict(X).shape == (len(X), len(schema.class_names))


@pytest.mark.parametrize(
    "file",
    ["softmax_regression/softmax_regression", "sklearn_table/linear", "torch_cifar10/convnet"],
)
def test_the_page_about_trainers_shows_the_example(file: str) -> None:
    page = EXAMPLES.parent / "docs" / "trainers.md"
    source = (EXAMPLES / f"{file}.py").read_text()
    shown = page.read_text().split("```python\n")[1:]
    assert any(block.partition("```")[0] in source for block in shown)


def find_trainer(table: Mapping[str, Any], folder: Path) -> type[Trainer]:
    path = table["class"] if "class" in table else TRAINERS[table["name"]]
    module, _, name = path.partition(":")
    with importing_from([folder]):
        cls: type[Trainer] = getattr(importlib.import_module(module), name)
    return cls.with_settings({key: table[key] for key in table.keys() - {"class", "name"}})


def take_one(space: Any) -> Any:
    """Take one value of a range or choices."""
    if not isinstance(space, dict):
        return space
    return space["choices"][0] if "choices" in space else space["low"]
