"""Weight snapshots during training."""

import numpy as np
import pytest

from hpsearch.trainers.two_layer_net import add_snapshot, snapshot_epochs, start_snapshots
from hpsearch.trainers.two_layer_net.net import Parameters, make_parameters
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing

PIXELS = Preprocessing(np.zeros(48, np.float32))


def _net(seed: int, n_units: int = 20) -> Parameters:
    return make_parameters(48, n_units, 3, 0.1, np.random.default_rng(seed))


@pytest.mark.parametrize("n_epochs", [1, 2, 5, 19, 100])
def test_snapshots_are_few_from_the_first_epoch_to_the_last(n_epochs: int) -> None:
    epochs = snapshot_epochs(n_epochs)
    assert {1, n_epochs} <= epochs <= set(range(1, n_epochs + 1))
    assert len(epochs) <= 8


def test_snapshots_show_the_units_with_the_largest_weights_after_the_first_epoch() -> None:
    initial, first, last = _net(0), _net(1), _net(2)
    snapshots = add_snapshot(start_snapshots(initial, first, PIXELS), 5, last, PIXELS)
    strength = np.linalg.norm(first["W2"].astype(float), axis=1)
    assert snapshots.units.tolist() == np.argsort(-strength)[:16].tolist()
    assert snapshots.epochs.tolist() == [0, 1, 5]
    assert (snapshots.tiles.shape, snapshots.tiles.dtype) == ((3, 16, 48), np.uint8)
    for tiles, net in zip(snapshots.tiles, (initial, first, last), strict=True):
        weights = net["W1"][:, snapshots.units[3]]
        stretched = 255 * (weights - weights.min()) / np.ptp(weights)
        assert np.abs(tiles[3] - stretched).max() <= 0.51


def test_snapshots_of_a_net_on_components_are_in_pixel_space() -> None:
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((48, 48)))[0]
    components = rotation.astype(np.float32)
    nets = [_net(0), _net(1)]
    rotated = [net | {"W1": components.T @ net["W1"]} for net in nets]
    expected = start_snapshots(*nets, PIXELS).tiles.astype(int)
    found = start_snapshots(*rotated, Preprocessing(PIXELS.mean_image, components)).tiles
    assert np.abs(found - expected).max() <= 1


def test_snapshots_of_few_or_constant_units_are_valid() -> None:
    net = _net(0, n_units=2)
    net["W1"][:, 0] = 0.5
    snapshots = start_snapshots(net, net, PIXELS)
    assert snapshots.tiles.shape == (2, 2, 48)
    assert not snapshots.tiles[:, snapshots.units.tolist().index(0)].any()
