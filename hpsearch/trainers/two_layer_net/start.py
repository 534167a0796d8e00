"""Initial weights of a net."""

import numpy as np

from hpsearch.trainers.two_layer_net.batches import BatchReader
from hpsearch.trainers.two_layer_net.hyperparameters import Hyperparameters
from hpsearch.trainers.two_layer_net.locality import apply_windows
from hpsearch.trainers.two_layer_net.net import Parameters, make_parameters
from hpsearch.trainers.two_layer_net.split import Split

__all__ = ["make_net"]

# Number of training images, evenly spaced, from which the inputs' scale is estimated.
_N_JUDGED = 1000


def make_net(split: Split, setting: Hyperparameters, rng: np.random.Generator) -> Parameters:
    """Draw a net's initial parameters: Gaussian weights and zero biases.

    Parameters
    ----------
    split : Split
        Has the numbers of inputs and classes, and the inputs' scale.
    setting : Hyperparameters
        Hidden units, and the weights' standard deviation; or, with `initial_gain`, that times
        ``1 / sqrt(mean sum of an image's squared inputs)`` for W1 and ``sqrt(2 / H)`` for W2,
        so that initial scores are of about that size whatever the inputs. He et al. 2015, section
        2.2. Windows on W1, with `receptive_field_radius`.
    rng : numpy.random.Generator
        Draws W1, then W2, then windows.
    """
    n_inputs, n_hidden = split.preprocessing.n_inputs, setting.hidden_size
    std = 1.0 if setting.initial_gain else setting.initial_std
    net = make_parameters(n_inputs, n_hidden, split.n_classes, std, rng)
    if setting.initial_gain:
        n_images = len(split.train_rows)
        numbers = np.arange(0, n_images, max(1, n_images // _N_JUDGED))
        inputs = BatchReader(split, len(numbers))(numbers, rng)
        size = np.mean(np.sum(np.square(inputs), axis=(0, 2)))
        net["W1"] *= np.float32(setting.initial_gain) / np.sqrt(size)
        net["W2"] *= np.float32(setting.initial_gain * np.sqrt(2 / n_hidden))
    if radius := setting.receptive_field_radius:
        assert split.image_shape is not None
        directions = split.image_preprocessing.directions
        apply_windows(net["W1"], directions, split.image_shape, radius, rng)
    return net
