"""Each kind of damage in MLflow, and that a repairing mirror leaves none of it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from hpsearch.engine.records import State
from hpsearch.foundations.errors import StoreError
from hpsearch.tracking import ModelView, StudyView, TrackingStore, TrialView

Make = Callable[..., Any]
Damage = Callable[[MlflowClient, str], Any]


class Study:
    """A study of two trials in MLflow, and ways to look at it and to damage it."""

    def __init__(self, store: TrackingStore, make_mirror: Make, views: list[TrialView]) -> None:
        self.client = MlflowClient(store.uri, store.uri)
        self.store, self.views, self._make_mirror = store, views, make_mirror
        records = [view.record for view in views]
        self.view = StudyView("FINISHED", "the study", records, {"test_accuracy": 0.5})
        self.repair()

    def repair(self, net: ModelView | None = None) -> list[str]:
        mirror = self._make_mirror(repair=True)
        for view in self.views:
            mirror.show_trial(view)
        mirror.check_study(self.view)
        if net:
            mirror.show_model(net)
        mirror.show_study(self.view)
        return list(mirror.repairs)

    def runs(self) -> dict[str, Any]:
        (experiment,) = [one for one in self.client.search_experiments() if one.name == "small"]
        runs = self.client.search_runs([experiment.experiment_id])
        named = {run.info.run_name: run for run in runs}
        assert len(named) == len(runs)
        return named

    def content(self) -> dict[str, Any]:
        """All that the study shows, without what changes with a new run."""
        shown = {}
        for name, run in self.runs().items():
            history = {
                metric: [
                    (point.value, point.step)
                    for point in self.client.get_metric_history(run.info.run_id, metric)
                ]
                for metric in run.data.metrics
            }
            own = ("mlflow.parentRunId", "mlflow.note.content", "mlflow.runName", "hpsearch.shown")
            tags = {key: value for key, value in run.data.tags.items() if key not in own}
            files = [item.path for item in self.client.list_artifacts(run.info.run_id)]
            shown[name] = (run.data.params, run.data.metrics, history, tags, files, run.info.status)
        parent = self.runs()["small"].info.run_id
        for name, run in self.runs().items():
            if name != "small":
                assert run.data.tags["mlflow.parentRunId"] == parent
        return shown

    def change(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(str(self.store.database))) as database, database:
            assert database.execute(statement, values).rowcount


@pytest.fixture
def study(store: TrackingStore, make_mirror: Make, make_view: Make) -> Study:
    return Study(store, make_mirror, [make_view(n, State.COMPLETE) for n in (0, 1)])


def _altered_point(study: Study, run_id: str) -> None:
    study.client.log_metric(run_id, "val_accuracy", 0.99, step=3)


def _altered_latest(study: Study, run_id: str) -> None:
    study.change("UPDATE latest_metrics SET value = 0.99 WHERE run_uuid = ?", run_id)


def _altered_history(study: Study, run_id: str) -> None:
    study.change("UPDATE metrics SET value = 0.99 WHERE run_uuid = ? AND step = 1", run_id)


def _lost_history(study: Study, run_id: str) -> None:
    study.change("DELETE FROM metrics WHERE run_uuid = ?", run_id)
    study.change("DELETE FROM latest_metrics WHERE run_uuid = ?", run_id)


def _altered_param(study: Study, run_id: str) -> None:
    study.change("UPDATE params SET value = '7' WHERE run_uuid = ?", run_id)


def _lost_params(study: Study, run_id: str) -> None:
    study.change("DELETE FROM params WHERE run_uuid = ?", run_id)


def _lost_tag(study: Study, run_id: str) -> None:
    study.client.delete_tag(run_id, "hpsearch.study")


def _lost_tags(study: Study, run_id: str) -> None:
    study.change("DELETE FROM tags WHERE run_uuid = ? AND key != 'mlflow.user'", run_id)


def _altered_tag(study: Study, run_id: str) -> None:
    study.client.set_tag(run_id, "seed", "8")


def _false_tag(study: Study, run_id: str) -> None:
    study.client.set_tag(run_id, "pruned", "epoch 1")


def _false_status(study: Study, run_id: str) -> None:
    study.client.set_terminated(run_id, "FAILED")


def _deleted_run(study: Study, run_id: str) -> None:
    study.client.delete_run(run_id)


def _doubled_run(study: Study, run_id: str) -> None:
    run = study.client.get_run(run_id)
    again = study.client.create_run(
        run.info.experiment_id, run_name=run.info.run_name, tags=run.data.tags
    )
    for name, value in run.data.metrics.items():
        study.client.log_metric(again.info.run_id, name, value)


@pytest.mark.parametrize(
    "damage",
    [
        *(_altered_point, _altered_latest, _altered_history, _lost_history, _altered_param),
        *(
            _lost_params,
            _lost_tag,
            _lost_tags,
            _altered_tag,
            _false_status,
            _false_tag,
            _deleted_run,
        ),
        _doubled_run,
    ],
)
@pytest.mark.parametrize("name", ["trial 0001", "small"])
def test_damage_is_reported_once_and_gone(
    study: Study, name: str, damage: Callable[[Study, str], None]
) -> None:
    if name == "small" and damage in (_altered_point, _altered_history, _false_tag):
        pytest.skip("of a trial only")
    before = study.content()
    damage(study, study.runs()[name].info.run_id)
    assert any(name in repair for repair in study.repair())
    assert study.content() == before
    assert study.repair() == []


def test_a_study_that_is_shown_as_recorded_is_left_alone(study: Study) -> None:
    before = {name: run.info.run_id for name, run in study.runs().items()}
    assert study.repair() == []
    assert {name: run.info.run_id for name, run in study.runs().items()} == before


def test_a_best_value_that_no_trial_had_is_not_shown(study: Study) -> None:
    before = study.content()
    run_id = study.runs()["small"].info.run_id
    study.client.log_metric(run_id, "best_val_accuracy", 0.99, step=1)
    assert study.repair() == ["small: best_val_accuracy contradicted the record, run created again"]
    assert study.content() == before


def _artifacts(study: Study, name: str) -> Path:
    return Path(study.runs()[name].info.artifact_uri.removeprefix("file://"))


@pytest.mark.parametrize("content", [None, b"other", b"pictuRe"])
def test_deleted_and_altered_files_are_uploaded_again(study: Study, content: bytes | None) -> None:
    """One of the same length too."""
    path = _artifacts(study, "trial 0001") / "weights.png"
    path.unlink() if content is None else path.write_bytes(content)
    assert study.repair() == ["trial 0001: weights.png uploaded"]
    assert path.read_bytes() == b"picture"


def test_tags_of_others_are_kept_when_a_run_is_created_again(study: Study) -> None:
    run_id = study.runs()["trial 0001"].info.run_id
    study.client.set_tag(run_id, "mine", "kept")
    _altered_param(study, run_id)
    study.repair()
    assert study.runs()["trial 0001"].data.tags["mine"] == "kept"


def test_runs_of_others_are_left_alone(study: Study) -> None:
    experiment_id = study.runs()["small"].info.experiment_id
    for name, tags in (("mine", {}), ("trial 0001", {"hpsearch.study": "another"})):
        run = study.client.create_run(experiment_id, run_name=name, tags=tags)
        assert study.repair() == []
        assert study.client.get_run(run.info.run_id).info.lifecycle_stage == "active"
        study.client.delete_run(run.info.run_id)


def _version(study: Study) -> Any:
    return study.client.get_model_version_by_alias("small", "best")


def _artifacts_of(study: Study) -> Path:
    (model,) = Path(str(study.store.artifacts)).glob("models/*/artifacts")
    return model


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda model: shutil.rmtree(model), "does not load"),
        (lambda model: (model / "MLmodel").write_text("flavors: {}"), "does not load"),
        (lambda model: _overwrite(model), "another model"),
    ],
)
def test_a_model_that_does_not_serve_the_net_is_registered_again(
    study: Study, make_model_view: Make, damage: Callable[[Path], Any], reason: str
) -> None:
    net = make_model_view(1)
    assert study.repair(net) == ["model small: registered"]
    assert study.repair(net) == []
    damage(_artifacts_of(study))
    (repair,) = study.repair(net)
    assert repair.startswith("model small, version 1: ")
    assert reason in repair
    assert study.repair(net) == []
    assert len(study.client.search_model_versions("name = 'small'")) == 1
    assert str(_version(study).version) == "2"


def _overwrite(model: Path) -> None:
    (net,) = model.rglob("net.safetensors")
    net.write_bytes(net.read_bytes()[:-1] + b"\x7f")


def test_the_model_of_a_run_that_was_created_again_belongs_to_the_new_one(
    study: Study, make_model_view: Make
) -> None:
    net = make_model_view(1)
    study.repair(net)
    _altered_param(study, study.runs()["small"].info.run_id)
    study.repair(net)
    assert _version(study).run_id == study.runs()["small"].info.run_id
    assert study.repair(net) == []


def test_what_cannot_be_written_is_an_error(study: Study) -> None:
    folder = _artifacts(study, "trial 0001")
    shutil.rmtree(folder)
    folder.write_text("a file where the folder was")
    with pytest.raises(StoreError):
        study.repair()
