"""Where a net is wrong."""

import dataclasses

import numpy as np

from hpsearch.results import Net, examine


def test_confusion_and_mistakes_are_those_of_the_nets_predictions(net: Net) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 48), dtype=np.uint8)
    labels = rng.integers(0, 3, 60)
    found = examine(net, images, labels, n_mistakes=5)
    predicted = net.predict(images)
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


def test_units_with_equal_activations_for_all_images_are_dead(net: Net) -> None:
    images = np.random.default_rng(0).integers(0, 256, (700, 48), dtype=np.uint8)
    labels = np.zeros(700, np.int64)
    parameters = {name: values.copy() for name, values in net.parameters.items()}
    n_hidden = len(parameters["b1"])
    assert n_hidden >= 3
    parameters["b1"][:] = 1e4  # each sees a difference between any two images
    parameters["W1"][:, 0] = 0
    parameters["b1"][1] = -1e6
    found = examine(dataclasses.replace(net, parameters=parameters), images, labels, n_mistakes=1)
    assert (found.n_hidden, found.n_dead) == (n_hidden, 2)


def test_a_net_without_mistakes_has_no_worst_pair(net: Net) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 48), dtype=np.uint8)
    found = examine(net, images, net.predict(images), n_mistakes=5)
    assert (found.n_wrong, found.mistakes, found.worst_pair()) == (0, (), None)
