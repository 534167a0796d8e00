"""Checksums of a journal's lines, in a file beside it, to find lines that were changed or lost.

The file is only appended to, after the journal's lines are on disk. A crash can leave lines without
a checksum, which the next run adds, but never a checksum without its line.
"""

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpsearch.foundations.files import refusing_links, write_atomically

__all__ = [
    "Problem",
    "add_checksums",
    "adopt_lines",
    "check_lines",
    "checksum_line",
    "checksums_file",
]

_NO_TRIAL = "-"


@dataclass(frozen=True)
class Problem:
    """A part of a record that was changed or lost.

    Parameters
    ----------
    trial : int or None
        Number of the trial concerned; None for the study as a whole.
    text : str
        Description of the problem.
    """

    trial: int | None
    text: str

    def __str__(self) -> str:
        return f"{'the study' if self.trial is None else f'trial {self.trial}'}: {self.text}"


def checksums_file(journal: Path) -> Path:
    """Path of the checksums of a journal."""
    return journal.with_name(f"{journal.name}.checksums")


def checksum_line(line: bytes, log: Mapping[str, Any]) -> str:
    """Return a line's entry in the file of checksums: its hash, and its trial."""
    digest = hashlib.sha256(line.rstrip(b"\n")).hexdigest()[:16]
    return f"{digest} {log.get('trial_id', _NO_TRIAL)}\n"


def add_checksums(journal: Path, checksums: Sequence[str]) -> None:
    """Append checksums of lines that are on disk; they are not synced."""
    with open(checksums_file(journal), "a", opener=refusing_links) as file:
        file.write("".join(checksums))


def adopt_lines(journal: Path, *, was_torn: bool) -> None:
    """Add checksums that the last run did not get to write. Only for the study's holder.

    What was changed or lost before is still detected: no checksum is ever removed, except that of a
    last line that was truncated when the machine failed.

    Parameters
    ----------
    journal : Path
        The journal, without a truncated line at its end.
    was_torn : bool
        Whether it had one.
    """
    path = checksums_file(journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    known = _read(path)
    missing, n_found = _align(known, lines)
    if was_torn and missing[-1:] == [len(known) - 1]:
        known = known[:-1]
    text = "".join(f"{one}\n" for one in known)
    if path.exists() and path.read_text(errors="replace") != text:  # its end was torn, or is now
        write_atomically(path, text.encode(), durable=False)
    add_checksums(journal, [checksum_line(line, _parse(line)) for line in lines[n_found:]])


def check_lines(journal: Path) -> Iterator[Problem]:
    """Find lines of a journal that were changed or lost since they were written.

    Lines added by other programs are accepted, and so is a last line truncated by a crash.
    """
    known = _read(checksums_file(journal))  # first: the journal of a running study grows
    if not known or not journal.exists():
        return
    content = journal.read_bytes()
    missing, _ = _align(known, content[: content.rfind(b"\n") + 1].splitlines(keepends=True))
    if not content.endswith(b"\n") and missing[-1:] == [len(known) - 1]:
        missing.pop()
    about: dict[str, int] = {}
    for index in missing:
        trial = known[index].partition(" ")[2]
        about[trial] = about.get(trial, 0) + 1
    for trial, n in about.items():
        text = f"{n} line{'s' if n > 1 else ''} of the journal changed or lost"
        yield Problem(int(trial) if trial.isdigit() else None, text)


def _read(path: Path) -> list[str]:
    """Read the checksums, without one that was truncated by a crash."""
    try:
        content = path.read_text(errors="replace")
    except FileNotFoundError:
        return []
    return content[: content.rfind("\n") + 1].splitlines()


def _align(known: Sequence[str], lines: Sequence[bytes]) -> tuple[list[int], int]:
    """Return the checksums without a line, and the number of lines to the last with a checksum."""
    wanted = [one.partition(" ")[0] for one in known]
    found = [checksum_line(line, {}).partition(" ")[0] for line in lines]
    if found[: len(wanted)] == wanted:
        return [], len(wanted)
    matcher = difflib.SequenceMatcher(None, wanted, found, autojunk=False)
    missing: list[int] = []
    reached = n_found = 0
    for start, line, size in matcher.get_matching_blocks():
        missing += range(reached, start)
        reached = start + size
        if size:
            n_found = line + size
    return missing, n_found


def _parse(line: bytes) -> Mapping[str, Any]:
    try:
        log = json.loads(line)
    except ValueError:
        return {}
    return log if isinstance(log, dict) else {}
