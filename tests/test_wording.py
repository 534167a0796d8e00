import pytest

from hpsearch.wording import shorten_duration, shorten_number


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (12_000, "3 h 20 min"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert shorten_duration(seconds) == said


def test_floats_are_cut_and_integers_are_not() -> None:
    assert shorten_number(0.00123456) == "0.001235"
    assert shorten_number(123456) == "123456"
