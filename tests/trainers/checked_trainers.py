"""Trainers for the tests of the conformance check: a right one, and some with one fault each."""

import os
import random
import time

import numpy as np

import hpsearch

_WORDS = ("width", "height", "colour", "weight", "age")


class SoftmaxRegression(hpsearch.Trainer):
    """Softmax regression by gradient descent with momentum, in NumPy."""

    def __init__(self, hyperparameters, schema, rng):
        super().__init__(hyperparameters, schema, rng)
        shape = (schema.n_features, schema.n_outputs)
        self.W = np.zeros(shape) if rng is None else rng.normal(0, 0.01, shape)
        self.velocity = np.zeros(shape)

    def train_epoch(self, data):
        losses = []
        for X, y in data.batches(20, self.rng):
            scores = self.scores(X)
            p = np.exp(scores - scores.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            losses.append(-np.log(p[np.arange(len(y)), y]).mean())
            p[np.arange(len(y)), y] -= 1
            self.update(self.gradient(X, p / len(y)), data)
        return {"train_loss": float(np.mean(losses)), "iteration_losses": losses}

    def gradient(self, X, dscores):
        return X.T @ dscores

    def update(self, gradient, data):
        self.velocity = 0.9 * self.velocity - self.hyperparameters["learning_rate"] * gradient
        self.W += self.velocity

    def scores(self, X):
        return X @ self.W

    def predict(self, X):
        return self.scores(X)

    def state_dict(self):
        return {"W": self.W, "optimizer": {"velocity": self.velocity}}

    def model_state_dict(self):
        return {"W": self.W}

    def load_state_dict(self, state):
        self.W = state["W"]
        if "optimizer" in state:
            self.velocity = state["optimizer"]["velocity"]


class ReusedBuffer(SoftmaxRegression):
    """Returns its predictions in the same array each time, which is allowed."""

    buffer = None

    def predict(self, X):
        self.buffer = np.matmul(X, self.W, out=self.buffer)
        return self.buffer


class GlobalNoise(SoftmaxRegression):
    """Adds noise from NumPy's global generator."""

    def update(self, gradient, data):
        noise = np.random.normal(0, 0.01, gradient.shape)  # noqa: NPY002 - the fault
        super().update(gradient + noise, data)


class GlobalSeed(SoftmaxRegression):
    """Reseeds Python's global generator."""

    def __init__(self, hyperparameters, schema, rng):
        super().__init__(hyperparameters, schema, rng)
        random.seed(0)


class ForgetfulMomentum(SoftmaxRegression):
    """Does not save its momentum."""

    def state_dict(self):
        return {"W": self.W}


class HashOrder(SoftmaxRegression):
    """Sums in the order of a set of strings."""

    def update(self, gradient, data):
        for size, word in enumerate(set(_WORDS)):
            gradient[_WORDS.index(word)] *= size
        super().update(gradient, data)


class LearningPredict(SoftmaxRegression):
    """Changes its weights when it predicts."""

    def predict(self, X):
        scores = super().predict(X)
        self.W *= 0.99
        return scores


class Schedule(SoftmaxRegression):
    """Lowers the learning rate linearly over all epochs."""

    def update(self, gradient, data):
        super().update(gradient * (1 - data.epoch / (self.hyperparameters["epochs"] + 1)), data)


class SavedObject(SoftmaxRegression):
    """Keeps an object in its state."""

    def state_dict(self):
        return {**super().state_dict(), "optimizer": object()}


class ThreadSums(SoftmaxRegression):
    """Has another order of summation, and so other last bits, for each number of threads."""

    def update(self, gradient, data):
        super().update(gradient * (1 + 1e-12 * data.threads), data)


class NoState(hpsearch.Trainer):
    """Cannot be resumed."""

    def train_epoch(self, data):
        return {"train_loss": 1.0}

    def predict(self, X):
        return np.zeros(len(X), np.int64)


class Centroids(SoftmaxRegression):
    """Without epochs: the mean of the examples of each class."""

    has_epochs = False

    def train_epoch(self, data):
        assert self.hyperparameters["epochs"] == data.epoch == 1
        classes = np.arange(self.schema.n_outputs)
        self.W = np.stack([data.X[data.y == c].mean(axis=0) for c in classes], axis=1)
        return {}


class RandomPredict(SoftmaxRegression):
    """Draws from its generator when it predicts, as dropout left on does."""

    def predict(self, X):
        return super().predict(X) * (self.rng.random() > 0.5)


class UnsavedBias(SoftmaxRegression):
    """Leaves a part of the model out of what is exported."""

    bias = 0.0

    def update(self, gradient, data):
        super().update(gradient, data)
        self.bias += 0.1

    def scores(self, X):
        return super().scores(X) + self.bias

    def state_dict(self):
        return {**super().state_dict(), "bias": self.bias}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.bias = state.get("bias", 0.0)


class WrongShape(SoftmaxRegression):
    """Returns one score for each example."""

    def predict(self, X):
        return super().predict(X)[:, 0]


class PreparedAtPrediction(SoftmaxRegression):
    """Needs a prepared array when it predicts."""

    def scores(self, X):
        return (X - self.prepared["mean"]) @ self.W


class NeedsVariable(SoftmaxRegression):
    """Reads an environment variable."""

    def train_epoch(self, data):
        return {"train_loss": float(os.environ["LOSS_OF_A_TEST"])}


class WithSettings(SoftmaxRegression):
    """Refuses a setting."""

    @classmethod
    def with_settings(cls, settings):
        if settings["fails"]:
            raise ValueError(f"fails: expected false, got {settings['fails']}")
        return cls


class Raises(SoftmaxRegression):
    """Raises in the second epoch."""

    def train_epoch(self, data):
        if data.epoch == 2:
            raise ValueError("no\nsecond epoch")
        return super().train_epoch(data)


class Dies(SoftmaxRegression):
    """Ends its process."""

    def train_epoch(self, data):
        os.abort()


class Waits(SoftmaxRegression):
    """Does not end."""

    def train_epoch(self, data):
        time.sleep(600)
        return {}


class Writes(SoftmaxRegression):
    """Changes the training examples, which all workers share."""

    def train_epoch(self, data):
        data.X[0] = 0
        return {}
