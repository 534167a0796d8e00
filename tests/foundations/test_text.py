from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.foundations.text import (
    describe_refit_state,
    list_trials,
    printable,
    shorten_age,
    shorten_duration,
    shorten_number,
    shorten_ordinal,
    suggest,
)


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07\x1b[2J", r"\x1b]0;title\x07\x1b[2J"),
        ("a\nb\r\tc", r"a\x0ab\x0d\x09c"),
        ("\x9b31m \x7f", r"\x9b31m \x7f"),
        ("caf\udce9", r"caf\xe9"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("ü 空 🙂 a\u200d", "ü 空 🙂 a\u200d"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_printable_text_is_printable_and_stays_so(text: str) -> None:
    shown = printable(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert printable(shown.encode().decode()) == shown


def test_ordinals_end_as_in_english() -> None:
    numbers = (1, 2, 3, 4, 10, 11, 12, 13, 21, 22, 101, 111, 113)
    text = "1st 2nd 3rd 4th 10th 11th 12th 13th 21st 22nd 101st 111th 113th"
    assert " ".join(map(shorten_ordinal, numbers)) == text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("WAITING", "will be trained again on the examples of all folds"),
        ("COMPLETE", "no validation score of its own"),
        ("PRUNED", "diverged when trained again"),
        ("FAILED", "failed when trained again"),
    ],
)
def test_how_a_refit_stands_is_said(state: str, words: str) -> None:
    said = describe_refit_state(state)
    assert words in said
    assert ("there is no best model" in said) == (state in ("PRUNED", "FAILED"))
