"""CMA-ES whose state is rebuilt from the trials, never loaded from the record.

Optuna's sampler keeps its optimizer in the record as a pickle, which runs code when it is loaded:
whoever can write a study's storage could run code in the coordinator.
"""

import copy
from collections.abc import Mapping
from typing import Any

from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution
from optuna.samplers import CmaEsSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial

__all__ = ["RebuiltCmaEsSampler", "keep_generation"]

_GENERATION = "cma:generation"


def keep_generation(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Of what Optuna's sampler noted on a trial, what `RebuiltCmaEsSampler` needs: an integer."""
    return {key: value for key, value in notes.items() if key == _GENERATION}


class RebuiltCmaEsSampler(CmaEsSampler):
    """Optuna's CMA-ES, which tells the optimizer all earlier generations again for each trial.

    Proposals are those of Optuna's own sampler, to the bit.

    Parameters
    ----------
    seed : int
        Of this trial's draw.
    n_startup_trials : int
        See `CmaEsSampler`.
    """

    def __init__(self, seed: int, n_startup_trials: int) -> None:
        super().__init__(
            seed=seed, n_startup_trials=n_startup_trials, warn_independent_sampling=False
        )
        self._space: dict[str, BaseDistribution] = {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose a point, in the search space that the generations are told in."""
        self._space = search_space
        return super().sample_relative(study, trial, search_space)

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:
        """The optimizer as the latest trial of the newest generation found it.

        Generation g + 1 begins when a population of generation g has ended, by the first so many
        of its trials: all later trials know those too, so they come to the same optimizer.
        """
        space = _SearchSpaceTransform(self._space, transform_step=True, transform_0_1=True)
        # Another sampler's, as it draws: what this one draws next is the trial's own.
        optimizer: Any = CmaEsSampler()._init_optimizer(space, StudyDirection.MAXIMIZE)
        generation = 0
        while True:
            solutions = self._get_solution_trials(completed_trials, generation)
            has_next = bool(self._get_solution_trials(completed_trials, generation + 1))
            if len(solutions) < optimizer.population_size or not has_next:
                # Optuna makes the first one itself, and its seed is drawn for that.
                return optimizer if generation else None
            told = solutions[: optimizer.population_size]
            values = [t.value or 0.0 for t in told]  # complete trials have one
            points = [space.transform(t.params) for t in told]
            optimizer.tell([(x, -value) for x, value in zip(points, values, strict=True)])
            # As if it had been stored and loaded, which rounds off asymmetries.
            optimizer = copy.copy(optimizer)
            generation += 1
