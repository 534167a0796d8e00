"""Where a net is wrong."""

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


def test_a_net_that_is_always_right_confuses_nothing(net: Net) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 48), dtype=np.uint8)
    found = examine(net, images, net.predict(images), n_mistakes=5)
    assert (found.n_wrong, found.mistakes, found.worst_pair()) == (0, (), None)
