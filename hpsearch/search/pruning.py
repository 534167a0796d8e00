"""The pruner as a worker has it: a plain value that knows what its trial may know."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from optuna.trial import FrozenTrial, Trial

from hpsearch.definition import StudyDefinition
from hpsearch.search.pruners import make_pruner
from hpsearch.search.view import known_trials, read_system_attrs, start_view_trial

__all__ = ["RUNGS", "PruningRule", "make_pruning_rule"]

RUNGS = "rungs"
_RUNG_PREFIX = "completed_rung_"


@dataclass
class PruningRule:
    """Decides after each epoch of one trial whether it goes on.

    Plain data until the first question, so that it travels to any worker.

    Parameters
    ----------
    definition : StudyDefinition
        Its pruner.
    number : int
        The trial's number.
    known : sequence of FrozenTrial
        The trials to compare with; those that the trial may know.
    """

    definition: StudyDefinition
    number: int
    known: Sequence[FrozenTrial]
    _trial: Trial | None = field(default=None, repr=False)

    def __call__(self, epoch: int, val_score: float) -> bool:
        """Whether the trial should end after `epoch`; ask for each epoch, in order."""
        if self._trial is None:
            self._trial = start_view_trial(
                self.definition.name,
                self.known,
                self.number,
                self.definition.metric.direction,
                pruner=make_pruner(self.definition),
            )
        self._trial.report(val_score, epoch)
        return self._trial.should_prune()

    def rungs(self) -> dict[str, float]:
        """What successive halving noted: later trials compete with these values."""
        attrs = read_system_attrs(self._trial) if self._trial else {}
        return {key: value for key, value in attrs.items() if key.startswith(_RUNG_PREFIX)}


def make_pruning_rule(
    definition: StudyDefinition, trials: Sequence[FrozenTrial], number: int
) -> PruningRule | None:
    """The rule for trial `number` of a study; None if the definition prunes nothing."""
    if definition.search.pruner.name == "none":
        return None
    known = known_trials(trials, number, definition.lag)
    return PruningRule(definition, number, [_keep_curve(trial) for trial in known])


def _keep_curve(trial: FrozenTrial) -> FrozenTrial:
    """What pruners look at in a finished trial; all the rest would travel with each job."""
    return FrozenTrial(
        number=trial.number,
        trial_id=trial.number,
        state=trial.state,
        value=trial.value,
        intermediate_values=trial.intermediate_values,
        system_attrs=trial.user_attrs.get(RUNGS, {}),
        params={},
        distributions={},
        user_attrs={},
        datetime_start=None,
        datetime_complete=None,
    )
