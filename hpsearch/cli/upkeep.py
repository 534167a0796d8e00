"""``hpsearch copy``, ``clean``, ``delete``: copy a study, remove unneeded files, delete a study."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.api.locations import make_options, open_recorded_study, repeat_options
from hpsearch.api.publishing.mlflow_publisher import tracking_store
from hpsearch.api.terminal.console import say
from hpsearch.cli.options import (
    DataDirOption,
    StorageOption,
    StudyArgument,
    TrackingOption,
    WorkspaceOption,
)
from hpsearch.engine.scheduling import delete_record, find_leftovers, open_session
from hpsearch.engine.scheduling import remove as remove_leftover
from hpsearch.engine.search import copy_study, open_storage
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.text import shorten_bytes
from hpsearch.tracking import delete_runs

__all__ = ["clean", "copy", "delete"]


def copy(
    study: StudyArgument,
    to_storage: Annotated[
        str,
        typer.Option(metavar="URL", help="Optuna's storage to copy to."),
    ],
    workspace: WorkspaceOption = Path("workspace"),
    data_dir: DataDirOption = None,
    storage: StorageOption = None,
) -> None:
    """Copy a study's record into another storage, where it can be continued.

    Example: hpsearch copy cifar10 --to-storage postgresql+psycopg:///optuna
    """
    options = make_options(workspace, data_dir=data_dir, storage=storage)
    if to_storage == storage:
        raise UsageError("--to-storage: expected a storage other than the one that the study is in")
    search, _ = open_recorded_study(study, options)
    with open_session(search.definition, options) as session:
        n_trials = copy_study(session.search, open_storage(to_storage, session.folder.journal))
    name = search.definition.name
    stores = "--storage URL --tracking-uri URI" + repeat_options(options, "--data-dir")
    say(
        f"{name}: {n_trials} trials copied\n"
        f"next:  hpsearch reconcile {name} {stores}   write them to MLflow\n"
        f"       hpsearch run {study} {stores}         continue"
    )


def clean(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be removed.")
    ] = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
) -> None:
    """Remove unneeded files from a workspace; records, best models and test evaluations stay.

    Example: hpsearch clean --dry-run
    """
    options = make_options(workspace, storage=storage)
    freed = 0
    with find_leftovers(options) as leftovers:
        for leftover in leftovers:
            where = leftover.path.relative_to(options.workspace.root)
            if leftover.is_needed:
                say(f"kept  {where}: {leftover.reason}")
                continue
            if not dry_run:
                remove_leftover(leftover)
            freed += leftover.n_bytes
            done = "would be removed" if dry_run else "removed"
            say(f"{done:<16} {shorten_bytes(leftover.n_bytes):>8}  {where}: {leftover.reason}")
    print(f"{shorten_bytes(freed)} {'would be' if dry_run else ''} freed".replace("  ", " "))


def delete(
    study: StudyArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    workspace: WorkspaceOption = Path("workspace"),
    storage: StorageOption = None,
    tracking_uri: TrackingOption = None,
) -> None:
    """Delete a study: its record, its trials' files and its runs in MLflow.

    What stays: the log of test evaluations, so that those of a deleted study still count;
    registered models; prepared data, until `hpsearch clean`.

    Example: hpsearch delete quickstart
    """
    options = make_options(workspace, storage=storage, tracking_uri=tracking_uri)
    search, folder = open_recorded_study(study, options)
    name, n_trials = search.definition.name, len(search.records())
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"{name}: expected --yes where nobody can be asked; nothing deleted")
        typer.confirm(f"Delete {name} with its {n_trials} trials from {folder.root}?", abort=True)
    # MLflow first: until the record is gone, the same command can be repeated.
    with delete_record(name, options):
        n_runs = delete_runs(tracking_store(options), name)
    say(f"{name}: deleted, with {n_trials} trials and {n_runs} runs in MLflow")
