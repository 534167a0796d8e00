"""The command line: `hpsearch`, and `scripts/run_study.py`, which is ``hpsearch run``.

Slow imports are left to `main`, after it has installed its signal handlers.
"""

import sys
from collections.abc import Sequence

from hpsearch.api.terminal.interruption import INTERRUPTED, Interruption
from hpsearch.api.terminal.standard_streams import guard_standard_streams

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments without the program's name; by default those of the process. The process then
        belongs to the program, which manages signals and standard streams until it exits.

    Returns
    -------
    int
        The exit code; see `hpsearch.foundations.errors`.
    """
    owns_process = arguments is None
    if owns_process:
        guard_standard_streams()  # before anything opens a file
    with Interruption(owns_process=owns_process) as interruption:
        try:
            from hpsearch.cli.app import main as run_command

            code = run_command(arguments, interruption)
        except KeyboardInterrupt:  # just as the command ended
            print("hpsearch: interrupted; the same command continues", file=sys.stderr)
            code = INTERRUPTED
        except Exception as error:  # also from an import: the installation may be broken
            from hpsearch.cli.unexpected import report_unexpected

            code = report_unexpected(error, sys.argv[1:] if arguments is None else arguments)
        interruption.end(code)
        return code
