"""Reproducible, tracked hyperparameter search for a two-layer NumPy net.

Public names are imported on first use, as workers import this package too.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hpsearch.coordinator import RunOptions, prepare_data
    from hpsearch.definition import StudyDefinition, load_definition
    from hpsearch.objective import Objective
    from hpsearch.results import Net, load_net
    from hpsearch.study import Study, load_study, run_study
    from hpsearch.trainers import Trainer, TrainingData
    from hpsearch.training import TestTimeAugmentation
    from hpsearch.workspace import Workspace

__all__ = [
    "Net",
    "Objective",
    "RunOptions",
    "Study",
    "StudyDefinition",
    "TestTimeAugmentation",
    "Trainer",
    "TrainingData",
    "Workspace",
    "load_definition",
    "load_net",
    "load_study",
    "prepare_data",
    "run_study",
]

_MODULES = {
    "Net": "hpsearch.results",
    "Objective": "hpsearch.objective",
    "RunOptions": "hpsearch.coordinator",
    "Study": "hpsearch.study",
    "StudyDefinition": "hpsearch.definition",
    "TestTimeAugmentation": "hpsearch.training",
    "Trainer": "hpsearch.trainers",
    "TrainingData": "hpsearch.trainers",
    "Workspace": "hpsearch.workspace",
    "load_definition": "hpsearch.definition",
    "load_net": "hpsearch.results",
    "load_study": "hpsearch.study",
    "prepare_data": "hpsearch.coordinator",
    "run_study": "hpsearch.study",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("hpsearch")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
