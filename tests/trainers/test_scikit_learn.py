"""Estimators of scikit-learn train as trainers, and their state survives without pickle."""

import hashlib
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from sklearn.cluster import Birch
from sklearn.datasets import load_svmlight_file
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info, threadpool_limits

from hpsearch.datasets.schema import Column, Schema
from hpsearch.trainers.estimator_state import dump_estimator, list_types, load_estimator
from hpsearch.trainers.finding import TRAINERS, TrainerSpec
from hpsearch.trainers.named_estimator import NamedEstimatorTrainer
from hpsearch.trainers.scikit_learn import SklearnTrainer
from tests.trainers.engine import NUMBERS, check_resumption, load_model, make_examples, save, train

BINARY = replace(NUMBERS, class_names=("no", "yes"))
REGRESSION = replace(NUMBERS, class_names=())
PERCEPTRON = ["sklearn.preprocessing:StandardScaler", "sklearn.neural_network:MLPRegressor"]
ROOT = Path(__file__).parents[2]


class Linear(SklearnTrainer):
    def make_estimator(self):
        return SGDClassifier(alpha=self.hyperparameters["alpha"])


class Averaged(SklearnTrainer):
    def make_estimator(self):
        model = SGDClassifier(average=20)
        return make_pipeline(StandardScaler(), model)


class Network(SklearnTrainer):
    def make_estimator(self):
        return MLPClassifier(8)


def shift(X):
    return X + 1


class Selected(SklearnTrainer):
    """A pipeline that holds functions: one of scikit-learn, one of its own."""

    def make_estimator(self):
        return make_pipeline(FunctionTransformer(shift), SelectKBest(k=2), SGDClassifier())


def named(estimator):
    return NamedEstimatorTrainer.with_settings({"estimator": estimator})


def make(cls, hyperparameters, schema=NUMBERS, seed=0):
    return cls(hyperparameters, schema, np.random.default_rng(seed))


@pytest.mark.parametrize("schema", [NUMBERS, BINARY], ids=["three classes", "two"])
@pytest.mark.parametrize(
    ("cls", "hyperparameters"),
    [
        (Linear, {"alpha": 1e-3}),
        (Linear, {"alpha": 1e-3, "batch_size": 16}),
        (Averaged, {}),
        (Network, {}),
        (Network, {"batch_size": 50}),
        (Selected, {}),
    ],
)
def test_restored_training_goes_on_to_the_bit(cls, hyperparameters, schema):
    check_resumption(cls, hyperparameters, schema)


@pytest.mark.parametrize(
    ("estimator", "schema"),
    [
        ("sklearn.linear_model:SGDRegressor", REGRESSION),
        ("sklearn.naive_bayes:GaussianNB", NUMBERS),
        (PERCEPTRON, REGRESSION),
    ],
)
def test_estimators_by_name_are_resumed_to_the_bit(estimator, schema):
    check_resumption(named(estimator), {}, schema)


@pytest.mark.parametrize(
    "estimator",
    [
        "sklearn.ensemble:HistGradientBoostingClassifier",
        "sklearn.ensemble:RandomForestClassifier",
        "sklearn.neighbors:KNeighborsClassifier",
        "sklearn.svm:SVC",
        "sklearn.gaussian_process:GaussianProcessClassifier",
    ],
)
def test_estimators_with_fit_alone_train_in_one_epoch(estimator):
    cls, (X, y) = named(estimator), make_examples(NUMBERS)
    assert not cls.has_epochs
    trainer, again = make(cls, {}), make(cls, {})
    train(trainer, X, y, range(1, 2))
    train(again, X, y, range(1, 2))
    assert save(trainer) == save(again)
    scores = trainer.predict(X)
    assert scores.shape == (len(X), 3)
    assert np.mean(scores.argmax(axis=1) == y) > 0.8
    assert load_model(cls, {}, NUMBERS, trainer).predict(X).tobytes() == scores.tobytes()


def test_another_seed_gives_another_model():
    X, y = make_examples(NUMBERS)
    models = [make(Network, {}, seed=seed) for seed in (0, 1)]
    for model in models:
        train(model, X, y, range(1, 2))
    assert save(models[0])[0] != save(models[1])[0]


def test_the_state_of_equal_training_is_equal_in_another_process():
    """It holds no addresses, dates or orders of sets, as the model's hash is a study's result."""
    program = (
        "import hashlib; from tests.trainers import test_scikit_learn as test;"
        "print(hashlib.sha256(test.trained_state()).hexdigest())"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(trained_state()).hexdigest()


def trained_state():
    X, y = make_examples(NUMBERS)
    trainer = make(Network, {"batch_size": 50})
    train(trainer, X, y, range(1, 3))
    return trainer.state_dict()["estimator"].tobytes()


def test_predictions_are_probabilities_or_scores_or_classes_or_numbers():
    X, y = make_examples(BINARY)
    for path in ("sklearn.naive_bayes:GaussianNB", "sklearn.linear_model:Perceptron"):
        trainer = make(named(path), {}, BINARY)
        train(trainer, X, y, range(1, 2))
        predicted = trainer.predict(X)
        assert predicted.shape == (len(X), 2)
        assert np.array_equal(predicted.argmax(axis=1), trainer.estimator.predict(X))
    X, y = make_examples(REGRESSION)
    path = "sklearn.cross_decomposition:PLSRegression"  # predicts shape (N, 1)
    trainer = make(named(path), {"n_components": 1}, REGRESSION)
    train(trainer, X, y, range(1, 2))
    assert trainer.predict(X).shape == (len(X),)


def test_classes_without_scores_are_predicted_as_integers():
    class OfClasses(SklearnTrainer):
        has_epochs = False

        def make_estimator(self):
            return make_pipeline(StandardScaler(), OnlyClasses())

    class OnlyClasses(LinearSVC):
        decision_function = property()  # hasattr is false

        def predict(self, X):
            return np.zeros(len(X))

    X, y = make_examples(NUMBERS)
    trainer = make(OfClasses, {})
    train(trainer, X, y, range(1, 2))
    assert trainer.predict(X).tolist() == [0] * len(X)
    assert trainer.predict(X).dtype == np.int64


@pytest.mark.parametrize("path", ["sklearn.svm:LinearSVC", "sklearn.tree:DecisionTreeClassifier"])
def test_a_class_without_training_examples_is_never_predicted(path):
    four = replace(NUMBERS, class_names=("a", "none", "b", "c"))
    X, y = make_examples(NUMBERS)
    y = np.array([0, 2, 3])[y]
    trainer = make(named(path), {}, four)
    train(trainer, X, y, range(1, 2))
    scores = trainer.predict(X)
    assert scores.shape == (len(X), 4)
    assert np.mean(scores.argmax(axis=1) == y) > 0.8


def test_columns_of_categories_are_told_to_histogram_gradient_boosting():
    columns = (Column("size"), Column("colour", "category", ("blue", "red")))
    schema = Schema(columns=columns, class_names=("a", "b"))
    path = "sklearn.ensemble:HistGradientBoostingClassifier"
    assert make(named(path), {}, schema).estimator.categorical_features == [False, True]

    class Plain(SklearnTrainer):
        has_epochs = False

        def make_estimator(self):
            return HistGradientBoostingClassifier(categorical_features=[0])

    assert make(Plain, {}, schema).estimator.categorical_features == [0]


def test_hyperparameters_are_parameters_of_the_estimator_or_of_its_steps():
    cls = named(["sklearn.preprocessing:StandardScaler", "sklearn.linear_model:SGDClassifier"])
    trainer = make(cls, {"sgdclassifier__alpha": 0.5, "epochs": 3, "batch_size": 8})
    assert trainer.estimator[-1].alpha == 0.5


def test_batches_are_the_estimators_own_if_it_has_them():
    X, y = make_examples(NUMBERS)
    for path, n_calls in (
        ("sklearn.neural_network:MLPClassifier", 1),
        ("sklearn.linear_model:SGDClassifier", len(X) // 40),
    ):
        trainer = make(named(path), {"batch_size": 40})
        with mock.patch.object(type(trainer.estimator), "partial_fit") as called:
            train(trainer, X, y, range(1, 2))
        assert called.call_count == n_calls


def test_estimators_draw_from_the_trainers_generator_unless_they_are_given_one():
    assert isinstance(make(Averaged, {}).estimator[-1].random_state, np.random.RandomState)
    path = "sklearn.linear_model:SGDClassifier"
    assert make(named(path), {"random_state": 3}).estimator.random_state == 3


def test_a_pipelines_first_steps_are_fitted_in_the_first_epoch_only():
    X, y = make_examples(NUMBERS)
    trainer = make(Averaged, {})
    train(trainer, X, y, range(1, 2))
    mean = trainer.estimator[0].mean_.copy()
    train(trainer, X + 1, y, range(2, 3))
    assert np.array_equal(trainer.estimator[0].mean_, mean)


def test_the_loss_is_reported_where_the_estimator_has_it():
    X, y = make_examples(NUMBERS)
    first, second = train(make(Network, {"batch_size": 50}), X, y, range(1, 3))
    assert second["train_loss"] < first["train_loss"]
    assert train(make(Linear, {"alpha": 1e-3}), X, y, range(1, 2)) == [{}]


def test_training_and_prediction_use_one_thread_as_sums_depend_on_their_number():
    counts = []

    class Counting(GaussianNB):
        def fit(self, X, y):
            counts.extend(library["num_threads"] for library in threadpool_info())
            return super().fit(X, y)

        def predict_proba(self, X):
            counts.extend(library["num_threads"] for library in threadpool_info())
            return super().predict_proba(X)

    class Bayes(SklearnTrainer):
        has_epochs = False

        def make_estimator(self):
            return Counting()

    X, y = make_examples(NUMBERS)
    trainer = make(Bayes, {})
    with threadpool_limits(2):
        train(trainer, X, y, range(1, 2))
        trainer.predict(X)
    assert len(counts) > 1
    assert set(counts) == {1}


def test_an_overflow_is_a_divergence():
    X, y = make_examples(REGRESSION)
    trainer = make(named("sklearn.linear_model:SGDRegressor"), {"eta0": 1e300}, REGRESSION)
    (metrics,) = train(trainer, X, y, range(1, 2))
    assert math.isnan(metrics["train_loss"])


def test_other_errors_of_an_estimator_are_not_taken_for_divergence():
    X, y = make_examples(NUMBERS)
    with pytest.raises(ValueError, match="NaN"):
        train(make(Linear, {"alpha": 1e-3}), np.full_like(X, np.nan), y, range(1, 2))


def test_an_estimator_without_partial_fit_has_to_say_that_it_has_no_epochs():
    class Forest(SklearnTrainer):
        def make_estimator(self):
            return HistGradientBoostingClassifier()

    X, y = make_examples(NUMBERS)
    with pytest.raises(TypeError, match=r"has no partial_fit.* set has_epochs = False in Forest$"):
        train(make(Forest, {}), X, y, range(1, 2))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (Birch(), r"^Birch cannot be saved by skops: .*Birch are not supported yet\.$"),
        (
            FunctionTransformer(lambda X: X),
            r"^FunctionTransformer holds .*test_scikit_learn\.<lambda>: expected classes",
        ),
    ],
    ids=["Birch", "lambda"],
)
def test_an_estimator_that_cannot_be_saved_is_refused_by_name_in_one_line(step, message):
    class Unsavable(SklearnTrainer):
        def make_estimator(self):
            return step

    with pytest.raises(TypeError, match=message) as caught:
        make(Unsavable, {}).state_dict()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", [shift, load_svmlight_file], ids=lambda one: one.__name__)
def test_a_saved_function_that_the_trainer_did_not_put_there_is_not_loaded(function):
    estimator = FunctionTransformer(function)
    own = list_types(estimator)
    saved = dump_estimator(estimator, own)
    assert load_estimator(saved, own).func is function
    with pytest.raises(TypeError, match=rf"the saved estimator holds .*{function.__name__}: exp"):
        load_estimator(saved, ())


def test_saved_bytes_do_not_tell_equal_numbers_from_one_number():
    """The interpreter decides which are one object, and restoring makes them one."""
    one, two = int("1000"), int("1000")
    estimators = [SGDClassifier(max_iter=one, n_iter_no_change=other) for other in (one, two)]
    assert one is not two
    first, second = (dump_estimator(estimator, ()).tobytes() for estimator in estimators)
    assert first == second


def test_the_trainer_is_found_by_its_name():
    assert TrainerSpec(TRAINERS["sklearn"]).find_class() is NamedEstimatorTrainer


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ("sklearn.svm:SCV", r"trainer\.estimator: expected estimators .* got 'sklearn\.svm:SCV'"),
        ("no_such_package:SVC", r"got 'no_such_package:SVC' \(ModuleNotFoundError"),
        ("sklearn.svm", r"got 'sklearn\.svm'"),
        ("sklearn.multiclass:OneVsRestClassifier", r"that need no arguments, .* 'estimator'"),
        ("math:prod", r"got 'math:prod' \(TypeError: not a class\)"),
    ],
)
def test_what_names_no_estimator_is_refused_in_one_line(estimator, message):
    with pytest.raises(ValueError, match=message) as caught:
        named(estimator)
    assert "\n" not in str(caught.value)


def test_a_search_space_may_name_only_parameters_of_the_estimator():
    linear, forest = named("sklearn.linear_model:SGDClassifier"), named("sklearn.svm:SVC")
    linear.check_space({}, {"alpha": [0.1, 1], "epochs": [3], "batch_size": [8]}, NUMBERS, {})
    with pytest.raises(ValueError, match=r"^search\.space\.alhpa: .*; did you mean 'alpha'\?$"):
        linear.check_space({}, {"alhpa": [1]}, None, {})
    with pytest.raises(ValueError, match=r"^search\.space\.batch_size: SVC has no such parameter"):
        forest.check_space({}, {"batch_size": [8]}, None, {})


def import_without(modules, name):
    """Import a module in a new process that lacks others; return what it imports and its error."""
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({modules}))\n"
        f"import {name}; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.stdout.split(), done.stderr


def test_a_missing_skops_is_reported_with_the_extra_that_has_it():
    _, error = import_without(["skops"], "hpsearch.trainers.named_estimator")
    assert error.splitlines()[-1] == "ImportError: it needs skops: pip install 'hpsearch[sklearn]'"


def test_the_class_is_imported_without_every_module_of_scikit_learn():
    """skops.io imports them all: seconds, which each command and each worker would take longer."""
    imported, _ = import_without([], "hpsearch.trainers.named_estimator")
    assert "sklearn" in imported
    assert not {"skops.io", "sklearn.cluster"} & {*imported}
