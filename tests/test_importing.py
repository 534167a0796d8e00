import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from hpsearch.importing import import_to_stay

Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Make a module of what is given; its name, which no other has."""
    monkeypatch.syspath_prepend(tmp_path)

    def write_module(content: str) -> str:
        name = f"module_{uuid4().hex}"
        (tmp_path / f"{name}.py").write_text(content)
        return name

    yield write_module
    gc.unfreeze()


def _write_two(write: Write) -> tuple[str, str]:
    """A module that can do without another, and that other one."""
    other = write("")
    return write(f"try:\n    import {other} as other\nexcept ImportError:\n    other = None"), other


def test_modules_are_imported(write: Write) -> None:
    names = [write("x = 1"), write("x = 2")]
    import_to_stay(*names)
    assert [sys.modules[name].x for name in names] == [1, 2]


def test_what_shall_be_left_out_looks_as_if_not_installed_for_so_long(write: Write) -> None:
    module, other = _write_two(write)
    import_to_stay(module, without=[other])
    assert sys.modules[module].other is None
    assert other not in sys.modules
    import_to_stay(other)
    assert other in sys.modules


def test_what_has_been_imported_is_not_taken_away(write: Write) -> None:
    module, other = _write_two(write)
    import_to_stay(other)
    import_to_stay(module, without=[other])
    assert sys.modules[module].other is sys.modules[other]


def test_nothing_stays_left_out_after_a_failure(write: Write) -> None:
    broken, other = write("1 / 0"), write("")
    with pytest.raises(ZeroDivisionError):
        import_to_stay(broken, without=[other])
    import_to_stay(other)
    assert other in sys.modules


def test_what_stays_is_not_searched_for_garbage_again(write: Write) -> None:
    gc.unfreeze()
    name = write("x = [[] for _ in range(1000)]")
    import_to_stay(name)
    assert gc.get_freeze_count() > 1000
    gc.unfreeze()
    import_to_stay(name)  # nothing new
    assert gc.get_freeze_count() < 1000
