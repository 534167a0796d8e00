import contextlib
import threading
from pathlib import Path

import pytest

from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.files import (
    HeldElsewhereError,
    append_durably,
    append_line,
    expand,
    holding_file,
    refusing_links,
    replacing,
    write_atomically,
)


def test_a_file_is_replaced_and_nothing_left_beside(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"old")

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_raised_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.writelines([b"ne", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_what_shall_be_durable_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited_for: list[int] = []
    monkeypatch.setattr("os.fsync", waited_for.append)
    write_atomically(tmp_path / "a", b"new", durable=False)
    assert (tmp_path / "a").read_bytes() == b"new"
    assert not waited_for
    write_atomically(tmp_path / "a", b"newer")
    assert len(waited_for) == 1


def test_lines_are_appended_after_a_torn_one_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    append_line(path, "one")
    with path.open("ab") as file:
        file.write(b"tor")
    append_line(path, "two")
    assert path.read_text() == "one\ntwo\n"


def test_a_link_in_place_of_a_file_is_replaced_or_refused_never_followed(tmp_path: Path) -> None:
    target = tmp_path / "of another user"
    target.write_text("theirs\n")
    link = tmp_path / "a"
    link.symlink_to(target)
    with pytest.raises(OSError, match="is a symbolic link, which is not followed"):
        append_line(link, "ours")
    with pytest.raises(OSError, match="symbolic link"), open(link, "ab", opener=refusing_links):
        pass
    write_atomically(link, b"ours")
    assert link.read_bytes() == b"ours"
    assert not link.is_symlink()
    assert target.read_text() == "theirs\n"


def test_a_link_to_nothing_creates_nothing(tmp_path: Path) -> None:
    link = tmp_path / "a"
    link.symlink_to(tmp_path / "b")
    with pytest.raises(OSError, match="symbolic link"):
        append_line(link, "ours")
    assert not (tmp_path / "b").exists()


def test_home_folders_are_expanded() -> None:
    assert expand(Path("~/x")) == Path.home() / "x"
    assert expand(Path("x/~")) == Path("x/~")


@pytest.mark.parametrize("path", ["~nobody-of-that-name/x", "caf\udce9"])
def test_a_path_that_cannot_be_is_a_usage_error(path: str) -> None:
    with pytest.raises(UsageError, match="expected a path"):
        expand(Path(path))


def test_a_torn_line_stays_beside_one_that_is_appended_durably(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text("one\nto")
    append_durably(path, "three")
    append_durably(path, "four")
    assert path.read_text() == "one\nto\nthree\nfour\n"


def test_a_file_is_held_by_one_at_a_time_and_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    with holding_file(path), pytest.raises(HeldElsewhereError), holding_file(path):
        pass
    with holding_file(path):
        pass
    assert path.read_text() == "content"


def test_a_lock_is_waited_for_and_given_up_in_time(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with contextlib.ExitStack() as held:
        held.enter_context(holding_file(path))
        with pytest.raises(HeldElsewhereError), holding_file(path, wait_s=0.1):
            pass
        releasing = threading.Timer(0.2, held.pop_all().close)
        releasing.start()
        with holding_file(path, wait_s=60.0):
            releasing.join()
