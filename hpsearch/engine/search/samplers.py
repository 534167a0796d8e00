"""Optuna's samplers, with proposals that depend on a trial's number and the trials it may know."""

import importlib.util
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    GPSampler,
    GridSampler,
    PartialFixedSampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.study import Study
from optuna.trial import FrozenTrial

from hpsearch.engine.definition import Choices, StudyDefinition
from hpsearch.engine.search.cmaes import RebuiltCmaEsSampler, keep_generation
from hpsearch.engine.search.distributions import list_ablations, make_distributions
from hpsearch.engine.search.pruning import make_pruner
from hpsearch.engine.search.view import known_trials, read_system_attrs, start_view_trial
from hpsearch.foundations.errors import UsageError
from hpsearch.foundations.random_streams import Stream, seed_stream

__all__ = ["LaggedSampler", "check_sampler", "make_sampler"]


def check_sampler(definition: StudyDefinition) -> None:
    """Check, before the study starts, that the extra of its sampler is installed.

    Raises
    ------
    UsageError
        If it is not; names the extra.
    """
    name = definition.search.sampler.name
    needed = {"gp": "torch", "cmaes": "cmaes"}.get(name)
    if needed and importlib.util.find_spec(needed) is None:
        raise UsageError(
            f"search.sampler: {name!r} needs the package {needed}: pip install 'hpsearch[{name}]'"
        )


def make_sampler(definition: StudyDefinition, number: int) -> BaseSampler:
    """Return Optuna's sampler for trial `number`, freshly seeded.

    Samplers that draw are seeded from (study seed, number). Those with a fixed sequence (grid, qmc)
    are seeded from the study's seed, and the number is the position in the sequence, as it is in
    that of an ablation, which draws nothing.
    """
    trial_seed = _draw_seed(definition, Stream.PROPOSAL, number)
    settings = definition.search.sampler
    space = make_distributions(definition.search.space)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        match settings.name:
            case "tpe":
                return _SpacedTpeSampler(space, trial_seed, settings.n_startup_trials)
            case "random":
                return RandomSampler(seed=trial_seed)
            case "gp":
                return GPSampler(seed=trial_seed, n_startup_trials=settings.n_startup_trials)
            case "cmaes":
                return RebuiltCmaEsSampler(trial_seed, settings.n_startup_trials)
            case "grid":
                searched = definition.search.space.searched()
                return GridSampler(
                    {n: s.choices for n, s in searched.items() if isinstance(s, Choices)},
                    seed=_draw_seed(definition, Stream.GRID_ORDER),
                )
            case "ablation":
                ablations = list_ablations(definition.search.space)
                return PartialFixedSampler(ablations[number % len(ablations)], RandomSampler())
            case "qmc":
                seed = _draw_seed(definition, Stream.QMC_SCRAMBLING)
                return _NumberedQmcSampler(number, space, seed)


class Proposal(NamedTuple):
    """A trial's hyperparameters, and its generation in CMA-ES."""

    params: dict[str, Any]
    notes: dict[str, Any]


class LaggedSampler(BaseSampler):
    """Proposes hyperparameters for trial k from the finished trials up to k - lag.

    A proposal is a function of these trials and the trial's number, so it can be made before the
    trial starts.

    Parameters
    ----------
    definition : StudyDefinition
        Seed, lag, sampler, search space and first settings.
    """

    def __init__(self, definition: StudyDefinition) -> None:
        self._definition = definition
        self._distributions = make_distributions(definition.search.space)
        self._ahead: dict[int, Proposal] = {}

    @property
    def n_ahead(self) -> int:
        """Number of proposals made ahead that no trial has taken yet."""
        return len(self._ahead)

    def has_proposed(self, number: int) -> bool:
        """Whether the proposal for trial `number` has been made ahead."""
        return number in self._ahead

    def propose_ahead(self, trials: Iterable[FrozenTrial], number: int) -> None:
        """Make the proposal for trial `number` now; the trial takes it when it starts."""
        self._ahead[number] = self._propose(trials, number)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the definition's search space."""
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose all hyperparameters of `trial` jointly, from the trials that it may know."""
        proposal = self._ahead.pop(trial.number, None)
        if proposal is None:
            proposal = self._propose(study.get_trials(deepcopy=False), trial.number)
        for key, value in proposal.notes.items():
            study._storage.set_trial_system_attr(trial._trial_id, key, value)
        return proposal.params

    def _propose(self, trials: Iterable[FrozenTrial], number: int) -> Proposal:
        definition = self._definition
        view_trial = start_view_trial(
            definition.name,
            known_trials(trials, number, definition.lag),
            number,
            definition.metric.direction,
            sampler=make_sampler(definition, number),
            pruner=make_pruner(definition),
            distributions=self._distributions,
        )
        first = definition.search.first
        given = first[number] if number < len(first) else {}
        params = view_trial.params | {
            name: type(view_trial.params[name])(value) for name, value in given.items()
        }
        is_cmaes = definition.search.sampler.name == "cmaes"
        notes = keep_generation(read_system_attrs(view_trial)) if is_cmaes else {}
        return Proposal(params, notes)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Refuse: the lag rule would not hold for a hyperparameter outside the definition."""
        raise KeyError(f"{param_name} is not searched by the study {self._definition.name}")


class _SpacedTpeSampler(TPESampler):
    """TPE on the study's search space.

    Optuna's TPE infers it from the distributions of all trials, which took a quarter of the time
    of a proposal after a thousand trials.
    """

    def __init__(self, space: dict[str, BaseDistribution], seed: int, n_startup_trials: int):
        super().__init__(seed=seed, n_startup_trials=n_startup_trials)
        self._space = dict(sorted(_without_singles(space).items()))

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._space


class _NumberedQmcSampler(QMCSampler):
    """QMC at the trial's number in the sequence; Optuna's counts trials in the storage."""

    def __init__(self, number: int, space: dict[str, BaseDistribution], seed: int) -> None:
        super().__init__(qmc_type="sobol", scramble=True, seed=seed)
        self._number = number
        self._space = _without_singles(space)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._space

    def _find_sample_id(self, study: Study, search_space: dict[str, BaseDistribution]) -> int:
        return self._number


def _without_singles(space: dict[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    """Remove single-valued distributions, which Optuna's samplers do not expect."""
    return {name: one for name, one in space.items() if not one.single()}


def _draw_seed(definition: StudyDefinition, stream: Stream, *indices: int) -> int:
    """Draw the seed of a sampler of Optuna, which takes integers of 32 bits."""
    return int(seed_stream(definition.seed, stream, *indices).generate_state(1)[0])
