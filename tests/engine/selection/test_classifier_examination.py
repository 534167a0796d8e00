"""Where a model is wrong."""

from collections.abc import Callable

import numpy as np

from hpsearch.engine.models import Model
from hpsearch.engine.selection import examine, examine_folds


def _check(model: Model) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 48), dtype=np.uint8)
    labels = rng.integers(0, 3, 60)
    found = examine(model, images, labels, n_mistakes=5)
    predicted = model.predict(images)
    assert found.n_images == 60
    assert found.n_wrong == int(np.sum(predicted != labels))
    assert all(
        found.confusion[i, j] == np.sum((labels == i) & (predicted == j))
        for i in range(3)
        for j in range(3)
    )
    chances = [mistake.probability for mistake in found.mistakes]
    assert chances == sorted(chances, reverse=True)
    assert len(chances) == 5
    for mistake in found.mistakes:
        assert mistake.label == labels[mistake.index] != mistake.predicted
        assert mistake.predicted == predicted[mistake.index]
        assert 1 / 3 <= mistake.probability <= 1


def test_confusion_and_mistakes_are_those_of_the_nets_predictions(net: Model) -> None:
    _check(net)


def test_confusion_and_mistakes_are_those_of_any_trainers_scores_or_classes(
    train_own: Callable[..., Model],
) -> None:
    _check(train_own())
    _check(train_own("NearestMeanClass"))


def test_a_net_without_mistakes_has_no_worst_pair(net: Model) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 48), dtype=np.uint8)
    found = examine(net, images, net.predict(images), n_mistakes=5)
    assert (found.n_wrong, found.mistakes, found.worst_pair()) == (0, (), None)


def test_the_model_of_each_fold_is_examined_on_its_own_examples(
    net: Model, train_own: Callable[..., Model]
) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 48), dtype=np.uint8), rng.integers(0, 3, 60)
    models, folds = [net, train_own()], rng.integers(0, 2, 60)
    found = examine_folds(models, folds, images, labels, n_mistakes=60)
    predicted = np.where(folds == 0, models[0].predict(images), models[1].predict(images))
    assert found.n_wrong == int(np.sum(predicted != labels)) == len(found.mistakes)
    assert {one.index for one in found.mistakes} == set(np.flatnonzero(predicted != labels))
    assert all(one.predicted == predicted[one.index] for one in found.mistakes)
