"""Checks of what a study depends on: data, storage, tracking store, workers."""

import contextlib
import os
import platform
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hpsearch.api.doctor.report_line import Finding
from hpsearch.api.publishing.mlflow_publisher import tracking_store
from hpsearch.datasets import (
    ImageFolder,
    Remark,
    Source,
    TabularDataset,
    assign_folds,
    describe_table,
    find_source,
    select,
)
from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.evaluations import read_evaluations
from hpsearch.engine.execution import Backend, FileLease
from hpsearch.engine.scheduling import RunOptions, find_prepared
from hpsearch.engine.search import (
    check_record,
    list_study_names,
    load_study,
    open_storage,
    probe_storage,
)
from hpsearch.engine.training.survey import report_health, work_out
from hpsearch.foundations.errors import DamagedDataError, MissingDataError, StoreError
from hpsearch.tracking import probe_tracking

__all__ = ["check_data", "check_recorded", "check_storage", "check_tracking", "check_workers"]

_SERVER_ADVICE = (
    "start the server; check --tracking-uri, MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD, and at the server's --allowed-hosts"
)


def check_data(definition: StudyDefinition, options: RunOptions) -> Iterator[Finding]:
    """Check that the data is on this machine and undamaged; reads all of it.

    A folder of own images is checked even if it has been prepared, as it may have changed.
    """
    prepared, source = find_prepared(definition, options.workspace.data), None
    try:
        if prepared is None or definition.data.own():
            source = _find_source(definition, options)
    except MissingDataError as error:
        if prepared is None:
            yield _describe_missing(definition, error)
            return
    if isinstance(source, ImageFolder):
        yield from (_make_finding(remark) for remark in source.contents.remarks())
        if source.contents.unreadable:
            return
    if prepared and source and prepared.source_checksum != source.checksum:
        prepared = None
    if prepared:
        prepared.verify()
        yield Finding("data", f"{prepared.name}, prepared and verified, in {prepared.folder}")
    elif source:
        loaded = source.load()
        if isinstance(loaded, TabularDataset):
            yield from (Finding("table", line) for line in describe_table(loaded))
        split_spec = definition.split_spec()
        (assign_folds if split_spec.n_folds else select)(loaded.items(), split_spec)
        yield Finding("data", f"{loaded.name}, verified, from {loaded.source}; not prepared yet")


def _make_finding(remark: Remark) -> Finding:
    code = DamagedDataError.exit_code if remark.is_fatal else 0
    return Finding("images", remark.text, remark.advice, code)


def _describe_missing(definition: StudyDefinition, error: MissingDataError) -> Finding:
    where = "give its folder with --data-dir"
    if definition.data.own() is not None:
        text = f"{definition.data.source} is not on this machine ({error})"
        return Finding("data", text, where, error.exit_code)
    text = f"{definition.data.source} is not on this machine"
    advice = f"`hpsearch run` would download it first; or {where} or HPSEARCH_DATA_DIR"
    return Finding("data", text, advice, error.exit_code)


def check_storage(definition: StudyDefinition, options: RunOptions) -> Finding:
    """Check that Optuna's storage can be reached and written."""
    journal = options.workspace.study(definition.name).journal
    try:
        return Finding("storage", f"{probe_storage(options.storage_url, journal)}, writable")
    except StoreError as error:
        return Finding(
            "storage",
            str(error),
            "start the server, or check --storage, PGPASSWORD and ~/.pgpass"
            if options.storage_url
            else "give another folder with --workspace",
            error.exit_code,
        )


def check_recorded(definition: StudyDefinition, options: RunOptions) -> Iterator[Finding]:
    """Check that the study's record is unchanged since it was written."""
    folder, url = options.workspace.study(definition.name), options.storage_url
    if url is None and not folder.journal.exists():
        return
    storage = open_storage(url, folder.journal)
    if definition.name not in list_study_names(storage):
        return
    search = load_study(definition.name, storage)
    problems = [str(one) for one in check_record(search, folder.checksums, folder.history)]
    tests = read_evaluations(search, folder.test_ledger).problems
    n_trials = len(search.records())
    if not problems and not tests:
        yield Finding("record", f"{n_trials} trials, as they were written")
    for text in (*problems, *tests):
        yield Finding(
            "record",
            text,
            "restore the record from a back-up; to accept it as it is, see docs/operations.md",
        )


def check_tracking(options: RunOptions) -> Finding:
    """Check that MLflow can be reached and written."""
    store = tracking_store(options)
    try:
        flaw = probe_tracking(store)
    except StoreError as error:
        advice = _SERVER_ADVICE if store.database is None else None
        return Finding("mlflow", str(error), advice, error.exit_code)
    if flaw:
        return Finding("mlflow", f"{store.shown()}: {flaw}", "the next run completes it")
    return Finding("mlflow", f"{store.shown()}, writable, artifacts too")


def check_workers(
    definition: StudyDefinition, options: RunOptions, backend: Backend
) -> Iterator[Finding]:
    """Check that each worker answers, with equal versions and equal data."""
    prepared = find_prepared(definition, options.workspace.data)
    source = _find_source(definition, options)
    root = options.workspace.root
    with _marker_in(next(path for path in (root, *root.parents) if path.exists())) as marker:
        own, trainer = definition.data.own(), definition.trainer.spec()
        question = partial(
            report_health, marker, prepared, source.name, source.checksum, trainer, own
        )
        survey = work_out(backend.ask_workers(question), trainer)
    for failure in survey.failures:
        advice = "install the same hpsearch there; set HPSEARCH_DATA_DIR there"
        yield Finding("workers", str(failure), advice, failure.exit_code)
    for difference in survey.differences:
        advice = "results differ in the last digits; install the same constraints.txt"
        yield Finding("workers", difference, advice)
    if survey.blind_hosts:
        yield Finding(
            "workers",
            f"{', '.join(survey.blind_hosts)} do not see {root}",
            "share that folder with them, or interrupted trials start again from epoch 1",
        )
    if not survey.failures and not survey.differences:
        yield Finding("workers", f"{survey.n_workers} answer, with equal versions and equal data")


@contextlib.contextmanager
def _marker_in(folder: Path) -> Iterator[FileLease]:
    token = uuid.uuid4().hex
    marker = FileLease(folder / f".hpsearch-doctor-{token}", token, os.getpid(), platform.node())
    try:
        marker.grant()
        yield marker
    finally:
        marker.path.unlink(missing_ok=True)


def _find_source(definition: StudyDefinition, options: RunOptions) -> Source:
    return find_source(
        definition.data.source,
        folders=options.data_dirs,
        download_folder=options.workspace.data / "downloads",
        own=definition.data.own(),
        allow_download=False,
    )
