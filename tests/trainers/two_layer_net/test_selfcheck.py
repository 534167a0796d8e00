from typing import Any

import numpy as np
import pytest

from hpsearch.foundations.errors import MachineError
from hpsearch.trainers.two_layer_net.selfcheck import check_training
from hpsearch.trainers.two_layer_net.step import Step


def test_a_correct_machine_passes() -> None:
    check_training()


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
@pytest.mark.parametrize("fault", [0.0, 1e-4, np.nan])
def test_wrong_arithmetic_is_found(
    name: str, fault: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checker is itself checked: one weight, moved by something else than its gradient."""
    write_back = Step.write_back

    def write_wrong(step: Step) -> Any:
        whole = step._whole
        before = float(whole[name].flat[0])
        write_back(step)
        whole[name].flat[0] = before if not fault else whole[name].flat[0] + fault

    monkeypatch.setattr(Step, "write_back", write_wrong)
    with pytest.raises(MachineError, match=f"moved {name} by something else"):
        check_training()
