"""The command line: `hpsearch`, and `scripts/run_study.py`, which is ``hpsearch run``.

What takes time to import is imported by `main`, once it answers signals.
"""

import sys
from collections.abc import Sequence

from hpsearch.cli.interruption import INTERRUPTED, Interruption
from hpsearch.cli.streams import guard_standard_streams

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process if left out. The process then is the
        program's own: signals and standard streams are its business until it has ended.

    Returns
    -------
    int
        The exit code; see `hpsearch.errors`.
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
        except Exception as error:  # an import's too: the installation may be broken
            from hpsearch.cli.unexpected import report_unexpected

            code = report_unexpected(error, sys.argv[1:] if arguments is None else arguments)
        interruption.end(code)
        return code
