"""Reproducible, tracked hyperparameter search for any model that trains in epochs.

Public names are imported on first use, as workers import this package too.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpsearch.coordinator import RunOptions, prepare_data
    from hpsearch.definition import StudyDefinition, load_definition
    from hpsearch.models import Model, TestTimeAugmentation, load_model
    from hpsearch.models import load_model as load_net
    from hpsearch.objective import Objective
    from hpsearch.study import Study, load_study, run_study
    from hpsearch.trainers import Trainer, TrainingData
    from hpsearch.workspace import Workspace

__all__ = [
    "Model",
    "Objective",
    "RunOptions",
    "Study",
    "StudyDefinition",
    "TestTimeAugmentation",
    "Trainer",
    "TrainingData",
    "Workspace",
    "load_definition",
    "load_model",
    "load_net",
    "load_study",
    "prepare_data",
    "run_study",
]

_MODULES = {
    "Model": "hpsearch.models",
    "Objective": "hpsearch.objective",
    "RunOptions": "hpsearch.coordinator",
    "Study": "hpsearch.study",
    "StudyDefinition": "hpsearch.definition",
    "TestTimeAugmentation": "hpsearch.models",
    "Trainer": "hpsearch.trainers",
    "TrainingData": "hpsearch.trainers",
    "Workspace": "hpsearch.workspace",
    "load_definition": "hpsearch.definition",
    "load_model": "hpsearch.models",
    "load_study": "hpsearch.study",
    "prepare_data": "hpsearch.coordinator",
    "run_study": "hpsearch.study",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("hpsearch")
    if name == "load_net":  # the name that programs of before there were other trainers rely on
        name = "load_model"
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
