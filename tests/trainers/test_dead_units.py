"""Dead hidden units, as the two-layer net's trainer reports them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from hpsearch.engine.models import Model
from hpsearch.trainers import Finding
from hpsearch.trainers.two_layer_net.net import make_parameters
from hpsearch.trainers.two_layer_net.preprocessing import Preprocessing
from tests.conftest import TWO_LAYER_NET
from tests.engine.models.conftest import IMAGES, SETTING, make_net

EXAMPLES = np.random.default_rng(0).integers(0, 256, (700, 48), dtype=np.uint8)
LABELS = np.zeros(700, np.int64)


def _make(n_hidden: int, *, n_blank: int, n_low: int) -> Model:
    """Make a net of which so many units have no weights, or are below 0 for any image."""
    parameters = make_parameters(48, n_hidden, 3, 0.1, np.random.default_rng(0))
    parameters["b1"][:] = 1e4  # each sees a difference between any two images
    parameters["W1"][:, :n_blank] = 0
    parameters["b1"][n_blank : n_blank + n_low] = -1e6
    return make_net(parameters, Preprocessing(np.full(48, 127, np.float32)))


def _find(model: Model, **setting: Any) -> Sequence[Finding]:
    trainer = TWO_LAYER_NET.load()(SETTING | setting, IMAGES, None)
    trainer.load_state_dict(model.state)
    return trainer.diagnose(EXAMPLES, LABELS)


def _diagnose(model: Model, **setting: Any) -> str:
    return " ".join(f"{one.claim} {one.evidence}" for one in _find(model, **setting))


def test_units_with_equal_activations_for_all_images_are_dead() -> None:
    said = _diagnose(_make(10, n_blank=1, n_low=1))
    assert "2 of 10 have the same value for each of 700 examples" in said


@pytest.mark.parametrize(("n_dead", "is_told"), [(0, False), (1, False), (2, True), (20, True)])
def test_dead_units_are_reported_if_they_are_many(n_dead: int, is_told: bool) -> None:
    said = _diagnose(_make(20, n_blank=n_dead, n_low=0))
    assert (f"Of the hidden units {n_dead / 20:.0%} do nothing" in said) is is_told
    assert bool(said) is is_told


def test_the_advice_is_what_keeps_more_units_at_work() -> None:
    net = _make(5, n_blank=1, n_low=0)
    assert _find(net)[0].changes == {"learning_rate": -1, "hidden_size": -1}
    found = _find(net, soft_threshold=0.5)
    assert found[0].changes == {"soft_threshold": -1, "hidden_size": -1}
