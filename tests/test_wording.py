from datetime import datetime, timedelta

import pytest

from hpsearch.wording import list_trials, shorten_age, shorten_duration, shorten_number, suggest


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


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "just now"), (59, "just now"), (3_599, "59 min ago"), (7_200, "2 h ago")],
)
def test_ages_are_said_as_people_say_them(seconds: int, said: str) -> None:
    now = datetime(2026, 11, 25, 12)
    assert shorten_age(now - timedelta(seconds=seconds), now) == said
    assert shorten_age(now - timedelta(days=3), now) == "2026-11-22"


def test_an_unknown_name_is_answered_with_the_nearest_or_all() -> None:
    assert suggest("stauts", ["run", "status"]) == "; did you mean 'status'?"
    assert suggest("xyz", ["run", "status"]) == "; known are run, status"


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([3], "trial 3"),
        ([3, 4], "trials 3 and 4"),
        ([1, 5, 6, 7, 12], "trials 1, 5 to 7 and 12"),
        ([0, 1, 2], "trials 0 to 2"),
    ],
)
def test_trials_are_listed_by_ranges(numbers: list[int], said: str) -> None:
    assert list_trials(numbers) == said
