"""The mirror: shows a study's record in MLflow, as often as wanted, with the same outcome."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from hpsearch.definition import StudyDefinition
from hpsearch.records import TrialRecord, best_of
from hpsearch.tracking.failures import telling_failures
from hpsearch.tracking.model import describe_dataset, register_net
from hpsearch.tracking.pages import describe_table, run_page, trials_page
from hpsearch.tracking.runs import (
    STUDY_TAG,
    TRIAL_TAG,
    attach,
    cut_tags,
    find_runs,
    keep_one,
    log,
    log_frames,
    set_status,
)
from hpsearch.tracking.terms import (
    STATUS,
    TRIAL_TAGS,
    VERSION_TAG,
    best_so_far,
    end_ms,
    epoch_points,
    study_params,
    trial_tags,
)
from hpsearch.tracking.views import NetView, StudyView, TrackingStore, TrialView

__all__ = ["Mirror"]

# Opens MLflow's pages for training rather than those for language models.
_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
# Written last: a run that carries it lacks nothing.
_SHOWN_TAG = "hpsearch.shown"
_ADDRESS_VARIABLE = "MLFLOW_TRACKING_URI"


@dataclass(frozen=True)
class _Shown:
    """What a trial's run was last seen to show."""

    run_id: str
    status: str
    state: str | None
    n_retries: int

    @classmethod
    def of(cls, run: Run) -> "_Shown":
        tags = run.data.tags
        n_retries = int(tags.get("retries", 0))
        return cls(run.info.run_id, run.info.status, tags.get(_SHOWN_TAG), n_retries)


class Mirror:
    """One study's experiment, parent run and trial runs in MLflow.

    Every method creates what is missing and leaves alone what others have added; all raise
    `StoreError` if MLflow cannot be reached. Not for several threads at once.

    Parameters
    ----------
    store : TrackingStore
        Where MLflow is.
    definition : StudyDefinition
        The study.
    data : mapping
        ``name``, ``source``, ``checksum`` and ``shape`` of the data set.
    tags : mapping
        Tags that all runs get: versions, seed, data.
    """

    def __init__(
        self,
        store: TrackingStore,
        definition: StudyDefinition,
        data: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> None:
        self._store = store
        self._name = definition.name
        self._tags = {STUDY_TAG: definition.name, **tags}
        self._params = study_params(definition)
        self._dataset = describe_dataset(data)
        self._shown: dict[int, _Shown] = {}
        self._n_epochs_shown: dict[int, int] = {}
        with telling_failures(store):
            _point_mlflow_to(store.uri)
            self._client = MlflowClient(store.uri)
            self.experiment_id = _find_or_create_experiment(self._client, self._name, store)
            for name, value in describe_table(list(definition.search.space.searched())).items():
                self._client.set_experiment_tag(self.experiment_id, name, value)
            self.run_id = self._find_runs() or self._create_run(self._name, {}).info.run_id

    def is_level(self, record: TrialRecord) -> bool:
        """Whether the trial's run, as last seen, shows all of `record`."""
        shown = self._shown.get(record.number)
        return shown is not None and (shown.status, shown.state, shown.n_retries) == (
            STATUS[record.state],
            record.state,
            len(record.retries),
        )

    def show_trial(self, view: TrialView) -> None:
        """Make the trial's run level with `view`."""
        record = view.record
        with telling_failures(self._store):
            shown = self._shown.get(record.number)
            if shown and shown.n_retries != len(record.retries):
                # Its curves are those of the attempt that failed.
                self._client.delete_run(shown.run_id)
                self._n_epochs_shown.pop(record.number, None)
                shown = None
            if is_new := shown is None:
                shown = self._create_trial_run(record)
            run_id, status = shown.run_id, STATUS[record.state]
            n_shown = self._n_epochs_shown.get(record.number, 0)
            log(
                self._client,
                run_id,
                params=None if n_shown else record.hyperparameters,
                metrics=epoch_points(view.epochs[n_shown:]),
                # A new run has the record's tags already, and no files to look for.
                tags=view.tags if is_new else {**trial_tags(record), **view.tags},
            )
            attach(self._client, run_id, view.files, replace=is_new)
            set_status(self._client, run_id, shown.status, status, end_ms(view))
            if shown.state != record.state:
                self._client.set_tag(run_id, _SHOWN_TAG, str(record.state))
            self._n_epochs_shown[record.number] = len(view.epochs)
            self._shown[record.number] = _Shown(run_id, status, record.state, len(record.retries))

    def show_study(self, view: StudyView) -> None:
        """Make the parent run level with `view`."""
        with telling_failures(self._store):
            run = self._client.get_run(self.run_id)
            points = best_so_far(view.records)
            last_ms = max((point[2] for point in points), default=run.info.start_time)
            points += [(name, value, last_ms, 0) for name, value in view.metrics.items()]
            note = f"{view.summary}\n\n{self._link_study(best_of(view.records))}"
            tags = {"mlflow.note.content": note}
            log(self._client, self.run_id, params=self._params, metrics=points, tags=tags)
            attach(self._client, self.run_id, view.files, replace=True)
            set_status(self._client, self.run_id, run.info.status, view.status, None)

    def show_net(self, view: NetView) -> str:
        """Log and register the net unless it is there; point the alias ``best`` to it.

        MLflow ends the parent run with it: `show_study` afterwards.

        Returns
        -------
        str
            The model's version in the registry.
        """
        with telling_failures(self._store):
            # The trial in the key: another one may be the best when the study goes on.
            log_frames(self._client, self.run_id, f"weights of trial {view.trial}", view.frames)
            note = f"{view.summary}\n\n{self._link_net(view)}"
            return register_net(self._client, self._name, self.run_id, replace(view, summary=note))

    def _link_study(self, best: TrialRecord | None) -> str:
        links = [f"[All trials, best first]({trials_page(self.experiment_id)})"]
        if best and best.number in self._shown:
            links.append(f"[trial {best.number}]({self._trial_page(best.number)})")
        return ", ".join(links)

    def _link_net(self, view: NetView) -> str:
        links = [f"[Its study]({run_page(self.experiment_id, self.run_id)})"]
        if view.trial in self._shown:
            links.append(f"[its trial]({self._trial_page(view.trial)})")
        return ", ".join(links)

    def _trial_page(self, number: int) -> str:
        return run_page(self.experiment_id, self._shown[number].run_id)

    def _find_runs(self) -> str | None:
        """Note the trials' runs; the parent run's id, if there is one."""
        found: dict[str | None, list[Run]] = {}
        for run in find_runs(self._client, self.experiment_id, self._name):
            found.setdefault(run.data.tags.get(TRIAL_TAG), []).append(run)
        tags = {tag for runs in found.values() for run in runs for tag in run.data.tags}
        versions = {tag for tag in tags if tag.startswith(VERSION_TAG)}
        created_with = {*self._tags, TRIAL_TAG, *TRIAL_TAGS, *versions}
        kept = {
            number: keep_one(self._client, runs, created_with) for number, runs in found.items()
        }
        parent = kept.pop(None, None)
        self._shown = {int(number): _Shown.of(run) for number, run in kept.items() if number}
        return str(parent.info.run_id) if parent else None

    def _create_trial_run(self, record: TrialRecord) -> _Shown:
        own = {TRIAL_TAG: str(record.number), "mlflow.parentRunId": self.run_id}
        tags = {**trial_tags(record), **own}
        start_ms = int(record.started_at.timestamp() * 1000) if record.started_at else None
        shown = _Shown.of(self._create_run(f"trial {record.number:04d}", tags, start_ms))
        self._shown[record.number] = shown
        return shown

    def _create_run(self, name: str, tags: Mapping[str, str], start_ms: int | None = None) -> Run:
        run = self._client.create_run(
            self.experiment_id,
            start_time=start_ms,
            run_name=name,
            tags=cut_tags({**self._tags, **tags}),
        )
        self._client.log_inputs(run.info.run_id, datasets=[self._dataset])
        return run


def _point_mlflow_to(uri: str) -> None:
    """What MLflow does without a client goes there; the environment stays as the user made it.

    MLflow would leave the address, with any password in it, to all processes started later.
    """
    before = os.environ.get(_ADDRESS_VARIABLE)
    mlflow.set_tracking_uri(uri)
    if before is None:
        os.environ.pop(_ADDRESS_VARIABLE, None)
    else:
        os.environ[_ADDRESS_VARIABLE] = before


def _find_or_create_experiment(client: MlflowClient, name: str, store: TrackingStore) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        location = store.artifacts.as_uri() if store.artifacts else None
        return str(
            client.create_experiment(name, artifact_location=location, tags=_EXPERIMENT_TAGS)
        )
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)
