"""The attempts at a trial: a line each in its folder, to tell a deadly trial from bad luck."""

import json
import platform
import time
from pathlib import Path

from hpsearch.execution import Attempts
from hpsearch.files import append_line

__all__ = ["ATTEMPTS_FILE", "note_attempt", "read_attempts"]

ATTEMPTS_FILE = "attempts.jsonl"


def note_attempt(folder: Path, from_epoch: int) -> None:
    """Write down that a worker begins the trial in `folder`, with so many epochs done."""
    attempt = {"from_epoch": from_epoch, "host": platform.node(), "started_at": time.time()}
    append_line(folder / ATTEMPTS_FILE, json.dumps(attempt))


def read_attempts(folder: Path) -> Attempts:
    """How often the trial in `folder` was begun, and how far it had come the last time."""
    try:
        content = (folder / ATTEMPTS_FILE).read_bytes()
    except FileNotFoundError:
        return Attempts(0, 0)
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    return Attempts(len(lines), json.loads(lines[-1])["from_epoch"] if lines else 0)
