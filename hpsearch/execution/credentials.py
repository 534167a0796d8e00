"""What the coordinator's environment says of stores, and no worker may know."""

import os

__all__ = ["blank_credentials"]

_NAMES = frozenset({"DATABASE_URL", "HPSEARCH_STORAGE", "MLFLOW_TRACKING_URI"})
_PREFIXES = ("MLFLOW_TRACKING_", "MLFLOW_AUTH_", "MLFLOW_FLASK_", "PG", "AWS_", "POSTGRES_")


def blank_credentials() -> dict[str, str]:
    """Names in this environment that tell of stores, each with nothing in it."""
    return {name: "" for name in os.environ if name in _NAMES or name.startswith(_PREFIXES)}
