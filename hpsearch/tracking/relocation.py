"""Update of artifact locations, which MLflow stores as absolute, in a workspace that was moved."""

import contextlib
import sqlite3
from pathlib import Path

from hpsearch.tracking.pages import VIEW_TAG

__all__ = ["relocate_artifacts"]

_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)
_FORMER_ROOTS = """
SELECT DISTINCT artifact_location FROM experiments JOIN experiment_tags USING (experiment_id)
WHERE key = ? AND artifact_location != ? AND artifact_location LIKE 'file:///%'
"""


def relocate_artifacts(database: Path, artifacts: Path) -> None:
    """Replace the former location of the workspace's artifact folder by the present one.

    The former one is read from the experiments that this program created. Locations outside it
    are not changed.

    Parameters
    ----------
    database : Path
        The workspace's MLflow database.
    artifacts : Path
        Its artifact folder, absolute.

    Raises
    ------
    OSError
        If the database cannot be written; it is then unchanged.
    """
    new = artifacts.as_uri()
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=20.0)) as connection:
            rows = connection.execute(_FORMER_ROOTS, (VIEW_TAG, new)).fetchall()
            former = [old for (old,) in rows if Path(old).name == artifacts.name]
            with connection:
                for old in former:
                    _move(connection, old, new)
    except sqlite3.Error as error:
        raise OSError(f"{database}: artifact locations cannot be updated ({error})") from error


def _move(connection: sqlite3.Connection, old: str, new: str) -> None:
    for table, column in _LOCATIONS:
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
            f" WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
        )
