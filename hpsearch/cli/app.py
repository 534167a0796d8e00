"""All commands under one name, and one way for all of them to fail."""

import os
import sys
from collections.abc import Sequence

import typer

from hpsearch.cli import doctor, inspect, keep, report, run, upkeep
from hpsearch.errors import HpsearchError

__all__ = ["main"]


def make_app() -> typer.Typer:
    """The program with all its commands."""
    app = typer.Typer(
        name="hpsearch",
        help="Search the hyperparameters of a two-layer net, reproducibly.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.command("run")(run.run)
    app.command("status")(inspect.status)
    app.command("best")(keep.best)
    app.command("score")(keep.score)
    app.command("replay")(keep.replay)
    app.command("report")(report.report)
    app.command("ui")(inspect.ui)
    app.command("reconcile")(keep.reconcile)
    app.command("doctor")(doctor.doctor)
    app.command("copy")(upkeep.copy)
    app.command("clean")(upkeep.clean)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process if left out.

    Returns
    -------
    int
        The exit code; see `hpsearch.errors`.
    """
    try:
        code = make_app()(
            args=None if arguments is None else list(arguments), standalone_mode=False
        )
        sys.stdout.flush()
    except HpsearchError as error:
        _complain(str(error))
        return error.exit_code
    except typer.TyperException as error:
        _complain(f"{error.format_message()} (hpsearch --help shows how)")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted; the same command continues")
        return 130
    except BrokenPipeError:
        # The reader has gone; whatever Python still wants to flush has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def _complain(message: str) -> None:
    print(f"hpsearch: {' '.join(message.split())}", file=sys.stderr)
