"""The pruner as a worker has it: a plain value that knows what its trial may know."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from hpsearch.definition import StudyDefinition
from hpsearch.search.pruners import make_pruner
from hpsearch.search.view import known_trials, read_system_attrs, start_view_trial

__all__ = ["RUNGS", "PruningRule", "PruningRules", "pack", "unpack"]

RUNGS = "rungs"
_RUNG_PREFIX = "completed_rung_"


# What pruners look at in a finished trial, in types that pickle without a call each: number,
# Optuna's state, value, epochs (int32) and accuracies (float64) as bytes, and rungs.
PackedTrial: TypeAlias = tuple[int, int, float | None, bytes, bytes, dict[str, float]]


def pack(trial: FrozenTrial) -> PackedTrial:
    """The packed form of a finished trial."""
    return (
        trial.number,
        trial.state.value,
        trial.value,
        array("i", trial.intermediate_values.keys()).tobytes(),
        array("d", trial.intermediate_values.values()).tobytes(),
        trial.user_attrs.get(RUNGS, {}),
    )


def unpack(packed: PackedTrial) -> FrozenTrial:
    """A trial of Optuna's that has what pruners look at, and nothing else."""
    number, state, value, epochs, accuracies, rungs = packed
    trial = create_trial(
        state=TrialState(state),
        value=value,
        intermediate_values=dict(zip(array("i", epochs), array("d", accuracies), strict=True)),
        system_attrs=rungs,
    )
    trial.number = number
    return trial


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
    known : sequence of PackedTrial
        The trials to compare with; those that the trial may know.
    """

    definition: StudyDefinition
    number: int
    known: Sequence[PackedTrial]
    _trial: Trial | None = field(default=None, repr=False)

    def __call__(self, epoch: int, val_score: float) -> bool:
        """Whether the trial should end after `epoch`; ask for each epoch, in order."""
        if self._trial is None:
            self._trial = start_view_trial(
                self.definition.name,
                [unpack(packed) for packed in self.known],
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


class PruningRules:
    """Makes the rule of one trial after another; a finished trial is packed once for all of them.

    Parameters
    ----------
    definition : StudyDefinition
        Pruner and lag.
    """

    def __init__(self, definition: StudyDefinition) -> None:
        self._definition = definition
        self._packed: dict[int, PackedTrial] = {}

    def make(self, trials: Sequence[FrozenTrial], number: int) -> PruningRule | None:
        """The rule for trial `number`, or None if the definition prunes nothing."""
        if self._definition.search.pruner.name == "none":
            return None
        known = known_trials(trials, number, self._definition.lag)
        return PruningRule(self._definition, number, [self._pack(trial) for trial in known])

    def _pack(self, trial: FrozenTrial) -> PackedTrial:
        packed = self._packed.get(trial.number)
        if packed is None:
            packed = self._packed[trial.number] = pack(trial)
        return packed
