"""Check that training works on this machine: one step on random images, compared with NumPy."""

import numpy as np
from numpy.typing import NDArray

from hpsearch.foundations.errors import MachineError
from hpsearch.trainers.two_layer_net.hyperparameters import Hyperparameters
from hpsearch.trainers.two_layer_net.net import loss_and_gradients
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from hpsearch.trainers.two_layer_net.sgd import GradientDescent
from hpsearch.trainers.two_layer_net.split import Fitted, Split
from hpsearch.trainers.two_layer_net.start import make_net

__all__ = ["check_training"]

_N_IMAGES, _N_CLASSES = 8, 3
# The second is large enough for integer products, where the processor is faster at them.
_IMAGE_SHAPES = ((4, 4, 1), (32, 32, 1))
_SETTING = Hyperparameters(
    learning_rate=0.1,
    learning_rate_decay=1.0,
    reg=0.01,
    hidden_size=20,
    epochs=1,
    batch_size=_N_IMAGES,
    initial_std=0.01,
)
# Relative to the largest change of a weight; float32 and 24-bit integers are off by less than 1e-5.
_TOLERANCE = 1e-3


def check_training() -> None:
    """Train for one step on each kind of arithmetic and compare the weights with NumPy's.

    Raises
    ------
    MachineError
        If they differ: what was compiled computes something else than it should. Whatever else is
        raised comes from the installation or the machine too.
    """
    for image_shape in _IMAGE_SHAPES:
        rng = np.random.default_rng(0)
        split = _make_split(image_shape, rng)
        net = make_net(split, _SETTING, rng)
        images = np.asarray(split.train_rows, np.uint8)
        inputs = split.image_preprocessing.apply(images).astype(np.float64)
        exact = {name: array.astype(np.float64) for name, array in net.items()}
        _, gradients = loss_and_gradients(exact, inputs, split.train_labels, _SETTING.reg)
        GradientDescent(net, split, _SETTING, rng, {}).train_epoch(1)
        for name, gradient in gradients.items():
            expected = exact[name] - _SETTING.learning_rate * gradient
            error = np.max(np.abs(net[name] - expected))
            largest = _SETTING.learning_rate * np.max(np.abs(gradient))
            if not error <= _TOLERANCE * largest:
                raise MachineError(
                    f"a step of training moved {name} by something else than its gradient "
                    f"(off by {error / largest:.1g} of it): the compiled code or the processor "
                    "is faulty; `make clean` or an empty NUMBA_CACHE_DIR compiles anew"
                )


def _make_split(image_shape: tuple[int, int, int], rng: np.random.Generator) -> Split:
    n_pixels = int(np.prod(image_shape))
    images: NDArray[np.uint8] = rng.integers(0, 256, (_N_IMAGES, n_pixels), np.uint8)
    labels = rng.integers(0, _N_CLASSES, _N_IMAGES)
    for array in (images, labels):
        array.flags.writeable = False  # like memory-mapped ones
    mean_image = np.full(n_pixels, 127.5, np.float32)
    return Split(
        train_rows=images,
        train_labels=labels,
        preprocessing=Preprocessing(mean_image),
        n_classes=_N_CLASSES,
        image_shape=image_shape,
        pixel_std=74.0,
        plain=Fitted(mean_image),
    )
