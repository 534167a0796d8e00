"""Tests of the importances."""

import subprocess
import sys

import optuna
import pytest

from hpsearch.engine.search import measure_importances


def _make_study(accuracies: list[float]) -> optuna.Study:
    study = optuna.create_study(direction="maximize")
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in ("reg", "dropout")}
    for number, accuracy in enumerate(accuracies):
        study.add_trial(
            optuna.trial.create_trial(
                params={"reg": accuracy, "dropout": number * 0.37 % 1},
                distributions=space,
                value=accuracy,
            )
        )
    return study


def test_the_hyperparameter_that_explains_the_accuracies_comes_first() -> None:
    importances = measure_importances(_make_study([number / 40 for number in range(40)]))
    assert list(importances) == ["reg", "dropout"]
    reg, dropout = importances["reg"], importances["dropout"]
    assert reg.share > 0.6
    assert reg.share + dropout.share == pytest.approx(1)
    assert reg.low <= reg.share <= reg.high
    assert reg.low > dropout.high


def test_importances_of_pure_noise_have_intervals_that_overlap() -> None:
    study = _make_study([(number * 0.618) % 1 for number in range(30)])
    for trial in study.get_trials(deepcopy=False):
        trial.params["reg"] = (trial.number * 0.414) % 1
    first, second = measure_importances(study).values()
    assert second.high > first.low


@pytest.mark.parametrize("accuracies", [[], [0.5], [0.5] * 20, [n / 19 for n in range(19)]])
def test_importances_are_empty_if_no_trial_stands_out_or_they_are_too_few(
    accuracies: list[float],
) -> None:
    assert measure_importances(_make_study(accuracies)) == {}


def test_they_are_measured_without_scikit_learn_which_can_be_imported_afterwards() -> None:
    program = (
        "import sys; from hpsearch.engine.search import import_importances; import_importances()\n"
        "import optuna.visualization; print('sklearn' in sys.modules)\n"
        "import sklearn.ensemble; import_importances(); print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr
