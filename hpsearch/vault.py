"""The test vault: the one place that opens the test split, and the ledger of its looks.

A look is written down before it is taken and again when it is done. Whatever happens in
between, the ledger then knows for which net the look was spent, and only that net may finish it.
"""

import hashlib
import io
import json
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpsearch.data import TEST_FILE, PreparedData, read_manifest
from hpsearch.errors import DamagedDataError, RefusedError, StoreError
from hpsearch.files import append_line
from hpsearch.results import Net

__all__ = ["Look", "read_looks", "score_once"]

_FIELDS = {
    "begun": ("net_sha256",),
    "scored": ("net_sha256", "n", "accuracy", "accuracy_first_1000"),
}
# The assignment scores its net on the first thousand test images.
N_FIRST = 1000


@dataclass(frozen=True)
class Look:
    """One look at the test split.

    Parameters
    ----------
    net_sha256 : str
        The net that was scored.
    n : int
        Images scored.
    accuracy : float
        On all of them.
    accuracy_first_1000 : float
        On the first thousand, or on all if there are fewer.
    """

    net_sha256: str
    n: int
    accuracy: float
    accuracy_first_1000: float


def read_looks(ledger: Path) -> list[Look]:
    """All finished looks, in their order."""
    return [
        Look(**{name: line[name] for name in _FIELDS["scored"]})
        for line in _read_lines(ledger)
        if line["event"] == "scored"
    ]


def score_once(
    net: Net, data: PreparedData, ledger: Path, *, spend_another_look: bool = False
) -> Look:
    """Score `net` on the test split, if it may be; a net scored before is not scored again.

    Parameters
    ----------
    net : Net
        The study's best net.
    data : PreparedData
        Whose test split to open.
    ledger : Path
        Where looks are written down; created with the first.
    spend_another_look : bool
        Permits a look although the one that each study has is spent.

    Returns
    -------
    Look
        The new one, or the one that this net had before.

    Raises
    ------
    RefusedError
        If the look was spent, or begun, for another net.
    DamagedDataError
        If the ledger or the test split is damaged.
    StoreError
        If the ledger cannot be read or written; then nothing is opened.
    """
    sha256 = net.sha256()
    for look in read_looks(ledger):
        if look.net_sha256 == sha256:
            return look
    begun = [line["net_sha256"] for line in _read_lines(ledger) if line["event"] == "begun"]
    if begun and sha256 not in begun and not spend_another_look:
        raise RefusedError(
            f"{ledger}: the test split was looked at for the net {begun[-1][:12]}; another look, "
            f"for {sha256[:12]}, must be asked for: --spend-another-look"
        )
    if sha256 not in begun:
        _write_line(ledger, {"event": "begun", "net_sha256": sha256})
    images, labels = _open_test_split(data)
    hits = net.predict(images) == labels
    look = Look(sha256, len(hits), float(np.mean(hits)), float(np.mean(hits[:N_FIRST])))
    _write_line(ledger, {"event": "scored", **vars(look)})
    return look


def _open_test_split(data: PreparedData) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    path = data.folder / TEST_FILE
    expected = read_manifest(data.folder)["files"][TEST_FILE]
    try:
        content = path.read_bytes()
        if (found := hashlib.sha256(content).hexdigest()) != expected:
            raise ValueError(f"a file with the SHA-256 {found} instead of {expected}")
        with np.load(io.BytesIO(content), allow_pickle=False) as members:
            return members["images"], members["labels"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedDataError(
            f"{path}: expected the test split, got {error}; "
            "delete the folder to have it prepared again"
        ) from error


def _read_lines(ledger: Path) -> list[dict[str, Any]]:
    try:
        content = ledger.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{ledger}: cannot be read ({error.strerror})") from error
    # A last line without its newline was torn by a crash before the split was opened.
    whole = content[: content.rfind(b"\n") + 1]
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
        for line in lines:
            _ = [line[name] for name in _FIELDS[line["event"]]]
        return lines
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedDataError(f"{ledger}: expected a ledger of looks, got {error}") from error


def _write_line(ledger: Path, line: dict[str, Any]) -> None:
    try:
        append_line(ledger, json.dumps({**line, "time": time.time()}))
    except OSError as error:
        raise StoreError(f"{ledger}: cannot be written ({error.strerror})") from error
