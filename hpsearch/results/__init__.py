"""What comes out of a study: nets that can be kept and used, pictures, the table of trials."""

from hpsearch.results.artifact import export_net, load_net
from hpsearch.results.best import (
    find_best_net,
    list_superfluous_checkpoints,
    load_trial_net,
    shed_checkpoints,
    trial_preprocessing,
)
from hpsearch.results.net import Net
from hpsearch.results.pictures import (
    WEIGHTS_FILE,
    make_study_pictures,
    make_trial_pictures,
)
from hpsearch.results.table import write_table

__all__ = [
    "WEIGHTS_FILE",
    "Net",
    "export_net",
    "find_best_net",
    "list_superfluous_checkpoints",
    "load_net",
    "load_trial_net",
    "make_study_pictures",
    "make_trial_pictures",
    "shed_checkpoints",
    "trial_preprocessing",
    "write_table",
]
