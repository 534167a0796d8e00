"""Events of test evaluations, as a hash chain in a study's record and in the workspace's ledger."""

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from hpsearch.engine.records import TEST_EVALUATIONS
from hpsearch.engine.search import SearchStudy
from hpsearch.foundations.errors import DamagedDataError, StoreError
from hpsearch.foundations.files import append_durably, holding_file
from hpsearch.foundations.hashing import hash_json

__all__ = [
    "FIELDS",
    "Event",
    "add_event",
    "check_chain",
    "read_ledger",
    "read_record",
    "without_chain",
]

Event: TypeAlias = Mapping[str, Any]

_BEGUN = ("study", "test_sha256", "net_sha256")
FIELDS = {"begun": _BEGUN, "scored": (*_BEGUN, "n", "unit", "scores", "low", "high")}


def add_event(search: SearchStudy, ledger: Path, event: str, fields: Mapping[str, Any]) -> None:
    """Add an event where it is missing: to the record first, then to the ledger.

    Raises
    ------
    StoreError
        If the ledger cannot be written.
    """
    new = {"event": event, "study": search.definition.name, **fields, "time": time.time()}
    recorded, (listed, _) = read_record(search), read_ledger(ledger)
    in_record, in_ledger = _find(new, recorded), _find(new, listed)
    # An event that only one of them has is copied to the other, time included.
    new = without_chain(in_record or in_ledger or new)
    if not in_record:
        search.note(TEST_EVALUATIONS, [*recorded, _chained(new, recorded)])
    if in_ledger:
        return
    try:
        with holding_file(ledger, wait_s=math.inf):  # another study may add to it
            listed, _ = read_ledger(ledger)
            append_durably(ledger, json.dumps(_chained(new, listed)))
    except OSError as error:
        raise StoreError(f"{ledger}: cannot be written ({error.strerror})") from error


def _find(event: Event, events: Iterable[Event]) -> Event | None:
    """Return the event of the same kind, study and net, if there is one."""
    return next((one for one in events if _key(one) == _key(event)), None)


def without_chain(event: Event) -> dict[str, Any]:
    """Return the event without its hash."""
    return {name: value for name, value in event.items() if name != "chain"}


def _key(event: Event) -> tuple[str, str, str]:
    return event["event"], event["study"], event["net_sha256"]


def read_record(search: SearchStudy) -> list[Event]:
    """Read the events in a study's record."""
    events = search.attribute(TEST_EVALUATIONS) or []
    return [_check_event(event, f"the record of {search.definition.name}") for event in events]


def read_ledger(ledger: Path) -> tuple[list[Event], list[str]]:
    """Read the ledger's events, and the lines that a crash has torn."""
    try:
        lines = ledger.read_bytes().decode(errors="replace").split("\n")
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise StoreError(f"{ledger}: cannot be read ({error.strerror})") from error
    events: list[Event] = []
    torn = []
    for line in filter(None, lines):
        try:
            events.append(_check_event(json.loads(line), str(ledger)))
        except ValueError as error:
            begins = '{"event": "'
            if not (line.startswith(begins) or begins.startswith(line)):
                raise DamagedDataError(
                    f"{ledger}: expected a ledger of test evaluations, got {error}"
                ) from error
            torn.append(line)
    return events, torn


def _check_event(event: Any, place: str) -> Event:
    try:
        names = (*FIELDS[event["event"]], "time", "chain")
        missing = [name for name in names if name not in event]
    except (KeyError, TypeError) as error:
        raise DamagedDataError(f"{place}: expected test evaluations, got {error}") from error
    if missing:
        raise DamagedDataError(f"{place}: expected a test evaluation with {', '.join(missing)}")
    return event  # type: ignore[no-any-return]


def _chained(event: Mapping[str, Any], before: Sequence[Event]) -> dict[str, Any]:
    """Add to the event a hash over itself and the previous one."""
    return {**event, "chain": _hash(event, before[-1]["chain"] if before else "")}


def _hash(event: Event, previous: str) -> str:
    return hash_json([previous, without_chain(event)])


def check_chain(events: Sequence[Event], place: str) -> Iterator[str]:
    """Yield a line for each event whose hash does not match it and the previous event."""
    previous = ""
    for number, event in enumerate(events, 1):
        if event["chain"] != _hash(event, previous):
            yield f"{place}: test evaluation {number} was changed, or one before it was lost"
        previous = event["chain"]
