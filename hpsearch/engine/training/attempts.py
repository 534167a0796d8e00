"""Log of the attempts at a trial, from which repeated worker deaths are recognized."""

import contextlib
import json
import platform
import time
from pathlib import Path

from hpsearch.engine.execution import Attempts
from hpsearch.engine.trial_files import HISTORY_FILE, load_history
from hpsearch.foundations.errors import DamagedDataError
from hpsearch.foundations.files import append_line

__all__ = ["ATTEMPTS_FILE", "note_attempt", "read_attempts"]

ATTEMPTS_FILE = "attempts.jsonl"


def note_attempt(folder: Path, from_epoch: int) -> None:
    """Log that a worker starts the trial in `folder`, with `from_epoch` epochs completed."""
    attempt = {"from_epoch": from_epoch, "host": platform.node(), "started_at": time.time()}
    append_line(folder / ATTEMPTS_FILE, json.dumps(attempt))


def read_attempts(folder: Path) -> Attempts:
    """Count the attempts at the trial in `folder`, in all and since its last completed epoch."""
    try:
        lines = (folder / ATTEMPTS_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return Attempts(0, 0, 0)
    starts = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):  # torn or damaged
            starts.append(int(json.loads(line)["from_epoch"]))
    reached = 0
    with contextlib.suppress(DamagedDataError):
        reached = len(load_history(folder / HISTORY_FILE))
    return Attempts(len(starts), reached, sum(start >= reached for start in starts))
