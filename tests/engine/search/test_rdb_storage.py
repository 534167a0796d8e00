"""A database that cannot be opened is an error of one line, without the password."""

from pathlib import Path

import pytest

from hpsearch.engine.search import open_storage
from hpsearch.foundations.errors import StoreError, UsageError


def test_an_invalid_url_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--storage no-url: expected an SQLAlchemy URL"):
        open_storage("no-url", tmp_path / "journal")


def test_the_error_for_an_unreachable_server_has_no_password(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        open_storage("postgresql+psycopg://user:secret@127.0.0.1:1/x", tmp_path / "journal")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
