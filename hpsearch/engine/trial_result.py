"""Result of a trial as its worker returns it: a plain value, which is pickled."""

from dataclasses import dataclass, field

from hpsearch.engine.records import Confirmation, Refit, State
from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.errors import HpsearchError

__all__ = ["TrialResult"]


@dataclass(frozen=True)
class TrialResult:
    """Result of a job: of a trial, a confirmation or a refit.

    Parameters
    ----------
    number : int
        The trial's number.
    state : State
        COMPLETE, PRUNED or FAILED if the trial has ended for good; WAITING if it returns to the
        queue, because its worker was asked to stop or because of `failure`.
    epochs : tuple of Epoch
        All epochs so far, those before a resumption included.
    net_sha256 : str, optional
        Hash of the final model, if complete and the trainer returns its state.
    rungs : dict
        Values at successive halving's rungs.
    reason : str, optional
        Why the trial failed.
    failure : HpsearchError, optional
        Error for which the study must stop; it is not the trial's fault.
    ended_by_machine : bool
        Whether it failed because its workers died repeatedly, not because training raised.
    host : str
        The machine it ran on.
    versions : dict
        Versions that may change the last bits of the result, as read by the worker; merged, if
        the trial was continued with other versions (`hpsearch.foundations.differences`).
    checkpoint, predictions : bytes, optional
        Content of the final checkpoint, and of the predictions of a complete trial, if the
        worker could not write the trial's folder.
    """

    number: int
    state: State
    epochs: tuple[Epoch, ...]
    net_sha256: str | None = None
    rungs: dict[str, float] | None = None
    reason: str | None = None
    failure: HpsearchError | None = None
    ended_by_machine: bool = False
    host: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    checkpoint: bytes | None = None
    predictions: bytes | None = None

    @property
    def diverged(self) -> bool:
        """Whether a loss was nan or inf."""
        return bool(self.epochs) and self.epochs[-1].diverged

    @property
    def duration_s(self) -> float:
        """Seconds of training in all completed epochs."""
        return sum(epoch.duration_s for epoch in self.epochs)

    @property
    def final_score(self) -> float | None:
        """Validation score of a complete trial; of any other, None."""
        return self.epochs[-1].val_score if self.state == State.COMPLETE else None

    def as_confirmation(self, replicate: int) -> Confirmation:
        """Make the record of a confirmation of this result; `replicate` numbers its fresh seed."""
        return Confirmation(
            number=self.number,
            replicate=replicate,
            state=self.state,
            val_score=self.final_score,
            net_sha256=self.net_sha256,
            duration_s=self.duration_s,
            reason=self.reason,
            versions=self.versions,
        )

    def as_refit(self) -> Refit:
        """Make the record of a refit of this result."""
        return Refit(
            number=self.number,
            state=self.state,
            net_sha256=self.net_sha256,
            duration_s=self.duration_s,
            reason=self.reason,
            versions=self.versions,
        )
