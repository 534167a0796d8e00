"""What every refusal looks like."""


def assert_one_line(error: str, *words: str) -> None:
    """One line on standard error, by the program's name, with all of `words`."""
    assert error.count("\n") == 1, error
    assert error.startswith("hpsearch: ")
    for word in words:
        assert word in error
