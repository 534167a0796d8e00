"""Results of a study: exported nets, correction for selection bias, pictures, tables."""

from hpsearch.results.ablation import group_ablation
from hpsearch.results.artifact import export_net, load_net
from hpsearch.results.best import (
    find_best_net,
    find_snapshots,
    has_best_net,
    list_superfluous_checkpoints,
    load_fold_nets,
    load_trial_net,
    shed_checkpoints,
    trial_preprocessing,
)
from hpsearch.results.diagnosis import Finding, diagnose
from hpsearch.results.examination import Examination, Mistake, examine, examine_folds
from hpsearch.results.intervals import mean_interval, wilson_interval
from hpsearch.results.judging import judge_selection, note_selection, read_verdict
from hpsearch.results.net import Net
from hpsearch.results.pictures import (
    WEIGHTS_FILE,
    make_frames,
    make_net_pictures,
    make_trial_pictures,
)
from hpsearch.results.table import write_table
from hpsearch.results.verdict import (
    Confirmed,
    RunnerUp,
    Selection,
    Verdict,
    describe_verdict,
    measure_verdict,
)

__all__ = [
    "WEIGHTS_FILE",
    "Confirmed",
    "Examination",
    "Finding",
    "Mistake",
    "Net",
    "RunnerUp",
    "Selection",
    "Verdict",
    "describe_verdict",
    "diagnose",
    "examine",
    "examine_folds",
    "export_net",
    "find_best_net",
    "find_snapshots",
    "group_ablation",
    "has_best_net",
    "judge_selection",
    "list_superfluous_checkpoints",
    "load_fold_nets",
    "load_net",
    "load_trial_net",
    "make_frames",
    "make_net_pictures",
    "make_trial_pictures",
    "mean_interval",
    "measure_verdict",
    "note_selection",
    "read_verdict",
    "shed_checkpoints",
    "trial_preprocessing",
    "wilson_interval",
    "write_table",
]
