"""What every refusal looks like."""


def assert_one_line(error: str, *words: str) -> None:
    """One line on standard error, by the program's name, with all of `words`."""
    assert error.count("\n") == 1, error
    assert error.startswith("hpsearch: ")
    for word in words:
        assert word in error


def assert_stopped(error: str) -> None:
    """One line that the same command continues, after others that say what is waited for."""
    *reasons, last = error.splitlines()
    assert last.startswith("hpsearch: "), error
    assert last.endswith("the same command continues"), error
    assert len(set(reasons)) == len(reasons), error
    assert all(line.startswith("hpsearch: stopping: waiting for ") for line in reasons), error
