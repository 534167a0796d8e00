"""Settings of samplers, which propose hyperparameters, and of pruners, which end trials early."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from hpsearch.foundations.tables import Table, named

__all__ = ["PrunerSettings", "SamplerSettings"]

Count: TypeAlias = Annotated[int, Field(ge=0)]


class Tpe(Table):
    """Tree-structured Parzen estimator: learns which regions are good.

    Parameters
    ----------
    n_startup_trials : int
        Finished trials that trial k must know before its proposal is more than random.
    """

    name: Literal["tpe"]
    n_startup_trials: Annotated[int, Field(ge=1)] = 10


class Random(Table):
    """Independent random draws."""

    name: Literal["random"]


class Qmc(Table):
    """Scrambled Sobol' points: random search that leaves no gaps."""

    name: Literal["qmc"]


class Grid(Table):
    """Every combination of the choices, once each, in an order shuffled by the study's seed."""

    name: Literal["grid"]


class Ablation(Table):
    """All first choices as the baseline, then each other choice by itself; repeated in turn."""

    name: Literal["ablation"]


class Gp(Table):
    """Gaussian process; needs the extra ``hpsearch[gp]``.

    Parameters
    ----------
    n_startup_trials : int
        Finished trials that trial k must know before its proposal is more than random.
    """

    name: Literal["gp"]
    n_startup_trials: Annotated[int, Field(ge=1)] = 10


class Cmaes(Table):
    """Covariance matrix adaptation; needs the extra ``hpsearch[cmaes]``.

    Parameters
    ----------
    n_startup_trials : int
        Finished trials that trial k must know before its proposal is more than random.
    """

    name: Literal["cmaes"]
    n_startup_trials: Annotated[int, Field(ge=1)] = 1


SamplerSettings: TypeAlias = Annotated[
    Annotated[Tpe | Random | Qmc | Grid | Ablation | Gp | Cmaes, Field(discriminator="name")],
    named(Tpe, Random, Qmc, Grid, Ablation, Gp, Cmaes),
]


class NoPruner(Table):
    """Every trial runs to the end of its epochs."""

    name: Literal["none"]


class Percentile(Table):
    """End a trial whose best so far is below the best `percentile` % at the same epoch.

    Parameters
    ----------
    percentile : float
        Share to keep, in percent.
    n_startup_trials : int
        Complete trials that trial k must know before it may be pruned.
    n_warmup_epochs : int
        Epochs that every trial may run.
    """

    name: Literal["percentile"]
    percentile: Annotated[float, Field(gt=0, lt=100)] = 50.0
    n_startup_trials: Count = 5
    n_warmup_epochs: Count = 0


class Median(Table):
    """`Percentile` at 50 %.

    Parameters
    ----------
    n_startup_trials : int
        Complete trials that trial k must know before it may be pruned.
    n_warmup_epochs : int
        Epochs that every trial may run.
    """

    name: Literal["median"]
    n_startup_trials: Count = 5
    n_warmup_epochs: Count = 0


class SuccessiveHalving(Table):
    """Asynchronous successive halving: at each rung only the best fraction goes on.

    Parameters
    ----------
    min_epochs : int
        Epoch of the first rung.
    reduction_factor : int
        One trial in this many passes a rung; rungs are this factor apart.
    """

    name: Literal["successive_halving"]
    min_epochs: Annotated[int, Field(ge=1)] = 1
    reduction_factor: Annotated[int, Field(ge=2)] = 4


class Hyperband(Table):
    """Successive halving in several brackets that start at different rungs.

    Parameters
    ----------
    min_epochs : int
        Epoch of the first rung of the most eager bracket.
    reduction_factor : int
        One trial in this many passes a rung; rungs are this factor apart.
    """

    name: Literal["hyperband"]
    min_epochs: Annotated[int, Field(ge=1)] = 1
    reduction_factor: Annotated[int, Field(ge=2)] = 3


class Patient(Table):
    """End a trial that has stopped improving, if the pruner it wraps agrees.

    Parameters
    ----------
    patience : int
        Epochs without improvement that are put up with.
    min_delta : float
        What counts as improvement.
    wrapped : pruner, optional
        Asked once patience is at its end; without it, lost patience suffices.
    """

    name: Literal["patient"]
    patience: Annotated[int, Field(ge=1)] = 3
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    wrapped: "WrappedPruner | None" = None


WrappedPruner: TypeAlias = Annotated[
    Annotated[Percentile | Median | SuccessiveHalving | Hyperband, Field(discriminator="name")],
    named(Percentile, Median, SuccessiveHalving, Hyperband),
]
PrunerSettings: TypeAlias = Annotated[
    Annotated[
        NoPruner | Percentile | Median | SuccessiveHalving | Hyperband | Patient,
        Field(discriminator="name"),
    ],
    named(NoPruner, Percentile, Median, SuccessiveHalving, Hyperband, Patient),
]
Patient.model_rebuild()
