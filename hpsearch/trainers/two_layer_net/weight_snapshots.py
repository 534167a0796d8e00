"""Weight snapshots: first-layer weights of a few hidden units after some epochs, as images."""

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hpsearch.trainers.two_layer_net.net import Parameters
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing

__all__ = ["WeightSnapshots", "add_snapshot", "snapshot_epochs", "start_snapshots"]

N_UNITS = 16
_N_FRAMES = 8


@dataclass(frozen=True)
class WeightSnapshots:
    """Weight snapshots in pixel space, each unit's image stretched to its full range.

    Parameters
    ----------
    units : int64 array, shape (U,)
        Hidden units: those with the largest outgoing weights after the first epoch.
    epochs : int64 array, shape (F,)
        Epoch after which each snapshot was taken; 0 for the initial weights.
    tiles : uint8 array, shape (F, U, D)
        The snapshots.
    """

    units: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    epochs: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    tiles: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0, 0), np.uint8))


def snapshot_epochs(n_epochs: int) -> set[int]:
    """Return the epochs after which snapshots are taken, in a training of `n_epochs`.

    They are evenly spaced on a log scale, as weights change most in the first epochs.
    """
    return {round(float(epoch)) for epoch in np.geomspace(1, n_epochs, _N_FRAMES)}


def start_snapshots(
    initial: Parameters, net: Parameters, preprocessing: Preprocessing
) -> WeightSnapshots:
    """Return the snapshots before and after the first epoch.

    Parameters
    ----------
    initial, net : dict of float32 arrays
        The net before and after its first epoch; units are chosen by the latter.
    preprocessing : Preprocessing
        Of the net.
    """
    snapshots = WeightSnapshots(units=_choose_units(net))
    return add_snapshot(add_snapshot(snapshots, 0, initial, preprocessing), 1, net, preprocessing)


def add_snapshot(
    snapshots: WeightSnapshots, epoch: int, net: Parameters, preprocessing: Preprocessing
) -> WeightSnapshots:
    """Append the snapshot after `epoch` to `snapshots`.

    The result depends on the arguments only, so that an epoch that is repeated gives the same.

    Parameters
    ----------
    snapshots : WeightSnapshots
        Snapshots of earlier epochs.
    epoch : int
        1 for the first.
    net : dict of float32 arrays
        The net after the epoch.
    preprocessing : Preprocessing
        Of the net; converts weights to pixel space.
    """
    pixels = preprocessing.to_pixels(net["W1"][:, snapshots.units]).T
    low = pixels.min(axis=1, keepdims=True)
    spread = pixels.max(axis=1, keepdims=True) - low
    stretched = np.divide(pixels - low, spread, out=np.zeros_like(pixels), where=spread > 0)
    frame = np.rint(255 * stretched).astype(np.uint8)[None]
    tiles = np.concatenate([snapshots.tiles, frame]) if len(snapshots.epochs) else frame
    return dataclasses.replace(snapshots, epochs=np.append(snapshots.epochs, epoch), tiles=tiles)


def _choose_units(net: Parameters) -> NDArray[np.int64]:
    strength = np.linalg.norm(net["W2"].astype(np.float64), axis=1)
    return np.argsort(-strength, kind="stable")[:N_UNITS]
