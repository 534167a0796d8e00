"""Layout of the workspace: the names of all files and folders."""

from dataclasses import dataclass
from pathlib import Path

from hpsearch.foundations.errors import StoreError

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
        """Optuna's journal file, unless a storage URL is given."""
        return self.root / "optuna.journal"

    @property
    def trials(self) -> Path:
        """Folder of the trials' folders."""
        return self.root / "trials"

    @property
    def test_ledger(self) -> Path:
        """Ledger of all test evaluations in the workspace, by any study."""
        return self.root.parent.parent / "test_evaluations.jsonl"

    @property
    def checksums(self) -> Path:
        """Checksums of the record, to detect changes to it."""
        return self.root / "record_checksums.jsonl"

    @property
    def lease(self) -> Path:
        """Lease of the present coordinator."""
        return self.root / "coordinator.json"

    @property
    def best_net(self) -> Path:
        """The best net, as exported."""
        return self.root / "best_net"

    @property
    def pictures(self) -> Path:
        """Folder of the pictures of the best net."""
        return self.root / "plots"

    @property
    def report(self) -> Path:
        """The study's page."""
        return self.root / "report.html"

    @property
    def log(self) -> Path:
        """Log of its runs' output, line by line with the time."""
        return self.root / "study.log"

    def trial(self, number: int) -> Path:
        """Return the folder of trial `number`: checkpoint, history, figures."""
        return self.trials / f"{number:04d}"

    def history(self, number: int) -> Path:
        """Return the file with all epochs of trial `number`."""
        return self.trial(number) / "history.json"

    def confirmation(self, number: int, replicate: int) -> Path:
        """Return the folder of a trial's confirmation on fresh seed `replicate`, from 1."""
        return self.trial(number) / f"confirm-{replicate}"

    def refit(self, number: int) -> Path:
        """Return the folder of a trial's refit, the training on the examples of all folds."""
        return self.trial(number) / "refit"

    def create(self) -> None:
        """Create the folder.

        Raises
        ------
        StoreError
            If it cannot be created.
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
    """The folder of all studies, data and stores of a user.

    Parameters
    ----------
    root : Path
        Absolute path.
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

    @property
    def trainer_checks(self) -> Path:
        """Outcomes of ``hpsearch check-trainer``, a file each; made with the first."""
        return self.root / "trainer_checks"

    def study(self, name: str) -> StudyFolder:
        """Return the folder of the study `name`."""
        return StudyFolder(self.root / "studies" / name)

    def study_names(self) -> list[str]:
        """List the names of the studies that have a folder."""
        return sorted(path.name for path in (self.root / "studies").glob("*") if path.is_dir())

    def recorded_names(self) -> list[str]:
        """List the names of the studies whose record is here and not on a server."""
        return [name for name in self.study_names() if self.study(name).journal.exists()]
