"""Optuna under the lag rule: trial k is proposed from the finished trials up to k - lag only."""

from optuna.trial import Trial

from hpsearch.engine.search.copying import copy_study, delete_study
from hpsearch.engine.search.distributions import suggest_hyperparameters
from hpsearch.engine.search.holding import HOLDER, Holder, held_storage, parse_holder
from hpsearch.engine.search.importances import (
    Importance,
    import_importances,
    measure_importances,
)
from hpsearch.engine.search.integrity import check_record, watch_record
from hpsearch.engine.search.journal_checksums import Problem
from hpsearch.engine.search.pruning import PruningRule
from hpsearch.engine.search.retraining import (
    find_due_refit,
    forget_failed,
    forget_failed_refits,
    is_complete,
    list_due,
    note_confirmation,
    note_refit,
    read_confirmations,
    read_refits,
)
from hpsearch.engine.search.samplers import check_sampler
from hpsearch.engine.search.search_study import SearchStudy
from hpsearch.engine.search.storage import (
    mend_journal,
    open_storage,
    probe_storage,
    translate_storage_errors,
)
from hpsearch.engine.search.study_opening import (
    create_or_continue_study,
    list_study_names,
    load_study,
)
from hpsearch.engine.search.trial_attributes import write_hyperparameters, write_result

__all__ = [
    "HOLDER",
    "Holder",
    "Importance",
    "Problem",
    "PruningRule",
    "SearchStudy",
    "Trial",
    "check_record",
    "check_sampler",
    "copy_study",
    "create_or_continue_study",
    "delete_study",
    "find_due_refit",
    "forget_failed",
    "forget_failed_refits",
    "held_storage",
    "import_importances",
    "is_complete",
    "list_due",
    "list_study_names",
    "load_study",
    "measure_importances",
    "mend_journal",
    "note_confirmation",
    "note_refit",
    "open_storage",
    "parse_holder",
    "probe_storage",
    "read_confirmations",
    "read_refits",
    "suggest_hyperparameters",
    "translate_storage_errors",
    "watch_record",
    "write_hyperparameters",
    "write_result",
]
