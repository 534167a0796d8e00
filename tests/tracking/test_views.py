from pathlib import Path

import pytest

from hpsearch.tracking import TrackingStore


@pytest.mark.parametrize("uri", ["sqlite:////w/mlflow.db", "http://127.0.0.1:5000"])
def test_a_uri_without_a_password_is_shown_as_it_is(uri: str) -> None:
    assert TrackingStore(uri, Path("/w")).shown() == uri


def test_a_password_is_redacted_wherever_it_occurs() -> None:
    store = TrackingStore("http://me:secret@mlflow.example", None)
    assert store.shown() == "http://me:***@mlflow.example"
    assert store.without_password("refused: me:secret") == "refused: me:***"
    assert store.without_password("refused") == "refused"


def test_a_server_is_distinguished_from_a_database() -> None:
    assert TrackingStore("https://mlflow.example", None).is_server
    assert not TrackingStore("sqlite:////w/mlflow.db", Path("/w")).is_server
