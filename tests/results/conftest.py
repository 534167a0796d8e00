import numpy as np
import pytest

from hpsearch.data import Preprocessing
from hpsearch.net import make_parameters
from hpsearch.results import Net
from tests.search.conftest import simulate

__all__ = ["simulate"]


@pytest.fixture(params=["pixels", "components", "normalised"])
def net(request: pytest.FixtureRequest) -> Net:
    """Fed pixels, principal components, or those of images with normalised contrast."""
    rng = np.random.default_rng(0)
    mean_image = rng.uniform(0, 255, 48).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((48, 7)))[0].astype(np.float32)
    components = None if request.param == "pixels" else rotation
    floor = 10.0 if request.param == "normalised" else None
    if floor:
        mean_image /= 255
    preprocessing = Preprocessing(mean_image, components, floor)
    parameters = make_parameters(preprocessing.n_inputs, 5, 3, 0.1, rng)
    parameters["W1"] = np.asfortranarray(parameters["W1"])  # as training leaves it
    return Net(
        parameters=parameters,
        preprocessing=preprocessing,
        image_shape=(4, 4, 3),
        class_names=("cat", "dog", "ship"),
        facts={
            "study": "small",
            "trial": 3,
            "val_accuracy": 0.5,
            "hyperparameters": {"learning_rate": 0.1},
            "seed": 0,
        },
    )
