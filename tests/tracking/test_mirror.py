import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from hpsearch.engine.models import Model
from hpsearch.engine.records import State
from hpsearch.engine.trial_files import Epoch
from hpsearch.foundations.errors import StoreError
from hpsearch.tracking import ModelView, StudyView, TrackingStore, TrialView
from hpsearch.tracking.pages import run_page, study_page, trials_page
from hpsearch.trainers.two_layer_net.net import make_parameters
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from tests.engine.models.conftest import make_net
from tests.tracking.conftest import STARTED_AT, describe_model

Make = Callable[..., Any]


def _runs(store: TrackingStore) -> dict[str, Any]:
    """All active runs by name."""
    client = MlflowClient(store.uri)
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    named = {run.info.run_name: run for run in runs}
    assert len(named) == len(runs)
    return named


def _content(store: TrackingStore, run_id: str) -> Any:
    """All that a run shows."""
    client = MlflowClient(store.uri)
    run = client.get_run(run_id)
    points = {
        name: [(p.step, p.value, p.timestamp) for p in client.get_metric_history(run_id, name)]
        for name in run.data.metrics
    }
    files = [item.path for item in client.list_artifacts(run_id)]
    return run.info.status, run.info.end_time, run.data.params, run.data.tags, points, files


def test_runs_are_found_by_tags_whose_names_never_change(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    make_mirror().show_trial(make_view(3, State.COMPLETE))
    tags = _runs(store)["trial 0003"].data.tags
    assert tags["hpsearch.study"] == "small"
    assert tags["hpsearch.trial"] == "3"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.RUNNING, "RUNNING"),
        (State.WAITING, "KILLED"),
        (State.COMPLETE, "FINISHED"),
        (State.PRUNED, "FINISHED"),
        (State.FAILED, "FAILED"),
    ],
)
def test_each_state_has_its_status(
    state: State, status: str, make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    make_mirror().show_trial(make_view(0, state))
    assert _runs(store)["trial 0000"].info.status == status


def test_a_trial_shows_its_parameters_curves_and_files(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    mirror = make_mirror()
    mirror.show_trial(make_view(7, State.COMPLETE))
    run = _runs(store)["trial 0007"]
    _, _, params, tags, points, files = _content(store, run.info.run_id)
    assert params == {"learning_rate": "0.1", "epochs": "3"}
    assert [(step, value) for step, value, _ in points["val_accuracy"]] == [
        (1, 0.2),
        (2, 0.4),
        (3, pytest.approx(0.6)),
    ]
    assert set(points) == {
        "train_loss",
        "train_accuracy",
        "val_accuracy",
        "learning_rate",
        "duration_s",
    }
    assert tags["mlflow.parentRunId"] == mirror.run_id
    assert (tags["hpsearch.trial"], tags["state"], tags["seed"]) == ("7", "COMPLETE", "0")
    assert files == ["weights.png"]


def test_the_studys_run_names_the_data(make_mirror: Make, store: TrackingStore) -> None:
    """Once: for each trial it would be a seventh of what MLflow costs."""
    make_mirror()
    assert [one.dataset.name for one in _runs(store)["small"].inputs.dataset_inputs] == ["digits"]


def test_pruned_diverged_and_failed_trials_say_so(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    mirror = make_mirror()
    mirror.show_trial(make_view(0, State.PRUNED, diverged=True))
    mirror.show_trial(make_view(1, State.FAILED, reason="FloatingPointError: broken"))
    runs = _runs(store)
    assert runs["trial 0000"].data.tags["pruned"] == "epoch 3"
    assert runs["trial 0000"].data.tags["diverged"] == "true"
    assert runs["trial 0001"].data.tags["error"] == "FloatingPointError: broken"


def test_a_reason_longer_than_a_tag_is_cut(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    """Whether the run is made for it or was there."""
    mirror = make_mirror()
    mirror.show_trial(make_view(1, State.RUNNING))
    for number in (0, 1):
        mirror.show_trial(make_view(number, State.FAILED, reason="x" * 9000))
        assert set(_runs(store)[f"trial {number:04d}"].data.tags["error"]) == {"x"}


def test_an_empty_duplicate_run_is_deleted(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    """MLflow's client repeats a request whose answer was lost: the same trial, created twice."""
    view = make_view(0, State.COMPLETE)
    with pytest.MonkeyPatch.context() as dying:
        dying.setattr("hpsearch.tracking.mirror.log", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make_mirror().show_trial(view)
    bare = _runs(store)["trial 0000"]
    own = {name: value for name, value in bare.data.tags.items() if name != "mlflow.runName"}
    client = MlflowClient(store.uri)
    for _ in range(2):
        client.create_run(bare.info.experiment_id, run_name="trial 0000", tags=own)
    make_mirror().show_trial(view)
    status, *_, files = _content(store, _runs(store)["trial 0000"].info.run_id)
    assert (status, files) == ("FINISHED", ["weights.png"])


def test_showing_again_changes_nothing(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    make_mirror().show_trial(make_view(0, State.COMPLETE))
    run_id = _runs(store)["trial 0000"].info.run_id
    before = _content(store, run_id)
    make_mirror().show_trial(make_view(0, State.COMPLETE))
    assert _content(store, run_id) == before
    assert len(_runs(store)) == 2


def test_a_running_trial_grows_and_ends_in_the_same_run(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    mirror = make_mirror()
    mirror.show_trial(make_view(0, State.RUNNING, n_epochs=1, hyperparameters={"epochs": 3}))
    mirror.show_trial(make_view(0, State.WAITING, n_epochs=2))
    assert mirror.is_level(make_view(0, State.WAITING).record)
    make_mirror().show_trial(make_view(0, State.COMPLETE, n_epochs=3))
    run = _runs(store)["trial 0000"]
    points = _content(store, run.info.run_id)[4]
    assert run.info.status == "FINISHED"
    assert [step for step, *_ in points["val_accuracy"]] == [1, 2, 3]


def test_nan_and_inf_are_left_out(make_mirror: Make, make_view: Make, store: TrackingStore) -> None:
    view: TrialView = make_view(0, State.PRUNED)
    metrics = {**view.epochs[-1].metrics, "train_loss": float("nan")}
    broken = dataclasses.replace(view.epochs[-1], metrics=metrics)
    make_mirror().show_trial(dataclasses.replace(view, epochs=[*view.epochs[:-1], broken]))
    points = _content(store, _runs(store)["trial 0000"].info.run_id)[4]
    assert [step for step, *_ in points["train_loss"]] == [1, 2]
    assert [step for step, *_ in points["val_accuracy"]] == [1, 2, 3]


def test_synchronized_trials_are_known_after_a_restart(make_mirror: Make, make_view: Make) -> None:
    shown, hidden = make_view(0, State.COMPLETE), make_view(1, State.COMPLETE)
    make_mirror().show_trial(shown)
    mirror = make_mirror()
    assert mirror.is_level(shown.record)
    assert not mirror.is_level(hidden.record)


def test_what_others_added_stays(make_mirror: Make, make_view: Make, store: TrackingStore) -> None:
    make_mirror().show_trial(make_view(0, State.COMPLETE))
    client = MlflowClient(store.uri)
    run = _runs(store)["trial 0000"]
    client.set_tag(run.info.run_id, "mine", "kept")
    mine = client.create_run(run.info.experiment_id, run_name="my own")
    make_mirror().show_trial(make_view(0, State.COMPLETE))
    runs = _runs(store)
    assert runs["trial 0000"].data.tags["mine"] == "kept"
    assert runs["my own"].info.run_id == mine.info.run_id


def test_the_study_shows_the_best_so_far_by_trial(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    records = [
        make_view(0, State.COMPLETE, value=0.5).record,
        make_view(1, State.PRUNED).record,
        make_view(2, State.COMPLETE, value=0.7).record,
    ]
    tags = {"runner_up_p_value": "0.04"}
    view = StudyView("FINISHED", "# summary", records, {"test_accuracy": 0.6}, tags)
    make_mirror().show_study(view)
    make_mirror().show_study(view)
    run = _runs(store)["small"]
    points = _content(store, run.info.run_id)[4]
    assert [(step, value) for step, value, _ in points["best_val_accuracy"]] == [
        (0, 0.5),
        (1, 0.5),
        (2, 0.7),
    ]
    assert [value for _, value, _ in points["test_accuracy"]] == [0.6]
    assert run.data.tags["mlflow.note.content"].startswith("# summary\n")
    assert run.data.tags["runner_up_p_value"] == "0.04"
    assert "runner_up_p_value" not in points


def test_a_deleted_experiment_comes_back(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    mirror = make_mirror()
    MlflowClient(store.uri).delete_experiment(mirror.experiment_id)
    make_mirror().show_trial(make_view(0, State.COMPLETE))
    assert "trial 0000" in _runs(store)


def test_a_dead_server_is_reported_without_its_password(
    make_mirror: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(StoreError) as caught:
        make_mirror(uri="http://user:secret@127.0.0.1:1", artifacts=None)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_best_net_is_registered_once_and_served_without_pickle(
    make_mirror: Make, store: TrackingStore, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (9, 4, 4, 3), np.uint8)

    components = np.linalg.qr(rng.standard_normal((48, 7)))[0].astype(np.float32)

    def export(seed: int) -> ModelView:
        mean_image = np.full(48, 120 if seed == 2 else 0.1, np.float32)
        preprocessing = (
            Preprocessing(mean_image)
            if seed == 2
            else Preprocessing(mean_image, components, contrast_floor=10.0)
        )
        weights = np.random.default_rng(seed)
        parameters = make_parameters(preprocessing.n_inputs, 5, 3, 0.1, weights)
        net = nets[seed] = make_net(parameters, preprocessing, trial=seed)
        frames = {epoch: np.full((48, 48, 3), 9 * epoch, np.uint8) for epoch in (1, 4)}
        tags, pictures = {"trial": str(seed)}, {"weights": frames}
        folder = tmp_path / f"net-{seed}"
        return describe_model(net, folder, images[:2], tags=tags, pictures=pictures)

    nets: dict[int, Model] = {}
    mirror = make_mirror()
    assert mirror.show_model(export(1)) == "1"
    assert mirror.show_model(export(2)) == "2"
    assert mirror.show_model(export(1)) == "1"
    client = MlflowClient(store.uri)
    assert len(client.search_model_versions("name = 'small'")) == 2
    # Each frame of each net once, however often the net is shown; MLflow adds a small copy.
    logged = [Path(one.path).name for one in client.list_artifacts(mirror.run_id, "images")]
    steps = sorted(name.split("+timestamp")[0] for name in logged if name.endswith(".png"))
    expected = [f"weights of trial {seed}+step+{step}" for seed in (1, 2) for step in (1, 4)]
    assert steps == expected
    assert client.get_model_version_by_alias("small", "best").version in (1, "1")

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    for address, seed in (("models:/small@best", 1), ("models:/small/2", 2)):
        model = mlflow.pyfunc.load_model(address)
        assert np.array_equal(model.predict(images), nets[seed].predict(images))
    names = [path.suffix for path in store.artifacts.rglob("*")] if store.artifacts else []
    assert ".safetensors" in names
    assert not {".pkl", ".pickle", ".joblib", ".pt"} & set(names)


def test_whatever_a_trainer_measures_is_shown_as_a_curve(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    view: TrialView = make_view(0, State.COMPLETE)
    epochs = [Epoch(n, 0.1 * n, 0.5, 1.7e9 + n, {"n_trees": 10.0 * n}) for n in (1, 2)]
    make_mirror().show_trial(dataclasses.replace(view, epochs=epochs))
    points = _content(store, _runs(store)["trial 0000"].info.run_id)[4]
    assert set(points) == {"n_trees", "val_accuracy", "duration_s"}
    assert [(step, value) for step, value, _ in points["n_trees"]] == [(1, 10.0), (2, 20.0)]


def test_a_partly_written_trial_is_completed_the_next_time(
    make_mirror: Make, make_view: Make, store: TrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store may die between any two requests."""
    view = make_view(0, State.COMPLETE)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no store")

    for step in ("log", "attach", "set_status"):
        with monkeypatch.context() as dying:
            dying.setattr(f"hpsearch.tracking.mirror.{step}", fail)
            with pytest.raises(StoreError, match="no store"):
                make_mirror().show_trial(view)
        assert not make_mirror().is_level(view.record)
    mirror = make_mirror()
    mirror.show_trial(view)
    assert mirror.is_level(view.record)
    runs = _runs(store)
    assert set(runs) == {"small", "trial 0000"}
    status, _, params, _, points, files = _content(store, runs["trial 0000"].info.run_id)
    assert (status, len(params), files) == ("FINISHED", 2, ["weights.png"])
    assert [step for step, *_ in points["val_accuracy"]] == [1, 2, 3]


def test_a_run_that_somebody_else_ended_is_not_up_to_date(
    make_mirror: Make, make_view: Make, store: TrackingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow itself may set a dead client's run to FINISHED."""
    view = make_view(0, State.COMPLETE)
    with monkeypatch.context() as dying:
        dying.setattr("hpsearch.tracking.mirror.attach", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make_mirror().show_trial(view)
    MlflowClient(store.uri).set_terminated(_runs(store)["trial 0000"].info.run_id)
    assert not make_mirror().is_level(view.record)


def test_every_run_of_a_study_uses_the_same_parent(make_mirror: Make) -> None:
    first = make_mirror()
    again = make_mirror()
    assert (again.experiment_id, again.run_id) == (first.experiment_id, first.run_id)


def test_more_epochs_than_one_request_takes_are_all_shown(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    make_mirror().show_trial(make_view(0, State.COMPLETE, n_epochs=450))
    points = _content(store, _runs(store)["trial 0000"].info.run_id)[4]
    for name in ("train_loss", "val_accuracy"):
        assert [step for step, *_ in points[name]] == list(range(1, 451))


def test_the_experiment_is_one_of_training_and_has_the_views_that_links_name(
    make_mirror: Make, store: TrackingStore
) -> None:
    mirror = make_mirror()
    experiment = MlflowClient(store.uri).get_experiment_by_name("small")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    for page in (study_page, trials_page):
        key = page(mirror.experiment_id).rpartition("viewStateShareKey=")[2]
        assert f"mlflow.sharedViewState.{key}" in experiment.tags


def test_a_trials_duration_is_its_training_time_however_long_it_was_interrupted(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    def read_duration_ms() -> int:
        info = _runs(store)["trial 0000"].info
        return int(info.end_time - info.start_time)

    setting = {"hyperparameters": {"epochs": 3}}
    make_mirror().show_trial(make_view(0, State.WAITING, n_epochs=2, **setting))
    assert read_duration_ms() == 1000
    a_day_later = STARTED_AT + timedelta(days=1)
    make_mirror().show_trial(make_view(0, State.COMPLETE, started_at=a_day_later, **setting))
    assert read_duration_ms() == 1500


def test_the_studys_run_spans_its_trials_whenever_it_is_written(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    make_mirror().show_study(
        StudyView("FINISHED", "a study", [make_view(0, State.COMPLETE).record])
    )
    info = _runs(store)["small"].info
    assert info.start_time == STARTED_AT.timestamp() * 1000
    assert info.end_time == info.start_time + 60_000


def test_the_studys_note_links_its_trials_and_the_best_one(
    make_mirror: Make, make_view: Make, store: TrackingStore
) -> None:
    mirror = make_mirror()
    views = [make_view(number, State.COMPLETE) for number in (0, 1)]
    for view in views:
        mirror.show_trial(view)
    mirror.show_study(StudyView("FINISHED", "a study", [view.record for view in views]))
    runs = _runs(store)
    note = runs["small"].data.tags["mlflow.note.content"]
    best = runs["trial 0000"].info.run_id
    assert note.startswith("a study\n")
    assert runs["small"].data.params["sampler"] == "tpe"
    assert runs["small"].data.params["learning_rate"] == "0.003 to 0.1, log"
    assert f"({study_page(mirror.experiment_id)})" in note
    assert f"({trials_page(mirror.experiment_id)})" in note
    assert f"[trial 0]({run_page(mirror.experiment_id, best)})" in note
