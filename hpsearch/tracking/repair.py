"""Repair of runs, files and models in MLflow that differ from the record."""

from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from hpsearch.tracking.comparison import Expected, compare
from hpsearch.tracking.model import find_fault, find_version
from hpsearch.tracking.runs import SHOWN_TAG, attach_changed, log
from hpsearch.tracking.views import NetView

__all__ = ["Repairer"]


class Repairer:
    """Compares runs, files and the registered net with the record, and notes what differs.

    MLflow can neither change a parameter nor delete a point of a metric: a run that contradicts
    the record is deleted (MLflow keeps deleted runs), for the caller to create another.

    Parameters
    ----------
    client : MlflowClient
        MLflow.

    Attributes
    ----------
    repairs : list of str
        What differed, a line each.
    """

    def __init__(self, client: MlflowClient) -> None:
        self.repairs: list[str] = []
        self._client = client

    def check_run(self, what: str, run: Run, expected: Expected) -> dict[str, str] | None:
        """Delete `run` if it contradicts the record.

        Returns
        -------
        dict or None
            The tags that others gave it, for the run that replaces it; None if it is kept.
        """
        difference = compare(self._client, run, expected)
        if not difference.false:
            self._note(what, difference.missing, "written")
            if difference.tags:
                log(self._client, run.info.run_id, tags=difference.tags)
            for name in difference.superfluous:
                self._client.delete_tag(run.info.run_id, name)
            self._note(what, [f"tag {name}" for name in difference.superfluous], "deleted")
            return None
        self._client.delete_run(run.info.run_id)
        self._note(what, difference.false, "contradicted the record, run created again")
        theirs = run.data.tags.keys() - {*expected.tags, *expected.absent, SHOWN_TAG}
        return {name: run.data.tags[name] for name in theirs if not name.startswith("mlflow.")}

    def delete_others(self, kept: Run, runs: Sequence[Run]) -> None:
        """Delete all of `runs`, duplicates of each other, except `kept`."""
        for run in runs:
            if run.info.run_id != kept.info.run_id:
                self._client.delete_run(run.info.run_id)
                self._note(str(kept.info.run_name), [f"second run {run.info.run_id}"], "deleted")

    def note_created(self, what: str) -> None:
        """Note that `what` had no run."""
        self.repairs.append(f"{what}: run created")

    def attach(self, what: str, run_id: str, files: Sequence[Path]) -> None:
        """Upload those of `files` that the run lacks or has with different content."""
        self._note(what, attach_changed(self._client, run_id, files), "uploaded")

    def check_net(self, name: str, run_id: str, view: NetView) -> None:
        """Delete the registered version of the net if it is faulty."""
        registered = find_version(self._client, name, view.sha256)
        if registered is None:
            self.repairs.append(f"model {name}: registered")
        elif fault := find_fault(self._client, registered, run_id, view):
            self._client.delete_model_version(name, str(registered.version))
            self.repairs.append(
                f"model {name}, version {registered.version}: {fault}, registered again"
            )

    def _note(self, what: str, names: Sequence[str], how: str) -> None:
        if names:
            self.repairs.append(f"{what}: {', '.join(names)} {how}")
