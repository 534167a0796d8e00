"""Mirror of a study's record in MLflow; every operation is idempotent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import TrialRecord, best_of
from hpsearch.tracking.pages import describe_views, run_page, study_page, trials_page
from hpsearch.tracking.registry import describe_dataset, register_model
from hpsearch.tracking.repair import Expected, Repairer, newest_points
from hpsearch.tracking.runs import (
    PARENT_TAG,
    SHOWN_TAG,
    STUDY_TAG,
    TRIAL_TAG,
    attach,
    cut_tags,
    find_or_create_experiment,
    find_runs,
    group_runs,
    keep_one,
    log,
    log_frames,
    name_trial,
    set_status,
)
from hpsearch.tracking.store import TrackingStore, translate_mlflow_errors
from hpsearch.tracking.terms import (
    STATUS,
    TRIAL_TAGS,
    VERSION_TAG,
    best_so_far,
    epoch_points,
    fixed_tags,
    last_end_ms,
    study_params,
    training_ms,
    trial_tags,
)
from hpsearch.tracking.views import ModelView, StudyView, TrialView

__all__ = ["Mirror"]

_NOTE_TAG = "mlflow.note.content"


@dataclass(frozen=True)
class _Shown:
    """State of a trial's run in MLflow when it was last read or written."""

    run_id: str
    start_ms: int
    status: str
    state: str | None
    n_retries: str

    @classmethod
    def of(cls, run: Run) -> "_Shown":
        tags = run.data.tags
        n_retries = tags.get("retries", "0")
        info = run.info
        return cls(info.run_id, info.start_time, info.status, tags.get(SHOWN_TAG), n_retries)


class Mirror:
    """Mirror of one study in MLflow: an experiment, a parent run and a run for each trial.

    Every method creates what is missing and leaves alone what others have added; all raise
    `StoreError` if MLflow cannot be reached. Not thread-safe. The process's own tracking URI,
    active run and experiment are neither used nor changed.

    Parameters
    ----------
    store : TrackingStore
        MLflow's tracking store.
    definition : StudyDefinition
        The study.
    data : mapping
        ``name``, ``source``, ``checksum`` and ``shape`` of the data set.
    tags : mapping
        Tags that all runs get: versions, seed, data.
    started_at : datetime
        Start of the study.
    repair : bool
        Whether to compare what MLflow has with the record, and to correct it: runs that
        contradict the record are deleted and written again.
    """

    def __init__(
        self,
        store: TrackingStore,
        definition: StudyDefinition,
        data: Mapping[str, Any],
        tags: Mapping[str, str],
        started_at: datetime,
        *,
        repair: bool = False,
    ) -> None:
        self._store = store
        self._start_ms = int(1000 * started_at.timestamp())
        self._name = definition.name
        self._tags = {STUDY_TAG: definition.name, **tags}
        self._params = study_params(definition)
        self._dataset = describe_dataset(data)
        self._shown: dict[int, _Shown] = {}
        self._n_epochs_shown: dict[int, int] = {}
        with translate_mlflow_errors(store):
            self._client = MlflowClient(store.uri, store.uri)
            self._repairer = Repairer(self._client) if repair else None
            self.experiment_id = find_or_create_experiment(
                self._client, self._name, store.artifacts
            )
            searched = list(definition.search.space.searched())
            for name, value in describe_views(searched, definition.metric).items():
                self._client.set_experiment_tag(self.experiment_id, name, value)
            self.run_id = self._find_runs() or self._create_study_run({})

    @property
    def repairs(self) -> Sequence[str]:
        """Corrections made, a line each."""
        return self._repairer.repairs if self._repairer else ()

    def is_level(self, record: TrialRecord) -> bool:
        """Whether the trial's run was up to date with `record` when last read or written."""
        shown = self._shown.get(record.number)
        return shown is not None and (shown.status, shown.state, shown.n_retries) == (
            STATUS[record.state],
            record.state,
            str(len(record.retries)),
        )

    def show_trial(self, view: TrialView) -> None:
        """Synchronize the trial's run with `view`."""
        record = view.record
        with translate_mlflow_errors(self._store):
            shown = self._shown.get(record.number)
            if shown and shown.n_retries != str(len(record.retries)):
                # Its curves are those of the attempt that failed.
                self._client.delete_run(shown.run_id)
                shown = None
            known = shown
            if self._repairer:
                shown = self._check_trial(self._repairer, view, shown)
            if shown is None:
                shown = self._create_trial_run(record, {})
            is_new = shown is not known
            run_id, status = shown.run_id, STATUS[record.state]
            n_shown = self._n_epochs_shown.get(record.number, 0)
            # A new run has no files yet, and the record's tags already.
            if self._repairer and not is_new:
                self._repairer.attach(name_trial(record.number), run_id, view.files)
            else:
                attach(self._client, run_id, view.files, replace=is_new)
            tags = {**({} if is_new else trial_tags(record)), SHOWN_TAG: str(record.state)}
            log(
                self._client,
                run_id,
                params=None if n_shown else record.hyperparameters,
                metrics=epoch_points(view.epochs[n_shown:], record.metric),
                tags=tags,
            )
            end_ms = shown.start_ms + training_ms(view)
            set_status(self._client, run_id, shown.status, status, end_ms)
            self._n_epochs_shown[record.number] = len(view.epochs)
            self._shown[record.number] = replace(
                shown, status=status, state=record.state, n_retries=str(len(record.retries))
            )

    def check_study(self, view: StudyView) -> None:
        """Delete the parent run and create another if it contradicts `view`."""
        if self._repairer is None:
            return
        with translate_mlflow_errors(self._store):
            expected = Expected(
                params=self._params,
                points=best_so_far(view.records),
                tags={**fixed_tags(self._tags), **view.tags},
                status=view.status,
                defaults=self._tags,
                metrics=view.metrics,
            )
            run = self._client.get_run(self.run_id)
            if (kept := self._repairer.check_run(self._name, run, expected)) is None:
                return
            self.run_id = self._create_study_run(kept)
            for shown in self._shown.values():
                self._client.set_tag(shown.run_id, PARENT_TAG, self.run_id, synchronous=True)

    def show_study(self, view: StudyView) -> None:
        """Synchronize the parent run with `view`."""
        with translate_mlflow_errors(self._store):
            run = self._client.get_run(self.run_id)
            points = best_so_far(view.records)
            points += newest_points(self._client, run, view.metrics)
            links = [
                f"[All trials, best first]({trials_page(self.experiment_id)})",
                f"[nested]({study_page(self.experiment_id)})",
            ]
            if best := best_of(view.records):
                links += self._link_trial(f"trial {best.number}", best.number)
            tags = {**view.tags, _NOTE_TAG: f"{view.summary}\n\n{', '.join(links)}"}
            log(self._client, self.run_id, params=self._params, metrics=points, tags=tags)
            attach(self._client, self.run_id, view.files, replace=True)
            end_ms = last_end_ms(view.records)
            set_status(self._client, self.run_id, run.info.status, view.status, end_ms)

    def show_model(self, view: ModelView) -> str:
        """Log and register the model unless it is registered; point the alias ``best`` to it.

        Returns
        -------
        str
            The model's version in the registry.
        """
        with translate_mlflow_errors(self._store):
            # The key has the trial's number, as another trial may be best when the study continues.
            whose = f"the refit of trial {view.trial}" if view.is_refit else f"trial {view.trial}"
            for name, images in view.pictures.items():
                log_frames(self._client, self.run_id, f"{name} of {whose}", images)
            if self._repairer:
                self._repairer.check_model(self._name, self.run_id, view)
            links = [f"[Its study]({run_page(self.experiment_id, self.run_id)})"]
            links += self._link_trial("its trial", view.trial)
            note = f"{view.summary}\n\n{', '.join(links)}"
            return register_model(
                self._client, self._name, self.run_id, replace(view, summary=note)
            )

    def _link_trial(self, text: str, number: int) -> list[str]:
        shown = self._shown.get(number)
        return [f"[{text}]({run_page(self.experiment_id, shown.run_id)})"] if shown else []

    def _find_runs(self) -> str | None:
        """Find the trials' runs; return the parent run's id, if there is one."""
        found = group_runs(find_runs(self._client, self.experiment_id), self._name)
        tags = {tag for runs in found.values() for run in runs for tag in run.data.tags}
        versions = {tag for tag in tags if tag.startswith(VERSION_TAG)}
        created_with = {*self._tags, TRIAL_TAG, *TRIAL_TAGS, *versions}
        kept = {
            number: keep_one(self._client, runs, created_with) for number, runs in found.items()
        }
        if self._repairer:
            for number, runs in found.items():
                self._repairer.delete_others(kept[number], runs)
        parent = kept.pop(None, None)
        self._shown = {number: _Shown.of(run) for number, run in kept.items() if number is not None}
        return str(parent.info.run_id) if parent else None

    def _check_trial(
        self, repairer: Repairer, view: TrialView, shown: _Shown | None
    ) -> _Shown | None:
        """Return the trial's run, or a new one in its place if it contradicts the record."""
        record, what = view.record, name_trial(view.record.number)
        if shown is None:
            repairer.note_created(what)
            return None
        tags = {**fixed_tags(self._tags), **self._trial_tags(record)}
        expected = Expected(
            params=record.hyperparameters,
            points=epoch_points(view.epochs, record.metric),
            tags=tags,
            status=STATUS[record.state],
            defaults=self._tags,
            absent=TRIAL_TAGS - tags.keys(),
        )
        kept = repairer.check_run(what, self._client.get_run(shown.run_id), expected)
        return shown if kept is None else self._create_trial_run(record, kept)

    def _trial_tags(self, record: TrialRecord) -> dict[str, str]:
        own = {TRIAL_TAG: str(record.number), PARENT_TAG: self.run_id}
        return {**trial_tags(record), **own}

    def _create_trial_run(self, record: TrialRecord, tags: Mapping[str, str]) -> _Shown:
        tags = {**tags, **self._trial_tags(record)}
        start_ms = int(record.started_at.timestamp() * 1000) if record.started_at else None
        shown = _Shown.of(self._create_run(name_trial(record.number), tags, start_ms))
        self._shown[record.number] = shown
        self._n_epochs_shown.pop(record.number, None)
        return shown

    def _create_study_run(self, tags: Mapping[str, str]) -> str:
        run_id = str(self._create_run(self._name, tags, self._start_ms).info.run_id)
        self._client.log_inputs(run_id, datasets=[self._dataset])
        return run_id

    def _create_run(self, name: str, tags: Mapping[str, str], start_ms: int | None) -> Run:
        return self._client.create_run(
            self.experiment_id,
            start_time=start_ms,
            run_name=name,
            tags=cut_tags({**self._tags, **tags}),
        )
