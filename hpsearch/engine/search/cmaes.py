"""CMA-ES whose state is recomputed from the trials, never loaded from the record.

Optuna's sampler stores its optimizer in the record as a pickle. Loading a pickle can run code, so
whoever can write to a study's storage could run code in the coordinator.
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
    """Select from the attributes of Optuna's sampler the one that is needed: an integer."""
    return {key: value for key, value in notes.items() if key == _GENERATION}


class RebuiltCmaEsSampler(CmaEsSampler):
    """Optuna's CMA-ES, with an optimizer that is recomputed from all generations for each trial.

    Proposals are equal to the bit to those of Optuna's own sampler.

    Parameters
    ----------
    seed : int
        For this trial's draw.
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
        """Propose a point in `search_space`, in which the optimizer is recomputed too."""
        self._space = search_space
        return super().sample_relative(study, trial, search_space)

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:
        """Recompute the optimizer as it was when the newest generation began.

        Generation g + 1 begins when as many trials of generation g as the population has ended. All
        later trials know these, so they arrive at the same optimizer.
        """
        space = _SearchSpaceTransform(self._space, transform_step=True, transform_0_1=True)
        # By another sampler, as it draws: this one's generator is for the trial's own draw.
        optimizer: Any = CmaEsSampler()._init_optimizer(space, StudyDirection.MAXIMIZE)
        generation = 0
        while True:
            solutions = self._get_solution_trials(completed_trials, generation)
            has_next = bool(self._get_solution_trials(completed_trials, generation + 1))
            if len(solutions) < optimizer.population_size or not has_next:
                # For the first generation Optuna makes the optimizer, and draws its seed.
                return optimizer if generation else None
            population = solutions[: optimizer.population_size]
            values = [t.value or 0.0 for t in population]  # complete trials have one
            points = [space.transform(t.params) for t in population]
            optimizer.tell([(x, -value) for x, value in zip(points, values, strict=True)])
            # Like Optuna's pickling, this makes the covariance matrix symmetric.
            optimizer = copy.copy(optimizer)
            generation += 1
