"""Results of a study: its best model, correction for selection bias, pictures, tables."""

from hpsearch.engine.selection.best_model import (
    find_best_model,
    has_best_model,
    list_superfluous_checkpoints,
    load_fold_models,
    load_trial_model,
    shed_checkpoints,
)
from hpsearch.engine.selection.classifier_examination import (
    Examination,
    Mistake,
    examine,
    examine_folds,
)
from hpsearch.engine.selection.diagnosis import diagnose
from hpsearch.engine.selection.judgement import judge_selection, note_selection, read_verdict
from hpsearch.engine.selection.recommendation import Recommendation, recommend
from hpsearch.engine.selection.statistical_tests import mean_interval, wilson_interval
from hpsearch.engine.selection.trial_tables import group_ablation, write_table
from hpsearch.engine.selection.verdict import (
    Confirmed,
    RunnerUp,
    Selection,
    Verdict,
    describe_verdict,
    measure_uncertainty,
    measure_verdict,
)

__all__ = [
    "Confirmed",
    "Examination",
    "Mistake",
    "Recommendation",
    "RunnerUp",
    "Selection",
    "Verdict",
    "describe_verdict",
    "diagnose",
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
    "measure_uncertainty",
    "measure_verdict",
    "note_selection",
    "read_verdict",
    "recommend",
    "shed_checkpoints",
    "wilson_interval",
    "write_table",
]
