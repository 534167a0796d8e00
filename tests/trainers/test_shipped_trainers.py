"""The trainers of this package give all guarantees: each passes the conformance check."""

from dataclasses import replace
from pathlib import Path

import pytest

from hpsearch.datasets import open_splits
from hpsearch.trainers.conformance import Candidate, Check, check_trainer
from hpsearch.trainers.finding import TRAINERS, TrainerSpec
from hpsearch.trainers.two_layer_net import Hyperparameters
from tests.extras import import_torch
from tests.trainers.engine import NUMBERS, make_examples

REGRESSION = replace(NUMBERS, class_names=())
PERCEPTRON = ["sklearn.preprocessing:StandardScaler", "sklearn.neural_network:MLPClassifier"]


def _make_candidate(spec, schema, **given):
    X, y = make_examples(schema)
    given = {"hyperparameters": {}, "prepared": {}, **given}
    return Candidate(spec, schema=schema, X=X[:80], y=y[:80], X_val=X[80:], **given)


def _make_sklearn_candidate(schema, estimator, **hyperparameters):
    return _make_candidate(
        TrainerSpec(TRAINERS["sklearn"], settings={"estimator": estimator}),
        schema,
        hyperparameters=hyperparameters,
    )


@pytest.mark.parametrize(
    ("schema", "estimator", "batch_size"),
    [
        (NUMBERS, PERCEPTRON, {"mlpclassifier__batch_size": 16}),
        pytest.param(
            NUMBERS,
            "sklearn.linear_model:SGDClassifier",
            {"batch_size": 16},
            marks=pytest.mark.slow,
        ),
        pytest.param(REGRESSION, "sklearn.linear_model:SGDRegressor", {}, marks=pytest.mark.slow),
    ],
)
def test_estimators_with_epochs_give_all_guarantees(schema, estimator, batch_size):
    results = list(check_trainer(_make_sklearn_candidate(schema, estimator, **batch_size)))
    assert [result for result in results if not result.holds] == []
    assert len(results) == len(Check)


@pytest.mark.parametrize(
    "estimator",
    [
        "sklearn.ensemble:RandomForestClassifier",
        pytest.param("sklearn.ensemble:HistGradientBoostingClassifier", marks=pytest.mark.slow),
    ],
)
def test_estimators_without_epochs_give_all_guarantees_that_apply(estimator):
    results = list(check_trainer(_make_sklearn_candidate(NUMBERS, estimator)))
    assert [result for result in results if result.holds is False] == []
    unknown = [result.check for result in results if result.holds is None]
    assert unknown == [Check.RESUMABLE, Check.PREFIX]


def _make_net_candidate(schema, X, y, basis="pixels", **changes):
    """Make a candidate of the two-layer net that uses much of what it has."""
    spec = TrainerSpec(TRAINERS["two_layer_net"], settings={"basis": basis})
    hyperparameters = Hyperparameters(
        learning_rate=0.002,
        reg=1e-3,
        hidden_size=12,
        epochs=2,
        batch_size=32,
        optimizer="adam",
        dropout=0.2,
        averaging_epochs=1.0,
        **changes,
    ).model_dump()
    space = {name: (value,) for name, value in hyperparameters.items()}
    plan = spec.load().plan_preparation(spec.settings, space)
    n = len(y) - 80
    return Candidate(
        spec,
        hyperparameters=hyperparameters,
        schema=schema,
        X=X[:n],
        y=y[:n],
        X_val=X[n:],
        prepared=spec.preparation(plan).derive(schema, X[:n], y[:n]),
    )


@pytest.mark.parametrize(
    ("basis", "changes"),
    [
        ("pixels", {"horizontal_flip": 0.5, "max_shift": 1}),
        pytest.param({"components": 20}, {"whitening": 0.5}, marks=pytest.mark.slow),
    ],
    ids=["pixels", "basis"],
)
def test_the_two_layer_net_gives_all_guarantees_on_images(digits, basis, changes):
    splits = open_splits(digits)
    X, y = splits.train[:400], splits.train_targets[:400]
    results = list(check_trainer(_make_net_candidate(digits.schema, X, y, basis, **changes)))
    assert [result for result in results if not result.holds] == []
    assert len(results) == len(Check)


@pytest.mark.slow
def test_the_two_layer_net_gives_all_guarantees_on_a_table():
    results = list(check_trainer(_make_net_candidate(REGRESSION, *make_examples(REGRESSION, 300))))
    assert [result for result in results if not result.holds] == []
    assert len(results) == len(Check)


@pytest.mark.slow
@pytest.mark.parametrize("schema", [NUMBERS, REGRESSION], ids=["classes", "numbers"])
def test_modules_of_pytorch_give_all_guarantees(schema):
    import_torch()
    spec = TrainerSpec("checked_torch_trainers:Perceptron", Path(__file__).parent)
    candidate = _make_candidate(spec, schema, hyperparameters={"batch_size": 16})
    results = list(check_trainer(candidate))
    assert [result for result in results if not result.holds] == []
