import numpy as np
import pytest

from hpsearch.net import make_parameters
from hpsearch.results import Net


@pytest.fixture
def net() -> Net:
    rng = np.random.default_rng(0)
    return Net(
        parameters=make_parameters(48, 5, 3, 0.1, rng),
        mean_image=rng.uniform(0, 255, 48).astype(np.float32),
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
