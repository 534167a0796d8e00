import gc
from collections.abc import Iterator

import pytest

from hpsearch.garbage import collecting_no_garbage


@pytest.fixture(params=[True, False], ids=["enabled", "disabled"])
def enabled(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the user has Python collect garbage."""
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if before else gc.disable)()


def test_garbage_is_left_alone_inside_and_afterwards_all_is_as_it_was(enabled: bool) -> None:
    with collecting_no_garbage(), collecting_no_garbage():
        assert not gc.isenabled()
    assert gc.isenabled() == enabled


def test_it_is_collected_again_after_a_failure() -> None:
    with pytest.raises(ValueError, match="broken"), collecting_no_garbage():
        raise ValueError("broken")
    assert gc.isenabled()


def test_threads_that_overlap_leave_it_as_it_was(enabled: bool) -> None:
    """Whichever ends first."""
    first, second = collecting_no_garbage(), collecting_no_garbage()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert gc.isenabled() == enabled
