"""The attempts at a trial: a line each in its folder, to tell a deadly trial from bad luck."""

import contextlib
import json
import platform
import time
from pathlib import Path

from hpsearch.errors import DamagedDataError
from hpsearch.execution import Attempts
from hpsearch.files import append_line
from hpsearch.training import HISTORY_FILE, load_history

__all__ = ["ATTEMPTS_FILE", "note_attempt", "read_attempts"]

ATTEMPTS_FILE = "attempts.jsonl"


def note_attempt(folder: Path, from_epoch: int) -> None:
    """Write down that a worker begins the trial in `folder`, with so many epochs done."""
    attempt = {"from_epoch": from_epoch, "host": platform.node(), "started_at": time.time()}
    append_line(folder / ATTEMPTS_FILE, json.dumps(attempt))


def read_attempts(folder: Path) -> Attempts:
    """How often the trial in `folder` was begun, and how many epochs it has behind it."""
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
