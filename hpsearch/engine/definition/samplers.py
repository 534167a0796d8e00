"""Settings of the samplers, which propose the hyperparameters of trials."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from hpsearch.foundations.tables import Table, named

__all__ = ["SamplerSettings"]


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
