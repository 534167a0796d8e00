"""Random streams of a study: one for each purpose, none equal to another."""

from enum import IntEnum

import numpy as np

__all__ = ["Stream", "seed_stream"]


class Stream(IntEnum):
    """Purpose of a random stream; in brackets its indices, as `seed_stream` takes them.

    Results depend on the numbers: a new purpose gets a new one, and none is used again.

    Only what is drawn from a study's seed is listed. The split of the data is not, so that studies
    of different seeds share it: it depends on ``data.shuffle_seed`` alone, which the user chooses.
    """

    TRAINING = 0
    """Training of a trial: weights, batches, augmentation, dropout [trial; trial, fold]."""
    CONFIRMATION = 1
    """Training with a fresh seed [trial, replicate; trial, replicate, fold]."""
    REFIT = 2
    """Training of the best trial's hyperparameters on the examples of all folds [trial]."""
    PROPOSAL = 3
    """Hyperparameters of a trial: TPE, GP, CMA-ES, random search [trial]."""
    QMC_SCRAMBLING = 4
    """Scrambling of the Sobol' sequence that all trials share."""
    GRID_ORDER = 5
    """Order in which trials take the cells of the grid."""


def seed_stream(study_seed: int, stream: Stream, *indices: int) -> np.random.SeedSequence:
    """Return the seed of a random stream of a study.

    Parameters
    ----------
    study_seed : int
        The study's seed, in [0, 2**128).
    stream : Stream
        What is drawn.
    *indices : int
        Which of the streams of this purpose, such as a trial's number; each in [0, 2**32).

    Returns
    -------
    numpy.random.SeedSequence
        A different one for different arguments.

    Notes
    -----
    The purpose is NumPy's `spawn_key`, not part of the entropy, of which NumPy ignores trailing
    zeros: entropies [7, 1] and [7, 1, 0] are the same stream.
    """
    return np.random.SeedSequence(study_seed, spawn_key=(stream, *indices))
