"""One net in training, as an object: train an epoch, predict, and all that a checkpoint holds."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hpsearch import training
from hpsearch.data import Split
from hpsearch.net import Parameters
from hpsearch.training import Epoch, Hyperparameters, NetState, averaged, predict

__all__ = ["NetTraining", "Training"]


class Training(Protocol):
    """What a trial trains: one net, or with folds one for each."""

    @property
    def first(self) -> "NetTraining":
        """The net, or that of the first fold: the one that pictures show."""
        ...

    def train_epoch(self) -> Epoch:
        """Train one more epoch, and validate."""
        ...

    def predict(self) -> NDArray[Any]:
        """What is predicted of the validation examples, shape (M,), in their order."""
        ...

    def states(self, *, is_last: bool) -> tuple[NetState, ...]:
        """All that the next epoch depends on; after the last one the nets to be used alone."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The nets to be used with their preprocessing, by name: what a trial's hash is over."""
        ...


class NetTraining:
    """A net in training on one split.

    Parameters
    ----------
    split : Split
        Training and validation examples, made into the inputs that `setting` wants.
    setting : Hyperparameters
        The setting.
    seed : sequence of int
        Entropy of everything that the training draws.
    count_threads : callable
        Asked before each epoch how many threads share its products.
    state : NetState, optional
        Of a training to go on with.
    completed_epochs : int
        How many epochs `state` has behind it.
    """

    def __init__(
        self,
        split: Split,
        setting: Hyperparameters,
        seed: Sequence[int],
        count_threads: Callable[[], int],
        state: NetState | None = None,
        completed_epochs: int = 0,
    ) -> None:
        self.split = split
        self._setting = setting
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        if state:
            self._rng.bit_generator.state = state.generator_state
            self._net, self._memory = state.net, state.memory
        else:
            self._net, self._memory = training.make_net(split, setting, self._rng), {}
        self._epochs = training.train(
            self._net,
            split,
            setting,
            self._rng,
            memory=self._memory,
            completed_epochs=completed_epochs,
            count_threads=count_threads,
        )

    @property
    def first(self) -> "NetTraining":
        """Itself."""
        return self

    def draw_initial_net(self) -> Parameters:
        """The net before its first step, once more.

        Drawn again rather than kept: the weights of a wide net fill memory.
        """
        return training.make_net(self.split, self._setting, np.random.default_rng(self._seed))

    def train_epoch(self) -> Epoch:
        """Train one more epoch, and validate."""
        return next(self._epochs)

    def predict(self) -> NDArray[Any]:
        """What the net to be used predicts of the split's validation examples."""
        return predict(self._averaged(), self.split.validation_inputs, self.split.target_scale)

    def states(self, *, is_last: bool) -> tuple[NetState, ...]:
        """All that the next epoch depends on; after the last one the net to be used alone."""
        generator_state = dict(self._rng.bit_generator.state)
        if is_last:
            return (NetState(self._averaged(), generator_state),)
        return (NetState(self._net, generator_state, self._memory),)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The net to be used, with its preprocessing."""
        return {**self._averaged(), **self.split.arrays()}

    def _averaged(self) -> Parameters:
        return averaged(self._net, self._memory)
