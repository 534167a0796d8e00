"""The trainers of this package give all guarantees: each passes the conformance check."""

from dataclasses import replace

import pytest

from hpsearch.trainers.conformance import Candidate, Check, check_trainer
from hpsearch.trainers.finding import TRAINERS, TrainerSpec
from tests.trainers.engine import NUMBERS, make_examples

REGRESSION = replace(NUMBERS, class_names=())


def _make_sklearn_candidate(schema, estimator, **hyperparameters):
    X, y = make_examples(schema)
    return Candidate(
        spec=TrainerSpec(TRAINERS["sklearn"]),
        settings={"estimator": estimator},
        hyperparameters=hyperparameters,
        schema=schema,
        X=X[:80],
        y=y[:80],
        X_val=X[80:],
        prepared={},
    )


@pytest.mark.parametrize(
    "candidate",
    [
        _make_sklearn_candidate(NUMBERS, "sklearn.linear_model:SGDClassifier", batch_size=16),
        _make_sklearn_candidate(
            NUMBERS,
            ["sklearn.preprocessing:StandardScaler", "sklearn.neural_network:MLPClassifier"],
            mlpclassifier__batch_size=16,
        ),
        _make_sklearn_candidate(REGRESSION, "sklearn.linear_model:SGDRegressor"),
    ],
    ids=lambda one: str(one.settings["estimator"]),
)
def test_a_trainer_with_epochs_gives_all_guarantees(candidate):
    results = list(check_trainer(candidate))
    assert [result for result in results if not result.holds] == []
    assert len(results) == len(Check)


@pytest.mark.parametrize(
    "estimator",
    ["sklearn.ensemble:HistGradientBoostingClassifier", "sklearn.ensemble:RandomForestClassifier"],
)
def test_a_trainer_without_epochs_gives_all_guarantees_that_apply(estimator):
    results = list(check_trainer(_make_sklearn_candidate(NUMBERS, estimator)))
    assert [result for result in results if result.holds is False] == []
    unknown = [result.check for result in results if result.holds is None]
    assert unknown == [Check.RESUMABLE, Check.PREFIX]
