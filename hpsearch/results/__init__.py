"""Results of a study: its best model, correction for selection bias, pictures, tables."""

from hpsearch.results.ablation import group_ablation
from hpsearch.results.best import (
    find_best_model,
    has_best_model,
    list_superfluous_checkpoints,
    load_fold_models,
    load_trial_model,
    shed_checkpoints,
)
from hpsearch.results.diagnosis import diagnose
from hpsearch.results.examination import Examination, Mistake, examine, examine_folds
from hpsearch.results.intervals import mean_interval, wilson_interval
from hpsearch.results.judging import judge_selection, note_selection, read_verdict
from hpsearch.results.pictures import CURVES_FILE, Pictures, draw_best_model, draw_trial
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
    "CURVES_FILE",
    "Confirmed",
    "Examination",
    "Mistake",
    "Pictures",
    "RunnerUp",
    "Selection",
    "Verdict",
    "describe_verdict",
    "diagnose",
    "draw_best_model",
    "draw_trial",
    "examine",
    "examine_folds",
    "find_best_model",
    "group_ablation",
    "has_best_model",
    "judge_selection",
    "list_superfluous_checkpoints",
    "load_fold_models",
    "load_trial_model",
    "mean_interval",
    "measure_verdict",
    "note_selection",
    "read_verdict",
    "shed_checkpoints",
    "wilson_interval",
    "write_table",
]
