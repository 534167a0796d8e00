"""Training of one net as an object: train an epoch, predict, return the state to save."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hpsearch import training
from hpsearch.data import Split
from hpsearch.net import Parameters
from hpsearch.training import Epoch, Hyperparameters, NetState, averaged, predict

__all__ = ["NetTraining", "Training"]


class Training(Protocol):
    """Training of a trial: of one net, or with folds of one for each."""

    @property
    def first(self) -> "NetTraining":
        """Training of the net, or of the first fold's: the one that pictures show."""
        ...

    @property
    def validation_targets(self) -> NDArray[Any]:
        """Targets of the validation examples, shape (M,), in their order."""
        ...

    def train_epoch(self) -> Epoch:
        """Train one more epoch, and validate unless training diverged in it."""
        ...

    def predict(self) -> NDArray[Any]:
        """Predict the validation examples, shape (M,), in their order."""
        ...

    def states(self, *, is_last: bool) -> tuple[NetState, ...]:
        """Return all that the next epoch depends on; after the last epoch, only the final nets."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the final nets and their preprocessing, by name: the arrays that are hashed."""
        ...


class NetTraining:
    """Training of a net on one split.

    Parameters
    ----------
    split : Split
        Training and validation examples, preprocessed as `hyperparameters` say.
    hyperparameters : Hyperparameters
        Hyperparameters of the training.
    seed : numpy.random.SeedSequence
        Seed of the training's random generator.
    count_threads : callable
        Called before each epoch for its number of threads.
    state : NetState, optional
        State of a training to be continued.
    completed_epochs : int
        Number of epochs that led to `state`.
    """

    def __init__(
        self,
        split: Split,
        hyperparameters: Hyperparameters,
        seed: np.random.SeedSequence,
        count_threads: Callable[[], int],
        state: NetState | None = None,
        completed_epochs: int = 0,
    ) -> None:
        self.split = split
        self._hyperparameters = hyperparameters
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        if state:
            self._rng.bit_generator.state = state.generator_state
            self._net, self._optimizer_state = state.net, state.memory
        else:
            self._net = training.make_net(split, hyperparameters, self._rng)
            self._optimizer_state = {}
        self._epochs = training.train(
            self._net,
            split,
            hyperparameters,
            self._rng,
            memory=self._optimizer_state,
            completed_epochs=completed_epochs,
            count_threads=count_threads,
        )

    @property
    def first(self) -> "NetTraining":
        """The training itself."""
        return self

    @property
    def validation_targets(self) -> NDArray[Any]:
        """Targets of the split's validation examples."""
        return self.split.validation_labels

    def draw_initial_net(self) -> Parameters:
        """Draw the initial weights again.

        They are not kept, as the weights of a wide net take much memory.
        """
        return training.make_net(
            self.split, self._hyperparameters, np.random.default_rng(self._seed)
        )

    def train_epoch(self) -> Epoch:
        """Train one more epoch, and validate unless training diverged in it."""
        return next(self._epochs)

    def predict(self) -> NDArray[Any]:
        """Predict the split's validation examples with the final (averaged) weights."""
        return predict(self._averaged(), self.split.validation_inputs, self.split.target_scale)

    def states(self, *, is_last: bool) -> tuple[NetState, ...]:
        """Return all that the next epoch depends on; after the last epoch, only the final net."""
        generator_state = dict(self._rng.bit_generator.state)
        if is_last:
            return (NetState(self._averaged(), generator_state),)
        return (NetState(self._net, generator_state, self._optimizer_state),)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the final net and its preprocessing, by name."""
        return {**self._averaged(), **self.split.arrays()}

    def _averaged(self) -> Parameters:
        return averaged(self._net, self._optimizer_state)
