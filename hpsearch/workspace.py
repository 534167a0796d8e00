"""Where things are kept: the one place that knows the names of files and folders."""

from dataclasses import dataclass
from pathlib import Path

from hpsearch.errors import StoreError

__all__ = ["StudyFolder", "Workspace"]


@dataclass(frozen=True)
class StudyFolder:
    """The folder of one study.

    Parameters
    ----------
    root : Path
        ``workspace/studies/<name>``.
    """

    root: Path

    @property
    def journal(self) -> Path:
        """Optuna's record, unless a storage URL is given."""
        return self.root / "optuna.journal"

    @property
    def trials(self) -> Path:
        """Folder of the trials' folders."""
        return self.root / "trials"

    @property
    def test_ledger(self) -> Path:
        """Every evaluation of any test set in the workspace, whichever study made it."""
        return self.root.parent.parent / "test_evaluations.jsonl"

    @property
    def checksums(self) -> Path:
        """Checksums of what was recorded, to see that the record is still that."""
        return self.root / "record_checksums.jsonl"

    @property
    def lease(self) -> Path:
        """Who coordinates the study now."""
        return self.root / "coordinator.json"

    @property
    def spare_cores(self) -> Path:
        """How many cores that nothing can start on the trials in flight may use."""
        return self.root / "spare_cores"

    @property
    def best_net(self) -> Path:
        """The best net, as exported."""
        return self.root / "best_net"

    @property
    def pictures(self) -> Path:
        """Optuna's plots of the whole study."""
        return self.root / "plots"

    @property
    def report(self) -> Path:
        """The study's page."""
        return self.root / "report.html"

    @property
    def log(self) -> Path:
        """What its runs have printed, line by line with the time."""
        return self.root / "study.log"

    def trial(self, number: int) -> Path:
        """The folder of trial `number`: checkpoint, history, pictures."""
        return self.trials / f"{number:04d}"

    def history(self, number: int) -> Path:
        """What trial `number` did after each epoch."""
        return self.trial(number) / "history.json"

    def confirmation(self, number: int, replicate: int) -> Path:
        """The folder of a trial's confirmation on its fresh seed `replicate`, 1 for the first."""
        return self.trial(number) / f"confirm-{replicate}"

    def create(self) -> None:
        """Make the folder.

        Raises
        ------
        StoreError
            If the disk refuses.
        """
        try:
            self.trials.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.root}: the workspace cannot be written ({error.strerror}); "
                "give another with --workspace"
            ) from error


@dataclass(frozen=True)
class Workspace:
    """The folder that holds all that a user of the program has made.

    Parameters
    ----------
    root : Path
        Absolute.
    """

    root: Path

    @property
    def mlflow_db(self) -> Path:
        """MLflow's tracking store and registry, unless a tracking URI is given."""
        return self.root / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        """MLflow's artifacts, likewise."""
        return self.root / "mlartifacts"

    @property
    def data(self) -> Path:
        """Prepared data sets, and downloaded ones."""
        return self.root / "data"

    @property
    def errors(self) -> Path:
        """Tracebacks of unexpected errors, a file each; made with the first."""
        return self.root / "errors"

    def study(self, name: str) -> StudyFolder:
        """The folder of the study `name`."""
        return StudyFolder(self.root / "studies" / name)

    def study_names(self) -> list[str]:
        """The studies that have a folder, by name."""
        return sorted(path.name for path in (self.root / "studies").glob("*") if path.is_dir())

    def recorded_names(self) -> list[str]:
        """Those of them whose record is here and not on a server."""
        return [name for name in self.study_names() if self.study(name).journal.exists()]
