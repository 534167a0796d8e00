"""``hpsearch best``, ``score``, ``replay``, ``draw``, ``reconcile``: for a study that has run."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.api.locations import make_options, open_recorded_study
from hpsearch.api.publishing.mlflow_publisher import MlflowPublisher, tracking_store
from hpsearch.api.terminal.console import say
from hpsearch.cli.options import (
    DataDirOption,
    JsonOption,
    StorageOption,
    StudyArgument,
    TrackingOption,
    WorkspaceOption,
)
from hpsearch.engine.evaluations import read_evaluations
from hpsearch.engine.models import Model, export_model
from hpsearch.engine.records import best_of
from hpsearch.engine.scheduling import (
    RunOptions,
    Session,
    open_session,
    prepare_recorded_data,
    replay_trial,
)
from hpsearch.engine.search import is_complete, read_refits
from hpsearch.engine.selection import find_best_model, has_best_model
from hpsearch.engine.test_evaluation import evaluate_once
from hpsearch.engine.trial_files import CHECKPOINT_FILE
from hpsearch.foundations.errors import RefusedError, StoreError, UsageError
from hpsearch.foundations.files import expand
from hpsearch.report.pictures import draw_trial

__all__ = ["best", "draw", "reconcile", "replay", "score"]

_MLFLOW_TIMEOUT_S = 3600.0


def best(
    study: StudyArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")],
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a study's best model to a folder: arrays, manifest, README.

    Example: hpsearch best quickstart --out best
    """
    out = expand(out)
    options = make_options(workspace, data_dir=data_dir, storage=storage)
    search, folder = open_recorded_study(study, options)
    data = prepare_recorded_data(search, options)
    records, refits = search.records(), read_refits(search)
    model = find_best_model(search.definition, records, folder, data, refits)
    export_model(model, out)
    if as_json:
        described = {"folder": str(out), "net_sha256": model.sha256(), **model.facts}
        print(json.dumps(described, indent=2))
        return
    say(
        f"trial {model.facts['trial']}, {model.val_score}: "
        f"{out / model.trainer.model_file}\n"
        f"next:  python -c \"import hpsearch; model = hpsearch.load_model('{out}')\""
    )


def score(
    study: StudyArgument,
    evaluate_again: Annotated[
        bool,
        typer.Option("--evaluate-again", help="Evaluate another model, although one was."),
    ] = False,
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate the best model on the test split; every evaluation is recorded and counted.

    Example: hpsearch score cifar10 --evaluate-again
    """
    options = make_options(workspace, data_dir=data_dir, storage=storage, tracking_uri=tracking_uri)
    search, _ = open_recorded_study(study, options)
    with open_session(search.definition, options) as session:
        if not is_complete(session.search):
            raise RefusedError(
                f"{search.definition.name}: expected a complete study: a search must not continue "
                "after an evaluation on the test split"
            )
        model = _best_model(session)
        ledger = session.folder.test_ledger
        evaluation = evaluate_once(
            model, session.data, session.search, ledger, again=evaluate_again
        )
        count = read_evaluations(session.search, ledger).count(evaluation)
        if as_json:
            print(json.dumps(asdict(evaluation) | dict(evaluation.scores) | count, indent=2))
        else:
            print(f"{evaluation.describe()}\n{count['note']}")
        _show_all(session, options, model)


def replay(
    study: StudyArgument,
    trial: Annotated[
        int | None,
        typer.Argument(metavar="[TRIAL]", help="Trial number.  [default: the best]"),
    ] = None,
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
) -> None:
    """Train a trial again from its record and compare the models, bit for bit.

    Example: hpsearch replay quickstart 3
    """
    options = make_options(workspace, data_dir=data_dir, storage=storage)
    search, folder = open_recorded_study(study, options)
    best = best_of(search.records())
    if trial is None and best is None:
        raise UsageError(f"{search.definition.name}: no trial is complete yet")
    number = best.number if trial is None and best else int(trial or 0)
    data = prepare_recorded_data(search, options)
    print(f"training trial {number} of {search.definition.name} again ...", flush=True)
    outcome = replay_trial(search, number, folder, data)
    record, differences = outcome.record, outcome.list_differences()
    if outcome.is_equal:
        net_sha256 = record.net_sha256
        print(f"equal: model {net_sha256}" if net_sha256 else "equal: scores of all epochs")
        if refit_sha256 := outcome.refit_sha256[0]:
            print(f"equal: trained on all examples, model {refit_sha256}")
    else:
        change = outcome.val_scores[-1] - record.val_scores[-1]
        why = "these versions differ" if differences else "all recorded versions are equal"
        metric = record.metric
        print(f"different: {metric.val_name} {change:+{metric.format_spec}}; {why}")
    for difference in differences:
        say(difference)
    if outcome.restored:
        say(f"its checkpoint was restored in {folder.trial(number)}")
    if not outcome.is_equal:
        raise typer.Exit(1)


def draw(
    study: StudyArgument,
    trials: Annotated[list[int], typer.Argument(metavar="TRIAL...", help="Their numbers.")],
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
) -> None:
    """Draw learning curves and models of trials, into their folders and their runs in MLflow.

    A run draws its best trial only, and keeps the models of the best few; of other trials the
    curves are drawn, and their models after `hpsearch replay`.

    Example: hpsearch draw quickstart 3 7
    """
    options = make_options(workspace, data_dir=data_dir, storage=storage, tracking_uri=tracking_uri)
    search, _ = open_recorded_study(study, options)
    with open_session(search.definition, options) as session:
        name, records = session.definition.name, session.search.records()
        for number in trials:
            if not 0 <= number < len(records) or not records[number].val_scores:
                raise UsageError(
                    f"{name}: expected numbers of trials with at least one epoch, got {number}"
                )
        publisher = MlflowPublisher(session, tracking_store(options))
        for number in trials:
            folder = session.folder.trial(number)
            paths = draw_trial(session.definition, records[number], session.data, folder)
            publisher.show_ended(records[number])
            say(f"trial {number}: {', '.join(path.name for path in paths)} in {folder}")
            if not (folder / CHECKPOINT_FILE).exists():
                say(f"  its model is not kept: hpsearch replay {name} {number} trains it again")
        _wait_for_mlflow(publisher)


def reconcile(
    study: StudyArgument,
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what MLflow has with the study's record, and correct it where they differ.

    Runs, parameters, metrics, tags and files are compared, and the best model is loaded from the
    registry. Exits with 4 if anything could not be corrected.

    Example: hpsearch reconcile quickstart
    """
    options = make_options(workspace, data_dir=data_dir, storage=storage, tracking_uri=tracking_uri)
    search, _ = open_recorded_study(study, options)
    with open_session(search.definition, options) as session:
        records = session.search.records()
        refits = read_refits(session.search)
        has_best = is_complete(session.search) and has_best_model(
            session.definition, records, refits
        )
        model = _best_model(session) if has_best else None
        publisher = _show_all(session, options, model, everything=True)
        name, n_trials, repairs = session.definition.name, len(records), list(publisher.repairs)
        if as_json:
            about = {"study": name, "trials": n_trials, "mlflow": publisher.address}
            print(json.dumps({**about, "repairs": repairs}, indent=2))
            return
        for repair in repairs:
            say(repair)
        print(f"{name}: {n_trials} trials compared with MLflow, {len(repairs)} repairs")


def _best_model(session: Session) -> Model:
    search = session.search
    records, refits = search.records(), read_refits(search)
    model = find_best_model(session.definition, records, session.folder, session.data, refits)
    export_model(model, session.folder.best_net)
    return model


def _show_all(
    session: Session, options: RunOptions, model: Model | None, *, everything: bool = False
) -> MlflowPublisher:
    publisher = MlflowPublisher(session, tracking_store(options))
    publisher.catch_up(everything=everything)
    publisher.show_study("FINISHED" if is_complete(session.search) else "KILLED", model)
    _wait_for_mlflow(publisher)
    return publisher


def _wait_for_mlflow(publisher: MlflowPublisher) -> None:
    if not publisher.close(_MLFLOW_TIMEOUT_S):
        raise StoreError(f"MLflow does not show the whole record: {publisher.failure}")
