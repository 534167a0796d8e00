from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hpsearch.data import Preprocessing, Schema
from hpsearch.definition import StudyDefinition
from hpsearch.net import make_parameters
from hpsearch.records import State
from hpsearch.results import Net
from hpsearch.search import SearchStudy, create_or_continue_study, open_storage
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
        schema=Schema((4, 4, 3), class_names=("cat", "dog", "ship")),
        facts={
            "study": "small",
            "trial": 3,
            "val_accuracy": 0.5,
            "hyperparameters": {"learning_rate": 0.1},
            "seed": 0,
        },
    )


@pytest.fixture
def complete_study(define: Callable[..., StudyDefinition], tmp_path: Path) -> SearchStudy:
    """A study of five trials, four of them complete; the second is the best."""
    storage = open_storage(None, tmp_path / "journal")
    search = create_or_continue_study(define(trials=5), storage, data_checksum="data")
    for value in (0.5, 0.7, 0.65, 0.4):
        search.finish(search.ask(), State.COMPLETE, value)
    return search
