"""The command-line application: all commands, and the handling of their errors."""

import atexit
import contextlib
import gc
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from hpsearch.api.terminal.interruption import INTERRUPTED, Interruption
from hpsearch.api.terminal.standard_streams import take_failure
from hpsearch.cli import (
    checking,
    inspect,
    keep,
    starting,
    study_list,
    study_run,
    upkeep,
    viewing,
)
from hpsearch.cli.unexpected import (
    check_encoding,
    complain,
    find_errors_folder,
    keep_libraries_quiet,
)
from hpsearch.foundations.errors import HpsearchError, StoreError

__all__ = ["main"]


def make_app() -> typer.Typer:
    """Make the application with all its commands."""
    app = typer.Typer(
        name="hpsearch",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    app.command("run", short_help="Run a study, or continue it.")(study_run.run)
    app.command("list", short_help="List studies and their state.")(study_list.list_studies)
    app.command("new", short_help="Write a new study file.")(starting.new)
    app.command("schema", short_help="Print the JSON schema of study files.")(starting.schema)
    app.command("status", short_help="Show a study's status.")(inspect.status)
    app.command("trials", short_help="List a study's trials.")(inspect.trials)
    app.command("best", short_help="Export a study's best model.")(keep.best)
    app.command("score", short_help="Evaluate the best model on the test split.")(keep.score)
    app.command("replay", short_help="Train a trial again and compare the models.")(keep.replay)
    app.command("draw", short_help="Draw curves and models of trials.")(keep.draw)
    app.command("report", short_help="Write an HTML report of one or more studies.")(viewing.report)
    app.command("ui", short_help="Start MLflow's server on a workspace.")(viewing.ui)
    app.command("reconcile", short_help="Compare MLflow with the record; repair it.")(
        keep.reconcile
    )
    app.command("doctor", short_help="Check the environment before a run.")(checking.doctor)
    app.command("check-trainer", short_help="Check what a study's trainer guarantees.")(
        checking.check_trainer
    )
    app.command("copy", short_help="Copy a study into another storage.")(upkeep.copy)
    app.command("clean", short_help="Remove unneeded files from a workspace.")(upkeep.clean)
    app.command("delete", short_help="Delete a study.")(upkeep.delete)
    return app


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"hpsearch {version('hpsearch')}")
        raise typer.Exit


def _program(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Reproducible hyperparameter search with experiment tracking."""


def main(arguments: Sequence[str] | None, interruption: Interruption) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str or None
        Arguments without the program's name; None for those of the process.
    interruption : Interruption
        Handles signals.

    Returns
    -------
    int
        The exit code; see `hpsearch.foundations.errors`.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # At exit Python would collect garbage among all libraries' objects, for half a second.
    atexit.register(gc.freeze)
    if arguments is None:
        keep_libraries_quiet(find_errors_folder(given))
    try:
        check_encoding(given)
        app = make_app()
        interruption.begin_command()
        with _reraising_interrupts(interruption):
            code = app(args=given or ["--help"], standalone_mode=False, obj=interruption)
            if code == INTERRUPTED:  # Typer's return value for a KeyboardInterrupt
                raise KeyboardInterrupt
        sys.stdout.flush()
    except HpsearchError as error:
        complain(str(error))
        return error.exit_code
    except typer.TyperException as error:
        complain(f"{error.format_message()} (hpsearch --help shows how)")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted; the same command continues")
        return INTERRUPTED
    code = code if isinstance(code, int) else 0
    lost = take_failure(sys.stdout)
    if lost and not lost.is_unread:
        complain(f"standard output: cannot be written ({lost.reason})")
        return code or StoreError.exit_code
    return code


@contextlib.contextmanager
def _reraising_interrupts(interruption: Interruption) -> Iterator[None]:
    """Raise `KeyboardInterrupt` for any other exception into which a library turned one."""
    try:
        yield
    except (HpsearchError, typer.TyperException):
        raise
    except Exception as error:
        if interruption.is_asked:
            raise KeyboardInterrupt from error
        raise
