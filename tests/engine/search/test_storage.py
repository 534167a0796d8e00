from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from hpsearch.engine.definition import StudyDefinition
from hpsearch.engine.records import fingerprint
from hpsearch.engine.search import (
    SearchStudy,
    create_or_continue_study,
    mend_journal,
    open_storage,
    translate_storage_errors,
)
from hpsearch.foundations.errors import StoreError


def test_a_journal_truncated_anywhere_in_its_last_record_continues(
    define: Callable[..., StudyDefinition], simulate: Callable[..., SearchStudy], tmp_path: Path
) -> None:
    whole = fingerprint(simulate(define(trials=2)).records())
    content = (tmp_path / "1.journal").read_bytes()
    last = content[:-1].rfind(b"\n") + 1
    journal = tmp_path / "torn.journal"
    for end in range(last + 1, len(content), 7):
        journal.write_bytes(content[:end])
        (tmp_path / "torn.journal.lock").symlink_to("nowhere")
        mend_journal(journal)
        assert journal.read_bytes() == content[:last]
        search = create_or_continue_study(
            define(trials=2), open_storage(None, journal), data_checksum="data"
        )
        search.note("still", "writable")
        assert not (tmp_path / "torn.journal.lock").is_symlink()
    assert fingerprint(search.records()[:1]) != whole


def test_a_garbage_journal_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"no json\n" * 2)
    with pytest.raises(StoreError, match="expected a readable journal") as caught:
        open_storage(None, tmp_path / "journal")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_an_error_of_one_line() -> None:
    with (
        pytest.raises(StoreError, match=r"small: the record cannot be written: .*No space left"),
        translate_storage_errors("small"),
    ):
        raise OSError(28, "No space left on device")


def test_a_database_failure_is_an_error_of_one_line() -> None:
    with (
        pytest.raises(StoreError, match="small: the record cannot be written: server closed"),
        translate_storage_errors("small"),
    ):
        raise OperationalError("INSERT", {}, RuntimeError("server closed"))


def test_other_errors_are_not_converted() -> None:
    with pytest.raises(RuntimeError, match="a bug"), translate_storage_errors("small"):
        raise RuntimeError("a bug")
