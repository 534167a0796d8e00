"""Reproducible, tracked hyperparameter search for any model that trains in epochs.

Public names are imported on first use, as workers import this package too.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpsearch.api.objective import Objective
    from hpsearch.api.study import Study, load_study, run_study
    from hpsearch.engine.definition import StudyDefinition, load_definition
    from hpsearch.engine.models import Model, TestTimeAugmentation, load_model
    from hpsearch.engine.models import load_model as load_net
    from hpsearch.engine.scheduling import RunOptions, prepare_data
    from hpsearch.engine.workspace import Workspace
    from hpsearch.trainers import Trainer, TrainingData

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
    "Model": "hpsearch.engine.models",
    "Objective": "hpsearch.api.objective",
    "RunOptions": "hpsearch.engine.scheduling",
    "Study": "hpsearch.api.study",
    "StudyDefinition": "hpsearch.engine.definition",
    "TestTimeAugmentation": "hpsearch.engine.models",
    "Trainer": "hpsearch.trainers",
    "TrainingData": "hpsearch.trainers",
    "Workspace": "hpsearch.engine.workspace",
    "load_definition": "hpsearch.engine.definition",
    "load_model": "hpsearch.engine.models",
    "load_study": "hpsearch.api.study",
    "prepare_data": "hpsearch.engine.scheduling",
    "run_study": "hpsearch.api.study",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("hpsearch")
    if name == "load_net":  # for programs written before other trainers existed
        name = "load_model"
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
