"""Training a recorded trial again, to see that the record holds."""

import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hpsearch.data import PreparedData
from hpsearch.differences import compare_versions
from hpsearch.errors import HpsearchError, UsageError
from hpsearch.objective import Outcome, TrialJob, run_job
from hpsearch.records import State, TrialRecord
from hpsearch.search import SearchStudy
from hpsearch.training import CHECKPOINT_FILE, PREDICTIONS_FILE, Hyperparameters
from hpsearch.workspace import StudyFolder

__all__ = ["Replay", "replay_trial"]


@dataclass(frozen=True)
class Replay:
    """A trial as recorded, and as trained again.

    Parameters
    ----------
    record : TrialRecord
        What was recorded.
    net_sha256 : str or None
        Hash of the net now; only of complete trials.
    val_scores : tuple of float
        After each epoch, now.
    restored : bool
        Whether the trial's checkpoint was gone and is back.
    versions : dict
        Those that it was trained with now.
    """

    record: TrialRecord
    net_sha256: str | None
    val_scores: tuple[float, ...]
    restored: bool
    versions: dict[str, str]

    @property
    def is_equal(self) -> bool:
        """Whether net and accuracies are what they were, to the last bit."""
        return (
            self.net_sha256 == self.record.net_sha256 and self.val_scores == self.record.val_scores
        )

    def list_differences(self) -> list[str]:
        """A line for each version that is not what the trial was trained with."""
        return compare_versions({self.record.number: self.record.versions}, self.versions)


def replay_trial(
    search: SearchStudy, number: int, folder: StudyFolder, data: PreparedData
) -> Replay:
    """Train trial `number` again from its hyperparameters and seed, as far as it went.

    Parameters
    ----------
    search : SearchStudy
        The record.
    number : int
        Of a complete or pruned trial.
    folder : StudyFolder
        The study's files; an equal net's checkpoint and predictions are put back if gone.
    data : PreparedData
        The images.

    Raises
    ------
    UsageError
        If there is no such trial, or it did not end complete or pruned.
    """
    records = search.records()
    if not 0 <= number < len(records) or records[number].state not in (
        State.COMPLETE,
        State.PRUNED,
    ):
        raise UsageError(
            f"{search.definition.name}: expected the number of a complete or pruned trial, "
            f"got {number}"
        )
    record = records[number]
    with tempfile.TemporaryDirectory(dir=folder.root, prefix=".replay-") as scratch:
        job = TrialJob(
            number=number,
            study_seed=search.definition.seed,
            hyperparameters=Hyperparameters(**record.hyperparameters),
            data=data,
            folder=Path(scratch),
            threads=search.definition.threads_per_trial,
            pruning=_StopAfter(len(record.val_scores)),
        )
        result = run_job(job)
        if failure := result.failure(f"trial {number} could not be trained again"):
            raise failure
        if result.outcome not in (Outcome.COMPLETE, Outcome.PRUNED):
            raise HpsearchError(f"trial {number} could not be trained again: {result.reason}")
        replay = Replay(
            record,
            result.net_sha256,
            tuple(epoch.val_score for epoch in result.epochs),
            restored=False,
            versions=result.versions,
        )
        if replay.is_equal:
            there = folder.trial(number)
            there.mkdir(parents=True, exist_ok=True)
            for path in (Path(scratch) / CHECKPOINT_FILE, Path(scratch) / PREDICTIONS_FILE):
                if path.exists() and not (there / path.name).exists():
                    shutil.move(path, there / path.name)
                    if path.name == CHECKPOINT_FILE:
                        replay = dataclasses.replace(replay, restored=True)
        return replay


@dataclass(frozen=True)
class _StopAfter:
    """Prunes where the recorded trial was pruned."""

    n_epochs: int

    def __call__(self, epoch: int, val_score: float) -> bool:
        return epoch >= self.n_epochs

    def rungs(self) -> dict[str, float]:
        return {}
