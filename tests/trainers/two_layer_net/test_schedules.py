from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.trainers.two_layer_net import Hyperparameters
from hpsearch.trainers.two_layer_net.schedules import make_schedule

Make = Callable[..., Hyperparameters]


def test_the_exponential_schedule_goes_by_epochs(setting: Make) -> None:
    rate = make_schedule(setting(learning_rate=0.5, learning_rate_decay=0.9))
    assert [rate(1, share) for share in (0.0, 0.5, 0.99)] == [0.5] * 3
    assert rate(3, 0.2) == 0.5 * 0.9 * 0.9


def test_the_cosine_schedule_falls_by_steps_from_the_full_rate_to_zero(setting: Make) -> None:
    rate = make_schedule(setting(learning_rate=0.5, schedule="cosine", epochs=4))
    assert rate(1, 0.0) == 0.5
    assert rate(3, 0.0) == pytest.approx(0.25)
    assert rate(4, 1.0) == pytest.approx(0, abs=1e-12)
    rates = [rate(epoch, share) for epoch in (1, 2, 3, 4) for share in (0.0, 0.3, 0.6)]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize("schedule", ["exponential", "cosine"])
def test_the_rate_warms_up_to_what_it_would_have_been(setting: Make, schedule: Any) -> None:
    cold = make_schedule(setting(schedule=schedule, epochs=10))
    warm = make_schedule(setting(schedule=schedule, epochs=10, warmup_epochs=2))
    assert warm(1, 0.5) == pytest.approx(cold(1, 0.5) / 4)
    assert warm(2, 0.5) == pytest.approx(cold(2, 0.5) * 3 / 4)
    assert warm(3, 0.0) == cold(3, 0.0)
