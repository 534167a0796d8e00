"""Replay of a recorded trial: train it again and compare the result with the record."""

import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hpsearch.datasets import PreparedData
from hpsearch.engine.records import State, TrialRecord, find_refit
from hpsearch.engine.search import SearchStudy, read_refits
from hpsearch.engine.training import TrialJob, run_job
from hpsearch.engine.trial_files import CHECKPOINT_FILE, PREDICTIONS_FILE
from hpsearch.engine.trial_result import TrialResult
from hpsearch.engine.workspace import StudyFolder
from hpsearch.foundations.differences import compare_versions
from hpsearch.foundations.errors import HpsearchError, UsageError

__all__ = ["Replay", "replay_trial"]


@dataclass(frozen=True)
class Replay:
    """Comparison of a recorded trial with its replay.

    Parameters
    ----------
    record : TrialRecord
        The trial as recorded.
    net_sha256 : str or None
        Hash of the replayed net; only of complete trials.
    val_scores : tuple of float
        Validation score after each replayed epoch.
    restored : bool
        Whether a missing checkpoint, of the trial or its refit, was restored.
    versions : dict
        Versions that the replay was trained with.
    refit_sha256 : tuple of str or None
        Hash of the refit's net as recorded, and replayed; both None without folds or a refit.
    """

    record: TrialRecord
    net_sha256: str | None
    val_scores: tuple[float, ...]
    restored: bool
    versions: dict[str, str]
    refit_sha256: tuple[str | None, str | None] = (None, None)

    @property
    def is_equal(self) -> bool:
        """Whether nets and validation scores are equal to the recorded ones, bit for bit."""
        recorded, now = self.refit_sha256
        return (
            self.net_sha256 == self.record.net_sha256
            and self.val_scores == self.record.val_scores
            and recorded == now
        )

    def list_differences(self) -> list[str]:
        """Describe each version that differs from the trial's, a line each."""
        return compare_versions({self.record.number: self.record.versions}, self.versions)


def replay_trial(
    search: SearchStudy, number: int, folder: StudyFolder, data: PreparedData
) -> Replay:
    """Train trial `number` again from its hyperparameters and seed, for the same number of epochs.

    With folds, its refit is trained again too if there is one.

    Parameters
    ----------
    search : SearchStudy
        The study's record.
    number : int
        Number of a complete or pruned trial.
    folder : StudyFolder
        The study's files; missing checkpoints and predictions are restored if the nets are equal.
    data : PreparedData
        The study's prepared data.

    Raises
    ------
    UsageError
        If there is no such trial, or it is neither complete nor pruned.
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
    refit = find_refit(read_refits(search), number)
    with tempfile.TemporaryDirectory(dir=folder.root, prefix=".replay-") as scratch:
        job = TrialJob(
            number=number,
            study_seed=search.definition.seed,
            trainer=search.definition.trainer.spec(),
            hyperparameters=record.hyperparameters,
            data=data,
            folder=Path(scratch, "trial"),
            threads=search.definition.threads_per_trial,
            pruning=_StopAfter(len(record.val_scores)),
        )
        result = _train(job)
        jobs = {folder.trial(number): job}
        refit_sha256: tuple[str | None, str | None] = (None, None)
        if refit and refit.net_sha256:
            again = dataclasses.replace(
                job, folder=Path(scratch, "refit"), pruning=None, is_refit=True
            )
            refit_sha256 = (refit.net_sha256, _train(again).net_sha256)
            jobs[folder.refit(number)] = again
        replay = Replay(
            record,
            result.net_sha256,
            tuple(epoch.val_score for epoch in result.epochs),
            restored=False,
            versions=result.versions,
            refit_sha256=refit_sha256,
        )
        if not replay.is_equal:
            return replay
        restored = [_put_back(job.folder, there) for there, job in jobs.items()]
        return dataclasses.replace(replay, restored=any(restored))


def _train(job: TrialJob) -> TrialResult:
    result = run_job(job)
    if result.state not in (State.COMPLETE, State.PRUNED):
        failure = result.failure or HpsearchError(result.reason)
        raise failure.with_context(f"trial {job.number} could not be trained again")
    return result


def _put_back(scratch: Path, there: Path) -> bool:
    """Restore missing checkpoints and predictions; return whether the checkpoint was missing."""
    there.mkdir(parents=True, exist_ok=True)
    missing = [
        name
        for name in (CHECKPOINT_FILE, PREDICTIONS_FILE)
        if (scratch / name).exists() and not (there / name).exists()
    ]
    for name in missing:
        shutil.move(scratch / name, there / name)
    return CHECKPOINT_FILE in missing


@dataclass(frozen=True)
class _StopAfter:
    """Prunes after the epoch at which the recorded trial was pruned."""

    n_epochs: int

    def __call__(self, epoch: int, val_score: float) -> bool:
        return epoch >= self.n_epochs

    def rungs(self) -> dict[str, float]:
        return {}
